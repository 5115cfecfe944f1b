import type { Envelope } from '#events/envelope.ts';
import { ApiKey } from '#shared/domain/api-key.ts';
import { abandoned, contentTypes, type Export, exported, exportKey, scopesOf } from '#shared/domain/export.ts';
import { columnsOf } from '#shared/domain/export-columns.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { instant } from '#shared/domain/time.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { pagesOf } from '#shared/lambda/export-pages.ts';
import { type Outcome, writeParts } from '#shared/lambda/export-run.ts';
import { log } from '#shared/lambda/log.ts';
import { live } from '#shared/live.ts';
import { type ExportFiles, openExportFiles, partBytes } from '#shared/outside/export-files.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import { openExports, type Progress } from '#shared/store/exports.ts';
import { keys } from '#shared/store/rows.ts';
import type { Table } from '#shared/store/table.ts';

/** After so long a call hands the rest to the next one, once the part under way is stored. */
const turnMs = 60_000;

export type ExportReactionDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  newId: (prefix: string) => string;
  clock: () => number;
  files: Omit<ExportFiles, 'link'>;
  partBytes: number;
  queue: Queue;
};

const keyGone = 'the API key that asked for it was revoked, or may no longer read what it asked for';

/**
 * Writes the file of an export, turn after turn. How far it has come is told by the table, not by the message: so it may
 * be woken twice, or die at any point, and no row is in the file twice.
 */
export const exportReaction = (deps: ExportReactionDeps) => {
  const { table, newId, clock, files, queue } = deps;
  const exports = openExports(table);

  const mayGoOn = async (job: Export): Promise<boolean> => {
    const row = await table.get(keys.apiKey(job.tenant, job.apiKeyId), true);
    const key = row === undefined ? null : ApiKey.parse(row);
    return key !== null && key.revokedAt === null && scopesOf(job).every((scope) => key.scopes.includes(scope));
  };

  /** Claims it: whoever was at it before finds at its next part that it was overtaken. */
  const claim = async (job: Export, before: Progress | null): Promise<Progress | null> => {
    const none = { version: 1, parts: [], position: null, rows: 0, bytes: 0, encoder: null, isWhole: false };
    const it = before ?? { ...none, uploadId: await files.begin(exportKey(job), contentTypes[job.format]) };
    return exports.keep(job, it, before);
  };

  const write = async (
    job: Export,
    progress: Progress,
    until: number,
  ): Promise<{ outcome: Outcome; progress: Progress }> =>
    progress.isWhole
      ? { outcome: 'whole', progress }
      : writeParts({
          format: job.format,
          columns: columnsOf(job.kind, job.personalData).columns,
          key: exportKey(job),
          pages: pagesOf(deps, job),
          files,
          partBytes: deps.partBytes,
          progress,
          keep: (it, before) => exports.keep(job, it, before),
          isOver: () => clock() >= until,
        });

  /** Also if it was made of its parts before and nobody could say so any more. */
  const finish = async (job: Export, { uploadId, parts, bytes }: Progress): Promise<boolean> =>
    (await files.finish(exportKey(job), uploadId, parts)) || (await files.size(exportKey(job))) === bytes;

  return async (event: Envelope): Promise<void> => {
    const { tenant, subject } = event;
    const found = await exports.read(tenant, subject, true);
    if (found?.job.state !== 'running')
      return log.info('nothing to export', { exportId: subject, state: found?.job.state });
    const { job } = found;
    const circumstances = () => ({
      actor: { type: 'system' as const, id: 'exports' },
      now: instant(clock()),
      newId,
    });
    if (!(await mayGoOn(job))) {
      await exports.end(abandoned(job, keyGone, instant(clock())), circumstances());
      return;
    }
    const until = clock() + turnMs;
    const claimed = await claim(job, found.progress);
    if (claimed === null) throw new Error(`another call is just at ${job.id}`);
    const { outcome, progress } = await write(job, claimed, until);
    if (outcome === 'elsewhere') return log.info('another call goes on', { exportId: job.id });
    if (outcome === 'unfinished') return queue.send({ detail: event }, 0, tenant);
    if (outcome === 'lost' || !(await finish(job, progress))) {
      // Its parts were too old, or two calls wrote the same one.
      await exports.forget(job, progress);
      return queue.send({ detail: event }, 0, tenant);
    }
    await exports.end(exported(job, progress, instant(clock())), circumstances());
  };
};

export const handler = reaction(() =>
  exportReaction({
    ...live(),
    files: openExportFiles(env('EXPORTS_BUCKET')),
    partBytes,
    queue: openQueue(env('EXPORTS_QUEUE_URL')),
  }),
);
