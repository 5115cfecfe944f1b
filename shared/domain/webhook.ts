import * as z from 'zod';
import { firstApiVersion } from '../../events/api-versions.ts';
import { Envelope } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { epochMs, type Instant, InstantText, instant, later, plusSeconds } from './time.ts';
import { waitsMost } from './waits.ts';
import { isOfWanted } from './wanted-types.ts';

export const EndpointState = z.enum(['active', 'failing', 'disabled']);

/** `hmac`: a secret that both know. `ed25519`: a key of ours, of which the customer has the public half. */
export const SignatureScheme = z.enum(['hmac', 'ed25519']);
export type SignatureScheme = z.infer<typeof SignatureScheme>;

/** Version of the root key, and how often rotated: what a signing key is derived with. */
const SigningKey = z.object({
  keyVersion: field.positive,
  nth: field.count,
  scheme: SignatureScheme.default('hmac'),
});
export type SigningKey = z.infer<typeof SigningKey>;

/** Where a tenant's system receives events. */
export const WebhookEndpoint = z.object({
  id: field.text,
  tenant: field.text,
  url: field.text,
  description: field.text,
  /** Only these types, or `<entity>.*` for all of an entity, also those that come one day; empty means all. */
  eventTypes: z.array(field.text),
  /** In which version's shape it gets them; see the table of versions in events/api-versions.ts. */
  apiVersion: field.text.default(firstApiVersion),
  /** Headers of its owner's that come with each request; their values are sealed, and shown to nobody. */
  headerNames: z.array(field.text).default([]),
  sealedHeaders: field.textOrNull.default(null),
  /** So many attempts a minute at the most; what is more waits. Null: as many as there are events. */
  attemptsPerMinute: field.positive.nullable().default(null),
  /** Stored as `active` or `disabled`; `failing` is what its health says of an active one. */
  state: EndpointState,
  disabledReason: field.textOrNull,
  secret: SigningKey,
  /** The one before it signs as well until then: receivers change over without missing anything. */
  previousSecret: SigningKey.extend({ until: InstantText }).nullable().default(null),
  createdAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type WebhookEndpoint = z.infer<typeof WebhookEndpoint>;

/** What its requests are signed with at a moment, the newest first. */
export const signersAt = (
  { secret, previousSecret }: Pick<WebhookEndpoint, 'secret' | 'previousSecret'>,
  now: Instant,
): SigningKey[] => (previousSecret !== null && now < previousSecret.until ? [secret, previousSecret] : [secret]);

/** The next signing key; `overlapSeconds`: for how long the one before is as good. */
export const rotated = (
  { secret }: Pick<WebhookEndpoint, 'secret'>,
  wanted: { keyVersion: number; scheme: SignatureScheme; overlapSeconds: number },
  now: Instant,
): Pick<WebhookEndpoint, 'secret' | 'previousSecret'> => {
  const { keyVersion, scheme, overlapSeconds } = wanted;
  return {
    secret: { keyVersion, nth: secret.nth + 1, scheme },
    previousSecret: overlapSeconds > 0 ? { ...secret, until: plusSeconds(now, overlapSeconds) } : null,
  };
};

/**
 * How an endpoint answered lately, in a row of its own, because it changes without anybody deciding anything. Written
 * with its first answer, and then only when it changes.
 */
export const EndpointHealth = z.object({
  /** `none`: it was opened again, and has not been asked since. */
  lastOutcome: z.enum(['ok', 'failed', 'slow', 'none']),
  /** When it took an event for the first time. */
  answeredAt: field.momentOrNull.default(null),
  /** When the failures began that no success has ended. */
  failingSince: field.momentOrNull,
  updatedAt: InstantText,
  version: field.positive,
});
export type EndpointHealth = z.infer<typeof EndpointHealth>;

/** How far the attempts are booked of an endpoint that takes so many a minute; in a row of its own. */
export const EndpointPace = z.object({ nextTurnAt: InstantText, version: field.positive });
export type EndpointPace = z.infer<typeof EndpointPace>;

/** When the next so many attempts may be made, evenly spread, and what is booked with them. */
export const nextTurns = (
  pace: EndpointPace | null,
  { attemptsPerMinute, count }: { attemptsPerMinute: number; count: number },
  now: Instant,
): { turns: Instant[]; pace: EndpointPace } => {
  const first = epochMs(pace === null ? now : later(now, pace.nextTurnAt));
  const turnAt = (nth: number): Instant => instant(first + Math.ceil((nth * 60_000) / attemptsPerMinute));
  const turns = Array.from({ length: count }, (_, nth) => turnAt(nth));
  return { turns, pace: { nextTurnAt: turnAt(count), version: (pace?.version ?? 0) + 1 } };
};

export const DeliveryState = z.enum(['pending', 'delivered', 'retrying', 'dead']);

export const Attempt = z.object({
  at: InstantText,
  /** HTTP status, or null when there was no answer. */
  status: field.whole.nullable(),
  /** Why there was no answer, or the first 1 KB of an answer that was not 2xx. */
  error: field.textOrNull,
  durationMs: field.whole,
});
export type Attempt = z.infer<typeof Attempt>;

/** One event on its way to one endpoint. */
export const Delivery = z.object({
  id: field.text,
  tenant: field.text,
  endpointId: field.text,
  eventId: field.text,
  eventType: field.text,
  subject: field.text,
  sequence: field.whole,
  state: DeliveryState,
  attempts: z.array(Attempt),
  nextAttemptAt: field.momentOrNull,
  /** When it may go, at an endpoint that takes so many a minute; null: it has no turn yet. */
  turnAt: field.momentOrNull.default(null),
  /** When somebody had it sent again, who, and after how many attempts. */
  resent: z.array(z.object({ at: InstantText, by: field.text, after: field.count })).default([]),
  createdAt: InstantText,
  version: field.positive,
});
export type Delivery = z.infer<typeof Delivery>;

/** What lies in the queues `deliver` and `slow`: make the next attempt of this delivery. */
export const DeliverMessage = z.object({
  tenant: field.text,
  endpointId: field.text,
  eventId: field.text,
  /** Of the delivery when this was sent. Once it is another, the attempt meant here was made. */
  version: field.positive,
  /** Spares the sender a read; whoever has none at hand (the sweep) leaves it out. */
  event: Envelope.optional(),
});
export type DeliverMessage = z.infer<typeof DeliverMessage>;

/** Seconds a delivery and its attempts can be read; then DynamoDB forgets them. */
export const deliveryKeptSeconds = 30 * 86_400;

/** An answer later than this makes an endpoint slow. */
export const slowAfterMs = 5_000;

/** An endpoint that answered nothing but failures for so long is disabled (design.md section 7; Svix does the same). */
export const disableAfterSeconds = 5 * 86_400;

/** The longest that a receiver's `Retry-After` may put us off. */
const retryAfterSecondsMax = 86_400;

/** Each wait is up to a fifth shorter or longer, so that what failed together does not come back together. */
const jitterShare = 0.2;

/** What is meant for its own endpoint alone, whatever that has subscribed to. */
const ownAlone = ['webhook_endpoint.pinged', 'webhook_endpoint.tried'];

/** The first that an endpoint gets, whatever it has subscribed to: by its answer we know whether there is one. */
const welcome = 'webhook_endpoint.created';

export const wants = (endpoint: WebhookEndpoint, event: Pick<Envelope, 'type' | 'subject'>): boolean => {
  if (endpoint.state === 'disabled') return false;
  if (ownAlone.includes(event.type)) return event.subject === endpoint.id;
  if (event.type === welcome && event.subject === endpoint.id) return true;
  return endpoint.eventTypes.length === 0 || isOfWanted(event.type, endpoint.eventTypes);
};

const Trial = z.object({ eventType: field.text, sample: z.record(field.text, z.unknown()) });

/** An event as it is sent. Of a trial that is the sample that was wanted, as a test; its id and subject stay the trial's. */
export const asSent = (event: Envelope): Envelope => {
  if (event.type !== 'webhook_endpoint.tried') return event;
  const { eventType, sample } = Trial.parse(event.data);
  return { ...event, type: eventType, test: true, data: sample };
};

/** The event's own ULID: the same event to the same endpoint is the same delivery. */
export const deliveryIdOf = (eventId: string): string => eventId.replace(/^evt_/, 'dlv_');
export const eventIdOf = (deliveryId: string): string => deliveryId.replace(/^dlv_/, 'evt_');

export const newDelivery = (endpoint: WebhookEndpoint, event: Envelope, now: Instant): Delivery => ({
  id: deliveryIdOf(event.id),
  tenant: endpoint.tenant,
  endpointId: endpoint.id,
  eventId: event.id,
  eventType: event.type,
  subject: event.subject,
  sequence: event.sequence,
  state: 'pending',
  attempts: [],
  nextAttemptAt: null,
  turnAt: null,
  resent: [],
  createdAt: now,
  version: 1,
});

/** So often one delivery is sent again at the most: what it lists stays readable. */
export const resendsMax = 20;

/** Nothing happens to it before its next attempt. What waits for its turn has booked that, and keeps it. */
const isIdle = ({ state, nextAttemptAt, turnAt }: Delivery, now: Instant): boolean =>
  state === 'delivered' ||
  state === 'dead' ||
  (state === 'retrying' && turnAt === null && nextAttemptAt !== null && nextAttemptAt > now);

/**
 * Attempts begin anew, at once, and with all their waits; of one that waits for its next attempt, too: whoever comes for
 * that attempt at its time finds a newer version. Null while it is being sent or waits for its turn, or was resent too
 * often. `askedAt`: when it was wanted, where that is not now.
 */
export const resend = (it: Delivery, by: string, now: Instant, askedAt = now): Delivery | null =>
  isIdle(it, now) && it.resent.length < resendsMax
    ? {
        ...it,
        state: 'retrying',
        nextAttemptAt: now,
        turnAt: null,
        resent: [...it.resent, { at: askedAt, by, after: it.attempts.length }],
        version: it.version + 1,
      }
    : null;

/**
 * Whoever failed or was slow waits in a queue of its own kind, and delays nobody else; and so does a new one until it has
 * answered once: forty that hang would hold most of what serves the others for as long as we wait for an answer.
 */
export const laneOf = (health: EndpointHealth | null): 'deliver' | 'slow' =>
  health?.lastOutcome === 'ok' ? 'deliver' : 'slow';

/** State as its owner sees it. */
export const shownState = (endpoint: WebhookEndpoint, health: EndpointHealth | null): WebhookEndpoint['state'] =>
  endpoint.state === 'active' && health?.lastOutcome === 'failed' ? 'failing' : endpoint.state;

/** What came of an attempt; `retryAfter` is the answer's header, as it came. */
export type Outcome = Attempt & { retryAfter: string | null };

const succeeded = ({ status }: Outcome): boolean => status !== null && status >= 200 && status < 300;

/** Before when the receiver does not want to be asked again: seconds or an HTTP date. What is neither says nothing. */
const retryNotBefore = (header: string | null, now: Instant): Instant => {
  const text = header?.trim() ?? '';
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : (Date.parse(text) - epochMs(now)) / 1000;
  return Number.isNaN(seconds) ? now : plusSeconds(now, Math.min(seconds, retryAfterSecondsMax));
};

/** A delivery that waits for its turn at an endpoint that takes so many a minute. */
export const inLine = (delivery: Delivery, turnAt: Instant): Delivery => ({
  ...delivery,
  turnAt,
  nextAttemptAt: turnAt,
  version: delivery.version + 1,
});

/**
 * What an endpoint said is kept whole for as many attempts as there are without sending again, and of older ones its
 * beginning: a list of deliveries that were sent again twenty times must fit into one answer.
 */
const toldWhole = waitsMost + 1;
const toldCharacters = 200;

const remembered = (attempts: readonly Attempt[]): Attempt[] =>
  attempts.map((it, nth) =>
    nth < attempts.length - toldWhole && it.error !== null ? { ...it, error: it.error.slice(0, toldCharacters) } : it,
  );

/**
 * A delivery after an attempt that ended `now`: delivered, waiting for the next, or dead: after the last wait, or when
 * the endpoint says it is gone. `jitter` is random from [0, 1).
 */
export const afterAttempt = (
  delivery: Delivery,
  { retryAfter, ...attempt }: Outcome,
  waits: readonly number[],
  jitter: number,
  now: Instant,
): Delivery => {
  const attempts = remembered([...delivery.attempts, attempt]);
  const tried = { ...delivery, attempts, nextAttemptAt: null, turnAt: null };
  const after = { ...tried, version: delivery.version + 1 };
  if (succeeded({ ...attempt, retryAfter })) return { ...after, state: 'delivered' };
  const wait = waits[delivery.attempts.length - (delivery.resent.at(-1)?.after ?? 0)];
  if (wait === undefined || attempt.status === 410) return { ...after, state: 'dead' };
  const planned = instant(epochMs(now) + Math.round(wait * 1000 * (1 - jitterShare + 2 * jitterShare * jitter)));
  return { ...after, state: 'retrying', nextAttemptAt: later(planned, retryNotBefore(retryAfter, now)) };
};

/** A delivery that will not be attempted any more, since its endpoint takes nothing. */
export const givenUp = (delivery: Delivery): Delivery => ({
  ...delivery,
  state: 'dead',
  nextAttemptAt: null,
  turnAt: null,
  version: delivery.version + 1,
});

/** An endpoint's health after an attempt; null when nothing about it has changed. */
export const healthAfter = (health: EndpointHealth | null, outcome: Outcome, now: Instant): EndpointHealth | null => {
  const good = outcome.durationMs > slowAfterMs ? 'slow' : 'ok';
  const lastOutcome = succeeded(outcome) ? good : 'failed';
  const failingSince = lastOutcome === 'failed' ? (health?.failingSince ?? now) : null;
  if (health !== null && health.lastOutcome === lastOutcome && health.failingSince === failingSince) return null;
  const answeredAt = health?.answeredAt ?? (lastOutcome === 'failed' ? null : now);
  return { lastOutcome, answeredAt, failingSince, updatedAt: now, version: (health?.version ?? 0) + 1 };
};

export type DisableReason = 'gone' | 'failing';

/** Why an endpoint gets nothing any more: it said so itself (410), or it has only failed for five days. */
export const disabledBy = (outcome: Outcome, health: EndpointHealth | null, now: Instant): DisableReason | null => {
  if (outcome.status === 410) return 'gone';
  const since = health?.failingSince ?? null;
  return !succeeded(outcome) && since !== null && plusSeconds(since, disableAfterSeconds) <= now ? 'failing' : null;
};
