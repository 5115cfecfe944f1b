import * as z from 'zod';
import * as field from '#events/fields.ts';
import * as contract from '#shared/api/events.ts';
import { beginningOfFeed, type FeedPlace, isToCome, isTooOld } from '#shared/domain/feed.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { live } from '#shared/live.ts';
import { readFeed } from '#shared/store/feed.ts';

export type EventDeps = HttpDeps & {
  /** For how many days events are kept in the feed. */
  keptDays: number;
};

/** A place as its cursor spells it. */
const Spelled = z.tuple([field.count.nullable(), field.moment, field.moment]);

const spelled = ({ after, from, readAt }: FeedPlace): string => JSON.stringify([after, from, readAt]);

const placeOf = (text: string): FeedPlace => {
  const [after, from, readAt] = Spelled.parse(JSON.parse(text));
  return { after, from, readAt };
};

export const eventHandlers = (deps: EventDeps): Handlers => ({
  [contract.listEvents.id]: async ({ caller, query, cursors }: Call<typeof contract.listEvents>) => {
    const { keptDays } = deps;
    const now = deps.clock();
    const before = await cursors.read();
    if (before === undefined && query.from !== undefined && isToCome(query.from, now)) {
      const detail = 'must lie in the past';
      throw new Refusal('invalid_request', `from ${detail}`, { errors: [{ pointer: '#query/from', detail }] });
    }
    const place = before === undefined ? beginningOfFeed(query.from, now, keptDays) : placeOf(before);
    if (isTooOld(place, now, keptDays))
      throw new Refusal(
        'cursor_expired',
        `the cursor was given at ${place.readAt}; of what has happened since, only the last ${keptDays} days are kept`,
      );
    const filter = { types: query.type ?? [], subject: query.subject };
    const {
      events,
      place: next,
      hasMore,
    } = await readFeed(deps.table, caller.tenant, place, {
      filter,
      limit: query.limit,
      now,
    });
    return { body: { data: events, nextCursor: await cursors.give(spelled(next)), hasMore } };
  },
});

export const handler = endpoint([contract.listEvents], () => {
  const deps = { ...live(), keptDays: Number(env('FEED_DAYS')) };
  return { deps, handlers: eventHandlers(deps) };
});
