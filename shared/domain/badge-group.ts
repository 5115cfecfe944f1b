import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { sameVerifier, verifierOf } from '../device/verifier.ts';
import type { RootKeys } from './root-key.ts';
import { InstantText } from './time.ts';

/** Badges whose holders may do the same: whoever shows one of them opens what is granted to the group. */
export const BadgeGroup = z.object({
  id: field.text,
  tenant: field.text,
  /** Unique in its tenant; what transactions name. */
  group: field.text,
  /** How many badges it has. */
  badges: field.count,
  /** Their numbers, so that they can be held against what a bank asks about; readable with a root key only. */
  sealed: field.text,
  changedAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type BadgeGroup = z.infer<typeof BadgeGroup>;

const algorithm = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;

const sealingKey = (rootKeys: RootKeys, version: number, tenant: string): Buffer =>
  createHmac('sha256', rootKeys.of(version)).update(`badge-group:${tenant}`).digest();

/**
 * Version of the root key, nonce, tag and text. The nonce follows from the text, so the same one is never used for two texts
 * (RFC 8452 has the idea), and deciding draws no randomness.
 */
export const sealed = (rootKeys: RootKeys, tenant: string, numbers: readonly string[]): string => {
  const key = sealingKey(rootKeys, rootKeys.version, tenant);
  const text = JSON.stringify(numbers);
  const iv = createHmac('sha256', key).update(text).digest().subarray(0, ivBytes);
  const cipher = createCipheriv(algorithm, key, iv);
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return `${rootKeys.version}.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')}`;
};

const Numbers = z.array(field.text);

const unsealed = (rootKeys: RootKeys, { tenant, sealed: all }: Pick<BadgeGroup, 'tenant' | 'sealed'>): string[] => {
  const [version = '', rest = ''] = all.split('.');
  const bytes = Buffer.from(rest, 'base64url');
  const decipher = createDecipheriv(
    algorithm,
    sealingKey(rootKeys, Number(version), tenant),
    bytes.subarray(0, ivBytes),
  );
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  const text = Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]);
  return Numbers.parse(JSON.parse(text.toString('utf8')));
};

/** Whether one of its badges has that verifier at the bank of this key. */
export const hasBadge = (rootKeys: RootKeys, group: BadgeGroup, bankKey: Buffer, verifier: string): boolean =>
  unsealed(rootKeys, group)
    .map((number) => sameVerifier(verifierOf(bankKey, 'badge', number), verifier))
    .some((isSame) => isSame);
