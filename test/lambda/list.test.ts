import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { cursorsOf } from '#shared/lambda/cursor.ts';
import { jobsAnswer } from '#shared/lambda/list.ts';
import { keys } from '#shared/store/rows.ts';
import { memoryTable } from '../support/memory-table.ts';

const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const Page = z.object({ data: z.array(z.string()), nextCursor: z.string().nullable() });

/** Exports, the oldest first, as their list and their own rows say it; the second one's own row is gone. */
const jobs = [
  { id: 'exp_1', mode: 'live', state: 'done' },
  { id: 'exp_2', mode: 'live', state: null },
  { id: 'exp_3', mode: 'test', state: 'running' },
  { id: 'exp_4', mode: 'live', state: 'running' },
];

const listing = () => {
  const table = memoryTable(
    ...jobs.flatMap(({ id, mode, state }) => [
      { ...keys.exportOfTenant('ten_1', id), id, mode },
      ...(state === null ? [] : [{ ...keys.export('ten_1', id), id, state }]),
    ]),
  );
  const list = async (query: { limit: number; state?: string; cursor?: string }, mode: 'live' | 'test' = 'live') => {
    const caller = { tenant: 'ten_1', apiKeyId: 'key_1', mode, scopes: [], system: null, requestsPerMinute: null };
    const cursors = cursorsOf(rootKeys, { tenant: 'ten_1', route: 'list-exports', params: {}, query });
    const places = { listed: keys.exportOfTenant, itself: keys.export };
    return Page.parse((await jobsAnswer(table, places, { caller, query, cursors }, ({ id }) => id)).body);
  };
  return { table, list };
};

describe('a list of what takes its time', () => {
  it('is all of it, the newest first, by one call', async () => {
    const { table, list } = listing();
    expect(await list({ limit: 50 })).toEqual({ data: ['exp_4', 'exp_3', 'exp_2', 'exp_1'], nextCursor: null });
    expect(table.calls).toEqual(['query']);
  });

  it('is for a test key what test keys asked for', async () => {
    const { list } = listing();
    expect((await list({ limit: 50 }, 'test')).data).toEqual(['exp_3']);
    expect((await list({ limit: 50, state: 'done' }, 'test')).data).toEqual([]);
  });

  it('is what has come so far, where a state is asked for, by one call more', async () => {
    const { table, list } = listing();
    expect((await list({ limit: 50, state: 'running' })).data).toEqual(['exp_4', 'exp_3']);
    expect(table.calls).toEqual(['query', 'batchGet']);
    expect((await list({ limit: 50, state: 'failed' })).data).toEqual([]);
  });

  it('goes on behind a page in which nothing was wanted', async () => {
    const { list } = listing();
    const first = await list({ limit: 2, state: 'done' });
    expect(first.data).toEqual([]);
    const second = await list({ limit: 2, state: 'done', cursor: first.nextCursor ?? '' });
    expect(second).toEqual({ data: ['exp_1'], nextCursor: null });
  });
});
