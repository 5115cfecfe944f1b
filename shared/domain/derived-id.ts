import { createHash } from 'node:crypto';

/** Of a ULID: ten of them for its time, and sixteen more. */
const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const timeLetters = (ms: number): string =>
  Array.from({ length: 10 }, (_, nth) => letters[Math.floor(ms / 32 ** (9 - nth)) % 32]).join('');

/**
 * An id that follows from what it is made of, so that whoever makes the thing twice makes the same one: in form like those
 * that are drawn, and sorted among them by its moment (milliseconds since 1970).
 */
export const derivedId = (prefix: string, ms: number, from: string): string => {
  const bytes = createHash('sha256').update(from).digest().subarray(0, 16);
  return `${prefix}_${timeLetters(ms)}${[...bytes].map((byte) => letters[byte % 32]).join('')}`;
};
