import * as z from 'zod';
import { knownApiVersions, newestApiVersion } from '../../events/api-versions.ts';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { InstantInput } from '../domain/time.ts';
import { Delivery, DeliveryState, SignatureScheme, WebhookEndpoint } from '../domain/webhook.ts';
import { headerCaps, refusedHeaders } from '../domain/webhook-headers.ts';
import { ResendableState, WebhookReplay } from '../domain/webhook-replay.ts';
import { EventTypeInput, WantedTypeInput, wantedTypes } from './event-types.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const WebhookEndpointView = WebhookEndpoint.omit({ tenant: true, hash: true })
  .omit({ secret: true, previousSecret: true, sealedHeaders: true })
  .extend({
    signature: SignatureScheme,
    /** When it took an event for the first time, as a rule the one that it was created; null: it never has. */
    answeredAt: field.momentOrNull,
    /** The signing secret, `whsec_…`; only in the answer of the call that made it. */
    secret: field.maybeText,
    /** By which an `ed25519` signature is verified, `whpk_…`. */
    publicKey: field.maybeText,
    /** Until when the key before the last rotation signs as well. */
    previousSignsUntil: field.momentOrNull,
  })
  .meta({ id: 'WebhookEndpoint' });
export type WebhookEndpointView = z.infer<typeof WebhookEndpointView>;

/** The endpoint that a test is on its way to, and by which ids that is known: of its event, and of its delivery. */
export const TestedWebhookEndpointView = WebhookEndpointView.extend({
  eventId: field.text,
  /** Among the endpoint's deliveries, as a rule a second later. */
  deliveryId: field.text,
}).meta({ id: 'TestedWebhookEndpoint' });

export const DeliveryView = Delivery.omit({ tenant: true, version: true, turnAt: true }).meta({ id: 'Delivery' });

const params = z.object({ endpointId: idParam });

/** More than that is as good as no limit. */
const attemptsPerMinuteMost = 6_000;

const Said = once(() => ({
  url: z.url({ protocol: /^https?$/ }).max(500),
  description: z.string().max(200),
  /** Only these, or `<entity>.*` for all of an entity, those included that come one day; none means all. */
  eventTypes: z.array(WantedTypeInput()).max(wantedTypes.length),
  /** The shape in which events are sent. */
  apiVersion: z
    .string()
    .refine((it) => knownApiVersions().includes(it), {
      error: () => `must be one of ${knownApiVersions().join(', ')}`,
    })
    .meta({ enum: knownApiVersions() }),
  /** Sent with each request. Their names are shown from then on, their values never. */
  headers: z
    .record(z.string(), z.string())
    .superRefine((headers, { addIssue }) => {
      const message = refusedHeaders(headers);
      if (message !== null) addIssue({ code: 'custom', message });
    })
    .meta({ maxProperties: headerCaps.count }),
  /** So many attempts a minute at the most, evenly spread; what is more waits. Null: as many as there are events. */
  attemptsPerMinute: z.int().min(1).max(attemptsPerMinuteMost).nullable(),
}));

export const createWebhookEndpoint = {
  id: 'create-webhook-endpoint',
  noun: 'webhook-endpoints',
  method: 'POST',
  path: '/v1/webhook-endpoints',
  summary: 'Receive events at a URL of yours',
  permission: 'webhooks:write',
  body: once(() =>
    z.strictObject({
      url: Said().url,
      description: Said().description.default(''),
      eventTypes: Said().eventTypes.default([]),
      /** Left out: the newest of now; it stays so when there is a newer one. */
      apiVersion: Said().apiVersion.default(newestApiVersion),
      headers: Said().headers.default({}),
      attemptsPerMinute: Said().attemptsPerMinute.default(null),
      signature: SignatureScheme.default('hmac'),
    }),
  ),
  status: 201,
  response: () => WebhookEndpointView,
  problems: ['idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listWebhookEndpoints = {
  id: 'list-webhook-endpoints',
  noun: 'webhook-endpoints',
  method: 'GET',
  path: '/v1/webhook-endpoints',
  summary: 'List webhook endpoints',
  permission: 'webhooks:read',
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(WebhookEndpointView)),
  problems: [],
} as const satisfies Route;

