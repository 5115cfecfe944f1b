import * as z from 'zod';
import * as field from './fields.ts';

/** Who caused it. Banks and deadlines are actors too. */
export const Actor = z.object({
  type: z.enum(['api_key', 'staff', 'recipient', 'bank', 'system', 'operator']),
  id: field.text,
});
export type Actor = z.infer<typeof Actor>;

const At = field.moment;

/**
 * Around every event, everywhere: bus, webhooks, audit trail. Attribute names of CloudEvents 1.0, plus ours.
 * Arrival is unordered: sort by `sequence` within a `subject`; it counts without gaps from 1.
 */
export const Envelope = z.object({
  specversion: z.literal('1.0'),
  id: field.text,
  source: z.literal('latchwork'),
  type: field.text,
  /** The entity whose version guards the commit: a transaction id, `<bank>/<door>`, a bank id … */
  subject: field.text,
  /** Same as `occurredAt`; CloudEvents' name for it. */
  time: At,
  datacontenttype: z.literal('application/json'),
  tenant: field.text,
  sequence: field.positive,
  /** When it happened; for what a bank did, by the bank's clock. */
  occurredAt: At,
  /** When we learned of it. */
  recordedAt: At,
  actor: Actor,
  /** Only of a webhook that somebody has asked for to try their endpoint: it is an example, and nothing happened. */
  test: z.literal(true).optional(),
  /** Version of the type's schema. */
  schema: z.literal(1),
  data: z.record(field.text, z.unknown()),
  /** Hash of the subject's previous event; 64 zeros before the first. */
  prevHash: field.text,
  /** SHA-256, hex, over the canonical JSON (RFC 8785) of all the above. */
  hash: field.text,
});
export type Envelope = z.infer<typeof Envelope>;

export const firstPrevHash = '0'.repeat(64);
