import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { ChainHead } from './chain-head.ts';
import type { Emission } from './decision.ts';
import { earlier, epochMs, type Instant, InstantText, instant, later, plusSeconds } from './time.ts';
import type { Outage } from './uptime.ts';

export const Connectivity = z.enum(['online', 'suspected_offline', 'offline']);
export type Connectivity = z.infer<typeof Connectivity>;

/** What AWS IoT tells of a connection. `at`: when it happened, by IoT's clock, which is right to two minutes. */
export const PresenceNews = z.object({
  up: field.yesNo,
  at: field.count,
  /** Counts the connections of a client; that one was made and that it broke have the same number. */
  versionNumber: field.count,
  sessionIdentifier: field.text,
  /** Why it broke. */
  reason: field.text,
});
export type PresenceNews = z.infer<typeof PresenceNews>;

/** Whether a bank is there: the newest news of its connection, and what we made of it. */
export const Presence = z.object({
  connectivity: Connectivity,
  /** When it became so: not online since its connection broke, online since it was made. */
  since: InstantText,
  /** When we first heard of it. */
  knownSince: InstantText,
  link: PresenceNews,
  heardAt: InstantText,
  /** How often its connection broke, since it last was steadily there. */
  drops: field.count,
  version: field.count,
});
export type Presence = z.infer<typeof Presence>;

/** How long a connection may be broken before the bank is suspected, and is offline; and how long it must hold again. */
export type PresenceWaits = { suspectSeconds: number; offlineSeconds: number; steadySeconds: number };

/** Two moments by IoT's clock that are further apart than its error happened in that order. */
const clockErrorMs = 2 * 120_000;

/**
 * Whether news is newer than what is known: it comes repeated and in any order. The number of the connection tells, but
 * it begins anew after about an hour without one; by then the clock tells.
 */
export const isNewer = (news: PresenceNews, known: PresenceNews): boolean => {
  if (Math.abs(news.at - known.at) > clockErrorMs) return news.at > known.at;
  if (news.versionNumber !== known.versionNumber) return news.versionNumber > known.versionNumber;
  if (news.sessionIdentifier !== known.sessionIdentifier) return news.at > known.at;
  return known.up && !news.up;
};

/** What becomes of it, and what is told. */
export type PresenceChange = { after: Presence; emissions: Emission<ChainHead>[]; outage: Outage | null };

/** Takes news in; null if it is none. Nothing is told yet: whether it lasts, a wait will show. */
export const heard = (
  before: Presence | null,
  news: PresenceNews,
  { steadySeconds }: PresenceWaits,
  now: Instant,
): PresenceChange | null => {
  if (before !== null && !isNewer(news, before.link)) return null;
  const at = earlier(instant(news.at), now);
  const known = before ?? { connectivity: 'online' as const, since: at, knownSince: at, drops: 0, version: 0 };
  const wasSteady =
    known.connectivity === 'online' && before !== null && plusSeconds(before.heardAt, steadySeconds) <= now;
  const drops = news.up ? known.drops : (wasSteady ? 0 : known.drops) + 1;
  const after = { ...known, link: news, heardAt: now, drops, version: known.version + 1 };
  return { after, emissions: [], outage: null };
};

type Wait = {
  seconds: keyof PresenceWaits;
  becomes: (it: Presence) => Omit<PresenceChange, 'emissions'> & { tells: Told[] };
};
type Told = Pick<Emission<ChainHead>, 'type' | 'data'>;

const brokeAt = ({ link, heardAt }: Presence): Instant => earlier(instant(link.at), heardAt);

const back = (it: Presence): ReturnType<Wait['becomes']> => {
  const since = later(brokeAt(it), it.since);
  const seconds = Math.round((epochMs(since) - epochMs(it.since)) / 1000);
  return {
    after: { ...it, connectivity: 'online', since, drops: 0 },
    outage: { door: null, reason: it.connectivity, startedAt: it.since, endedAt: since },
    tells: [
      { type: 'bank.online', data: { was: it.connectivity, since, offlineSince: it.since, seconds, drops: it.drops } },
    ],
  };
};

/** What a bank becomes when its connection has been up, or down, for long enough. No row: it may stay so for ever. */
const waits: Record<'up' | 'down', Partial<Record<Connectivity, Wait>>> = {
  down: {
    online: {
      seconds: 'suspectSeconds',
      becomes: (it) => {
        const since = later(brokeAt(it), it.since);
        const data = { since, reason: it.link.reason };
        return {
          after: { ...it, connectivity: 'suspected_offline', since },
          outage: null,
          tells: [{ type: 'bank.suspected_offline', data }],
        };
      },
    },
    suspected_offline: {
      seconds: 'offlineSeconds',
      becomes: (it) => ({
        after: { ...it, connectivity: 'offline' },
        outage: null,
        tells: [{ type: 'bank.offline', data: { since: it.since, reason: it.link.reason } }],
      }),
    },
  },
  up: {
    suspected_offline: { seconds: 'steadySeconds', becomes: back },
    offline: { seconds: 'steadySeconds', becomes: back },
  },
};

const waitOf = (it: Presence): Wait | undefined => waits[it.link.up ? 'up' : 'down'][it.connectivity];

/** When something is to be decided of it; null while nothing is. */
export const waitsUntil = (it: Presence, times: PresenceWaits): Instant | null => {
  const wait = waitOf(it);
  return wait === undefined ? null : plusSeconds(it.heardAt, times[wait.seconds]);
};

/** The wait is over, and nothing else was heard; null if it is not, or there was none. */
export const waited = (before: Presence, times: PresenceWaits, now: Instant): PresenceChange | null => {
  const until = waitsUntil(before, times);
  const wait = waitOf(before);
  if (wait === undefined || until === null || now < until) return null;
  const { after, outage, tells } = wait.becomes(before);
  return {
    after: { ...after, version: before.version + 1 },
    emissions: tells.map((it) => ({ ...it, set: {}, occurredAt: after.since })),
    outage,
  };
};
