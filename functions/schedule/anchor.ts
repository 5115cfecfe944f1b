import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { anchorOf, hourOf, hoursBetween } from '#shared/domain/anchor.ts';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { liveTable } from '#shared/live.ts';
import { type Anchors, openAnchors } from '#shared/outside/anchors.ts';
import { headsOf, openProgress } from '#shared/store/audit.ts';
import { Lost, type Table } from '#shared/store/table.ts';

/** A function that notes a head has 10 s; whatever an hour is to hold is there by then. */
const graceMs = 5 * 60_000;
/** Where nothing was ever anchored, it begins so many hours ago. */
const firstHours = 24;
/** Per run; more waits for the next one. */
const hoursMost = 100;

export type AnchorDeps = {
  table: Table;
  anchors: Anchors;
  /** Milliseconds since 1970. */
  clock: () => number;
};

export type Anchored = { hours: number; anchors: number };

/**
 * Anchors every hour that is over, in order and each once: one object per tenant of which there is news. A run that dies
 * midway is made good by the next, which finds the same heads, and leaves what is there as it is.
 */
export const anchor = ({ table, anchors, clock }: AnchorDeps) => {
  const progress = openProgress(table);
  return async (): Promise<Anchored> => {
    const done: Anchored = { hours: 0, anchors: 0 };
    const now = clock() - graceMs;
    const last = hourOf(now - 3_600_000);
    let before = await progress.read();
    const hours = hoursBetween(before?.hour ?? hourOf(now - (firstHours + 1) * 3_600_000), last);
    for (const hour of hours.slice(0, hoursMost)) {
      for (const [tenant, heads] of await headsOf(table, hour)) {
        if (await anchors.put(anchorOf(tenant, hour, heads))) done.anchors += 1;
      }
      try {
        await progress.write(before, hour);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        log.info('another run is ahead', { hour });
        return done;
      }
      before = { version: (before?.version ?? 0) + 1, hour };
      done.hours += 1;
    }
    return done;
  };
};

let run: ReturnType<typeof anchor> | undefined;

/** Ten minutes after every hour. */
export const handler = middy<unknown, Anchored, Error, Context>().handler(async () => {
  run ??= anchor({ ...liveTable(), anchors: openAnchors(env('ANCHORS_BUCKET')) });
  const done = await run();
  log.info('anchored', done);
  return done;
});
