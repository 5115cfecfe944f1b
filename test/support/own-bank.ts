import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { journalConsumer } from '../../functions/device/journal.ts';
import { stockUnitHandlers } from '../../functions/http/stock-units.ts';
import { transactionHandlers } from '../../functions/http/transactions.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { StockUnitView } from '../../shared/api/stock-units.ts';
import * as contract from '../../shared/api/transactions.ts';
import type { Step } from '../../shared/device/access.ts';
import type { DoorEntry } from '../../shared/device/journal.ts';
import { Refusal } from '../../shared/domain/refusal.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { epochMs, type Instant } from '../../shared/domain/time.ts';
import type { Handlers } from '../../shared/lambda/endpoint.ts';
import { newId } from '../../shared/lambda/ids.ts';
import { bankWrites } from '../../shared/store/banks.ts';
import { openTable, type Table } from '../../shared/store/table.ts';
import { bankOf, doorOf } from '../domain/cloud-and-bank.ts';
import { aws, stack } from './stack.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

/** A table on the engine for the tests of one file, without a stream: nothing deployed reacts to what happens in it. */
export const ownTable = (purpose: string): Table => {
  const TableName = `${purpose}-${randomUUID()}`;
  beforeAll(async () => {
    await aws.dynamoDb.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['PK', 'SK'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'PK', KeyType: 'HASH' },
          { AttributeName: 'SK', KeyType: 'RANGE' },
        ],
      }),
    );
  });
  afterAll(() => aws.dynamoDb.send(new DeleteTableCommand({ TableName })));
  return openTable(TableName, clientOptions(stack));
};

export type Deposited = Pick<contract.TransactionView, 'id' | 'door'>;
type Contents = 'filled' | 'empty';

/** One bank in such a table, with the handlers of its transactions and its journal, at the time that `now` says. */
export const ownBank = (table: Table, doors: readonly string[], now: () => Instant) => {
  const bank = bankOf(
    doors.map((door) => doorOf(door)),
    { id: newId('bnk'), tenant: newId('ten') },
  );
  const depsWith = (with_: Table) => ({
    table: with_,
    rootKeys: async () => rootKeys,
    newId,
    clock: () => epochMs(now()),
  });
  let seq = 0;

  /** What the route answers, or the code of the refusal. */
  const call = async (handlers: Handlers, route: { id: string }, params: object, body: object): Promise<unknown> => {
    const at = now();
    const asked = {
      params,
      query: {},
      body,
      caller: { tenant: bank.tenant, apiKeyId: 'key_1', mode: 'live', scopes: [], system: null },
      now: at,
      circumstances: { actor: { type: 'api_key', id: 'key_1' }, now: at, newId },
      ifMatch: undefined,
      record: () => [],
    };
    try {
      return (await handlers[route.id]?.(asked as never))?.body;
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  };

  const ask = async (
    route: { id: string },
    params: object,
    body: object,
    through: Table = table,
  ): Promise<contract.TransactionView | string> => {
    const answer = await call(transactionHandlers(depsWith(through)), route, params, body);
    return typeof answer === 'string' ? answer : contract.TransactionView.parse(answer);
  };

  const askOfStock = async (route: { id: string }, params: object, body: object): Promise<StockUnitView | string> => {
    const answer = await call(stockUnitHandlers(depsWith(table)), route, params, body);
    return typeof answer === 'string' ? answer : StockUnitView.parse(answer);
  };

  const read = async ({ id }: Pick<Deposited, 'id'>): Promise<contract.TransactionView> => {
    const answer = await ask(contract.getTransaction, { transactionId: id }, {});
    if (typeof answer === 'string') throw new Error(`${id} is not readable: ${answer}`);
    return answer;
  };

  /** What the bank tells when somebody with the credential of that step has closed the door, with this inside. */
  const closing = async (it: Deposited, step: Step, contents: Contents, at = now()) => {
    const { version, credentials } = await read(it);
    const grantId = credentials.findLast((each) => each.step === step)?.id ?? '';
    return told(it.door, contents, { transactionId: it.id, version, cause: { grantId, step } }, at);
  };

  /** The same of somebody of the staff, who needs no credential. */
  const closingByStaff = async (door: string | null, contents: Contents) =>
    told(door, contents, { transactionId: null, version: null, cause: null }, now());

  const told = (
    door: string | null,
    contents: Contents,
    because: Pick<DoorEntry, 'transactionId' | 'version' | 'cause'>,
    at: Instant,
  ) => {
    seq += 1;
    const after = { door: 'closed', contents, lock: 'ok' } as const;
    const entry = { seq, type: 'door.closed', at: epochMs(at), door: door ?? '', after, ...because } as const;
    return { bankId: bank.id, brokerTime: epochMs(now()), journalId: 'jnl_1', entries: [entry] };
  };

  const silent = async () => undefined;
  const hear = (message: Awaited<ReturnType<typeof closing>>, through: Table = table): Promise<void> =>
    journalConsumer({
      ...depsWith(through),
      link: { ack: silent, replay: silent, answer: silent, key: silent },
      shadows: { change: async () => undefined },
      queue: { send: silent },
    })(message);

  return {
    bank,
    begin: () => table.write(bankWrites(bank)),
    ask,
    askOfStock,
    read,
    closing,
    closingByStaff,
    hear,
    depsWith,
  };
};
