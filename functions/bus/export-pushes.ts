import type { Envelope } from '#events/envelope.ts';
import {
  destinationsOf,
  type ExportDestinations,
  everyTenant,
  parseDestinations,
} from '#shared/api/export-destinations.ts';
import { contentTypes, type Export, exportKey, pushed, scopesOf } from '#shared/domain/export.ts';
import { afterPush, notYetPushed, type PushOutcome, pushKey } from '#shared/domain/export-push.ts';
import { epochMs, instant } from '#shared/domain/time.ts';
import { parseWaits } from '#shared/domain/waits.ts';
import { mayStillAsk } from '#shared/lambda/asked-by.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { liveTable } from '#shared/live.ts';
import { type ExportPushes, openExportPushes } from '#shared/outside/export-pushes.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import { openExports } from '#shared/store/exports.ts';
import type { Table } from '#shared/store/table.ts';

export type ExportPushDeps = {
  table: Table;
  newId: (prefix: string) => string;
  clock: () => number;
  destinations: ExportDestinations;
  push: ExportPushes;
  /** Seconds before each further attempt. */
  waits: readonly number[];
  queue: Queue;
};

/**
 * Puts the file of an export into the bucket that it was to be pushed to. It may be woken twice, and die at any point: the
 * same bytes are then put there again, under the same name.
 */
export const exportPushReaction = (deps: ExportPushDeps) => {
  const { table, newId, destinations, waits, queue } = deps;
  const exports = openExports(table);
  const clock = () => instant(deps.clock());

  const attempt = async (job: Export, name: string): Promise<PushOutcome> => {
    if (!(await mayStillAsk(table, job, scopesOf(job)))) return { reason: 'key_gone', said: null };
    if (job.fileUntil === null || job.fileUntil <= clock()) return { reason: 'file_gone', said: null };
    const to = destinationsOf(destinations, job.tenant).find((it) => it.name === name);
    if (to === undefined) return { reason: 'no_destination', said: null };
    const key = pushKey(job, { prefix: to.prefix, isShared: to.tenant === everyTenant });
    const file = { key: exportKey(job), bytes: job.bytes ?? 0, contentType: contentTypes[job.format] };
    return (await deps.push(file, to, key)) ?? { key };
  };

  return async (event: Envelope): Promise<void> => {
    const { tenant, subject: exportId } = event;
    const found = await exports.read(tenant, exportId, true);
    if (found === null || found.job.state !== 'done' || found.job.pushTo === null || found.job.push !== null)
      return log.info('nothing to push', { exportId });
    const { job, push: before } = found;
    const later = (at: string) => queue.send({ detail: event }, (epochMs(at) - epochMs(clock())) / 1000, tenant);
    // What is further off than a queue can wait comes back from it several times.
    const dueAt = before?.push.nextAttemptAt ?? null;
    if (dueAt !== null && dueAt > clock()) return later(dueAt);

    const outcome = await attempt(job, found.job.pushTo);
    const push = afterPush(before?.push ?? notYetPushed, outcome, clock(), waits);
    const { state, reason, said, attempts, nextAttemptAt } = push;
    log.info('push', { exportId, tenant, destination: job.pushTo, state, reason, said, attempts });
    if (nextAttemptAt === null) {
      const circumstances = { actor: { type: 'system' as const, id: 'export-pushes' }, now: clock(), newId };
      await exports.end(pushed(job, push), circumstances, 'exportPush');
      return;
    }
    // Where another call was faster it also sends the message for the next attempt.
    if ((await exports.keepPush(job, push, before)) !== null) await later(nextAttemptAt);
  };
};

export const handler = reaction(() =>
  exportPushReaction({
    ...liveTable(),
    destinations: parseDestinations(env('EXPORT_DESTINATIONS')),
    push: openExportPushes(env('EXPORTS_BUCKET')),
    waits: parseWaits(env('EXPORT_PUSH_WAITS_SECONDS')),
    queue: openQueue(env('EXPORTPUSHES_QUEUE_URL')),
  }),
);
