import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import { listEvents } from '#shared/api/events.ts';
import { Problem } from '#shared/api/problem.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { serve } from '#shared/lambda/endpoint.ts';
import { log } from '#shared/lambda/log.ts';
import { requestOf } from '../../bench/gateway.ts';
import { feedReaction } from '../../functions/bus/feed.ts';
import { eventHandlers } from '../../functions/http/events.ts';
import { createTenant } from '../../functions/operator/create-tenant.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const keptDays = 30;
const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const Page = z.object({
  data: z.array(z.looseObject({ id: z.string(), type: z.string() })),
  nextCursor: z.string(),
  hasMore: z.boolean(),
});
type Query = Record<string, string>;

let table: MemoryTable;
let nowMs: number;
let tenant: string;
let apiKey: string;
let drawn: number;

const newId = (prefix: string): string => {
  drawn += 1;
  return `${prefix}_${String(drawn).padStart(26, '0')}`;
};
const deps = () => ({ table, newId, clock: () => nowMs, rootKeys: async () => rootKeys, keptDays });

const anEvent = (id: string, more: Partial<Envelope> = {}): Envelope => ({
  ...sampleEvent('transaction.deposited'),
  id,
  tenant,
  ...more,
});
const number = (...events: Envelope[]): Promise<void> => feedReaction(deps())(tenant, events)();

const ask = async (query: Query = {}) => {
  const { statusCode, body = '' } = await serve(
    [listEvents],
    eventHandlers(deps()),
    deps(),
  )(requestOf(listEvents, apiKey, { query }), 'req_1');
  return { status: statusCode, body: JSON.parse(body) as unknown };
};
const read = async (query: Query = {}) => {
  const { status, body } = await ask(query);
  expect([status, body]).toEqual([200, expect.anything()]);
  const { data, ...page } = Page.parse(body);
  return { ...page, ids: data.map(({ id }) => id) };
};
/** Page after page until it says that there is no more. */
const readAll = async (query: Query = {}): Promise<string[]> => {
  const found: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await read({ ...query, ...(after !== undefined && { after }) });
    found.push(...page.ids);
    if (!page.hasMore) return found;
    after = page.nextCursor;
  }
};

log.setLogLevel('SILENT');

beforeEach(async () => {
  drawn = 0;
  nowMs = Date.parse('2026-03-01T12:30:00.000Z');
  table = memoryTable();
  const made = await createTenant(deps(), { name: 'Shop' });
  tenant = made.tenantId;
  apiKey = made.apiKey;
});

