import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { journalConsumer } from '../../functions/device/journal.ts';
import { transactionHandlers } from '../../functions/http/transactions.ts';
import { clientOptions } from '../../local/endpoint.ts';
import * as contract from '../../shared/api/transactions.ts';
import type { Step } from '../../shared/device/access.ts';
import { Refusal } from '../../shared/domain/refusal.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { epochMs, type Instant, plusSeconds } from '../../shared/domain/time.ts';
import type { TransactionState } from '../../shared/domain/transaction.ts';
import { newId } from '../../shared/lambda/ids.ts';
import { bankWrites, readBankWithDoors } from '../../shared/store/banks.ts';
import { openTable } from '../../shared/store/table.ts';
import { bankOf, doorOf, startedAt } from '../domain/cloud-and-bank.ts';
import { aws, stack } from '../support/stack.ts';

/*
 * The real decisions and the real store on the engine's DynamoDB, against a model of a page: who has which door, and what
 * each transaction is. fast-check draws what people, deadlines and doors do, and shrinks what goes wrong; it prints the
 * seed.
 */
const runs = 2_000;
const atOnce = 8;
const doors = ['1', '2'];

// A table of its own, without a stream: nothing deployed reacts to what happens here.
const tableName = `model-${randomUUID()}`;
const table = openTable(tableName, clientOptions(stack));
const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

beforeAll(async () => {
  await aws.dynamoDb.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: ['PK', 'SK'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: 'PK', KeyType: 'HASH' },
        { AttributeName: 'SK', KeyType: 'RANGE' },
      ],
    }),
  );
});
afterAll(() => aws.dynamoDb.send(new DeleteTableCommand({ TableName: tableName })));

type Kind = 'parcel' | 'rental';
type Known = { id: string; kind: Kind; state: TransactionState; door: string; held: boolean; due: Instant | null };
type Model = { now: Instant; known: Known[]; inside: Map<string, boolean> };

const holder = (model: Model, door: string): Known | undefined =>
  model.known.find((it) => it.door === door && ['reserved', 'stored', 'in_use', 'recall_due'].includes(it.state));
const isFree = (model: Model, door: string): boolean => !holder(model, door) && !model.inside.get(door);

/** One bank on the table, its handlers, and its journal. */
class Real {
  readonly bank = bankOf(
    doors.map((door) => doorOf(door)),
    { id: newId('bnk'), tenant: newId('ten') },
  );
  private readonly model: Model;
  private readonly http;
  private readonly journal;
  private seq = 0;

  constructor(model: Model) {
    this.model = model;
    const deps = { table, rootKeys: async () => rootKeys, newId, clock: () => epochMs(model.now) };
    this.http = transactionHandlers(deps);
    const silent = async () => undefined;
    this.journal = journalConsumer({
      ...deps,
      link: { ack: silent, replay: silent, answer: silent, key: silent },
      queue: { send: silent },
    });
  }

  readonly begin = () => table.write(bankWrites(this.bank));

