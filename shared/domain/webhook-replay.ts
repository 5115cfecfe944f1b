import * as z from 'zod';
import type { Envelope } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { epochMs, type Instant, InstantText, plusSeconds } from './time.ts';
import { isOfWanted } from './wanted-types.ts';
import { type Delivery, DeliveryState, newDelivery, resend, type WebhookEndpoint, wants } from './webhook.ts';

/** In which states a delivery is sent again; `retrying`: it waits for its next attempt, which is made now. */
export const ResendableState = DeliveryState.extract(['dead', 'retrying', 'delivered']);

/** What of a period is sent to an endpoint again, and how far that has come. */
export const WebhookReplay = z.object({
  id: field.text,
  tenant: field.text,
  endpointId: field.text,
  from: InstantText,
  to: InstantText,
  /** Of what the endpoint has subscribed to only these, or `<entity>.*`; none means all of it. */
  eventTypes: z.array(field.text),
  /** Only deliveries in these states; none means all, and what has no delivery. */
  states: z.array(ResendableState),
  state: z.enum(['running', 'done', 'stopped']),
  stoppedBecause: z.enum(['disabled', 'deleted', 'took_too_long']).nullable(),
  /** So many events are sent again, or for the first time. */
  sent: field.count,
  /** What became known before that has been looked at: where another one begins if this one is stopped. */
  reachedAt: field.momentOrNull,
  /** Who asked for it. */
  by: field.text,
  createdAt: InstantText,
  endedAt: field.momentOrNull,
  /** Position in the feed that was looked at last; null before the first. */
  position: field.count.nullable(),
  /** Events that were sent and are neither delivered nor dead. */
  onTheirWay: z.array(field.text),
  /** When it last went on. */
  movedAt: InstantText,
  version: field.positive,
});
export type WebhookReplay = z.infer<typeof WebhookReplay>;

type Wish = Pick<WebhookReplay, 'id' | 'from' | 'to' | 'eventTypes' | 'states' | 'by'>;

export const newReplay = (endpoint: WebhookEndpoint, wish: Wish, now: Instant): WebhookReplay => ({
  ...wish,
  tenant: endpoint.tenant,
  endpointId: endpoint.id,
  state: 'running',
  stoppedBecause: null,
  sent: 0,
  reachedAt: null,
  createdAt: now,
  endedAt: null,
  position: null,
  onTheirWay: [],
  movedAt: now,
  version: 1,
});

/**
 * So many of a replay are on their way at the most: an endpoint that takes nothing is not sent a month of events, each
 * of which would be tried ten times.
 */
export const onTheirWayMost = 100;

/** A replay that stands still for so long will not come to its end; events are kept a day longer than is promised. */
const takesSecondsMost = 86_400;

export const stopReason = (
  { createdAt }: WebhookReplay,
  endpoint: WebhookEndpoint | null,
  now: Instant,
): WebhookReplay['stoppedBecause'] => {
  if (endpoint === null) return 'deleted';
  if (endpoint.state === 'disabled') return 'disabled';
  return now > plusSeconds(createdAt, takesSecondsMost) ? 'took_too_long' : null;
};

export const ended = (
  replay: WebhookReplay,
  stoppedBecause: WebhookReplay['stoppedBecause'],
  now: Instant,
): WebhookReplay => ({
  ...replay,
  state: stoppedBecause === null ? 'done' : 'stopped',
  stoppedBecause,
  endedAt: now,
  version: replay.version + 1,
});

const waitSeconds = { least: 1, most: 60 } as const;

/** How long to wait until what is on its way is looked at again: half as long as nothing has moved. */
export const waitOf = ({ movedAt }: WebhookReplay, now: Instant): number =>
  Math.min(waitSeconds.most, Math.max(waitSeconds.least, (epochMs(now) - epochMs(movedAt)) / 2_000));

/** Whether a replay sends an event of that kind, whatever became of it. */
export const replays = (
  { eventTypes }: WebhookReplay,
  endpoint: WebhookEndpoint,
  event: Pick<Envelope, 'type' | 'subject'>,
): boolean => wants(endpoint, event) && (eventTypes.length === 0 || isOfWanted(event.type, eventTypes));

/** Whether a delivery is this replay's doing: then a turn that died has got as far as that, and nothing is sent twice. */
export const isOf = ({ createdAt, by }: WebhookReplay, { resent }: Delivery): boolean => {
  const last = resent.at(-1);
  return last?.at === createdAt && last.by === by;
};

/** The delivery that a replay makes of an event or of what became of it before; null where it leaves it as it is. */
export const replayed = (
  replay: WebhookReplay,
  endpoint: WebhookEndpoint,
  event: Envelope,
  before: Delivery | null,
  now: Instant,
): Delivery | null => {
  const { states, by, createdAt } = replay;
  if (before === null)
    return states.length > 0
      ? null
      : { ...newDelivery(endpoint, event, now), resent: [{ at: createdAt, by, after: 0 }] };
  if (states.length > 0 && !states.some((it) => it === before.state)) return null;
  return resend(before, by, now, createdAt);
};
