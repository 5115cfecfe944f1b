import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { Refusal } from '../domain/refusal.ts';
import { keys } from '../store/rows.ts';
import { Lost, type Table } from '../store/table.ts';
import { log } from './log.ts';
import { metrics } from './metrics.ts';

/** Limits count per whole minute of the clock. */
export const windowSeconds = 60;

/** Tokens taken at once; of a small limit a twentieth, or a few environments would hold all of it unused. */
export const leaseOf = (perMinute: number): number => Math.max(1, Math.min(100, Math.floor(perMinute / 20)));

/**
 * What an environment may answer in a window without a lease: a key that asks now and then costs no write at all, and
 * one whose lease cannot be had this moment is not locked out. The next lease counts it in. So a key is never answered
 * more than its limit and this much per environment that has got no lease.
 */
export const creditOf = (perMinute: number): number => Math.floor(leaseOf(perMinute) / 10);

/** How often a lease is tried before the credit is used. Whoever loses one is told the row as it is, so it costs no read. */
const leaseAttempts = 8;
/** So many keys are counted per environment; the one that was quiet for longest goes first. */
const keysCounted = 1_000;

const LeaseRow = z.object({ window: field.whole, leased: field.whole, version: field.whole });
type LeaseRow = z.infer<typeof LeaseRow>;

/** What an environment knows of a key in a window. */
type Count = { window: number; spent: number; leased: number; exhausted: boolean; row: LeaseRow | null };

/** A key; its own limit is null where it has none. */
export type Limited = { tenant: string; apiKeyId: string; requestsPerMinute: number | null };
export type Allowance = { headers: Record<string, string>; refusal: Refusal | null };
export type RateLimit = (key: Limited, nowMs: number) => Promise<Allowance>;

/** For tests and measurements of what a handler does by itself. */
export const unlimited: RateLimit = async () => ({ headers: {}, refusal: null });

/**
 * Spends a token of a key for each request. Tokens are leased from the key's row and spent in memory: one conditional
 * put per lease, and none for a request that is refused, as a window that is used up stays so.
 */
export const openRateLimit = (
  { table, newId }: { table: Table; newId: (prefix: string) => string },
  /** Of the stage: a key may have less of its own, not more. */
  stagePerMinute: number,
  // Longer and longer, with full jitter: rivals part also where a write takes a tenth of a second.
  pauseFor: (attempt: number) => Promise<void> = (attempt) =>
    new Promise((done) => setTimeout(done, Math.random() * 10 * 2 ** attempt)),
): RateLimit => {
  const counts = new Map<string, Count>();
  const leasing = new Map<string, Promise<void>>();
  /** In each row, so that two environments never write the same one and both take it for theirs. */
  const environment = newId('env');

  const countOf = (id: string, window: number): Count => {
    const known = counts.get(id);
    if (known && known.window >= window) return known;
    const count: Count = { window, spent: 0, leased: 0, exhausted: false, row: known?.row ?? null };
    counts.delete(id);
    if (counts.size >= keysCounted) counts.delete(counts.keys().next().value ?? '');
    counts.set(id, count);
    return count;
  };

  const lease = async ({ tenant, apiKeyId }: Limited, limit: number, count: Count): Promise<void> => {
    for (let attempt = 0; attempt < leaseAttempts; attempt += 1) {
      const { row, window } = count;
      // Another environment's clock is ahead: its window is the one that counts.
      if (row !== null && row.window > window) {
        Object.assign(count, { window: row.window, spent: 0, leased: 0 });
        continue;
      }
      const taken = row?.window === window ? row.leased : 0;
      const size = Math.min(leaseOf(limit), limit - taken);
      if (size <= 0) {
        count.exhausted = true;
        return;
      }
      // A row that was collected and made anew is never at a version that somebody still remembers of the old one.
      const next: LeaseRow = { window, leased: taken + size, version: (row?.version ?? window * 1_000_000) + 1 };
      try {
        await table.write([
          {
            kind: 'other',
            expects: row === null ? 'absent' : { version: row.version },
            put: {
              ...keys.rateLimit(tenant, apiKeyId),
              ...next,
              environment,
              // Garbage collection only; an older window counts as none.
              ttl: (window + 60) * windowSeconds,
            },
          },
        ]);
        count.row = next;
        count.leased += size;
        return;
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        const [lost] = error.rows;
        count.row = lost?.current ? LeaseRow.parse(lost.current) : null;
        await pauseFor(attempt);
      }
    }
  };

  /** One lease at a time per key: who comes meanwhile waits for it. */
  const leaseOnce = (id: string, key: Limited, limit: number, count: Count): Promise<void> => {
    const running =
      leasing.get(id) ??
      lease(key, limit, count)
        .catch((error: unknown) => log.warn('no lease', { apiKeyId: key.apiKeyId, cause: String(error) }))
        .finally(() => leasing.delete(id));
    leasing.set(id, running);
    return running;
  };

  return async (key, nowMs) => {
    const limit = Math.min(key.requestsPerMinute ?? stagePerMinute, stagePerMinute);
    const id = `${key.tenant}#${key.apiKeyId}`;
    const count = countOf(id, Math.floor(nowMs / 1000 / windowSeconds));
    const credit = creditOf(limit);
    const covered = (): boolean => count.spent < count.leased || (count.leased === 0 && count.spent < credit);

    // Again only if there was a lease, and others who waited for it have spent it.
    for (let before = -1; !covered() && !count.exhausted && count.leased !== before; ) {
      before = count.leased;
      await leaseOnce(id, key, limit, count);
    }
    const late = !covered() && !count.exhausted;
    // Neither refused for what the caller did not do nor let through for ever: the credit, once more.
    const onCredit = late && count.spent < count.leased + credit;
    const allowed = covered() || onCredit;
    if (late) metrics.addMetric('RateLimitLeaseMissed', 'Count', 1);
    if (allowed) count.spent += 1;

    const seconds = Math.max(1, Math.ceil((count.window + 1) * windowSeconds - nowMs / 1000));
    const elsewhere = count.row?.window === count.window ? count.row.leased - count.leased : 0;
    const left = count.exhausted
      ? Math.max(0, count.leased - count.spent)
      : Math.max(0, limit - elsewhere - count.spent);
    return {
      headers: {
        'ratelimit-policy': `"default";q=${limit};w=${windowSeconds}`,
        ratelimit: `"default";r=${left};t=${seconds}`,
      },
      refusal: allowed
        ? null
        : count.exhausted
          ? new Refusal('rate_limited', `this API key may send ${limit} requests a minute, and has`, {
              retryAfterSeconds: seconds,
            })
          : new Refusal('busy', 'the requests of this API key cannot be counted at this very moment; try again', {
              retryAfterSeconds: 1,
            }),
    };
  };
};
