import * as z from 'zod';
import type { Envelope } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import type { Head } from '../domain/anchor.ts';
import { epochMs, type Instant } from '../domain/time.ts';
import { keys, ranges } from './rows.ts';
import { Lost, type Table } from './table.ts';

const HeadRow = z.object({ tenant: field.text, subject: field.text, sequence: field.whole, hash: field.text });

/** Longer than the anchoring could be broken without anybody noticing, and than queues bring an event again. */
const rememberedSeconds = 90 * 86_400;

/** Notes an event as the newest of its subject in this hour, unless a newer one is noted already. */
export const noteHead = async (table: Table, event: Envelope, hour: Instant): Promise<void> => {
  const { tenant, subject, sequence, hash } = event;
  const ttl = epochMs(hour) / 1000 + rememberedSeconds;
  const put = { ...keys.head(hour, tenant, subject), tenant, subject, sequence, hash, ttl };
  try {
    await table.write([{ kind: 'other', expects: { lower: 'sequence', than: sequence }, put }]);
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
  }
};

/** The heads that were noted in an hour, by tenant. */
export const headsOf = async (table: Table, hour: Instant): Promise<Map<string, Head[]>> => {
  const pages = await Promise.all(ranges.heads(hour).map((range) => table.query(range, { consistent: true })));
  const rows = pages.flatMap(({ rows: found }) => found.map((row) => HeadRow.parse(row)));
  return new Map(
    [...Map.groupBy(rows, ({ tenant }) => tenant)].map(([tenant, own]) => [
      tenant,
      own.map(({ subject, sequence, hash }) => ({ subject, sequence, hash })),
    ]),
  );
};

const Progress = z.object({ version: field.whole, hour: field.text });

/** How far the anchoring has come: up to and with which hour. */
export const openProgress = (table: Table) => ({
  read: async () => {
    const row = await table.get(keys.anchored(), true);
    return row === undefined ? null : Progress.parse(row);
  },
  /** Throws `Lost` when another run has got on meanwhile. */
  write: (before: z.infer<typeof Progress> | null, hour: Instant) =>
    table.write([
      {
        kind: 'other',
        expects: before === null ? 'absent' : { version: before.version },
        put: { ...keys.anchored(), version: (before?.version ?? 0) + 1, hour },
      },
    ]),
});
