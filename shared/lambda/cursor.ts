import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { hashOf } from '../domain/chain.ts';
import { Refusal } from '../domain/refusal.ts';
import type { RootKeys } from '../domain/root-key.ts';

/** Where the list of one call goes on. */
export type Cursors = {
  /** The place that the caller's cursor names; undefined at the beginning. */
  read: () => Promise<string | undefined>;
  /** The cursor of a place; null at the end. */
  give: (at: string | null) => Promise<string | null>;
};

/** Which list a cursor is of: another tenant's, another route's and another filter's are other lists. */
export type CursorList = { tenant: string; route: string; params: unknown; query: Record<string, unknown> };

/** 128 bits: nobody tries 2^127 cursors against the rate limit of a key. */
const macBytes = 16;

const macOf = (rootKey: KeyObject, list: string, place: string): Buffer =>
  createHmac('sha256', rootKey).update(`cursor:${list}:${place}`).digest().subarray(0, macBytes);

const foreign = (name: string): Refusal =>
  new Refusal('invalid_request', 'the cursor is not one that this list gave', {
    errors: [
      { pointer: `#query/${name}`, detail: 'take nextCursor of the page before, unchanged, with the same filters' },
    ],
  });

/**
 * Cursors are opaque to callers, and good for nothing but going on: `<mac><key version>:<place>`, base64url, under a key
 * derived from the root secret. The size of a page may change on the way, so it is no part of which list it is.
 */
export const cursorsOf = (rootKeys: () => Promise<RootKeys>, { tenant, route, params, query }: CursorList): Cursors => {
  // A feed has no end, so there it is called by what it is for.
  const name = 'after' in query ? 'after' : 'cursor';
  const { limit: _, [name]: cursor, ...filters } = query;
  const list = (): string => hashOf([tenant, route, params, filters]);
  return {
    read: async () => {
      if (typeof cursor !== 'string') return undefined;
      const bytes = Buffer.from(cursor, 'base64url');
      const place = bytes.subarray(macBytes).toString('utf8');
      const [, version, at] = /^(\d{1,6}):(.*)$/s.exec(place) ?? [];
      // A second spelling of the same bytes was given by nobody.
      if (version === undefined || at === undefined || bytes.toString('base64url') !== cursor) throw foreign(name);
      const keys = await rootKeys();
      const key = keys.find(Number(version));
      if (key === undefined || !timingSafeEqual(macOf(key, list(), place), bytes.subarray(0, macBytes)))
        throw foreign(name);
      return at;
    },
    give: async (at) => {
      if (at === null) return null;
      const keys = await rootKeys();
      const place = `${keys.version}:${at}`;
      return Buffer.concat([macOf(keys.of(keys.version), list(), place), Buffer.from(place)]).toString('base64url');
    },
  };
};
