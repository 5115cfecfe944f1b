import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '#events/envelope.ts';
import { samples } from '#events/samples.ts';
import type { Credential } from '#shared/domain/credential.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { badgeIndex, planOf, recipientOf, type Wanted } from '#shared/domain/search.ts';
import type { StoredTransaction, Transaction } from '#shared/domain/transaction.ts';
import { keys } from '#shared/store/rows.ts';
import { openSearch } from '#shared/store/search.ts';
import type { Row } from '#shared/store/table.ts';
import { searchReaction } from '../../functions/bus/search.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

const now = '2026-03-01T12:00:00.000Z';
const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const rotated = rootKeysFrom({ version: 2, key: 'n'.repeat(64), older: { 1: 'k'.repeat(64) } });

const transaction = (more: Partial<Transaction> = {}): StoredTransaction => ({
  id: 'txn_1',
  tenant: 'ten_1',
  livemode: true,
  workflow: 'parcel',
  state: 'reserved',
  version: 2,
  hash: '',
  siteId: 'sit_1',
  bankId: 'bnk_1',
  bankKey: { generation: 1, keyVersion: 1 },
  door: '7',
  externalIds: { order: 'A-1' },
  source: null,
  items: [{ externalId: 'SKU-1', lengthMm: 1, widthMm: 1, heightMm: 1, thermalClass: 'ambient' }],
  recipient: { name: 'Zoë Müller-Ünal', phone: '+41791234567', email: 'Zoe@Example.com' },
  parties: {},
  salt: 'salt',
  payment: null,
  metadata: {},
  deadlines: { reserveUntil: now },
  pickupWithinSeconds: null,
  deadlineRev: 0,
  flags: [],
  holdReason: null,
  credentials: [],
  depositStartedAt: null,
  depositedAt: null,
  pickedUpAt: null,
  endedAt: null,
  expiredStage: null,
  cancelReason: null,
  recallCause: null,
  rejectReason: null,
  assignment: { policy: 'best-fit', candidates: 1, reason: '' },
  createdAt: now,
  updatedAt: now,
  compartment: null,
  ...more,
});

const save = (table: MemoryTable, it: StoredTransaction) =>
  table.write([{ kind: 'subject', expects: 'anything', put: { ...keys.transaction(it.tenant, it.id), ...it } as Row }]);

/** The event that brought it to this version. */
const eventOf = (it: Transaction, data: Record<string, unknown> = {}): Envelope => ({
  specversion: '1.0',
  id: `evt_${it.version}`,
  source: 'latchwork',
  type: 'transaction.updated',
  subject: it.id,
  time: now,
  datacontenttype: 'application/json',
  tenant: it.tenant,
  sequence: it.version,
  occurredAt: now,
  recordedAt: now,
  actor: { type: 'system', id: 'test' },
  schema: 1,
  data: { ...samples['transaction.updated'], transactionId: it.id, door: it.door, ...data },
  prevHash: '',
  hash: `${it.version}`,
});

const reactionOn = (table: MemoryTable, rootKeysNow = rootKeys) =>
  searchReaction({ table, rootKeys: async () => rootKeysNow, clock: () => Date.parse(now) });

const find = async (
  table: MemoryTable,
  wanted: Wanted,
  tenant = 'ten_1',
  rootKeysNow = rootKeys,
): Promise<string[]> => {
  const ids: string[] = [];
  const plan = planOf(rootKeysNow, tenant, wanted);
  let after: string | undefined;
  while (plan) {
    const page = await openSearch(table).page(rootKeysNow, tenant, plan, wanted, { limit: 2, after });
    ids.push(...page.found.map((it) => it.transaction.id));
    if (page.next === null) break;
    after = page.next;
  }
  return ids;
};

/** Lookup rows of a transaction as they lie there. */
const lookups = (table: MemoryTable) => table.rows().filter(({ PK }) => PK.startsWith('F#'));

