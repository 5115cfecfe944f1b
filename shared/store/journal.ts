import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { JournalEntry } from '../device/journal.ts';
import type { Bank } from '../domain/bank.ts';
import type { Compartment } from '../domain/compartment.ts';
import { type Instant, InstantText, instant } from '../domain/time.ts';
import { anew } from './anew.ts';
import { compartmentsFrom, parseBank } from './banks.ts';
import { keys, ranges } from './rows.ts';
import { Lost, type Table, type Write } from './table.ts';
import { Applied } from './transactions.ts';

/** An entry as received: one we understand, or one of a later firmware, kept as it came. */
export type ReceivedEntry = JournalEntry | { seq: number; type: string; unknown: Record<string, unknown> };

export const isUnderstood = (entry: ReceivedEntry): entry is JournalEntry => !('unknown' in entry);

const JournalRow = z.object({
  entries: z.array(
    z.object({ seq: field.whole, type: field.text, from: field.whole.optional(), to: field.whole.optional() }),
  ),
});

/** More than a bank keeps; what claims to have dropped more is not believed. */
const truncatedMax = 100_000;

/** What an entry accounts for: itself, and for `journal.truncated` those that the bank will never send. */
export const accountedFor = (entry: { seq: number; type: string; from?: number; to?: number }): number[] => {
  const { seq, type, from = 1, to = 0 } = entry;
  const dropped = type === 'journal.truncated' ? Math.min(to - from + 1, truncatedMax) : 0;
  return [seq, ...Array.from({ length: Math.max(0, dropped) }, (_, nth) => from + nth)];
};

/** How far a journal of a bank was acknowledged, as remembered. */
const Acknowledged = z.object({
  seq: field.whole,
  /** The broker's time of the message that began it, or not long after. Of those that began before this was kept: never. */
  since: InstantText.default(instant(0)),
});
export type Acknowledged = z.infer<typeof Acknowledged>;

export type JournalPosition = {
  bank: Bank;
  compartments: Compartment[];
  /** All journals of the bank of which anything was acknowledged, by id: each disk that it ever had began one. */
  journals: Map<string, Acknowledged>;
  /** Everything up to here was acknowledged to the bank. */
  acknowledged: number;
  /** Sequence numbers recorded beyond it. */
  recorded: Set<number>;
};

/** Where we are with a bank's journal; null when there is no such bank. Consistent: what was recorded is seen. */
export const readJournalPosition = async (
  table: Table,
  bankId: string,
  journalId: string,
  to: number,
): Promise<JournalPosition | null> => {
  const { rows } = await table.query(ranges.bankWithAcknowledgements(bankId), { consistent: true });
  const bankRow = rows.find((row) => row.SK === 'B');
  if (bankRow === undefined) return null;
  const bank = parseBank(bankRow);
  const prefix = keys.acknowledged(bankId, '').SK;
  const journals = new Map(
    rows
      .filter((row) => String(row.SK).startsWith(prefix))
      .map((row) => [String(row.SK).slice(prefix.length), Acknowledged.parse(row)]),
  );
  const acknowledged = journals.get(journalId)?.seq ?? 0;
  const doors = rows.filter((row) => String(row.SK).startsWith('D#'));
  const recorded = new Set<number>();
  if (to > acknowledged) {
    const range = ranges.journal(bankId, journalId, acknowledged + 1, to + entriesPerRowMax);
    const page = await table.query(range, { consistent: true });
    for (const row of page.rows)
      for (const entry of JournalRow.parse(row).entries) for (const seq of accountedFor(entry)) recorded.add(seq);
  }
  return { bank, compartments: compartmentsFrom(bank, doors), journals, acknowledged, recorded };
};

/** As many entries as one batch may bring, and so one row may hold; rows are keyed by their last entry. */
const entriesPerRowMax = 200;

