import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { AccessMethod } from './access.ts';

/** What a bank compares instead of the secret: 128 bits of an HMAC-SHA-256 under that bank's key, base64url. */
export const verifierOf = (bankKey: Buffer | KeyObject, method: AccessMethod, value: string): string =>
  createHmac('sha256', Buffer.isBuffer(bankKey) ? createSecretKey(bankKey) : bankKey)
    .update(`${method}:${value}`)
    .digest()
    .subarray(0, 16)
    .toString('base64url');

/** Compares in constant time. */
export const sameVerifier = (a: string, b: string): boolean => {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
};
