import * as z from 'zod';
import * as assets from '#shared/api/assets.ts';
import * as contract from '#shared/api/transactions.ts';
import { CreateTransaction, TransactionView } from '#shared/api/transactions.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { Compartment, changed } from '#shared/domain/compartment.ts';
import { type CredentialStep, stepAtDoor } from '#shared/domain/credential.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, type Instant } from '#shared/domain/time.ts';
import { StoredTransaction } from '#shared/domain/transaction.ts';
import { newId } from '#shared/lambda/ids.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { compartmentWrite } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import type { Table } from '#shared/store/table.ts';
import { openTransactions } from '#shared/store/transactions.ts';
import { openWaitingLists } from '#shared/store/waiting.ts';
import { waitingReaction } from '../../functions/bus/waiting.ts';
import { journalConsumer } from '../../functions/device/journal.ts';
import { assetHandlers } from '../../functions/http/assets.ts';
import { transactionHandlers } from '../../functions/http/transactions.ts';
import { sweep } from '../../functions/schedule/sweep.ts';
import { anItem, bankOf, doorOf, startedAt } from '../domain/cloud-and-bank.ts';
import { type MemoryTable, memoryTable } from './memory-table.ts';

const tenant = 'ten_1';
const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

const Row = z.looseObject({ PK: z.string(), SK: z.string() });
const Held = z.looseObject({ door: z.string(), heldBy: z.string().nullable() });

/** What callers, reactions and deadlines do to one bank, on a table in memory; `over` may stand between them and it. */
export const bankWithLine = async (bank: Bank, held: MemoryTable = memoryTable()) => {
  await held.write(bankWrites(bank));
  let now: Instant = startedAt;
  let seq = 0;
  const silent = async () => undefined;
  const link = { ack: silent, replay: silent, answer: silent, key: silent };
  const depsOver = (table: Table) => ({ table, rootKeys, newId, clock: () => epochMs(now) });
  const call = async (table: Table, id: string, more: Record<string, unknown>): Promise<unknown> => {
    const handler = { ...transactionHandlers(depsOver(table)), ...assetHandlers(depsOver(table)) }[id];
    if (!handler) throw new Error(`there is no ${id}`);
    const circumstances = { actor: { type: 'api_key', id: 'key_1' }, now, newId };
    const all = {
      caller: { tenant, apiKeyId: 'key_1', mode: 'live', system: null },
      params: {},
      now,
      circumstances,
      record: () => [],
      ...more,
    };
    return (await handler(all as never)).body;
  };
  const body = (more: Record<string, unknown>) =>
    CreateTransaction().parse({ workflow: 'parcel', bankId: bank.id, items: [anItem], ...more });
  return {
    table: held,
    at: (later: Instant) => {
      now = later;
    },
    create: async (more: Record<string, unknown> = {}, table: Table = held) =>
      TransactionView.parse(await call(table, contract.createTransaction.id, { body: body(more) })),
    check: async (more: Record<string, unknown> = {}) =>
      contract.Precheck().parse(await call(held, contract.checkTransaction.id, { body: body(more) })),
    cancel: async (transactionId: string, table: Table = held) =>
      TransactionView.parse(
        await call(table, contract.cancelTransaction.id, { params: { transactionId }, body: { reason: 'by_caller' } }),
      ),
    /** Its system cancels what it has not told us of yet. */
    cancelAhead: (system: string, external: string) =>
      call(held, contract.cancelTransaction.id, {
        caller: { tenant, apiKeyId: 'key_2', mode: 'live', system },
        params: { transactionId: `ext:${system}:${external}` },
        body: { reason: 'by_caller' },
      }),
    move: async (transactionId: string, more: Record<string, unknown>, table: Table = held) =>
      TransactionView.parse(
        await call(table, contract.moveTransaction.id, {
          params: { transactionId },
          body: contract.moveTransaction.body().parse({ reason: 'test', ...more }),
        }),
      ),
    update: async (transactionId: string, body: Record<string, unknown>) =>
      TransactionView.parse(
        await call(held, contract.updateTransaction.id, {
          params: { transactionId },
          body: contract.updateTransaction.body().parse(body),
        }),
      ),
    cancelMove: async (transactionId: string, table: Table = held) =>
      TransactionView.parse(
        await call(table, contract.cancelMove.id, { params: { transactionId }, body: { reason: 'not needed' } }),
      ),
    /** Somebody with its newest right to that step closes a door; the bank's journal tells it. */
    closes: async (
      transactionId: string,
      step: CredentialStep,
      door: string,
      contents: 'filled' | 'empty',
      table: Table = held,
    ) => {
      const row = await held.get(keys.transaction(tenant, transactionId), true);
      const { credentials } = StoredTransaction.parse(row);
      const grantId = credentials.findLast((it) => it.step === step)?.id ?? '';
      const after = { door: 'closed', contents, lock: 'ok' };
      const cause = { grantId, step: stepAtDoor[step] };
      seq += 1;
      const entry = { seq, at: epochMs(now), type: 'door.closed', door, after, transactionId, version: 2, cause };
      await journalConsumer({
        ...depsOver(table),
        link,
        shadows: { change: async () => undefined },
        queue: { send: async () => undefined },
      })({
        bankId: bank.id,
        brokerTime: epochMs(now),
        journalId: 'jnl_1',
        entries: [entry],
      });
    },
    /** An asset that lies in its door. */
    register: async (door: string, more: Record<string, unknown> = {}) => {
      const body = assets.createAsset.body().parse({ bankId: bank.id, name: 'drill', item: anItem, door, ...more });
      const made = assets.AssetView.parse(await call(held, assets.createAsset.id, { body }));
      const before = Compartment.parse(await held.get(keys.compartment(bank.id, door), true));
      await held.write([compartmentWrite(bank.id, { before, after: changed(before, { contents: 'filled' }, true) })]);
      return made;
    },
    read: async (transactionId: string, table: Table = held) =>
      TransactionView.parse(await call(table, contract.getTransaction.id, { params: { transactionId } })),
    /** What a deadline's message does. */
    expire: (transactionId: string, table: Table = held) =>
      openTransactions(depsOver(table)).readConsistent(tenant, transactionId, now),
    serve: (table: Table = held) => openWaitingLists(depsOver(table)).serve(tenant, bank.id, now),
    /** What an event that names this bank, or none, has the reaction do. */
    hears: (bankId: string | null = bank.id) =>
      waitingReaction({ ...depsOver(held), schedules: { send: async () => undefined } })({ tenant, data: { bankId } }),
    sweep: () =>
      sweep({
        ...depsOver(held),
        slow: { send: silent },
        sending: { sms: { send: silent }, email: { send: silent } },
      })(),
    /** Who stands in the line, in order. */
    line: () =>
      held
        .rows()
        .filter(({ SK }) => SK.startsWith('BW#'))
        .map(({ SK }) => SK.slice(3))
        .toSorted(),
    holders: () =>
      held
        .rows()
        .filter(({ SK }) => SK.startsWith('D#'))
        .map((row) => Held.parse(row))
        .flatMap(({ door, heldBy }) => (heldBy === null ? [] : [[door, heldBy] as const])),
    rows: () => held.rows().map((row) => Row.parse(row)),
  };
};

export const doors = (count: number): Bank =>
  bankOf(Array.from({ length: count }, (_it, nth) => doorOf(String(nth + 1))));
