import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { RootKeys } from './root-key.ts';

const algorithm = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;

const sealingKey = (rootKeys: RootKeys, version: number, purpose: string): Buffer =>
  createHmac('sha256', rootKeys.of(version)).update(purpose).digest();

/**
 * A text that must be read again, as it lies in the table: version of the root key, nonce, tag and text. `purpose` names what
 * it is and whose. The nonce follows from the text, so the same one is never used for two texts (RFC 8452 has the idea),
 * and deciding draws no randomness.
 */
export const seal = (rootKeys: RootKeys, purpose: string, text: string): string => {
  const key = sealingKey(rootKeys, rootKeys.version, purpose);
  const iv = createHmac('sha256', key).update(text).digest().subarray(0, ivBytes);
  const cipher = createCipheriv(algorithm, key, iv);
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return `${rootKeys.version}.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')}`;
};

/** Throws when it was sealed for another purpose, or changed. */
export const unseal = (rootKeys: RootKeys, purpose: string, sealed: string): string => {
  const [version = '', rest = ''] = sealed.split('.');
  const bytes = Buffer.from(rest, 'base64url');
  const key = sealingKey(rootKeys, Number(version), purpose);
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes));
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8');
};
