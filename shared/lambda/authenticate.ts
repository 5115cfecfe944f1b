import { hash, timingSafeEqual } from 'node:crypto';
import { ApiKey } from '../domain/api-key.ts';
import { parseApiKey } from '../domain/issued.ts';
import { Refusal } from '../domain/refusal.ts';
import { keys } from '../store/rows.ts';
import type { Table } from '../store/table.ts';

/** How long a key's row is trusted without looking: also the longest a revoked key still works (design.md section 8). */
export const keyCacheMs = 60_000;
/** So many keys are remembered per function environment; the oldest goes first. */
const keysCached = 1_000;

export type Caller = { tenant: string; apiKeyId: string; scopes: readonly string[]; system: string | null };

export const sha256 = (text: string): string => hash('sha256', text);

const unauthorized = (): Refusal =>
  new Refusal('unauthorized', 'send a valid API key: Authorization: Bearer lw_live_…');

/** Finds the caller behind an `Authorization` header. The tenant comes from the key, never from the request. */
export const openAuthentication = (table: Table) => {
  const cache = new Map<string, { key: ApiKey | null; at: number }>();

  const rowOf = async (text: string, digest: string, nowMs: number): Promise<ApiKey | null> => {
    const cached = cache.get(digest);
    if (cached && nowMs - cached.at < keyCacheMs) return cached.key;
    const parsed = parseApiKey(text);
    if (parsed === null) return null;
    const row = await table.get(keys.apiKey(parsed.tenant, parsed.id));
    const key = row === undefined ? null : ApiKey.parse(row);
    // Unknown ones are not kept, or guesses would push out the real.
    if (key !== null) {
      if (cache.size >= keysCached) cache.delete(cache.keys().next().value ?? '');
      cache.set(digest, { key, at: nowMs });
    }
    return key;
  };

  return async (header: string | undefined, nowMs: number): Promise<Caller> => {
    const [, text] = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(header ?? '') ?? [];
    if (text === undefined) throw unauthorized();
    const digest = sha256(text);
    const key = await rowOf(text, digest, nowMs);
    if (key === null || key.revokedAt !== null) throw unauthorized();
    if (!timingSafeEqual(Buffer.from(digest), Buffer.from(key.keyHash))) throw unauthorized();
    return { tenant: key.tenant, apiKeyId: key.id, scopes: key.scopes, system: key.system };
  };
};