describe('a recipient is looked for', () => {
  it.each([
    ['+41 79 123 45 67', { by: 'phone', phone: '+41791234567' }],
    ['0041-79/123.45.67', { by: 'phone', phone: '+41791234567' }],
    // A plus that nobody spelt %2B arrives as a space.
    [' 41791234567', { by: 'phone', phone: '+41791234567' }],
    ['Ada@Example.COM ', { by: 'email', email: 'ada@example.com' }],
    ['ÜNAL, Zoë', { by: 'name', words: ['unal', 'zoe'] }],
    ['—', null],
  ])('as %j says', (text, expected) => {
    expect(recipientOf(text)).toEqual(expected);
  });

  it.each(['Zoë', 'zoe', 'Müll', 'muller', 'unal zo', 'zoe@example.com', '+41791234567', 'Mul', 'müller-ü'])(
    'and found by %j',
    async (recipient) => {
      const table = memoryTable();
      await save(table, transaction());
      await reactionOn(table)(eventOf(transaction()));
      expect(await find(table, { recipient })).toEqual(['txn_1']);
    },
  );

  it('and not by what only begins alike, or what another tenant looks for', async () => {
    const table = memoryTable();
    await save(table, transaction());
    await reactionOn(table)(eventOf(transaction()));
    for (const recipient of ['Mullem', 'Mulleri', 'zoe@example.co', '+4179123456']) {
      expect(await find(table, { recipient })).toEqual([]);
    }
    expect(await find(table, { recipient: 'Zoë' }, 'ten_2')).toEqual([]);
    expect(await find(table, {}, 'ten_2')).toEqual([]);
  });

  it('without a letter of it lying in a lookup row', async () => {
    const table = memoryTable();
    await save(table, transaction());
    await reactionOn(table)(eventOf(transaction()));
    const text = JSON.stringify(lookups(table)).toLowerCase();
    for (const word of ['zoe', 'zoë', 'mul', 'mül', 'unal', '41791', 'example']) expect(text).not.toContain(word);
  });

  it('by a badge, whatever else opens it, at all banks of the tenant alone', async () => {
    const table = memoryTable();
    const badge = (nth: number, index: string): Credential => ({
      id: `cre_${nth}`,
      step: 'pickup',
      method: 'badge',
      state: 'active',
      notBefore: now,
      notAfter: now,
      verifier: `of its bank ${nth}`,
      index,
      digits: 6,
      attempt: 0,
      keyVersion: 1,
      locked: true,
      sinceVersion: 1,
    });
    const bears = async (nth: number, numbers: string[], keys = rootKeys, tenant = 'ten_1') => {
      const credentials = numbers.map((it) => badge(nth, badgeIndex(keys, tenant, it)));
      const it = transaction({ id: `txn_${nth}`, bankId: `bnk_${nth}`, tenant, credentials });
      await save(table, it);
      await reactionOn(table, keys)(eventOf(it));
    };
    await bears(1, ['B-1001', 'B-1002']);
    await bears(2, ['B-1001'], rotated);
    await bears(3, []);
    await bears(4, ['B-1001'], rootKeys, 'ten_2');
    expect((await find(table, { badge: 'B-1001' }, 'ten_1', rotated)).toSorted()).toEqual(['txn_1', 'txn_2']);
    expect(await find(table, { badge: 'B-1002' }, 'ten_1', rotated)).toEqual(['txn_1']);
    expect(await find(table, { badge: 'B-1001', bankId: 'bnk_2' }, 'ten_1', rotated)).toEqual(['txn_2']);
    // Found by something else, it is still asked whether the badge is its.
    expect(await find(table, { badge: 'B-1001', credentialId: 'cre_3' }, 'ten_1', rotated)).toEqual([]);
    expect(await find(table, { badge: 'B-9999' }, 'ten_1', rotated)).toEqual([]);
    expect(JSON.stringify(lookups(table))).not.toContain('B-100');
  });

  it('by rows of an older root key as well, until they are made anew', async () => {
    const table = memoryTable();
    await save(table, transaction());
    await reactionOn(table)(eventOf(transaction()));
    const younger = transaction({ id: 'txn_2', createdAt: '2026-03-02T12:00:00.000Z' });
    await save(table, younger);
    await reactionOn(table, rotated)(eventOf(younger));
    expect(await find(table, { recipient: 'Zoë' }, 'ten_1', rotated)).toEqual(['txn_2', 'txn_1']);

    const changed = transaction({ version: 3 });
    await save(table, changed);
    await reactionOn(table, rotated)(eventOf(changed));
    expect(lookups(table).filter(({ PK }) => PK.startsWith('F#ten_1#name#1'))).toEqual([]);
  });
});

