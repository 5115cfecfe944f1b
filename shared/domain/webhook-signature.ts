import { createHmac } from 'node:crypto';
import { epochMs, type Instant } from './time.ts';

/**
 * Headers by which a receiver knows that a webhook is ours and new (Standard Webhooks 1.0, symmetric). The id is the
 * event's: the same on every attempt, so receivers drop by it what they have had. `secret` is what `whsec_…` decodes to.
 */
export const signatureHeaders = (
  secret: Buffer,
  { id, body, now }: { id: string; body: string; now: Instant },
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> => {
  const timestamp = String(Math.floor(epochMs(now) / 1000));
  const mac = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` };
};
