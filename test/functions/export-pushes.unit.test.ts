import { beforeEach, describe, expect, it } from 'vitest';
import type { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import { ExportDestinations } from '#shared/api/export-destinations.ts';
import { Export, exported, requested } from '#shared/domain/export.ts';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import { newId } from '#shared/lambda/ids.ts';
import { log } from '#shared/lambda/log.ts';
import type { ExportPushes, PushAnswer } from '#shared/outside/export-pushes.ts';
import { commitExport } from '#shared/store/commit.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { openExports } from '#shared/store/exports.ts';
import { keys } from '#shared/store/rows.ts';
import { type ExportPushDeps, exportPushReaction } from '../../functions/bus/export-pushes.ts';
import { startedAt } from '../domain/cloud-and-bank.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

log.setLogLevel('SILENT');

const tenant = `ten_${'1'.repeat(26)}`;
const id = 'exp_1';
const event: Envelope = { ...sampleEvent('export.completed'), tenant, subject: id };
const destinations = ExportDestinations.parse([
  { tenant, name: 'finance', bucket: 'books', account: '111122223333', prefix: 'in/' },
  { tenant: `ten_${'2'.repeat(26)}`, name: 'secret', bucket: 'other-books', account: '444455556666' },
]);
const key = 'in/transactions-2026-02-01-2026-03-01-exp_1.csv';
const refused: PushAnswer = { reason: 'access_denied', said: 'AccessDenied' };

const apiKey = {
  ...{ id: 'key_1', tenant, name: 'Finance', mode: 'live', scopes: ['exports:write', 'transactions:read'] },
  ...{ system: null, keyHash: 'hash', createdAt: startedAt, revokedAt: null, version: 1, hash: '' },
};

let table: MemoryTable;
let nowMs: number;
let sent: { message: unknown; delay: number | undefined }[];
let pushes: Parameters<ExportPushes>[];
let answers: PushAnswer[];

/** An export whose file is made. */
const isDone = async (pushTo: string | null): Promise<void> => {
  const asked = requested(
    {
      ...{ id, tenant, kind: 'transactions', format: 'csv', filter: {}, personalData: false, apiKeyId: 'key_1' },
      ...{ from: '2026-02-01T00:00:00.000Z', to: '2026-03-01T00:00:00.000Z', scheduleId: null, mode: 'live', pushTo },
    },
    startedAt,
  );
  const circumstances = { actor: { type: 'system' as const, id: 'exports' }, now: startedAt, newId };
  const { after, writes } = commitExport(asked, circumstances);
  await table.write([
    ...writes,
    { kind: 'other', expects: 'absent', put: { ...keys.apiKey(tenant, 'key_1'), ...apiKey } },
  ]);
  await openExports(table).end(exported(after, { rows: 2, bytes: 10 }, startedAt), circumstances);
};

const wakes = (more: Partial<ExportPushDeps> = {}): Promise<void> =>
  exportPushReaction({
    ...{ table, newId, clock: () => nowMs, destinations, waits: [60, 2_000] },
    push: async (...asked) => {
      pushes.push(asked);
      return answers.shift() ?? null;
    },
    queue: { send: async (message, delay) => void sent.push({ message, delay }) },
    ...more,
  })(event);
const shown = async () => {
  const found = await openExports(table).read(tenant, id, true);
  return found?.job.push ?? found?.push?.push;
};
const eventsOf = (): string[] =>
  table
    .rows()
    .filter(({ PK, SK }) => PK === keys.export(tenant, id).PK && SK.startsWith('C#'))
    .flatMap((row) => CommitRow.parse(row).events.map(({ type }) => type));

beforeEach(() => {
  table = memoryTable();
  nowMs = epochMs(startedAt);
  sent = [];
  pushes = [];
  answers = [];
});

describe('an export that is to be pushed', () => {
  it('is put into the bucket that its destination stands for, under the name that it says afterwards', async () => {
    await isDone('finance');
    await wakes();
    const file = { key: `${tenant}/exp_1.csv`, bytes: 10, contentType: expect.stringContaining('text/csv') };
    expect(pushes).toEqual([[file, destinations[0], key]]);
    expect(await shown()).toMatchObject({ state: 'done', key, attempts: 1, at: startedAt });
    expect(eventsOf()).toEqual(['export.created', 'export.completed', 'export.pushed']);
  });

  it('is pushed once, however often it is woken', async () => {
    await isDone('finance');
    await wakes();
    await wakes();
    expect(pushes).toHaveLength(1);
    expect(eventsOf()).toHaveLength(3);
  });

  it('is there, and told of once, though two calls push it at the same time', async () => {
    await isDone('finance');
    await Promise.all([wakes(), wakes()]);
    expect(await shown()).toMatchObject({ state: 'done', attempts: 1 });
    expect(eventsOf()).toHaveLength(3);
  });

  it('is pushed again where its function died before it could say that it was', async () => {
    await isDone('finance');
    const forgetful: MemoryTable = {
      ...table,
      write: async () => {
        throw new Error('out of time');
      },
    };
    await expect(wakes({ table: forgetful })).rejects.toThrow('out of time');
    await wakes();
    expect(pushes.map(([, , as]) => as)).toEqual([key, key]);
    expect(await shown()).toMatchObject({ state: 'done' });
  });

  it('is tried again after each wait, which says so meanwhile, and not before', async () => {
    answers = [refused, refused];
    await isDone('finance');
    await wakes();
    expect(sent).toEqual([{ message: { detail: event }, delay: 60 }]);
    expect(await shown()).toMatchObject({ state: 'retrying', attempts: 1, ...refused });
    nowMs += 59_000;
    await wakes();
    expect([pushes.length, sent.at(-1)?.delay]).toEqual([1, 1]);
    nowMs += 1_000;
    await wakes();
    expect(await shown()).toMatchObject({ attempts: 2, nextAttemptAt: plusSeconds(startedAt, 2_060) });
    // Longer than a queue waits: it comes back from there, and goes in again.
    nowMs += 900_000;
    await wakes();
    expect([pushes.length, sent.at(-1)?.delay]).toEqual([2, 1_100]);
    nowMs += 1_100_000;
    await wakes();
    expect(await shown()).toEqual({
      ...{ state: 'done', key, attempts: 3, at: plusSeconds(startedAt, 2_060), reason: null, said: null },
      nextAttemptAt: null,
    });
    expect(eventsOf().at(-1)).toBe('export.pushed');
    expect(await table.get(keys.exportPush(tenant, id))).toBeUndefined();
  });

  it('has failed after the last attempt, which is an event, and is done all the same', async () => {
    answers = [refused, refused, refused];
    await isDone('finance');
    for (let nth = 0; nth < 3; nth += 1) {
      await wakes();
      nowMs += 2_000_000;
    }
    expect(await shown()).toMatchObject({ state: 'failed', attempts: 3, ...refused, nextAttemptAt: null });
    expect(eventsOf().at(-1)).toBe('export.push_failed');
    expect(Export.parse(await table.get(keys.export(tenant, id)))).toMatchObject({ state: 'done', bytes: 10 });
    await wakes();
    expect(pushes).toHaveLength(3);
  });

  it.each([
    ['is not set up any more', 'other'],
    ['is another tenant’s', 'secret'],
  ])('goes nowhere where its destination %s', async (_, name) => {
    await isDone(name);
    await wakes();
    expect(pushes).toEqual([]);
    expect(await shown()).toMatchObject({ state: 'retrying', reason: 'no_destination' });
  });

  it.each([
    ['was revoked', { revokedAt: startedAt }],
    ['may no longer read what is in it', { scopes: ['exports:write'] }],
  ])('goes nowhere where its key %s', async (_, change) => {
    await isDone('finance');
    const put = { ...keys.apiKey(tenant, 'key_1'), ...apiKey, ...change };
    await table.write([{ kind: 'other', expects: 'anything', put }]);
    await wakes();
    expect(pushes).toEqual([]);
    expect(await shown()).toMatchObject({ state: 'failed', reason: 'key_gone' });
  });

  it('goes nowhere once its file is deleted', async () => {
    await isDone('finance');
    nowMs += 7 * 86_400_000;
    await wakes();
    expect(await shown()).toMatchObject({ state: 'failed', reason: 'file_gone' });
  });
});

it('an export that is not to be pushed stays where it is', async () => {
  await isDone(null);
  const before = table.rows();
  await wakes();
  expect([pushes, table.rows()]).toEqual([[], before]);
});
