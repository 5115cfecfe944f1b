import { describe, expect, it } from 'vitest';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import { openTurns } from '#shared/store/turns.ts';
import { memoryTable } from '../support/memory-table.ts';

const now = '2026-03-01T12:00:00.000Z';
const endpoint = { tenant: 'ten_1', id: 'whe_1', attemptsPerMinute: 60 };
const seconds = (turns: string[]): number[] => turns.map((it) => (epochMs(it) - epochMs(now)) / 1000);
const manyOf = (count: number, book: () => Promise<string>) => Promise.all(Array.from({ length: count }, book));

describe('turns at an endpoint', () => {
  it('that are asked for at once are booked together', async () => {
    const table = memoryTable();
    const turnOf = openTurns(table, () => now);
    expect(seconds(await manyOf(10, () => turnOf(endpoint)))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(table.calls).toEqual(['get', 'write']);
    expect(seconds([await turnOf(endpoint), await turnOf({ ...endpoint, id: 'whe_2' })])).toEqual([10, 0]);
  });

  it('are never the same for two, whichever function books them', async () => {
    const table = memoryTable();
    const functions = [1, 2, 3, 4].map(() => openTurns(table, () => now));
    const all = await Promise.all(functions.map((turnOf) => manyOf(5, () => turnOf(endpoint))));
    expect(seconds(all.flat()).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, nth) => nth));
  });

  it('that cannot be booked are told so to all who ask, and can be asked for again', async () => {
    const table = memoryTable();
    const turnOf = openTurns(table, () => now);
    const { write } = table;
    table.write = async () => Promise.reject(new Error('the table is away'));
    const told = await Promise.allSettled([turnOf(endpoint), turnOf(endpoint)]);
    expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    table.write = write;
    expect(await turnOf(endpoint)).toBe(plusSeconds(now, 0));
  });
});
