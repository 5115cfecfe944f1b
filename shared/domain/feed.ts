import * as z from 'zod';
import type { Envelope } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { epochMs, type Instant, instant, plusSeconds } from './time.ts';
import { isOfWanted } from './wanted-types.ts';

/** What a reader of the feed wants to see of it. */
export type FeedFilter = {
  /** Types, or `<entity>.*` for all of one entity; none means all. */
  types: readonly string[];
  subject: string | undefined;
};

export const isFiltered = ({ types, subject }: FeedFilter): boolean => types.length > 0 || subject !== undefined;

export const isWantedInFeed = (it: { type: string; subject: string }, { types, subject }: FeedFilter): boolean =>
  (subject === undefined || it.subject === subject) && (types.length === 0 || isOfWanted(it.type, types));

/** Where a reader is: what its cursor says. */
export type FeedPlace = {
  /** The last position that was looked at; null before the first. */
  after: number | null;
  /** What was numbered before is not wanted. */
  from: Instant;
  /** When it was there. What came later is kept for as long as the retention says, counted from then. */
  readAt: Instant;
};

const dayMs = 86_400_000;

/** Two functions do not have the same time to the second; a minute is far more than they differ by. */
const clocksDifferMs = 60_000;

/** The beginning of the feed, or the first event that became known from a moment on. */
export const beginningOfFeed = (from: Instant | undefined, nowMs: number, keptDays: number): FeedPlace => {
  const oldestMs = nowMs - keptDays * dayMs;
  const fromMs = from === undefined ? oldestMs : Math.max(oldestMs, Date.parse(from) - clocksDifferMs);
  return { after: null, from: instant(fromMs), readAt: instant(nowMs) };
};

/** Whether a moment is in the future by any clock. */
export const isToCome = (at: Instant, nowMs: number): boolean => epochMs(at) > nowMs + clocksDifferMs;

/** Whether what came after the reader had been there may be gone by now. */
export const isTooOld = ({ readAt }: FeedPlace, nowMs: number, keptDays: number): boolean =>
  Date.parse(readAt) < nowMs - keptDays * dayMs;

/** The oldest moment of which all that came in is promised to be there. */
export const oldestKept = (nowMs: number, keptDays: number): Instant => instant(nowMs - keptDays * dayMs);

/** Whether rows that were numbered at a moment may have been deleted since. */
export const mayBeGone = (at: Instant, nowMs: number, keptDays: number): boolean =>
  feedTtl(Date.parse(at), keptDays) * 1000 <= nowMs;

/** A call of a function that numbers has ended after so long, its retries included. */
const numberingMs = 60_000;

/**
 * Whether no event can be numbered any more as of before a moment: the feed has gone past it, or whoever could still be at
 * it has ended. `endAt`: when the newest was numbered, read consistently.
 */
export const isSettled = (before: Instant, endAt: Instant | null, nowMs: number): boolean =>
  (endAt !== null && endAt >= before) || nowMs >= Date.parse(before) + numberingMs + clocksDifferMs;

/**
 * Until when a row is kept, in seconds since 1970: a day longer than is promised, so that none is gone that a cursor still
 * leads to.
 */
export const feedTtl = (numberedAtMs: number, keptDays: number): number =>
  Math.ceil((numberedAtMs + (keptDays + 1) * dayMs) / 1000);

/** A minute of an hour in which something was numbered, and the first position that was taken then. */
export const Mark = z.tuple([field.count, field.positive]);
export type Mark = z.infer<typeof Mark>;

/** Positions between two marks, at the least; and never two in a minute, so that an hour has sixty at the most. */
const marksApart = 100;

const minuteOf = (at: Instant): number => new Date(at).getUTCMinutes();

export const firstMark = (at: Instant, first: number): Mark[] => [[minuteOf(at), first]];

/** The marks of an hour with one for what is numbered now, if it is time for one; else the same. */
export const withMark = (marks: Mark[], at: Instant, first: number): Mark[] => {
  const last = marks.at(-1);
  return last !== undefined && minuteOf(at) > last[0] && first - last[1] >= marksApart
    ? [...marks, [minuteOf(at), first]]
    : marks;
};

/** The first position of an hour before which nothing was numbered at a moment of that hour, or later, as far as its marks tell. */
export const markedBefore = (marks: readonly Mark[], at: Instant): number | undefined =>
  marks.findLast(([minute]) => minute < minuteOf(at))?.[1];

/**
 * The rows that follow a position without a gap. Rows of one transaction do not become visible to a query at the same
 * moment, so one that is not there yet may lie before one that is; whoever went past it would never see it.
 */
export const withoutGap = <T extends { position: number }>(rows: readonly T[], after: number): T[] => {
  const gap = rows.findIndex(({ position }, nth) => position !== after + 1 + nth);
  return gap === -1 ? [...rows] : rows.slice(0, gap);
};

/** From and before which moment something became known. */
export type FeedPeriod = { from: Instant; to: Instant };

/** What comes into the feed so long after it was recorded comes late: as a rule it takes a second. */
export const lateAfterSeconds = 10;

/**
 * When an event became known: what decides in which period it is, for whoever asks for one. That is when it was recorded;
 * of one that came into the feed late it is when it did, since whoever had read the period before would not have seen it
 * there. So each event is in one of two periods that meet, and a period comes to an end.
 */
export const becameKnownAt = ({ recordedAt }: Pick<Envelope, 'recordedAt'>, numberedAt: Instant): Instant =>
  numberedAt > plusSeconds(recordedAt, lateAfterSeconds) ? numberedAt : recordedAt;

/** From and before which moment all of a period is numbered. */
export const numberedWithin = ({ from, to }: FeedPeriod): FeedPeriod => ({
  // Whoever numbers may have the earlier time.
  from: instant(epochMs(from) - clocksDifferMs),
  to: plusSeconds(to, lateAfterSeconds),
});

/** All that became known before this moment was numbered before another one. */
export const knownBefore = (numberedAt: Instant): Instant => plusSeconds(numberedAt, -lateAfterSeconds);
