import * as z from 'zod';
import { InstantText } from './time.ts';

export const EndpointState = z.enum(['active', 'failing', 'disabled']);

/** Where a tenant's system receives events. */
export const WebhookEndpoint = z.object({
  id: z.string(),
  tenant: z.string(),
  url: z.string(),
  description: z.string(),
  /** Only these types; empty means all. */
  eventTypes: z.array(z.string()),
  state: EndpointState,
  disabledReason: z.string().nullable(),
  /** Version of the root key, and how often rotated: what its signing secret is derived with. */
  secret: z.object({ keyVersion: z.int().positive(), nth: z.int().nonnegative() }),
  createdAt: InstantText,
  version: z.int().positive(),
  hash: z.string(),
});
export type WebhookEndpoint = z.infer<typeof WebhookEndpoint>;

export const DeliveryState = z.enum(['pending', 'delivered', 'retrying', 'dead']);

export const Attempt = z.object({
  at: InstantText,
  /** HTTP status, or null when there was no answer. */
  status: z.int().nullable(),
  /** Why there was no answer, or the first bytes of an answer that was not 2xx. */
  error: z.string().nullable(),
  durationMs: z.int(),
});
export type Attempt = z.infer<typeof Attempt>;

/** One event on its way to one endpoint. */
export const Delivery = z.object({
  id: z.string(),
  tenant: z.string(),
  endpointId: z.string(),
  eventId: z.string(),
  eventType: z.string(),
  subject: z.string(),
  sequence: z.int(),
  state: DeliveryState,
  attempts: z.array(Attempt),
  nextAttemptAt: InstantText.nullable(),
  createdAt: InstantText,
  version: z.int().positive(),
});
export type Delivery = z.infer<typeof Delivery>;