describe('the feed', () => {
  it('shows what happened in the order in which it was numbered, page by page', async () => {
    await number(anEvent('evt_b'), anEvent('evt_a'));
    await number(anEvent('evt_c'));
    const first = await read({ limit: '2' });
    expect(first).toMatchObject({ ids: ['evt_b', 'evt_a'], hasMore: true });
    expect(await read({ limit: '2', after: first.nextCursor })).toMatchObject({ ids: ['evt_c'], hasMore: false });
  });

  it('gives a cursor where there is nothing yet, from which what comes later is read', async () => {
    const { ids, nextCursor, hasMore } = await read();
    expect([ids, hasMore]).toEqual([[], false]);
    nowMs += 5 * hourMs;
    await number(anEvent('evt_a'));
    const later = await read({ after: nextCursor });
    expect(later.ids).toEqual(['evt_a']);
    expect((await read({ after: later.nextCursor })).ids).toEqual([]);
    await number(anEvent('evt_b'));
    expect((await read({ after: later.nextCursor })).ids).toEqual(['evt_b']);
  });

  it('shows an event once that comes again, alone, among others, or twice at the same time', async () => {
    await number(anEvent('evt_a'), anEvent('evt_b'));
    await number(anEvent('evt_a'), anEvent('evt_b'));
    await number(anEvent('evt_b'), anEvent('evt_c'), anEvent('evt_c'));
    expect(await readAll()).toEqual(['evt_a', 'evt_b', 'evt_c']);
  });

  it('shows nothing of another tenant', async () => {
    const other = (await createTenant(deps(), { name: 'Other' })).tenantId;
    await feedReaction(deps())(other, [anEvent('evt_other', { tenant: other })])();
    await number(anEvent('evt_own'));
    expect(await readAll()).toEqual(['evt_own']);
  });

  it('does not go past a position that cannot be seen yet', async () => {
    await number(anEvent('evt_a'), anEvent('evt_b'), anEvent('evt_c'));
    const whole = table;
    const hidden = (position: number): MemoryTable => ({
      ...whole,
      query: async (range, options) => {
        const page = await whole.query(range, options);
        return { ...page, rows: page.rows.filter((row) => row.position !== position) };
      },
    });
    table = hidden(2);
    const { ids, nextCursor, hasMore } = await read();
    expect([ids, hasMore]).toEqual([['evt_a'], true]);
    expect(await read({ after: nextCursor })).toMatchObject({ ids: [], hasMore: true });
    table = hidden(1);
    expect(await read()).toMatchObject({ ids: [], hasMore: true });
    table = whole;
    expect((await read({ after: nextCursor })).ids).toEqual(['evt_b', 'evt_c']);
  });

  it('skips and doubles nothing, whoever numbers and reads at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(30), { minLength: 1, maxLength: 5 }), { maxLength: 20 }),
        async (batches) => {
          table = memoryTable();
          const made = await createTenant(deps(), { name: 'Shop' });
          tenant = made.tenantId;
          apiKey = made.apiKey;
          const seen: string[] = [];
          let { nextCursor } = await read();
          let isOver = false;
          const waiting = [...batches];
          // As many at a time as the queue lets through.
          const work = Promise.all(
            [1, 2].map(async () => {
              for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift())
                await number(...batch.map((nth) => anEvent(`evt_${nth}`)));
            }),
          ).finally(() => {
            isOver = true;
          });
          for (let hasMore = true; hasMore; ) {
            const wasOver = isOver;
            const page = await read({ after: nextCursor, limit: '3' });
            seen.push(...page.ids);
            nextCursor = page.nextCursor;
            hasMore = page.hasMore || !wasOver;
          }
          await work;
          expect(seen.toSorted()).toEqual([...new Set(batches.flat().map((nth) => `evt_${nth}`))].toSorted());
          expect(seen).toEqual(await readAll());
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a filter of the feed', () => {
  beforeEach(() =>
    number(
      anEvent('evt_1', { type: 'transaction.deposited', subject: 'txn_1' }),
      anEvent('evt_2', { type: 'transaction.picked_up', subject: 'txn_2' }),
      anEvent('evt_3', { type: 'bank.online', subject: 'bnk_1' }),
      anEvent('evt_4', { type: 'credential.issued', subject: 'txn_1' }),
    ),
  );

  it.each<[Query, string[]]>([
    [{ type: 'transaction.deposited' }, ['evt_1']],
    [{ type: 'transaction.deposited,bank.online' }, ['evt_1', 'evt_3']],
    [{ type: 'transaction.*' }, ['evt_1', 'evt_2']],
    [{ type: 'credential.*,transaction.picked_up' }, ['evt_2', 'evt_4']],
    [{ subject: 'txn_1' }, ['evt_1', 'evt_4']],
    [{ subject: 'txn_1', type: 'transaction.*' }, ['evt_1']],
    [{ subject: 'txn_3' }, []],
  ])('%j shows %j', async (query, expected) => {
    expect(await readAll(query)).toEqual(expected);
    expect(await readAll({ ...query, limit: '1' })).toEqual(expected);
  });

  it('takes two calls to begin and one to go on, however much it leaves out', async () => {
    for (let batch = 0; batch < 50; batch += 1)
      await number(...Array.from({ length: 40 }, (_, nth) => anEvent(`evt_${batch}_${nth}`)));
    const calls = async (query: Query) => {
      await read();
      table.calls.length = 0;
      const page = await read(query);
      // Who asks is known to a warm function.
      return { ...page, calls: table.calls.filter((it) => it === 'query') };
    };
    const first = await calls({ type: 'command.*' });
    expect(first).toMatchObject({ ids: [], hasMore: true, calls: ['query', 'query'] });
    expect((await calls({ type: 'command.*', after: first.nextCursor })).calls).toEqual(['query']);
    expect(await readAll({ type: 'bank.*' })).toEqual(['evt_3']);
  });

  it('is refused where there is no such type, and names it', async () => {
    const { status, body } = await ask({ type: 'transaction.deposited,transaction.eaten' });
    expect([status, Problem.parse(body)]).toMatchObject([400, { errors: [{ pointer: '#query/type/1' }] }]);
  });

  it('is part of the list that a cursor is of', async () => {
    const { nextCursor } = await read({ type: 'bank.*', limit: '1' });
    expect(await ask({ type: 'transaction.*', after: nextCursor })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '#query/after' }] },
    });
    expect(await ask({ after: `${nextCursor}A` })).toMatchObject({ status: 400 });
  });
});

