import { describe, expect, it } from 'vitest';
import { creditOf, leaseOf, openRateLimit } from '#shared/lambda/rate-limit.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Table } from '#shared/store/table.ts';
import { memoryTable } from '../support/memory-table.ts';

const minute = 60_000;
const noon = Date.parse('2026-03-01T12:00:00.000Z');
const key = { tenant: 'ten_1', apiKeyId: 'key_1', requestsPerMinute: null };
const atOnce = async () => undefined;

let ids = 0;
const environment = (table: Table, limit: number, pause = atOnce) =>
  openRateLimit({ table, newId: (prefix) => `${prefix}_${ids++}` }, limit, pause);

/** How many of so many requests are answered, and what the others are told. */
const ask = async (limiter: ReturnType<typeof environment>, requests: number, now = noon, of = key) => {
  const told: string[] = [];
  let answered = 0;
  for (let nth = 0; nth < requests; nth++) {
    const { refusal } = await limiter(of, now);
    if (refusal === null) answered++;
    else told.push(refusal.code);
  }
  return { answered, told: new Set(told) };
};

describe('a key', () => {
  it('is answered as often as its limit says and then told when it may go on', async () => {
    const limiter = environment(memoryTable(), 600);
    expect(await ask(limiter, 700)).toEqual({ answered: 600, told: new Set(['rate_limited']) });
    const { headers, refusal } = await limiter(key, noon + 45_000);
    expect(refusal).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 15 });
    expect(headers).toEqual({ 'ratelimit-policy': '"default";q=600;w=60', ratelimit: '"default";r=0;t=15' });
  });

  it('has all of it again in the next minute', async () => {
    const limiter = environment(memoryTable(), 60);
    await ask(limiter, 100);
    expect(await ask(limiter, 100, noon + minute)).toMatchObject({ answered: 60 });
  });

  it('is told before each answer what is left, its requests to other functions included', async () => {
    const table = memoryTable();
    const [one, other] = [environment(table, 2_000), environment(table, 2_000)];
    await ask(one, 50);
    await ask(other, 20);
    expect((await other(key, noon)).headers.ratelimit).toBe('"default";r=1879;t=60');
  });

  it('does not use up the limit of another, of its own tenant or of a stranger', async () => {
    const limiter = environment(memoryTable(), 60);
    await ask(limiter, 100);
    expect(await ask(limiter, 60, noon, { ...key, apiKeyId: 'key_2' })).toMatchObject({ answered: 60 });
    expect(await ask(limiter, 60, noon, { ...key, tenant: 'ten_2' })).toMatchObject({ answered: 60 });
  });

  it('may have a smaller limit of its own, not a larger one', async () => {
    const limiter = environment(memoryTable(), 600);
    expect(await ask(limiter, 700, noon, { ...key, requestsPerMinute: 7 } as never)).toMatchObject({ answered: 7 });
    const greedy = { ...key, apiKeyId: 'key_2', requestsPerMinute: 9_000 } as never;
    expect(await ask(limiter, 700, noon, greedy)).toMatchObject({ answered: 600 });
  });
});

describe('what it costs', () => {
  it('is one write per hundred requests, and none for those that are refused', async () => {
    const table = memoryTable();
    const limiter = environment(table, 6_000);
    await ask(limiter, 6_000);
    expect(table.calls).toEqual(Array.from({ length: 60 }, () => 'write'));
    await ask(limiter, 500);
    expect(table.calls).toHaveLength(60);
  });

  it('is nothing for a key that asks ten times a minute', async () => {
    const table = memoryTable();
    const limiter = environment(table, 6_000);
    for (let nth = 0; nth < 60; nth++) await ask(limiter, 10, noon + nth * minute);
    expect(table.calls).toEqual([]);
  });

  it('is one row per key, that is collected an hour later', async () => {
    const table = memoryTable();
    await ask(environment(table, 6_000), 250);
    expect(table.rows()).toEqual([
      expect.objectContaining({
        ...keys.rateLimit('ten_1', 'key_1'),
        leased: 300,
        ttl: noon / 1000 + 3600,
      }),
    ]);
  });
});

describe('many function environments at once', () => {
  /** A table at which every write takes a turn of the loop, so that all of them meet. */
  const slow = (table: Table): Table => ({
    ...table,
    write: async (writes) => {
      await new Promise((done) => setImmediate(done));
      return table.write(writes);
    },
  });

  it.each([
    [2, 600],
    [20, 600],
    [50, 6_000],
    [76, 60],
  ])('of %i environments, a limit of %i is kept but for the credit of each', async (count, limit) => {
    const table = slow(memoryTable());
    const all = Array.from({ length: count }, () => environment(table, limit));
    const each = Math.ceil((limit * 3) / count);
    const outcomes = await Promise.all(all.map((it) => ask(it, each)));
    const answered = outcomes.reduce((sum, it) => sum + it.answered, 0);
    expect(answered).toBeLessThanOrEqual(limit + count * creditOf(limit));
    // Nor is anybody locked out: but for tokens that others hold unused, all of it is given.
    expect(answered).toBeGreaterThanOrEqual(limit - count * leaseOf(limit));
  });

  it('forgets nothing when one clock is ahead of the others', async () => {
    const table = memoryTable();
    const [late, early] = [environment(table, 100), environment(table, 100)];
    expect(await ask(early, 200, noon + minute)).toMatchObject({ answered: 100 });
    // Its minute is not over yet, but by the row it is.
    expect(await ask(late, 200, noon + minute - 1)).toMatchObject({ answered: 0 });
  });
});

describe('a lease that cannot be had', () => {
  const failing = (error: () => unknown): Table => ({
    ...memoryTable(),
    write: async () => {
      throw error();
    },
  });
  const current = { window: Math.floor(noon / minute), leased: 0, version: 1 };
  const lost = () => new Lost([{ kind: 'other', key: keys.rateLimit('ten_1', 'key_1'), current }]);

  it.each([
    ['because others are always faster', lost],
    ['because the table does not answer', () => new Error('down')],
  ])('%s, locks nobody out at once and lets nobody through for ever', async (_, error) => {
    expect(await ask(environment(failing(error), 6_000), 100)).toEqual({ answered: 10, told: new Set(['busy']) });
  });

  it('is told as what it is: no fault of the caller, and to be tried in a second', async () => {
    const limiter = environment(failing(lost), 6_000);
    await ask(limiter, 10);
    expect((await limiter(key, noon)).refusal).toMatchObject({ code: 'busy', retryAfterSeconds: 1 });
  });

  it('is forgotten as soon as one can be had', async () => {
    const table = memoryTable();
    let fails = true;
    const limiter = environment(
      {
        ...table,
        write: async (writes) => {
          if (fails) throw lost();
          return table.write(writes);
        },
      },
      6_000,
    );
    await ask(limiter, 50);
    fails = false;
    await table.write([
      { kind: 'other', expects: 'anything', put: { ...keys.rateLimit('ten_1', 'key_1'), ...current } },
    ]);
    expect(await ask(limiter, 7_000)).toMatchObject({ answered: 6_000 - 10 });
  });
});
