import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { hourOf } from '../domain/anchor.ts';
import {
  becameKnownAt,
  type FeedFilter,
  type FeedPeriod,
  type FeedPlace,
  feedTtl,
  firstMark,
  isFiltered,
  isSettled,
  isWantedInFeed,
  Mark,
  markedBefore,
  numberedWithin,
  withMark,
  withoutGap,
} from '../domain/feed.ts';
import { epochMs, type Instant, instant } from '../domain/time.ts';
import { pack, packed } from './packed.ts';
import { keys, ranges } from './rows.ts';
import { Lost, type Table, type Write } from './table.ts';

/** How far a tenant's events are numbered. Its version is its position: each batch moves it by at least one. */
const FeedEnd = z.object({
  version: field.count,
  /** When the last one was numbered; never earlier for a later position. */
  at: field.moment,
  /** Of the hour of that. */
  marks: z.array(Mark).default([]),
});

const FeedRow = z.object({
  position: field.positive,
  at: field.moment,
  type: field.text,
  subject: field.text,
  event: z.instanceof(Uint8Array),
});

const PackedEvent = packed(Envelope);

const HourRow = z.object({ SK: field.text, first: field.positive, marks: z.array(Mark).default([]) });

const attemptsMost = 8;

/**
 * Gives events of a tenant the next positions of its feed, in the order given, all in one transaction that moves the end
 * of the feed under a condition: whatever position is taken, all lower ones were before. An event that has its position
 * already keeps it.
 */
export const numberEvents = async (
  table: Table,
  tenant: string,
  events: readonly Envelope[],
  { now, keptDays }: { now: number; keptDays: number },
): Promise<void> => {
  const left = new Map(events.map((event) => [event.id, event]));
  const end = keys.feedEnd(tenant);
  for (let attempt = 0; left.size > 0; attempt += 1) {
    if (attempt === attemptsMost) throw new Error(`the feed of ${tenant} is being numbered by others`);
    const row = await table.get(end, true);
    const before = row === undefined ? null : FeedEnd.parse(row);
    const first = (before?.version ?? 0) + 1;
    const at = instant(Math.max(now, before === null ? 0 : epochMs(before.at)));
    const ttl = feedTtl(epochMs(at), keptDays);
    const hour = hourOf(epochMs(at));
    const isSameHour = before !== null && hourOf(epochMs(before.at)) === hour;
    const marks = isSameHour ? withMark(before.marks, at, first) : firstMark(at, first);
    const rows = [...left.values()].flatMap((event, nth): Write[] => {
      const position = first + nth;
      const { type, subject } = event;
      return [
        {
          kind: 'unique',
          expects: 'absent',
          put: { ...keys.numbered(tenant, event.id), position, ttl },
        },
        {
          kind: 'other',
          expects: 'absent',
          put: { ...keys.feed(tenant, position), position, at, type, subject, event: pack(event), ttl },
        },
      ];
    });
    try {
      await table.write([
        {
          kind: 'other',
          expects: before === null ? 'absent' : { version: before.version },
          put: { ...end, version: first + left.size - 1, at, marks },
        },
        ...(marks === before?.marks
          ? []
          : [
              {
                kind: 'other',
                expects: 'anything',
                put: { ...keys.feedHour(tenant, hour), first: marks[0]?.[1] ?? first, marks, ttl },
              } as const,
            ]),
        ...rows,
      ]);
      return;
    } catch (error) {
      // Another batch was faster, or one of these came a second time and has its position.
      if (!(error instanceof Lost)) throw error;
      for (const { kind, key } of error.rows) if (kind === 'unique') left.delete(key.SK);
    }
  }
};

/** Rows of which those are looked for that are wanted: of ordinary size, what one call brings. */
const rowsMost = 1_000;

export type FeedPage = {
  events: Envelope[];
  place: FeedPlace;
  /** More lies there already. */
  hasMore: boolean;
};