  /** The answer, or the code of the refusal. */
  async ask(route: { id: string }, params: object, body: object): Promise<contract.TransactionView | string> {
    const { now } = this.model;
    const call = {
      params,
      query: {},
      body,
      caller: { tenant: this.bank.tenant, apiKeyId: 'key_1', scopes: [], system: null },
      now,
      circumstances: { actor: { type: 'api_key', id: 'key_1' }, now, newId },
      ifMatch: undefined,
      record: () => [],
    };
    try {
      const answer = await this.http[route.id]?.(call as never);
      return contract.TransactionView.parse(answer?.body);
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  }

  /** Somebody with the credential of that step closes the door, with this inside. */
  async closes(it: Known, step: Step, contents: 'filled' | 'empty'): Promise<void> {
    const read = await this.read(it);
    const grantId = read.credentials.findLast((each) => each.step === step)?.id ?? '';
    this.seq += 1;
    await this.journal({
      bankId: this.bank.id,
      brokerTime: epochMs(this.model.now),
      journalId: 'jnl_1',
      entries: [
        {
          seq: this.seq,
          type: 'door.closed',
          at: epochMs(this.model.now),
          door: it.door,
          after: { door: 'closed', contents, lock: 'ok' },
          transactionId: it.id,
          version: read.version,
          cause: { grantId, step },
        },
      ],
    });
  }

  async read(it: Known): Promise<contract.TransactionView> {
    const read = await this.ask(contract.getTransaction, { transactionId: it.id }, {});
    if (typeof read === 'string') throw new Error(`${it.id} is not readable: ${read}`);
    return read;
  }

  /** What is there is what the model says, transaction by transaction and door by door. */
  async agrees(): Promise<void> {
    for (const it of this.model.known) {
      const { state, door, flags } = await this.read(it);
      expect({ id: it.id, state, door, held: flags.includes('held') }).toEqual({
        id: it.id,
        state: it.state,
        door: it.door,
        held: it.held,
      });
    }
    const found = await readBankWithDoors(table, this.bank.tenant, this.bank.id, true);
    for (const { door, heldBy, availability } of found?.compartments ?? []) {
      expect([door, heldBy]).toEqual([door, holder(this.model, door)?.id ?? null]);
      expect([door, availability === 'available']).toEqual([door, isFree(this.model, door)]);
    }
  }
}

type Command = fc.AsyncCommand<Model, Real>;

const create = (kind: Kind): Command => ({
  check: () => true,
  toString: () => `create a ${kind}`,
  run: async (model, real) => {
    const items = [{ lengthMm: 300, widthMm: 200, heightMm: 100, thermalClass: 'ambient' }];
    const body = { workflow: kind, bankId: real.bank.id, items, recipient: {}, parties: {}, externalIds: {} };
    const ask = () => real.ask(contract.createTransaction, {}, { ...body, metadata: {}, deadlines: {} });
    const free = doors.filter((door) => isFree(model, door));
    let made = await ask();
    if (typeof made === 'string' && free.length > 0) {
      // A reservation holds its door until somebody looks at its deadline; in life the wake-up does, moments later.
      for (const it of model.known) await real.read(it);
      made = await ask();
    }
    if (typeof made === 'string') {
      expect([made, free]).toEqual(['reservation_refused', []]);
      return;
    }
    expect(free).toContain(made.door);
    const due = made.deadlines.reserveUntil;
    model.known.push({ id: made.id, kind, state: 'reserved', door: made.door ?? '', held: false, due });
  },
});

/** A request to the nth transaction: the state it leads to, by the state it is in; any other is refused. */
const request = (
  nth: number,
  route: { id: string },
  body: object,
  leads: (it: Known) => Partial<Known> | null,
): Command => ({
  check: (model) => model.known.length > nth,
  toString: () => `${route.id} ${nth}`,
  run: async (model, real) => {
    const it = model.known[nth];
    if (it === undefined) return;
    const answer = await real.ask(route, { transactionId: it.id }, body);
    const change = leads(it);
    if (change === null) expect(answer).toBe('invalid_transition');
    else {
      expect(answer).toMatchObject({ id: it.id });
      Object.assign(it, change);
    }
  },
});

const cancel = (nth: number) =>
  request(nth, contract.cancelTransaction, { reason: 'by_caller' }, ({ state }) => {
    if (state === 'reserved') return { state: 'cancelled', held: false, due: null };
    return state === 'stored' ? { state: 'recall_due', due: null } : null;
  });
const hold = (nth: number) =>
  request(nth, contract.holdTransaction, { reason: 'x' }, ({ state, held }) =>
    !held && ['reserved', 'stored', 'in_use'].includes(state) ? { held: true } : null,
  );
const lift = (nth: number) =>
  request(nth, contract.liftHold, {}, ({ state, held }) =>
    held && ['reserved', 'stored', 'in_use', 'recall_due'].includes(state) ? { held: false } : null,
  );
const recall = (nth: number) =>
  request(nth, contract.recallTransaction, { reason: 'x' }, ({ state }) =>
    state === 'stored' ? { state: 'recall_due', due: null } : null,
  );

type Deed = {
  step: Step;
  when: (it: Known) => boolean;
  leaves: 'filled' | 'empty';
  makes: (now: Instant) => Partial<Known>;
};

/** What is done at the door of the nth transaction by whoever may. */
const deeds: Deed[] = [
  {
    step: 'deposit',
    when: ({ kind, state }) => kind === 'parcel' && state === 'reserved',
    leaves: 'filled',
    makes: (now) => ({ state: 'stored', due: plusSeconds(now, 72 * 3600) }),
  },
  {
    step: 'pickup',
    when: ({ state, held }) => state === 'stored' && !held,
    leaves: 'empty',
    makes: () => ({ state: 'completed', due: null }),
  },
  {
    step: 'recall',
    when: ({ state }) => state === 'recall_due',
    leaves: 'empty',
    makes: () => ({ state: 'recalled', held: false, due: null }),
  },
  {
    step: 'use',
    when: ({ kind, state, held }) => kind === 'rental' && state === 'reserved' && !held,
    leaves: 'empty',
    makes: (now) => ({ state: 'in_use', due: plusSeconds(now, 24 * 3600) }),
  },
];
const deed = (nth: number, { step, when, leaves, makes }: Deed): Command => ({
  check: (model) => {
    const it = model.known[nth];
    return it !== undefined && when(it);
  },
  toString: () => `${step} ${nth}`,
  run: async (model, real) => {
    const it = model.known[nth];
    if (it === undefined) return;
    await real.closes(it, step, leaves);
    model.inside.set(it.door, leaves === 'filled');
    Object.assign(it, makes(model.now));
  },
});

/** Time passes; deadlines are evaluated by whoever reads. */
const pass = (hours: number): Command => ({
  check: () => true,
  toString: () => `${hours} h pass`,
  run: async (model) => {
    model.now = plusSeconds(model.now, hours * 3600);
    for (const it of model.known) {
      if (it.due === null || it.due > model.now) continue;
      Object.assign(it, it.state === 'stored' ? { state: 'recall_due' } : { state: 'expired', held: false });
      it.due = null;
    }
  },
});

const nth = fc.nat({ max: 3 });
const commands = fc.commands(
  [
    fc.constantFrom<Kind>('parcel', 'rental').map(create),
    nth.map(cancel),
    nth.map(hold),
    nth.map(lift),
    nth.map(recall),
    fc.tuple(nth, fc.constantFrom(...deeds)).map(([at, what]) => deed(at, what)),
    fc.tuple(nth, fc.constantFrom(...deeds)).map(([at, what]) => deed(at, what)),
    fc.constantFrom(1, 30, 100).map(pass),
  ],
  { maxCommands: 7, size: 'max' },
);

describe('a bank, whatever is asked of it and done at its doors', () => {
  it(`is as a model of a page says, in ${runs} runs`, { timeout: 600_000 }, async () => {
    let left = runs;
    const some = async (): Promise<void> => {
      while (left > 0) {
        const numRuns = Math.min(25, left);
        left -= numRuns;
        await fc.assert(
          fc.asyncProperty(commands, async (drawn) => {
            const model: Model = { now: startedAt, known: [], inside: new Map() };
            const real = new Real(model);
            await real.begin();
            await fc.asyncModelRun(() => ({ model, real }), drawn);
            await real.agrees();
          }),
          { numRuns },
        );
      }
    };
    await Promise.all(Array.from({ length: atOnce }, some));
  });
});
