import { createHmac, createSecretKey } from 'node:crypto';
import { sameVerifier } from './verifier.ts';

/** How long a bank's panel shows a code before the next. */
export const presenceSeconds = 30;

/**
 * What the panel shows, and only there: whoever reads it stands before the bank, or stood there a minute ago. Six digits of
 * an HMAC-SHA-256 under that bank's key, so the cloud knows them without asking the bank. `seconds`: since 1970.
 */
export const presenceCodeAt = (bankKey: Buffer, seconds: number): string => {
  const nth = Math.floor(seconds / presenceSeconds);
  const mac = createHmac('sha256', createSecretKey(bankKey)).update(`presence:${nth}`).digest();
  return String(mac.readUIntBE(0, 6) % 1_000_000).padStart(6, '0');
};

/** The code of now, and those before and after: people need time to type, and clocks differ by a little. */
export const isPresenceCode = (bankKey: Buffer, code: string, seconds: number): boolean =>
  [-1, 0, 1]
    .map((nth) => sameVerifier(presenceCodeAt(bankKey, seconds + nth * presenceSeconds), code))
    .some((isSame) => isSame);