/** A page of a tenant's feed: one call to the table, and one more where the reader has not begun yet. */
export const readFeed = async (
  table: Table,
  tenant: string,
  place: FeedPlace,
  { filter, limit, now }: { filter: FeedFilter; limit: number; now: number },
): Promise<FeedPage> => {
  const readAt = instant(now);
  const begins =
    place.after === null ? await beginningOf(table, tenant, place.from) : { after: place.after, skips: false };
  if (begins === null) return { events: [], place: { ...place, readAt }, hasMore: false };
  const { after, skips } = begins;

  const { rows, next } = await table.query(ranges.feed(tenant, after + 1), {
    limit: isFiltered(filter) || skips ? rowsMost : limit,
    oneCall: true,
  });
  const there = rows.map((it) => FeedRow.parse(it));
  const seen = withoutGap(there, after);
  const wanted = seen.filter((it) => it.at >= place.from && isWantedInFeed(it, filter));
  const shown = wanted.slice(0, limit);
  const last = (wanted.length > shown.length ? shown : seen).at(-1)?.position ?? after;
  return {
    events: shown.map(({ event }) => PackedEvent.parse(event)),
    place: { ...place, after: last, readAt },
    hasMore: next !== null || (there.at(-1)?.position ?? after) > last,
  };
};

/** Whether all of a period is numbered; nothing can be added to it then. */
export const isPeriodSettled = async (
  table: Table,
  tenant: string,
  period: FeedPeriod,
  now: number,
): Promise<boolean> => {
  const row = await table.get(keys.feedEnd(tenant), true);
  return isSettled(numberedWithin(period).to, row === undefined ? null : FeedEnd.parse(row).at, now);
};

export type PeriodPage = {
  events: Envelope[];
  /** Up to which position was looked, and when that was numbered; null: nothing could be looked at, as yet or at all. */
  place: { after: number; at: Instant } | null;
  /** Nothing of the period lies behind that now. */
  isOver: boolean;
};

/**
 * The next events of a tenant that became known in a period (see `becameKnownAt`), in the order of the feed: in one call
 * to the table, and one more at its beginning, where `after` is null. It goes by position, so it does not matter how many
 * became known at the same moment. `isNarrow`: few are wanted of those that there are.
 */
export const readPeriod = async (
  table: Table,
  tenant: string,
  period: FeedPeriod,
  wish: {
    after: number | null;
    limit: number;
    isWanted: (it: { type: string; subject: string }) => boolean;
    isNarrow: boolean;
  },
): Promise<PeriodPage> => {
  const { limit, isWanted, isNarrow } = wish;
  const numbered = numberedWithin(period);
  const after = wish.after ?? (await beginningOf(table, tenant, numbered.from))?.after ?? null;
  const page: PeriodPage = { events: [], place: null, isOver: false };
  if (after === null) return { ...page, isOver: true };
  // Consistently, so that of a period in which nothing is numbered any more nothing is missing.
  const { rows, next } = await table.query(ranges.feed(tenant, after + 1), {
    limit: isNarrow ? rowsMost : limit,
    oneCall: true,
    consistent: true,
  });
  const there = rows.map((it) => FeedRow.parse(it));
  for (const row of withoutGap(there, after)) {
    if (row.at >= numbered.to) return { ...page, isOver: true };
    page.place = { after: row.position, at: row.at };
    if (row.at < numbered.from || !isWanted(row)) continue;
    const event = PackedEvent.parse(row.event);
    const knownAt = becameKnownAt(event, row.at);
    if (knownAt < period.from || knownAt >= period.to) continue;
    page.events.push(event);
    if (page.events.length === limit) return page;
  }
  return { ...page, isOver: next === null && (page.place?.after ?? after) === (there.at(-1)?.position ?? after) };
};

/**
 * A position behind which all lies that was numbered from a moment on; null where nothing was. `skips`: and something before
 * that, as much as the marks of the hour leave open.
 */
const beginningOf = async (
  table: Table,
  tenant: string,
  from: Instant,
): Promise<{ after: number; skips: boolean } | null> => {
  const hour = hourOf(epochMs(from));
  const { rows } = await table.query(ranges.feedHours(tenant, hour), { limit: 1, consistent: true });
  if (rows[0] === undefined) return null;
  const { SK, first, marks } = HourRow.parse(rows[0]);
  const skips = SK === hour;
  return { after: ((skips ? markedBefore(marks, from) : undefined) ?? first) - 1, skips };
};
