import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Refusal } from '../../shared/domain/refusal.ts';
import { type Expectation, type Key, Lost, type Row, type Table, type Write } from '../../shared/store/table.ts';
import {
  cancelled,
  type Fault,
  faultyLine,
  operationOf,
  refusal,
  tableFaults,
  tableOver,
  table as theTable,
} from '../support/faults.ts';
import { memoryTable } from '../support/memory-table.ts';

/** Rows that no other test has, and no index or stream of the product's. */
const ownPartition = (): string => `TEST#${randomUUID()}`;

const row = (PK: string, SK: string, more: Record<string, unknown> = {}): Row => ({ PK, SK, ...more });
const put = (it: Row, expects: Expectation = 'anything'): Write => ({ kind: 'other', expects, put: it });
const remove = (it: Key, expects: Expectation = 'anything'): Write => ({
  kind: 'other',
  expects,
  remove: { PK: it.PK, SK: it.SK },
});

const lostOf = async (write: Promise<void>): Promise<Lost> => {
  const error: unknown = await write.then(
    () => new Error('it was written'),
    (cause: unknown) => cause,
  );
  if (error instanceof Lost) return error;
  throw error;
};

const refusedOf = async (call: Promise<unknown>): Promise<Refusal> => {
  const error: unknown = await call.then(
    () => new Error('it went well'),
    (cause: unknown) => cause,
  );
  if (error instanceof Refusal) return error;
  throw error;
};

/** What is there, what is expected of it, and whether that holds. */
const expectations: [Record<string, unknown> | null, Expectation, boolean][] = [
  [null, 'anything', true],
  [{}, 'anything', true],
  [null, 'absent', true],
  [{}, 'absent', false],
  [{ version: 3 }, { version: 3 }, true],
  [{ version: 2 }, { version: 3 }, false],
  [{ version: 4 }, { version: 3 }, false],
  [{}, { version: 3 }, false],
  [null, { version: 3 }, false],
  [null, { absentOrExpiredBefore: '2026-03-01T12:00:00.000Z' }, true],
  [{ expiresAt: '2026-03-01T11:59:59.999Z' }, { absentOrExpiredBefore: '2026-03-01T12:00:00.000Z' }, true],
  [{ expiresAt: '2026-03-01T12:00:00.000Z' }, { absentOrExpiredBefore: '2026-03-01T12:00:00.000Z' }, false],
  [{ expiresAt: '2026-03-02T00:00:00.000Z' }, { absentOrExpiredBefore: '2026-03-01T12:00:00.000Z' }, false],
  [{}, { absentOrExpiredBefore: '2026-03-01T12:00:00.000Z' }, false],
  [null, { lower: 'seq', than: 7 }, true],
  [{ seq: 6 }, { lower: 'seq', than: 7 }, true],
  [{ seq: 7 }, { lower: 'seq', than: 7 }, false],
  [{ seq: 8 }, { lower: 'seq', than: 7 }, false],
  [{}, { lower: 'seq', than: 7 }, false],
];

const tables: [string, () => Table][] = [
  ['the table', () => theTable],
  ['the table that stands for it in unit tests', () => memoryTable()],
];

