import type { Envelope } from '#events/envelope.ts';
import { abandoned, contentTypes, type Export, exported, exportKey, scopesOf } from '#shared/domain/export.ts';
import { columnsOf } from '#shared/domain/export-columns.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { instant } from '#shared/domain/time.ts';
import { keyGone, mayStillAsk } from '#shared/lambda/asked-by.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { pagesOf } from '#shared/lambda/export-pages.ts';
import { Gone, type Outcome, writeParts } from '#shared/lambda/export-run.ts';
import { log } from '#shared/lambda/log.ts';
import { live } from '#shared/live.ts';
import { type ExportFiles, openExportFiles, partBytes } from '#shared/outside/export-files.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import { openExports, type Progress } from '#shared/store/exports.ts';
import { isPeriodSettled } from '#shared/store/feed.ts';
import type { Table } from '#shared/store/table.ts';

/** After so long a call hands the rest to the next one, once the part under way is stored. */
const turnMs = 60_000;

/** What is still being numbered is looked for again after so long. */
const settleSeconds = 5;

export type ExportReactionDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  newId: (prefix: string) => string;
  clock: () => number;
  files: Omit<ExportFiles, 'link'>;
  partBytes: number;
  /** For how many days the feed keeps events. */
  keptDays: number;
  queue: Queue;
};

/**
 * Writes the file of an export, turn after turn. How far it has come is told by the table, not by the message: so it may
 * be woken twice, or die at any point, and no row is in the file twice.
 */
export const exportReaction = (deps: ExportReactionDeps) => {
  const { table, newId, clock, files, queue } = deps;
  const exports = openExports(table);

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
    if (!(await mayStillAsk(table, job, scopesOf(job)))) {
      await exports.end(abandoned(job, keyGone, instant(clock())), circumstances());
      return;
    }
    if (job.kind === 'events' && !(await isPeriodSettled(table, tenant, job, clock())))
      return queue.send({ detail: event }, settleSeconds, tenant);
    const until = clock() + turnMs;
    const claimed = await claim(job, found.progress);
    if (claimed === null) throw new Error(`another call is just at ${job.id}`);
    const written = await write(job, claimed, until).catch((error: unknown) => {
      if (error instanceof Gone) return error;
      throw error;
    });
    if (written instanceof Gone) {
      await exports.end(abandoned(job, written.message, instant(clock())), circumstances());
      return;
    }
    const { outcome, progress } = written;
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
    keptDays: Number(env('FEED_DAYS')),
    queue: openQueue(env('EXPORTS_QUEUE_URL')),
  }),
);
