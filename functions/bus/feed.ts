import type { Envelope } from '#events/envelope.ts';
import { reactionByTenant } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { liveTable } from '#shared/live.ts';
import { numberEvents } from '#shared/store/feed.ts';
import type { Table } from '#shared/store/table.ts';

export type FeedDeps = { table: Table; clock: () => number; keptDays: number };

/** Numbers what happened for the feed, in the order in which it comes here; what comes together in one go, or not at all. */
export const feedReaction =
  ({ table, clock, keptDays }: FeedDeps) =>
  (tenant: string, events: Envelope[]): (() => Promise<void>) => {
    const all = numberEvents(table, tenant, events, { now: clock(), keptDays });
    return () => all;
  };

export const handler = reactionByTenant(() => feedReaction({ ...liveTable(), keptDays: Number(env('FEED_DAYS')) }));