describe('where one begins', () => {
  const at = (text: string): string => `2026-03-01T${text}.000Z`;
  beforeEach(async () => {
    for (const [id, time] of [
      ['evt_1', '12:10:00'],
      ['evt_2', '12:40:00'],
      ['evt_3', '14:05:00'],
    ] as const) {
      nowMs = Date.parse(at(time));
      await number(anEvent(id));
    }
  });

  it.each([
    ['2026-01-01T00:00:00Z', ['evt_1', 'evt_2', 'evt_3']],
    [at('12:30:00'), ['evt_2', 'evt_3']],
    // Who wrote it down may have had another time.
    [at('12:40:30'), ['evt_2', 'evt_3']],
    [at('13:00:00'), ['evt_3']],
    [at('14:30:00'), []],
    ['2026-03-02T00:00:00+01:00', []],
  ])('from %s: %j', async (from, expected) => {
    nowMs = Date.parse(at('23:30:00'));
    expect(await readAll({ from })).toEqual(expected);
  });

  it('has the first that are wanted on its first page, also late in a busy hour, in two calls', async () => {
    const begin = Date.parse(at('16:00:00'));
    const ids: string[] = [];
    // Fifty a minute, of which each has its own moment.
    for (let nth = 0; nth < 300; nth += 1) {
      nowMs = begin + nth * 12_000;
      const batch = Array.from({ length: 10 }, (_, of) => `evt_${nth}_${of}`);
      ids.push(...batch);
      await number(...batch.map((id) => anEvent(id)));
    }
    for (const time of ['16:00:30', '16:01:00', '16:01:13', '16:20:05', '16:59:59']) {
      // With a minute for clocks that differ.
      const since = Math.max(0, Math.ceil((Date.parse(at(time)) - 60_000 - begin) / 12_000)) * 10;
      table.calls.length = 0;
      expect(await read({ from: at(time), limit: '20' })).toMatchObject({
        ids: ids.slice(since, since + 20),
        hasMore: true,
      });
      expect(table.calls.filter((it) => it === 'query')).toHaveLength(2);
    }
    expect(await readAll({ from: at('16:31:00'), limit: '100' })).toEqual(ids.slice(1_500));
    // An hour has sixty marks at the most, which those who number carry along.
    const end = table.rows().find(({ PK }) => PK.startsWith('FEEDEND#'));
    expect(z.array(z.unknown()).parse(end?.marks).length).toBeLessThanOrEqual(60);
    expect(JSON.stringify(end?.marks).length).toBeLessThan(1_024);
  });

  it('leaves out nothing, whatever was numbered when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ afterMs: fc.nat(200_000), size: fc.integer({ min: 1, max: 40 }) }), { maxLength: 60 }),
        fc.nat(7_200_000),
        async (batches, sinceMs) => {
          table = memoryTable();
          const made = await createTenant(deps(), { name: 'Shop' });
          tenant = made.tenantId;
          apiKey = made.apiKey;
          const begin = Date.parse(at('18:00:00'));
          nowMs = begin;
          const told: { id: string; ms: number }[] = [];
          for (const [nth, { afterMs, size }] of batches.entries()) {
            nowMs += afterMs;
            const batch = Array.from({ length: size }, (_, of) => ({ id: `evt_${nth}_${of}`, ms: nowMs }));
            told.push(...batch);
            for (let first = 0; first < size; first += 10)
              await number(...batch.slice(first, first + 10).map(({ id }) => anEvent(id)));
          }
          const from = begin + Math.min(sinceMs, nowMs - begin);
          const wanted = told.filter(({ ms }) => ms >= from - 60_000).map(({ id }) => id);
          expect(await readAll({ from: new Date(from).toISOString(), limit: '100' })).toEqual(wanted);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('may not begin in the future, but for as much as clocks differ', async () => {
    const moment = (seconds: number) => new Date(nowMs + seconds * 1_000).toISOString();
    expect((await ask({ from: moment(60) })).status).toBe(200);
    const refused = await ask({ from: moment(61) });
    expect([refused.status, JSON.stringify(refused.body)]).toEqual([400, expect.stringContaining('#query/from')]);
  });
});

describe('the retention of the feed', () => {
  it('is a day longer than promised, counted from when an event was numbered', async () => {
    await number(anEvent('evt_a'));
    const ttl = Math.ceil((nowMs + 31 * dayMs) / 1000);
    const ofFeed = table.rows().filter(({ PK }) => /^(FEED|FEEDHOURS|NUMBERED)#/.test(PK));
    expect(ofFeed.map((row) => row.ttl)).toEqual([ttl, ttl, ttl]);
    expect(table.rows().find(({ PK }) => PK.startsWith('FEEDEND#'))).not.toHaveProperty('ttl');
  });

  it('leads whoever begins to what is kept, though older rows are still there', async () => {
    await number(anEvent('evt_old'));
    nowMs += 30 * dayMs + hourMs;
    await number(anEvent('evt_new'));
    expect(await readAll()).toEqual(['evt_new']);
    expect(await readAll({ from: '2026-01-01T00:00:00Z' })).toEqual(['evt_new']);
  });

  it('ends no cursor that is used, however quiet it is', async () => {
    await number(anEvent('evt_a'));
    let { nextCursor } = await read();
    for (let month = 0; month < 4; month += 1) {
      nowMs += 29 * dayMs;
      ({ nextCursor } = await read({ after: nextCursor }));
    }
    await number(anEvent('evt_b'));
    expect((await read({ after: nextCursor })).ids).toEqual(['evt_b']);
  });

  it('refuses a cursor behind which events may have gone', async () => {
    const before = await read();
    await number(anEvent('evt_a'));
    const { nextCursor } = await read();
    nowMs += 30 * dayMs;
    expect((await read({ after: nextCursor })).ids).toEqual([]);
    nowMs += 1;
    for (const after of [nextCursor, before.nextCursor])
      expect(await ask({ after })).toMatchObject({ status: 410, body: { code: 'cursor_expired' } });
  });

  it('numbers on where it stopped, also when all rows are gone', async () => {
    await number(anEvent('evt_a'));
    nowMs += 40 * dayMs;
    const gone = table.rows().filter((row) => Number(row.ttl) < nowMs / 1000);
    await table.write(gone.map((row) => ({ kind: 'other', expects: 'anything', remove: row })));
    await number(anEvent('evt_b'));
    expect(table.rows().find(({ PK }) => PK === `FEED#${tenant}`)).toMatchObject({ position: 2 });
    expect(await readAll()).toEqual(['evt_b']);
  });

  it('is never shorter for a later position, whatever a clock says', async () => {
    await number(anEvent('evt_a'));
    nowMs -= 2 * hourMs;
    await number(anEvent('evt_b'));
    const [first, second] = table.rows().filter(({ PK }) => PK === `FEED#${tenant}`);
    expect(second?.at).toBe(first?.at);
    expect(await readAll()).toEqual(['evt_a', 'evt_b']);
  });
});
