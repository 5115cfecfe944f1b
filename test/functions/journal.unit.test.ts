import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { JournalEntry } from '#shared/device/journal.ts';
import { newCompartment } from '#shared/domain/compartment.ts';
import { create } from '#shared/domain/lifecycle.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs } from '#shared/domain/time.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit.ts';
import type { Table } from '#shared/store/table.ts';
import { decisionWrites } from '#shared/store/transactions.ts';
import { journalConsumer } from '../../functions/device/journal.ts';
import { bankOf, chosen, doorOf, freshFor, minutes, parcelInput, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const journalId = 'jnl_1';
const of = 'txn_1';

/** A bank with a parcel reserved at door 1, the function that takes its journal, and all that it said. */
const world = async () => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const bank = bankOf([doorOf('1'), doorOf('2')]);
  const acks: number[] = [];
  const replays: unknown[] = [];
  await table.write(bankWrites(bank));
  const decision = create(parcelInput(of), newCompartment('1'), 6, chosen, freshFor(of), startedAt);
  const circumstances = { actor: { type: 'system' as const, id: 'test' }, now: startedAt, newId };
  await table.write(decisionWrites(rootKeys, decision, newCompartment('1'), circumstances).writes);

  const consumer = (seen: Table) =>
    journalConsumer({
      table: seen,
      rootKeys: async () => rootKeys,
      newId,
      clock: () => epochMs(minutes(10)),
      link: {
        ack: async (_bankId, { seq }) => void acks.push(seq),
        replay: async (_bankId, request) => void replays.push(request),
        answer: async () => undefined,
        key: async () => undefined,
      },
      queue: { send: async () => undefined },
    });
  const message = (entries: JournalEntry[]) => ({
    bankId: bank.id,
    brokerTime: epochMs(minutes(10)),
    journalId,
    entries: [...entries],
  });
  return {
    table,
    acks,
    replays,
    take: (entries: JournalEntry[], seen: Table = table) => consumer(seen)(message(entries)),
    gap: (gapBefore: number) => consumer(table)({ bankId: bank.id, journalId, gapBefore }),
    told: () =>
      table
        .rows()
        .filter((row) => row.SK.startsWith('C#'))
        .flatMap((row) => CommitRow.parse(row).events.map((event) => event.type))
        // That a pickup was learned of before its deposit is told too, but depends on which came first.
        .filter((type) => !['transaction.created', 'transaction.reserved', 'transaction.conflicted'].includes(type))
        .toSorted(),
    recorded: () => {
      const rows = table.rows().filter((row) => row.SK.startsWith('J#'));
      const Entries = z.object({ entries: z.array(z.object({ seq: z.int() })) });
      return new Set(rows.flatMap((row) => Entries.parse(row).entries.map((entry) => entry.seq)));
    },
  };
};

/** The same table, but before its call number `nth` something else happens. */
const interrupted = (table: Table, nth: number, by: () => Promise<void>): Table => {
  let calls = 0;
  const before = async () => {
    calls += 1;
    if (calls === nth) await by();
  };
  return {
    get: async (...call) => {
      await before();
      return table.get(...call);
    },
    batchGet: async (...call) => {
      await before();
      return table.batchGet(...call);
    },
    query: async (...call) => {
      await before();
      return table.query(...call);
    },
    due: table.due,
    write: async (...call) => {
      await before();
      return table.write(...call);
    },
  };
};

const at = epochMs(minutes(5));
const denied = (seq: number): JournalEntry => ({
  seq,
  at,
  type: 'access.denied',
  method: 'pin',
  reason: 'wrong_credential',
});
const aboutDoor = (seq: number, step: 'deposit' | 'pickup', contents: 'filled' | 'empty') => ({
  seq,
  at,
  door: '1',
  transactionId: of,
  version: 2,
  cause: { grantId: `${of}_${step.charAt(0)}`, step },
  after: { door: 'closed' as const, contents, lock: 'ok' as const },
});
const closed = (seq: number, step: 'deposit' | 'pickup', contents: 'filled' | 'empty'): JournalEntry => ({
  ...aboutDoor(seq, step, contents),
  type: 'door.closed',
});
const jammed = (seq: number): JournalEntry => ({
  ...aboutDoor(seq, 'deposit', 'empty'),
  after: { door: 'closed', contents: 'empty', lock: 'jammed' },
  type: 'lock.jammed',
});
const restored = (seq: number): JournalEntry => ({ seq, at, type: 'power.restored' });

