import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { InstantInput } from '../domain/time.ts';
import { WantedTypeInput, wantedTypes } from './event-types.ts';
import type { Route } from './route.ts';
import { EventView, page } from './shapes.ts';

/** For how many days the feed keeps an event, unless the operator of a deployment has said otherwise. */
export const feedDays = 30;

/** Several values in one parameter, separated by commas. */
const separated = (text: unknown): unknown => (typeof text === 'string' ? text.split(',') : text);

export const Feed = once(() =>
  z.object({
    data: z.array(EventView()),
    /** Where to go on, now or later. There always is one: what has not happened yet comes after it. */
    nextCursor: field.text,
    /** There is more already. Without it, wait a while before asking again. */
    hasMore: field.yesNo,
  }),
);

export const listEvents = {
  id: 'list-events',
  noun: 'events',
  method: 'GET',
  path: '/v1/events',
  summary: `Follow all that happens, in one order, without gaps; kept for ${feedDays} days`,
  permission: 'events:read',
  query: once(() =>
    z.strictObject({
      after: z.string().max(1024).optional(),
      from: InstantInput().optional(),
      type: z
        .preprocess(separated, z.array(WantedTypeInput()).min(1).max(wantedTypes.length))
        .meta({
          type: 'array',
          minItems: 1,
          items: { type: 'string', enum: wantedTypes },
        })
        .optional(),
      subject: z.string().min(1).max(200).optional(),
      limit: page.limit,
    }),
  ),
  status: 200,
  response: Feed,
  problems: ['cursor_expired'],
} as const satisfies Route;
