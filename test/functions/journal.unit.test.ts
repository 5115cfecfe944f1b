import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { JournalEntry } from '#shared/device/journal.ts';
import { DoorGrants } from '#shared/device/shadow.ts';
import { newCompartment } from '#shared/domain/compartment.ts';
import { type CreateInput, create } from '#shared/domain/lifecycle.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs } from '#shared/domain/time.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import type { Table } from '#shared/store/table.ts';
import { decisionWrites } from '#shared/store/transactions.ts';
import { grantsReaction } from '../../functions/bus/grants.ts';
import { journalConsumer } from '../../functions/device/journal.ts';
import { bankOf, chosen, doorOf, freshFor, minutes, parcelInput, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryShadows } from '../support/memory-shadows.ts';
import { memoryTable } from '../support/memory-table.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const journalId = 'jnl_1';
const of = 'txn_1';

/** A bank with a parcel reserved at door 1, the function that takes its journal, and all that it said. */
const world = async (more: Partial<CreateInput> = {}, doors = 2) => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const bank = bankOf(Array.from({ length: doors }, (_, nth) => doorOf(String(nth + 1))));
  const acks: number[] = [];
  /** What was done, in its order, as the bank notices it. */
  const deeds: string[] = [];
  const shadows = memoryShadows();
  shadows.onWrite = (name) => void deeds.push(`wrote ${name}`);
  const replays: unknown[] = [];
  await table.write(bankWrites(bank));
  const decision = create(parcelInput(of, more), newCompartment('1'), 6, chosen, freshFor(of), startedAt);
  const circumstances = { actor: { type: 'system' as const, id: 'test' }, now: startedAt, newId };
  await table.write(decisionWrites(rootKeys, decision, null, circumstances).writes);

  const deps = { rootKeys: async () => rootKeys, newId, clock: () => epochMs(minutes(10)), shadows };
  const consumer = (seen: Table) =>
    journalConsumer({
      ...deps,
      table: seen,
      link: {
        ack: async (_bankId, { seq }) => {
          acks.push(seq);
          deeds.push(`acknowledged ${seq}`);
        },
        replay: async (_bankId, request) => void replays.push(request),
        answer: async () => undefined,
        key: async () => undefined,
      },
      queue: { send: async () => undefined },
    });
  const message = (entries: JournalEntry[], more: { journalId?: string; brokerTime?: number }) => ({
    bankId: bank.id,
    brokerTime: epochMs(minutes(10)),
    journalId,
    ...more,
    entries: [...entries],
  });
  return {
    table,
    acks,
    deeds,
    shadows,
    replays,
    /** What is known of the parcel at its bank, by the shadow. */
    applied: () => table.rows().find(({ SK }) => SK === 'A')?.shadows,
    take: (entries: JournalEntry[], seen: Table = table, more = {}) => consumer(seen)(message(entries, more)),
    /** The cloud tells the bank of the parcel. */
    showGrants: () => grantsReaction({ ...deps, table })({ tenant: bank.tenant, data: { bankId: bank.id, door: '1' } }),
    /** The steps of the grants that are shown for the parcel's door. */
    shown: () => {
      const { '1': grants } = shadows.desired('grants-0');
      return DoorGrants.parse(grants).grants.map((it) => ({ step: it.step, after: it.after !== undefined }));
    },
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
    events: ['bank.power_restored', 'transaction.completed', 'transaction.deposited', 'transaction.picked_up'],
  },
  'failed deposits and a jam': {
    entries: [closed(1, 'deposit', 'empty'), closed(2, 'deposit', 'empty'), jammed(3)],
    events: [
      'compartment.lock_jammed',
      'compartment.out_of_service',
      'transaction.deposit_failed',
      'transaction.deposit_failed',
      'transaction.moved',
    ],
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

describe('a bank that begins a journal anew', () => {
  const after = { journalId: 'jnl_2', brokerTime: epochMs(minutes(9)) };
  const before = { brokerTime: epochMs(minutes(8)) };
  const boot = (seq = 1): JournalEntry => ({ seq, at, type: 'boot', generation: null });
  const both = [
    { step: 'pickup', after: true },
    { step: 'deposit', after: false },
  ];
  const pickupOnly = [{ step: 'pickup', after: false }];

  /** The bank was told of the parcel, and tells that the courier was there. */
  const deposited = async () => {
    const it = await world();
    await it.showGrants();
    await it.take([boot()], it.table, before);
    await it.take([closed(2, 'deposit', 'filled')], it.table, before);
    expect(it.shown()).toEqual(both);
    it.deeds.length = 0;
    return it;
  };

  it('is shown what is true before anything of it is acknowledged', async () => {
    const { take, table, shown, deeds } = await deposited();
    await take([boot()], table, after);
    expect(deeds).toEqual(['wrote grants-0', 'acknowledged 1']);
    expect(shown()).toEqual(pickupOnly);
  });

  it('is shown it once, however often its first entries come', async () => {
    const { take, table, deeds } = await deposited();
    for (const entries of [[boot()], [boot()], [boot(), restored(2)]]) await take(entries, table, after);
    expect(deeds).toEqual(['wrote grants-0', 'acknowledged 1', 'acknowledged 1', 'acknowledged 2']);
  });

  it('is shown nothing new if what is shown is true', async () => {
    const { take, table, showGrants, deeds } = await world();
    await showGrants();
    deeds.length = 0;
    await take([boot()], table, after);
    expect(deeds).toEqual(['acknowledged 1']);
  });

  it('is told whose tokens it takes before it is shown for what they are', async () => {
    const { take, table, shadows, deeds } = await world({ access: [{ step: 'pickup', method: 'qr' }] });
    await take([boot()], table, after);
    expect(deeds).toEqual(['wrote config', 'wrote grants-0', 'acknowledged 1']);
    expect(shadows.desired('config')).toMatchObject({ issuerKeys: [{ version: 1 }] });
  });

  it('waits for its very first entry, even if that comes last', async () => {
    const { take, table, shown, deeds } = await deposited();
    await take([restored(2)], table, after);
    await take([restored(3)], table, after);
    expect(shown()).toEqual(both);
    await take([boot()], table, after);
    expect(deeds).toEqual(['acknowledged 0', 'acknowledged 0', 'wrote grants-0', 'acknowledged 3']);
    expect(shown()).toEqual(pickupOnly);
  });

  it('is acknowledged by no message of its as long as the shadow cannot be written', async () => {
    const { take, table, shadows, shown, deeds } = await deposited();
    shadows.failures = 3;
    await expect(take([boot()], table, after)).rejects.toThrow('the shadow cannot be reached');
    await expect(take([restored(2)], table, after)).rejects.toThrow('the shadow cannot be reached');
    await expect(take([boot()], table, after)).rejects.toThrow('the shadow cannot be reached');
    expect(deeds).toEqual([]);
    await take([restored(2)], table, after);
    expect(deeds).toEqual(['wrote grants-0', 'acknowledged 2']);
    expect(shown()).toEqual(pickupOnly);
  });

  it('keeps the deposit open if what the lost disk had seen was never told', async () => {
    const { take, table, showGrants, shown } = await world();
    await showGrants();
    await take([boot()], table, before);
    await take([boot()], table, after);
    expect(shown()).toEqual(both);
  });

  it('is shown nothing of a parcel that is gone, though its door would open again for a while without a sensor', async () => {
    const { take, table, shadows } = await deposited();
    const taken: JournalEntry = {
      ...aboutDoor(3, 'pickup', 'empty'),
      after: { door: 'closed', contents: 'unknown', lock: 'ok' },
      at: epochMs(minutes(10)),
      type: 'door.closed',
    };
    await take([taken], table, before);
    await take([boot()], table, after);
    expect(Object.keys(shadows.desired('grants-0'))).toEqual(['rev']);
  });

  it('has it told again with each disk that it loses', async () => {
    const { take, table, showGrants, shown, deeds } = await world();
    await showGrants();
    await take([boot()], table, before);
    await take([boot()], table, after);
    await take([closed(2, 'deposit', 'filled')], table, after);
    expect(shown()).toEqual(both);
    await take([boot()], table, { journalId: 'jnl_3', brokerTime: epochMs(minutes(10)) });
    expect(shown()).toEqual(pickupOnly);
    expect(deeds.at(-2)).toBe('wrote grants-0');
  });

  it('is told what the lost disk had sent, and the cloud heard only after that', async () => {
    const { take, table, showGrants, shown } = await world();
    await showGrants();
    await take([boot()], table, before);
    await take([boot()], table, after);
    await take([closed(2, 'deposit', 'filled')], table, before);
    expect(shown()).toEqual(pickupOnly);
  });

  it.each([
    'the new journal begins while the old one is recorded',
    'the old journal is recorded while the new one begins',
  ])('is told it when %s, between any two calls', async (which) => {
    for (let nth = 1; nth <= 14; nth += 1) {
      const { take, table, showGrants, shown } = await world();
      await showGrants();
      await take([boot()], table, before);
      const begins = (seen: Table = table) => take([boot()], seen, after);
      const tells = (seen: Table = table) => take([closed(2, 'deposit', 'filled')], seen, before);
      const [first, between] = which.startsWith('the new') ? [tells, begins] : [begins, tells];
      let came = false;
      const comes = async () => {
        came = true;
        await between();
      };
      await first(interrupted(table, nth, comes));
      if (!came) await comes();
      expect({ nth, shown: shown() }).toEqual({ nth, shown: pickupOnly });
    }
  });
});

describe('what a bank has applied of a transaction that moved to a door of another shadow', () => {
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
    const { take, applied } = await world();
    for (const entry of told) await take([entry]);
    expect(applied()).toEqual({
      0: { version: 2, gone: true, doors: [] },
      1: { version: 3, gone: false, doors: ['9'] },
    });
  });

  it('is nothing any more, once the last door let go of it', async () => {
    const { take, applied } = await world();
    await take([there]);
    await take([{ ...gone, seq: 3, k: 1, removed: { '9': { transactionId: of, version: 3 } } }]);
    await take([there]);
    expect(applied()).toEqual({ 1: { version: 3, gone: true, doors: [] } });
  });

  it('is both doors of one shadow, told together or one after the other', async () => {
    const beside = { ...there, seq: 3, doors: { '10': { transactionId: of, version: 3 } } };
    const apart = await world();
    await apart.take([there]);
    await apart.take([beside]);
    const together = await world();
    await together.take([{ ...there, doors: { ...there.doors, ...beside.doors } }]);
    const both = { 1: { version: 3, gone: false, doors: ['9', '10'] } };
    expect({ apart: apart.applied(), together: together.applied() }).toEqual({ apart: both, together: both });
    // Only one of the two is new again: the item is to be brought to another door, and lies where it lay.
    await apart.take([{ ...there, seq: 4, doors: { '11': { transactionId: of, version: 4 } } }]);
    expect(apart.applied()).toEqual({ 1: { version: 4, gone: false, doors: ['9', '10', '11'] } });
  });

  it('is not forgotten when two batches tell of it at once', async () => {
    const { take, table, applied } = await world();
    const told: number[] = [];
    const tells = async (k: number, seen?: Table) => {
      told.push(k);
      await take([{ ...there, seq: k + 1, k }], seen);
    };
    for (let nth = 1; nth <= 8; nth += 1) {
      const between = interrupted(table, nth, () => tells(nth));
      await tells(10 + nth, between);
    }
    expect(told.length).toBeGreaterThan(8 + 3);
    expect(Object.keys(z.record(z.string(), z.unknown()).parse(applied())).map(Number)).toEqual(
      told.toSorted((a, b) => a - b),
    );
  });
});

it('takes in one message what happened at more doors than one transaction has room for', async () => {
  const { take, told, recorded, acks } = await world({}, 60);
  const forced = Array.from(
    { length: 60 },
    (_, nth): JournalEntry => ({
      seq: nth + 1,
      at,
      type: 'door.forced',
      door: String(nth + 1),
      after: { door: 'open', contents: 'unknown', lock: 'ok' },
      transactionId: null,
      version: null,
      cause: null,
    }),
  );
  await take(forced);
  expect(told().filter((type) => type === 'compartment.forced_open')).toHaveLength(60);
  expect(recorded().size).toBe(60);
  expect(acks.at(-1)).toBe(60);
});