export const getWebhookEndpoint = {
  id: 'get-webhook-endpoint',
  noun: 'webhook-endpoints',
  method: 'GET',
  path: '/v1/webhook-endpoints/{endpointId}',
  summary: 'Read a webhook endpoint',
  permission: 'webhooks:read',
  params,
  status: 200,
  response: () => WebhookEndpointView,
  problems: [],
  etag: true,
} as const satisfies Route;

export const updateWebhookEndpoint = {
  id: 'update-webhook-endpoint',
  noun: 'webhook-endpoints',
  method: 'PATCH',
  path: '/v1/webhook-endpoints/{endpointId}',
  summary: 'Change where events go and which, stop them, or open the endpoint again',
  permission: 'webhooks:write',
  params,
  body: once(() =>
    z
      .strictObject({
        url: Said().url.optional(),
        description: Said().description.optional(),
        eventTypes: Said().eventTypes.optional(),
        /** From the next attempt on, also of what happened before. */
        apiVersion: Said().apiVersion.optional(),
        /** In place of all that were sent before. */
        headers: Said().headers.optional(),
        attemptsPerMinute: Said().attemptsPerMinute.optional(),
        /** `active` also ends what it was disabled for. */
        state: z.enum(['active', 'disabled']).optional(),
      })
      .refine(
        (it) => Object.values(it).some((value) => value !== undefined),
        'name at least one of url, description, eventTypes, apiVersion, headers, attemptsPerMinute, state',
      )
      .meta({ anyOf: [...Object.keys(Said()), 'state'].map((name) => ({ required: [name] })) }),
  ),
  status: 200,
  response: () => WebhookEndpointView,
  problems: ['precondition_failed'],
  etag: true,
} as const satisfies Route;

/** Seconds for which the key before a rotation signs as well, unless the caller says otherwise. */
const overlapSeconds = { usual: 86_400, most: 7 * 86_400 } as const;

