import { monotonicFactory } from 'ulid';

const next = monotonicFactory();

/** `txn_01J…`: a prefix for people, then a ULID, which sorts by the millisecond it was drawn in. */
export const newId = (prefix: string): string => `${prefix}_${next()}`;