/** The entries of one commit, as the bank wrote them: evidence, and proof that they were taken. */
export const journalWrite = (
  bankId: string,
  journalId: string,
  entries: readonly ReceivedEntry[],
  brokerTime: Instant,
  recordedAt: Instant,
): Write => {
  const last = Math.max(...entries.map((it) => it.seq));
  return {
    kind: 'journal',
    expects: 'absent',
    put: {
      ...keys.journal(bankId, journalId, last),
      entries: entries.map((it) => (isUnderstood(it) ? it : it.unknown)),
      brokerTime,
      recordedAt,
    },
  };
};

/** The newest sequence number such that it and all before it are recorded. */
export const contiguous = (acknowledged: number, recorded: ReadonlySet<number>): number => {
  let seq = acknowledged;
  while (recorded.has(seq + 1)) seq += 1;
  return seq;
};

/** Remembers what may be acknowledged; never goes back. */
export const saveAcknowledged = async (
  table: Table,
  bankId: string,
  journalId: string,
  acknowledged: Acknowledged,
): Promise<void> => {
  const put = { ...keys.acknowledged(bankId, journalId), ...acknowledged };
  try {
    await table.write([{ kind: 'other', expects: { lower: 'seq', than: acknowledged.seq }, put }]);
  } catch (error) {
    // As much was remembered already: that is what was wanted.
    if (!(error instanceof Lost)) throw error;
  }
};

type AppliedShadow = Applied['shadows'][string];

/** What an entry tells of each transaction that has a door in its shadow, or had one. */
export const appliedBy = ({
  doors,
  removed,
}: Pick<Extract<JournalEntry, { type: 'grants.applied' }>, 'doors' | 'removed'>): ({
  transactionId: string;
} & AppliedShadow)[] => {
  const told = new Map<string, AppliedShadow>();
  for (const { transactionId, version } of Object.values(removed))
    told.set(transactionId, { version, gone: true, doors: [] });
  for (const [door, { transactionId, version }] of Object.entries(doors)) {
    const before = told.get(transactionId);
    const others = before?.gone === false ? before : { version, doors: [] };
    told.set(transactionId, {
      // The older one counts: what one door lacks, the bank does not know.
      version: Math.min(version, others.version),
      gone: false,
      doors: [...others.doors, door],
    });
  }
  return [...told].map(([transactionId, it]) => ({ transactionId, ...it }));
};

/** What is known of a shadow, once it is told; the same if that was known. */
const learned = (known: AppliedShadow | undefined, told: AppliedShadow): AppliedShadow => {
  if (known === undefined || told.version < known.version) return known ?? told;
  const isNewer = told.version > known.version;
  // Letting go is told of the version that was held, so it is the later of two that tell of the same.
  if (told.gone) return isNewer || !known.gone ? told : known;
  if (known.gone) return isNewer ? told : known;
  // Told is what is new: a door that went on as it was is not named again.
  const more = told.doors.filter((it) => !known.doors.includes(it));
  return isNewer || more.length > 0 ? { ...told, doors: [...known.doors, ...more] } : known;
};

/** Remembers what its bank has applied of a transaction in shadow `grants-<k>`; never goes back. */
export const saveApplied = async (
  table: Table,
  { tenant, transactionId, k }: { tenant: string; transactionId: string; k: number },
  told: AppliedShadow,
): Promise<void> => {
  const key = keys.applied(tenant, transactionId);
  // Batches of one bank that tell of the same transaction part after a round or two.
  await anew(async () => {
    const row = await table.get(key, true);
    const known = row === undefined ? null : Applied.parse(row);
    const shadow = learned(known?.shadows[k], told);
    if (shadow === known?.shadows[k]) return;
    const after: Applied = { version: (known?.version ?? 0) + 1, shadows: { ...known?.shadows, [k]: shadow } };
    await table.write([
      { kind: 'other', expects: known ? { version: known.version } : 'absent', put: { ...key, ...after } },
    ]);
  });
};