describe('the lookup rows of a transaction', () => {
  /** It is renamed, moved, ended, brought back by a late fact, and forgotten. */
  const life = [
    transaction(),
    transaction({ version: 3, recipient: { name: 'Bob Example' } }),
    transaction({ version: 4, door: '8', recipient: { name: 'Bob Example' } }),
    transaction({ version: 5, door: '8', state: 'cancelled', recipient: { name: 'Bob Example' } }),
    transaction({ version: 6, door: '8', state: 'recall_due', recipient: { name: 'Bob Example' } }),
    transaction({ version: 7, door: '8', state: 'recalled', recipient: {} }),
  ];
  const events = life.map((it) => eventOf(it, it.version === 4 ? { fromDoor: '7' } : {}));

  const rowsAfter = async (order: readonly { saved: number; heard: number[] }[]): Promise<Row[]> => {
    const table = memoryTable();
    for (const { saved, heard } of order) {
      const it = life[saved];
      if (it) await save(table, it);
      for (const nth of heard) await reactionOn(table)(events[nth] as Envelope);
    }
    return lookups(table).toSorted((a, b) => (a.PK < b.PK ? -1 : 1));
  };
  const all = life.map((_, nth) => nth);
  const inOrder = rowsAfter(all.map((nth) => ({ saved: nth, heard: [nth] })));

  it('say at the end what is true at the end, past doors included', async () => {
    expect((await inOrder).map(({ PK, state }) => [PK, state])).toEqual([
      ['F#ten_1#all#', 'recalled'],
      ['F#ten_1#bank#bnk_1', 'recalled'],
      ['F#ten_1#door#bnk_1/7', 'recalled'],
      ['F#ten_1#door#bnk_1/8', 'recalled'],
      ['F#ten_1#item#SKU-1', undefined],
    ]);
  });

  it('are the same in whatever order events come, and however often', async () => {
    const late = fc.shuffledSubarray(all, { minLength: all.length });
    const again = fc.array(fc.constantFrom(...all), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(late, again, async (order, repeated) => {
        const rows = await rowsAfter([{ saved: life.length - 1, heard: [...order, ...repeated] }]);
        expect(rows).toEqual(await inOrder);
      }),
      { numRuns: 200 },
    );
  });

  it('are the same when two events of it are worked on at a time', async () => {
    const table = memoryTable();
    await save(table, life[0] as StoredTransaction);
    await reactionOn(table)(events[0] as Envelope);
    await save(table, life.at(-1) as StoredTransaction);
    await Promise.all(events.map((it) => reactionOn(table)(it)));
    expect(lookups(table).toSorted((a, b) => (a.PK < b.PK ? -1 : 1))).toEqual(await inOrder);
  });

  it('cost one read and nothing else for the events that a newer one follows', async () => {
    const table = memoryTable();
    await save(table, life[1] as StoredTransaction);
    await reactionOn(table)(events[0] as Envelope);
    // The other write is the head for the anchor.
    expect(table.calls.filter((it) => it !== 'write')).toEqual(['batchGet']);
    expect(lookups(table)).toEqual([]);
  });
});

describe('what is found', () => {
  const table = memoryTable();
  const at = (nth: number) => `2026-03-${String(nth).padStart(2, '0')}T12:00:00.000Z`;
  const people = ['Ada Lovelace', 'Adam Smith', 'Bob Adams'];
  const filled = (async () => {
    for (let nth = 1; nth <= 9; nth += 1) {
      const it = transaction({
        id: `txn_${nth}`,
        createdAt: at(nth),
        bankId: nth % 2 ? 'bnk_1' : 'bnk_2',
        workflow: nth % 3 ? 'parcel' : 'return',
        state: nth <= 4 ? 'completed' : nth === 5 ? 'cancelled' : 'stored',
        recipient: { name: people[nth % 3] },
        items: [],
      });
      await save(table, it);
      await reactionOn(table)(eventOf(it));
    }
  })();

  it.each<[string, Wanted, number[]]>([
    ['by nothing: everything', {}, [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['by bank', { bankId: 'bnk_1' }, [9, 7, 5, 3, 1]],
    ['by bank and door', { bankId: 'bnk_2', door: '7' }, [8, 6, 4, 2]],
    ['by a state that goes on', { state: 'stored' }, [9, 8, 7, 6]],
    ['by an end', { state: 'completed' }, [4, 3, 2, 1]],
    ['by bank and state', { bankId: 'bnk_1', state: 'stored' }, [9, 7]],
    ['by workflow', { workflow: 'return' }, [9, 6, 3]],
    ['by time, the end not included', { from: at(3), to: at(6) }, [5, 4, 3]],
    ['by the beginning of any name', { recipient: 'ada' }, [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['by more letters of it', { recipient: 'adam' }, [8, 7, 5, 4, 2, 1]],
    ['by all of these', { recipient: 'adam', bankId: 'bnk_1', workflow: 'parcel', state: 'stored', from: at(2) }, [7]],
    ['by a name and a door', { recipient: 'bob', bankId: 'bnk_1', door: '7' }, [5]],
    ['by what nobody has', { recipient: 'adamant' }, []],
  ])('%s', async (_, wanted, expected) => {
    await filled;
    expect(await find(table, wanted)).toEqual(expected.map((nth) => `txn_${nth}`));
  });

  it('takes two calls a page', async () => {
    await filled;
    table.calls.length = 0;
    const wanted: Wanted = { recipient: 'adam', bankId: 'bnk_1', door: '7' };
    const plan = planOf(rootKeys, 'ten_1', wanted);
    if (plan) await openSearch(table).page(rootKeys, 'ten_1', plan, wanted, { limit: 50, after: undefined });
    expect(table.calls).toEqual(['query', 'batchGet']);
  });
});
