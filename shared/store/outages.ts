import { epochMs } from '../domain/time.ts';
import type { Outage } from '../domain/uptime.ts';
import { keys } from './rows.ts';
import type { Write } from './table.ts';

/** So long one may ask for; a little more than a year. */
export const outageKeptSeconds = 400 * 86_400;

/** An outage that is over. Its key says when it ended, so that those since some moment are read in one query. */
export const outageWrite = (bankId: string, it: Outage): Write => ({
  kind: 'other',
  expects: 'anything',
  put: {
    ...keys.outage(bankId, epochMs(it.endedAt), it.door),
    ...it,
    ttl: Math.ceil(epochMs(it.endedAt) / 1000) + outageKeptSeconds,
  },
});
