import { describe, expect, it } from 'vitest';
import type { Anchor } from '#shared/domain/anchor.ts';
import { noteHead } from '#shared/store/audit.ts';
import { verify } from '../../audit/verify-audit.ts';
import { anchor } from '../../functions/schedule/anchor.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

const hour = (nth: number) => `2026-03-02T${String(nth).padStart(2, '0')}:00:00.000Z`;
const head = (tenant: string, subject: string, sequence: number) =>
  ({ tenant, subject, sequence, hash: `${subject}-${sequence}` }) as Parameters<typeof noteHead>[1];

/** A bucket that nobody can change anything in. */
const bucket = (fails: () => boolean = () => false) => {
  const kept = new Map<string, Anchor>();
  return {
    kept,
    put: async (it: Anchor) => {
      if (fails()) throw new Error('S3 is away');
      const key = `${it.tenant} ${it.hour.slice(11, 13)}`;
      if (kept.has(key)) return false;
      kept.set(key, it);
      return true;
    },
  };
};
const said = ({ kept }: ReturnType<typeof bucket>) =>
  Object.fromEntries(
    [...kept].map(([key, { heads }]) => [key, heads.map((it) => `${it.subject} ${it.sequence}`)] as const),
  );
const runAt = (table: MemoryTable, anchors: ReturnType<typeof bucket>, at: string) =>
  anchor({ table, anchors, clock: () => Date.parse(at) })();

describe('the heads of an hour', () => {
  it('are anchored once it is over, those of each tenant by themselves', async () => {
    const [table, anchors] = [memoryTable(), bucket()];
    await noteHead(table, head('ten_1', 'txn_1', 1), hour(9));
    await noteHead(table, head('ten_1', 'txn_1', 2), hour(9));
    await noteHead(table, head('ten_1', 'bnk_1/7', 1), hour(9));
    await noteHead(table, head('ten_2', 'txn_2', 1), hour(9));
    await noteHead(table, head('ten_1', 'txn_1', 3), hour(10));
    expect(await runAt(table, anchors, '2026-03-02T10:10:00.000Z')).toEqual({ hours: 24, anchors: 2 });
    expect(said(anchors)).toEqual({ 'ten_1 09': ['bnk_1/7 1', 'txn_1 2'], 'ten_2 09': ['txn_2 1'] });
    await runAt(table, anchors, '2026-03-02T11:10:00.000Z');
    expect(said(anchors)).toMatchObject({ 'ten_1 10': ['txn_1 3'] });
    for (const [name, it] of anchors.kept) expect(verify([], [{ name, text: JSON.stringify(it) }]).broken).toBeNull();
  });

  it('wait until whoever notes one must have done it', async () => {
    const [table, anchors] = [memoryTable(), bucket()];
    await noteHead(table, head('ten_1', 'txn_1', 1), hour(9));
    await runAt(table, anchors, '2026-03-02T10:04:00.000Z');
    expect(said(anchors)).toEqual({});
  });

  it('stay the newest when an older event comes late or twice', async () => {
    const [table, anchors] = [memoryTable(), bucket()];
    for (const sequence of [3, 1, 3, 2]) await noteHead(table, head('ten_1', 'txn_1', sequence), hour(9));
    await runAt(table, anchors, '2026-03-02T10:10:00.000Z');
    expect(said(anchors)).toEqual({ 'ten_1 09': ['txn_1 3'] });
  });

  it('are neither lost nor anchored twice when a run dies midway or runs again', async () => {
    const table = memoryTable();
    let puts = 0;
    const anchors = bucket(() => {
      puts += 1;
      return puts === 2;
    });
    for (const tenant of ['ten_1', 'ten_2']) await noteHead(table, head(tenant, 'txn_1', 1), hour(9));
    await expect(runAt(table, anchors, '2026-03-02T10:10:00.000Z')).rejects.toThrow('S3 is away');
    expect(await runAt(table, anchors, '2026-03-02T10:11:00.000Z')).toEqual({ hours: 1, anchors: 1 });
    expect(await runAt(table, anchors, '2026-03-02T10:12:00.000Z')).toEqual({ hours: 0, anchors: 0 });
    expect(Object.keys(said(anchors))).toEqual(['ten_1 09', 'ten_2 09']);
  });

  it('are made good after a pause of days', async () => {
    const [table, anchors] = [memoryTable(), bucket()];
    await runAt(table, anchors, '2026-03-02T09:10:00.000Z');
    await noteHead(table, head('ten_1', 'txn_1', 1), hour(9));
    await noteHead(table, head('ten_1', 'txn_1', 2), hour(20));
    expect(await runAt(table, anchors, '2026-03-04T09:10:00.000Z')).toEqual({ hours: 48, anchors: 2 });
  });
});
