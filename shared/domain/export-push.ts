import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { Export } from './export.ts';
import { type Instant, plusSeconds } from './time.ts';

/** Why a file is not in the bucket; `isFinal`: no further attempt would change it. */
export const pushReasons = {
  access_denied: {
    says: 'S3 refuses: the policy of the bucket does not allow it, its key does not, or the bucket is another account’s',
    isFinal: false,
  },
  no_such_bucket: { says: 'there is no bucket of that name', isFinal: false },
  wrong_region: { says: 'the bucket lies in another region than the operator has said', isFinal: false },
  encryption_key: { says: 'the KMS key of the bucket cannot be used', isFinal: false },
  unavailable: { says: 'S3 did not answer, or asked to try again', isFinal: false },
  refused: { says: 'S3 refuses for another reason; `said` is its code for it', isFinal: false },
  no_destination: { says: 'the operator has not set up that destination any more', isFinal: false },
  key_gone: {
    says: 'the API key that asked for the export was revoked, or may no longer read what is in it',
    isFinal: true,
  },
  file_gone: { says: 'the file was deleted after its days before it could be pushed', isFinal: true },
} as const satisfies Record<string, { says: string; isFinal: boolean }>;

const isReason = (it: string): it is keyof typeof pushReasons => Object.hasOwn(pushReasons, it);
export const PushReason = z.enum(Object.keys(pushReasons).filter(isReason));
export type PushReason = z.infer<typeof PushReason>;

export const PushState = z.enum(['waiting', 'retrying', 'done', 'failed']);

/** What has become of putting the file of an export into a bucket of the customer’s. */
export const Push = z.object({
  state: PushState,
  /** Its name in that bucket, once it is there. */
  key: field.textOrNull,
  attempts: field.count,
  /** Of the last attempt. */
  at: field.momentOrNull,
  reason: PushReason.nullable(),
  /** S3’s own code for it. */
  said: field.textOrNull,
  nextAttemptAt: field.momentOrNull,
});
export type Push = z.infer<typeof Push>;

export const notYetPushed: Push = {
  state: 'waiting',
  key: null,
  attempts: 0,
  at: null,
  reason: null,
  said: null,
  nextAttemptAt: null,
};

/** How an attempt ended: under which name the file is there now, or why it is not. */
export type PushOutcome = { key: string } | { reason: PushReason; said: string | null };

/** `waits`: seconds before each further attempt; after the last one it has failed. */
export const afterPush = (it: Push, outcome: PushOutcome, now: Instant, waits: readonly number[]): Push => {
  const tried = { ...it, attempts: it.attempts + 1, at: now };
  if ('key' in outcome)
    return { ...tried, state: 'done', key: outcome.key, reason: null, said: null, nextAttemptAt: null };
  const wait = pushReasons[outcome.reason].isFinal ? undefined : waits[it.attempts];
  return wait === undefined
    ? { ...tried, ...outcome, state: 'failed', nextAttemptAt: null }
    : { ...tried, ...outcome, state: 'retrying', nextAttemptAt: plusSeconds(now, wait) };
};

/** Its name in the customer’s bucket: another one for each export, so that nothing there is ever written over. */
export const pushKey = (
  {
    tenant,
    id,
    kind,
    from,
    to,
    format,
    mode,
  }: Pick<Export, 'tenant' | 'id' | 'kind' | 'from' | 'to' | 'format' | 'mode'>,
  { prefix, isShared }: { prefix: string; isShared: boolean },
): string =>
  [
    prefix,
    isShared ? `${tenant}/` : '',
    mode === 'test' ? 'test/' : '',
    `${kind}-${from.slice(0, 10)}-${to.slice(0, 10)}-${id}.${format}`,
  ].join('');