describe.each(tables)('%s', (_, open) => {
  describe.each(['a write by itself', 'a write beside others', 'a removal'])('%s', (how) => {
    it.each(expectations)('on %j, expecting %j: %s', async (before, expects, holds) => {
      const table = open();
      const PK = ownPartition();
      const key = { PK, SK: 'a' };
      if (before !== null) await table.write([put(row(PK, 'a', before))]);
      const write = how === 'a removal' ? remove(key, expects) : put(row(PK, 'a', { after: true }), expects);
      const writes = how === 'a write by itself' ? [write] : [write, put(row(PK, 'b'))];
      const is = before === null ? undefined : { ...key, ...before };
      if (holds) {
        await table.write(writes);
        expect(await table.get(key, true)).toEqual(how === 'a removal' ? undefined : { ...key, after: true });
      } else {
        const lost = await lostOf(table.write(writes));
        expect(lost.rows).toEqual([{ kind: 'other', key, current: is }]);
        expect(await table.get(key, true)).toEqual(is);
      }
    });
  });

  it('writes all or nothing, and says of each row that was not as expected what it is', async () => {
    const table = open();
    const PK = ownPartition();
    const nested = { version: 2, list: [1, 'two', { three: null }], map: { deep: { deeper: true } }, text: 'ä€😀' };
    await table.write([put(row(PK, 'a', nested)), put(row(PK, 'b', { version: 1 }))]);
    const lost = await lostOf(
      table.write([
        { kind: 'subject', expects: { version: 1 }, put: row(PK, 'a', { version: 2 }) },
        { kind: 'compartment', expects: { version: 1 }, put: row(PK, 'b', { version: 2 }) },
        { kind: 'event', expects: 'absent', put: row(PK, 'c') },
        { kind: 'lock', expects: { version: 9 }, remove: { PK, SK: 'd' } },
      ]),
    );
    expect(lost.rows).toEqual([
      { kind: 'subject', key: { PK, SK: 'a' }, current: { PK, SK: 'a', ...nested } },
      { kind: 'lock', key: { PK, SK: 'd' }, current: undefined },
    ]);
    expect(lost.to('subject')?.current).toMatchObject({ version: 2 });
    expect(lost.to('compartment')).toBeUndefined();
    const { rows } = await table.query({ PK, from: ' ', to: '~' }, { consistent: true });
    expect(rows.map((it) => [it.SK, it.version])).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  it('lets one of many who change the same version win, and tells the others by whom they lost', async () => {
    const table = open();
    const PK = ownPartition();
    await table.write([put(row(PK, 'a', { version: 1 }))]);
    const rivals = Array.from({ length: 20 }, (_, nth) =>
      table.write([
        { kind: 'subject', expects: { version: 1 }, put: row(PK, 'a', { version: 2, by: nth }) },
        { kind: 'event', expects: 'absent', put: row(PK, `b${nth}`) },
      ]),
    );
    const outcomes = await Promise.allSettled(rivals);
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const it of outcomes) {
      if (it.status === 'fulfilled') continue;
      expect(it.reason).toBeInstanceOf(Lost);
      expect(it.reason).toMatchObject({ rows: [{ kind: 'subject', current: { version: 2, by: winner } }] });
    }
    const { rows } = await table.query({ PK, from: 'b', to: 'b~' }, { consistent: true });
    expect(rows.map((it) => it.SK)).toEqual([`b${winner}`]);
  });

  it('reads many rows in the order they were asked for, those that are missing and those asked for twice', async () => {
    const table = open();
    const PK = ownPartition();
    const keys = Array.from({ length: 100 }, (_, nth) => ({ PK, SK: String(nth) }));
    for (let from = 0; from < 100; from += 50)
      await table.write(keys.slice(from, from + 50).map((key, nth) => put({ ...key, nth: from + nth })));
    const backwards = keys.toReversed();
    const found = await table.batchGet(backwards, true);
    expect(found.map((it) => it?.nth)).toEqual(backwards.map(({ SK }) => Number(SK)));
    const [three = { PK, SK: '' }] = keys.slice(3);
    const some = await table.batchGet([three, { PK, SK: 'none' }, three], true);
    expect(some.map((it) => it?.nth)).toEqual([3, undefined, 3]);
    expect(await table.batchGet([])).toEqual([]);
    expect(await table.get({ PK, SK: 'none' })).toBeUndefined();
  });

  it('reads a range, both ends included, page by page, and backwards', async () => {
    const table = open();
    const PK = ownPartition();
    // None that begins as a commit's row does: the publisher could not read it, and the local engine passes over what is
    // behind such a one in a batch, whosever it is.
    await table.write(['A', 'B#1', 'B#2', 'B#3', 'B#4', 'D'].map((SK) => put(row(PK, SK))));
    const range = { PK, from: 'B#1', to: 'B#4' };
    const all = await table.query(range);
    expect(all.rows.map((it) => it.SK)).toEqual(['B#1', 'B#2', 'B#3', 'B#4']);
    expect(all.next).toBeNull();

    const seen: unknown[] = [];
    let after: Key | undefined;
    do {
      const page = await table.query(range, { limit: 3, after });
      expect(page.rows.length).toBeLessThanOrEqual(3);
      seen.push(...page.rows.map((it) => it.SK));
      after = page.next ?? undefined;
    } while (after !== undefined);
    expect(seen).toEqual(['B#1', 'B#2', 'B#3', 'B#4']);

    const newest = await table.query(range, { limit: 2, newestFirst: true });
    expect(newest.rows.map((it) => it.SK)).toEqual(['B#4', 'B#3']);
    const older = await table.query(range, { limit: 2, newestFirst: true, after: newest.next ?? undefined });
    expect(older.rows.map((it) => it.SK)).toEqual(['B#2', 'B#1']);
    expect(await table.query({ PK: ownPartition(), from: ' ', to: '~' })).toEqual({ rows: [], next: null });
  });

  it('finds what is due in a shard, before a time, and nothing that is due at no time', async () => {
    const table = open();
    const PK = ownPartition();
    const shard = `DUE#${PK}`;
    const due = (SK: string, at: string, in_ = shard) => put(row(PK, SK, { duePk: in_, dueAt: at, more: 'than keys' }));
    await table.write([
      due('late', '2026-03-01T11:00:00.000Z'),
      due('on time', '2026-03-01T12:00:00.000Z'),
      due('later', '2026-03-01T13:00:00.000Z'),
      due('elsewhere', '2026-03-01T11:00:00.000Z', `${shard}2`),
      put(row(PK, 'never')),
    ]);
    const before = '2026-03-01T12:00:00.000Z';
    expect(await table.due(shard, before, 10)).toEqual([{ PK, SK: 'late' }]);
    expect(await table.due(shard, '2026-03-02T00:00:00.000Z', 2)).toHaveLength(2);
    await table.write([put(row(PK, 'late'))]);
    expect(await table.due(shard, before, 10)).toEqual([]);
  });
});

describe('the table', () => {
  it('leaves out what is undefined, at every depth', async () => {
    const PK = ownPartition();
    await theTable.write([put(row(PK, 'a', { is: 1, not: undefined, deep: { is: 1, not: undefined } }))]);
    expect(await theTable.get({ PK, SK: 'a' }, true)).toEqual({ PK, SK: 'a', is: 1, deep: { is: 1 } });
  });

  it('reads beyond the megabyte that DynamoDB answers at a time', async () => {
    const PK = ownPartition();
    const filling = 'x'.repeat(300_000);
    const names = ['1', '2', '3', '4', '5'];
    for (const SK of names) await theTable.write([put(row(PK, SK, { filling }))]);
    const range = { PK, from: '1', to: '5' };
    expect((await theTable.query(range)).rows.map((it) => it.SK)).toEqual(names);
    const some = await theTable.query(range, { limit: 4 });
    expect(some.rows.map((it) => it.SK)).toEqual(names.slice(0, 4));
    expect((await theTable.query(range, { limit: 4, after: some.next ?? undefined })).rows).toHaveLength(1);
  });

  const Answer = z.object({
    Responses: z.record(z.string(), z.array(z.looseObject({ PK: z.object({ S: z.string() }), SK: z.unknown() }))),
  });

  /** Of the rows asked for it answers as many, and leaves the rest for another time, as DynamoDB does beyond 16 MB. */
  const leaving = (answered: (asked: number) => number): Fault => ({
    hits: 'all',
    strike: async (sent, forward) => {
      const { response } = await forward();
      if (operationOf(sent) !== 'BatchGetItem' || !(response.body instanceof Readable)) return { response };
      const { Responses } = Answer.parse(JSON.parse(await text(response.body)));
      const [[name = '', rows = []] = []] = Object.entries(Responses);
      const count = answered(rows.length);
      const Keys = rows.slice(count).map(({ PK, SK }) => ({ PK, SK }));
      const body = { Responses: { [name]: rows.slice(0, count) }, UnprocessedKeys: { [name]: { Keys } } };
      return { response: { ...response, body: Readable.from([JSON.stringify(body)]) } };
    },
  });

  const tenRows = async (): Promise<Key[]> => {
    const PK = ownPartition();
    const keys = Array.from({ length: 10 }, (_, nth) => ({ PK, SK: String(nth) }));
    await theTable.write(keys.map((key, nth) => put({ ...key, nth })));
    return keys;
  };

  it('asks again for rows that DynamoDB left unprocessed', async () => {
    const keys = await tenRows();
    const line = faultyLine();
    line.fail({ fault: leaving((asked) => Math.ceil(asked / 2)), write: 0, lasting: true });
    const found = await tableOver(line).batchGet(keys);
    expect(found.map((it) => it?.nth)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(line.seen().struck).toBeGreaterThan(1);
  });

  it('is busy when rows stay unprocessed', async () => {
    const keys = await tenRows();
    const line = faultyLine();
    line.fail({ fault: leaving(() => 0), write: 0, lasting: true });
    expect((await refusedOf(tableOver(line).batchGet(keys))).code).toBe('busy');
  });

  const passing = Object.entries(tableFaults);

  it.each(passing)('outlives %s: the write counts once', async (_, fault) => {
    const PK = ownPartition();
    for (const writes of [
      [put(row(PK, 'a'), 'absent')],
      [put(row(PK, 'b'), 'absent'), put(row(PK, 'c'), 'absent')],
      [put(row(PK, 'a', { version: 1 })), remove({ PK, SK: 'c' })],
    ]) {
      const line = faultyLine();
      line.fail({ fault, write: 1, lasting: false });
      await tableOver(line).write(writes);
      expect(line.seen().struck).toBe(1);
    }
    const { rows } = await theTable.query({ PK, from: ' ', to: '~' }, { consistent: true });
    expect(rows).toEqual([row(PK, 'a', { version: 1 }), row(PK, 'b')]);
  });

  it.each(passing)('is busy for a second after %s that lasts', async (_, fault) => {
    const PK = ownPartition();
    for (const writes of [[put(row(PK, 'a'))], [put(row(PK, 'a')), put(row(PK, 'b'))]]) {
      const line = faultyLine();
      line.fail({ fault, write: 1, lasting: true });
      const { code, retryAfterSeconds, cause } = await refusedOf(tableOver(line, { maxAttempts: 1 }).write(writes));
      expect({ code, retryAfterSeconds }).toEqual({ code: 'busy', retryAfterSeconds: 1 });
      expect(cause).toBeInstanceOf(Error);
    }
  });

  const readingFaults = passing.filter(([, { hits }]) => hits === 'all');

  it.each(readingFaults)('is busy when it is read over %s that lasts', async (_, fault) => {
    const PK = ownPartition();
    const line = faultyLine();
    line.fail({ fault, write: 0, lasting: true });
    const table = tableOver(line, { maxAttempts: 1 });
    for (const read of [
      table.get({ PK, SK: 'a' }),
      table.batchGet([{ PK, SK: 'a' }]),
      table.query({ PK, from: ' ', to: '~' }),
      table.due(PK, '2026', 1),
    ])
      expect((await refusedOf(read)).code).toBe('busy');
  });

  it('does not take for its own what somebody else wrote while its first try was lost', async () => {
    const PK = ownPartition();
    const line = faultyLine();
    const rival: Fault = {
      hits: 'writes',
      strike: async () => {
        await theTable.write([put(row(PK, 'a', { by: 'a rival' }))]);
        return tableFaults['a connection that breaks before anything is sent'].strike();
      },
    };
    line.fail({ fault: rival, write: 1, lasting: false });
    const lost = await lostOf(tableOver(line).write([put(row(PK, 'a', { by: 'us' }), 'absent')]));
    expect(lost.rows).toMatchObject([{ current: { by: 'a rival' } }]);
  });

  it('takes what it finds for its own only if it had to try again', async () => {
    const PK = ownPartition();
    const same = put(row(PK, 'a', { by: 'either' }), 'absent');
    await theTable.write([same]);
    await lostOf(theTable.write([same]));
  });

  it.each([
    ['a transaction that DynamoDB finds invalid', (sent) => cancelled(sent, 'ValidationError', 'not valid')],
    ['a missing right', () => refusal(400, 'AccessDeniedException', 'not authorized')],
  ] satisfies [string, Fault['strike']][])('lets %s rise: trying again would not help', async (_, strike) => {
    const PK = ownPartition();
    const line = faultyLine();
    line.fail({ fault: { hits: 'writes', strike }, write: 1, lasting: true });
    const error: unknown = await tableOver(line)
      .write([put(row(PK, 'a')), put(row(PK, 'b'))])
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(Refusal);
    expect(line.seen().struck).toBe(1);
  });
});