export const rotateWebhookSecret = {
  id: 'rotate-webhook-secret',
  noun: 'webhook-endpoints',
  method: 'POST',
  path: '/v1/webhook-endpoints/{endpointId}/rotate-secret',
  summary: 'Sign with another key from now on; the one before signs as well until you have changed over',
  permission: 'webhooks:write',
  params,
  body: once(() =>
    z.strictObject({
      /** Left out: as before. */
      signature: SignatureScheme.optional(),
      overlapSeconds: z.int().min(0).max(overlapSeconds.most).default(overlapSeconds.usual),
    }),
  ),
  status: 200,
  response: () => WebhookEndpointView,
  problems: ['precondition_failed', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const pingWebhookEndpoint = {
  id: 'ping-webhook-endpoint',
  noun: 'webhook-endpoints',
  method: 'POST',
  path: '/v1/webhook-endpoints/{endpointId}/ping',
  summary: 'Send a test event to this endpoint',
  permission: 'webhooks:write',
  params,
  body: once(() => z.strictObject({})),
  status: 202,
  response: () => TestedWebhookEndpointView,
  problems: ['endpoint_disabled', 'idempotency_key_reused'],
} as const satisfies Route;

export const tryWebhookEndpoint = {
  id: 'try-webhook-endpoint',
  noun: 'webhook-endpoints',
  method: 'POST',
  path: '/v1/webhook-endpoints/{endpointId}/try',
  summary: 'Send an example of an event type to this endpoint, marked as a test',
  permission: 'webhooks:write',
  params,
  body: once(() => z.strictObject({ eventType: EventTypeInput() })),
  status: 202,
  response: () => TestedWebhookEndpointView,
  problems: ['endpoint_disabled', 'idempotency_key_reused'],
} as const satisfies Route;

export const deleteWebhookEndpoint = {
  id: 'delete-webhook-endpoint',
  noun: 'webhook-endpoints',
  method: 'DELETE',
  path: '/v1/webhook-endpoints/{endpointId}',
  summary: 'Remove an endpoint; what is on its way to it ends dead',
  permission: 'webhooks:write',
  params,
  status: 200,
  response: once(() => z.object({ id: field.text, deletedAt: field.moment }).meta({ id: 'DeletedWebhookEndpoint' })),
  problems: ['precondition_failed'],
} as const satisfies Route;

export const listDeliveries = {
  id: 'list-deliveries',
  noun: 'webhook-endpoints',
  method: 'GET',
  path: '/v1/webhook-endpoints/{endpointId}/deliveries',
  summary: 'Read what was sent to an endpoint and how it answered, newest first',
  permission: 'webhooks:read',
  params,
  query: once(() =>
    z
      .strictObject({
        /** A page may be short and have a next. */
        state: DeliveryState.optional(),
        eventType: EventTypeInput().optional(),
        /** Of what we learned at that moment or later. */
        from: InstantInput().optional(),
        /** Of what we learned before that moment. */
        to: InstantInput().optional(),
        ...page,
      })
      .refine(({ from, to }) => from === undefined || to === undefined || from < to, {
        path: ['to'],
        error: 'must come after from',
      }),
  ),
  status: 200,
  response: once(() => listOf(DeliveryView)),
  problems: [],
} as const satisfies Route;

const ofDelivery = params.extend({ deliveryId: idParam });

export const getDelivery = {
  id: 'get-delivery',
  noun: 'webhook-endpoints',
  method: 'GET',
  path: '/v1/webhook-endpoints/{endpointId}/deliveries/{deliveryId}',
  summary: 'Read a delivery, and how each attempt was answered',
  permission: 'webhooks:read',
  params: ofDelivery,
  status: 200,
  response: () => DeliveryView,
  problems: [],
} as const satisfies Route;

export const resendDelivery = {
  id: 'resend-delivery',
  noun: 'webhook-endpoints',
  method: 'POST',
  path: '/v1/webhook-endpoints/{endpointId}/deliveries/{deliveryId}/resend',
  summary: 'Send an event to an endpoint again, whatever became of it; what waits for its next attempt has it now',
  permission: 'webhooks:write',
  params: ofDelivery,
  body: once(() => z.strictObject({})),
  status: 202,
  response: () => DeliveryView,
  problems: ['endpoint_disabled', 'conflict', 'idempotency_key_reused'],
} as const satisfies Route;

/** What is sent again of a period, and how far that has come. */
export const WebhookReplayView = WebhookReplay.omit({
  tenant: true,
  position: true,
  onTheirWay: true,
  movedAt: true,
  version: true,
}).meta({ id: 'WebhookReplay' });
export type WebhookReplayView = z.infer<typeof WebhookReplayView>;

export const replayWebhookEndpoint = {
  id: 'replay-webhook-endpoint',
  noun: 'webhook-endpoints',
  method: 'POST',
  path: '/v1/webhook-endpoints/{endpointId}/replay',
  summary: 'Send an endpoint all events of a time again, also those that it has never been sent',
  permission: 'webhooks:write',
  params,
  body: once(() =>
    z.strictObject({
      /** Of what we learned at that moment or later. */
      from: InstantInput(),
      /** Of what we learned before that moment; left out: until now. */
      to: InstantInput().optional(),
      /** Of the types that the endpoint has subscribed to only these, or `<entity>.*`; none means all of them. */
      eventTypes: z.array(WantedTypeInput()).max(wantedTypes.length).default([]),
    }),
  ),
  status: 202,
  response: () => WebhookReplayView,
  problems: ['endpoint_disabled', 'idempotency_key_reused'],
} as const satisfies Route;

export const recoverDeliveries = {
  id: 'recover-deliveries',
  noun: 'webhook-endpoints',
  method: 'POST',
  path: '/v1/webhook-endpoints/{endpointId}/recover',
  summary: 'Send again now what an endpoint has missed in a time, also what waits for another attempt',
  permission: 'webhooks:write',
  params,
  body: once(() =>
    z.strictObject({
      since: InstantInput(),
      /** Left out: until now. */
      until: InstantInput().optional(),
      /**
       * `dead`: what was never taken. `retrying`: what waits for its next attempt has it now. `delivered`: what was taken
       * is sent once more, too.
       */
      states: z.array(ResendableState).min(1).max(ResendableState.options.length).default(['dead', 'retrying']),
    }),
  ),
  status: 202,
  response: () => WebhookReplayView,
  problems: ['endpoint_disabled', 'idempotency_key_reused'],
} as const satisfies Route;

export const getWebhookReplay = {
  id: 'get-webhook-replay',
  noun: 'webhook-endpoints',
  method: 'GET',
  path: '/v1/webhook-endpoints/{endpointId}/replays/{replayId}',
  summary: 'See how far what is sent again has come',
  permission: 'webhooks:read',
  params: params.extend({ replayId: idParam }),
  status: 200,
  response: () => WebhookReplayView,
  problems: [],
} as const satisfies Route;
