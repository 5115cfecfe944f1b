import type { Envelope } from '../../events/envelope.ts';
import { CommitRow } from './commit-row.ts';
import { ranges } from './rows.ts';
import type { Table } from './table.ts';

/** A fact that contradicts what was decided: conflicted, picked up, completed. No commit has more. */
const eventsPerCommitMax = 3;

/** A page of the events of a subject, in order, after a sequence. `log`: the partition where its commits lie. */
export const readSubjectEvents = async (
  table: Table,
  log: string,
  after: number,
  limit: number,
): Promise<{ events: Envelope[]; more: boolean }> => {
  // A commit's row is keyed by its first event, so the one that holds `after` may hold the next as well.
  const from = Math.max(0, after - eventsPerCommitMax);
  const page = await table.query(ranges.events(log, from), { limit: limit + eventsPerCommitMax });
  const events = page.rows.flatMap((row) => CommitRow.parse(row).events).filter((it) => it.sequence > after);
  return { events: events.slice(0, limit), more: page.next !== null || events.length > limit };
};

/** The newest events of a subject, in their order. */
export const readNewestEvents = async (table: Table, log: string, limit: number): Promise<Envelope[]> => {
  const { rows } = await table.query(ranges.events(log), { limit, newestFirst: true });
  return rows
    .toReversed()
    .flatMap((row) => CommitRow.parse(row).events)
    .slice(-limit);
};
