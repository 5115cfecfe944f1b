import { createHmac, type KeyObject, sign } from 'node:crypto';
import { epochMs, type Instant } from './time.ts';

/** What `whsec_…` decodes to, or a private Ed25519 key. */
type Signer = Buffer | KeyObject;

const signatureBy = (signer: Signer, content: Buffer): string =>
  Buffer.isBuffer(signer)
    ? `v1,${createHmac('sha256', signer).update(content).digest('base64')}`
    : `v1a,${sign(null, content, signer).toString('base64')}`;

/**
 * Headers by which a receiver knows that a webhook is ours and new (Standard Webhooks 1.0). The id is the event's: the
 * same on every attempt, so receivers drop by it what they have had. Of several signatures one that fits is enough.
 */
export const signatureHeaders = (
  signers: readonly Signer[],
  { id, body, now }: { id: string; body: string; now: Instant },
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> => {
  const timestamp = String(Math.floor(epochMs(now) / 1000));
  const content = Buffer.from(`${id}.${timestamp}.${body}`);
  const signatures = signers.map((signer) => signatureBy(signer, content));
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
};
