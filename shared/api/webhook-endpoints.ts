import * as z from 'zod';
import { eventTypes } from '../../events/catalogue.ts';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { Delivery, WebhookEndpoint } from '../domain/webhook.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const WebhookEndpointView = WebhookEndpoint.omit({ tenant: true, hash: true })
  .omit({ secret: true })
  .extend({
    /** The signing secret, `whsec_…`; only in the answer of the call that made it. */
    secret: field.maybeText,
  })
  .meta({ id: 'WebhookEndpoint' });
export type WebhookEndpointView = z.infer<typeof WebhookEndpointView>;

export const DeliveryView = Delivery.omit({ tenant: true, version: true }).meta({ id: 'Delivery' });

export const createWebhookEndpoint = {
  id: 'create-webhook-endpoint',
  noun: 'webhook-endpoints',
  method: 'POST',
  path: '/v1/webhook-endpoints',
  summary: 'Receive events at a URL of yours',
  permission: 'webhooks:write',
  body: once(() =>
    z.strictObject({
      url: z.url({ protocol: /^https?$/ }).max(500),
      description: z.string().max(200).default(''),
      eventTypes: z.array(z.enum(eventTypes)).max(eventTypes.length).default([]),
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
  params: z.object({ endpointId: idParam }),
  status: 200,
  response: () => WebhookEndpointView,
  problems: [],
  etag: true,
} as const satisfies Route;

export const pingWebhookEndpoint = {
  id: 'ping-webhook-endpoint',
  noun: 'webhook-endpoints',
  method: 'POST',
  path: '/v1/webhook-endpoints/{endpointId}/ping',
  summary: 'Send a test event to this endpoint',
  permission: 'webhooks:write',
  params: z.object({ endpointId: idParam }),
  body: once(() => z.strictObject({})),
  status: 202,
  response: () => WebhookEndpointView,
  problems: ['endpoint_disabled', 'idempotency_key_reused', 'conflict'],
} as const satisfies Route;

export const listDeliveries = {
  id: 'list-deliveries',
  noun: 'webhook-endpoints',
  method: 'GET',
  path: '/v1/webhook-endpoints/{endpointId}/deliveries',
  summary: 'Read what was sent to an endpoint and how it answered, newest first',
  permission: 'webhooks:read',
  params: z.object({ endpointId: idParam }),
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(DeliveryView)),
  problems: [],
} as const satisfies Route;
