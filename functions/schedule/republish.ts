import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { flushMetrics, metrics } from '#shared/lambda/metrics.ts';
import { eventsOfRecord } from '#shared/lambda/stream.ts';
import { type Bus, openBus } from '#shared/outside/bus.ts';
import { type FailedBatch, type FailedRecords, openFailedRecords } from '#shared/outside/failed-records.ts';

/** Per run; more waits for the next one. */
const batchesMax = 200;

/** How many commits were published, and the batches that cannot be: their publisher could not read them either. */
export type Republished = { commits: number; unpublished: string[] };

/** Publishes what the stream gave up on, and forgets it then. */
export const republish = ({ bus, failedRecords }: { bus: Bus; failedRecords: FailedRecords }) => {
  const publishBatch = async ({ key, read }: FailedBatch): Promise<number> => {
    const records = await read();
    const refused = await bus.put(records.flatMap(eventsOfRecord));
    if (refused.size > 0) throw new Error(`the bus refused ${refused.size} events of ${key}`);
    await failedRecords.forget(key);
    return records.length;
  };

  return async (): Promise<Republished> => {
    const republished: Republished = { commits: 0, unpublished: [] };
    for (const batch of await failedRecords.list(batchesMax)) {
      try {
        republished.commits += await publishBatch(batch);
      } catch (error) {
        log.error('not published', { key: batch.key, error: String(error) });
        republished.unpublished.push(batch.key);
      }
    }
    return republished;
  };
};

let run: ReturnType<typeof republish> | undefined;

/** Every 15 minutes. A function of its own, so that only it carries the S3 client; it counts as the sweep does. */
export const handler = middy<unknown, { commits: number }, Error, Context>().handler(async () => {
  run ??= republish({
    bus: openBus(env('BUS_NAME')),
    failedRecords: openFailedRecords(env('FAILED_RECORDS_BUCKET')),
  });
  const { commits, unpublished } = await run();
  metrics.addMetric('SweepMended', MetricUnit.Count, commits);
  flushMetrics();
  log.info('republished', { commits, unpublished: unpublished.length });
  // Only a function that fails is an alarm, and this one has to ring until somebody has looked.
  if (unpublished.length > 0) throw new Error(`cannot be published: ${unpublished.join(', ')}`);
  return { commits };
});