const stories: Record<string, { entries: JournalEntry[]; events: string[] }> = {
  'refused PINs': { entries: [1, 2, 3].map(denied), events: Array(3).fill('access.denied') },
  'a deposit and a pickup': {
    entries: [closed(1, 'deposit', 'filled'), restored(2), closed(3, 'pickup', 'empty')],
    events: ['transaction.completed', 'transaction.deposited', 'transaction.picked_up'],
  },
  'failed deposits and a jam': {
    entries: [closed(1, 'deposit', 'empty'), jammed(2), closed(3, 'deposit', 'empty')],
    events: ['compartment.lock_jammed', 'transaction.deposit_failed', 'transaction.deposit_failed'],
  },
};

describe('entries that arrive twice at the same time, in batches that overlap', () => {
  const cuts = [
    { first: [0, 3], second: [0, 3] },
    { first: [0, 1], second: [0, 3] },
    { first: [0, 2], second: [1, 3] },
    { first: [1, 3], second: [0, 2] },
    { first: [2, 3], second: [0, 3] },
  ] as const;
  const cells = Object.keys(stories).flatMap((story) => cuts.map((cut) => ({ story, ...cut })));

  it.each(cells)('count once: $story, $first within $second', async ({ story, first, second }) => {
    const { entries = [], events = [] } = stories[story] ?? {};
    // At every call that the second makes, the first comes in between and is done before it goes on.
    for (let nth = 1; nth <= 12; nth += 1) {
      const { table, take, told, recorded, acks } = await world();
      await take(
        entries.slice(...second),
        interrupted(table, nth, () => take(entries.slice(...first))),
      );
      // Neither batch alone is the whole story, so that it ends as it does on the way: with all of them sent again.
      await take(entries);
      expect({ nth, told: told() }).toEqual({ nth, told: events.toSorted() });
      expect([...recorded()].toSorted()).toEqual([1, 2, 3]);
      expect(acks.at(-1)).toBe(3);
    }
  });
});

describe('a gap in the journal', () => {
  it('is asked for once it has stayed open, and no more when it is closed', async () => {
    const { take, gap, replays, acks } = await world();
    await take([denied(1)]);
    await take([denied(5)]);
    expect(acks).toEqual([1, 1]);
    await gap(5);
    expect(replays).toEqual([{ journalId, from: 2, to: 4 }]);
    await take([denied(2), denied(3), denied(4)]);
    await gap(5);
    expect(replays).toHaveLength(1);
    expect(acks.at(-1)).toBe(5);
  });
});

describe('what a bank knows of a transaction that moved to a door of another shadow', () => {
  const at = epochMs(minutes(5));
  const there: JournalEntry = {
    seq: 2,
    type: 'grants.applied',
    at,
    k: 1,
    rev: 1,
    doors: { '9': { transactionId: of, version: 3 } },
    removed: {},
  };
  const gone: JournalEntry = {
    seq: 3,
    type: 'grants.applied',
    at,
    k: 0,
    rev: 2,
    doors: {},
    removed: { '1': { transactionId: of, version: 2 } },
  };

  it.each([
    ['the new door first', [there, gone]],
    ['the old door first', [gone, there]],
    ['the old door again', [gone, there, gone]],
  ])('is what its new door has, if the bank tells %s', async (_, told) => {
    const { take, table } = await world();
    for (const entry of told) await take([entry]);
    const [row] = table.rows().filter(({ SK }) => SK === 'A');
    expect(row).toMatchObject({ version: 3, gone: false });
  });

  it('is nothing any more, once the last door let go of it', async () => {
    const { take, table } = await world();
    await take([there]);
    await take([{ ...gone, seq: 3, k: 1, removed: { '9': { transactionId: of, version: 3 } } }]);
    const [row] = table.rows().filter(({ SK }) => SK === 'A');
    expect(row).toMatchObject({ version: 3, gone: true });
  });
});
