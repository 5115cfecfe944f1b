import { randomFillSync } from 'node:crypto';
import { decodeTime, encodeTime, monotonicFactory } from 'ulid';

/** Drawn many at a time: the library would ask the system for each of the 16 letters of an id. */
const pool = new Uint32Array(256);
let next = pool.length;

const random = (): number => {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const drawn = pool[next] ?? 0;
  next += 1;
  return drawn / 2 ** 32;
};

const ulid = monotonicFactory(random);

/** `txn_01J…`: a prefix for people, then a ULID, which sorts by the millisecond it was drawn in. */
export const newId = (prefix: string): string => `${prefix}_${ulid()}`;

/** No id of that kind made since that moment (milliseconds since 1970) comes before it. None is older than 1970. */
export const firstIdAt = (prefix: string, ms: number): string => `${prefix}_${encodeTime(Math.max(0, ms))}`;

/** When an id was made, in milliseconds since 1970. */
export const madeAt = (id: string): number => decodeTime(id.slice(id.indexOf('_') + 1));
