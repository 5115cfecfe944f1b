import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { Contents, DoorState, LockState } from '../device/door.ts';
import type { DoorEntry } from '../device/journal.ts';
import type { Instant } from './time.ts';
import { epochMs, plusSeconds } from './time.ts';

export const Availability = z.enum(['available', 'reserved', 'occupied', 'needs_clearing', 'out_of_service']);
export type Availability = z.infer<typeof Availability>;

const maybeWhole = field.whole.optional();

/** A compartment's row: the lock that two commits meet at if they want the same door. At most 300 bytes. */
export const Compartment = z.object({
  door: field.text,
  /** The transaction, asset or stock unit that has it. */
  heldBy: field.textOrNull,
  availability: Availability,
  /** Not offered before, milliseconds since 1970: without a contents sensor, `reopenSeconds` after the last close. */
  until: field.whole.nullable(),
  doorState: DoorState,
  contents: Contents,
  lock: LockState,
  /** Why it is out of service, as staff said or as what failed there, and since when (milliseconds since 1970). */
  outOfService: field.text.nullable().default(null),
  outOfServiceAt: maybeWhole,
  /** Its temperature has been out of its range since then, milliseconds since 1970. */
  outsideSince: maybeWhole,
  /** The newest entry about its temperature, by its number in the journal of `lastEntry`. */
  climateSeq: maybeWhole,
  /** Somebody has to look inside before it is offered: nobody knows what was left there. */
  uncleared: field.yesNo.optional(),
  /** Who has it holds it softly, since when (milliseconds since 1970), and has not opened it yet. */
  soft: maybeWhole,
  /** How often its door was opened, by its bank's journal; left out: never. */
  wear: field.count.optional(),
  /** The newest journal entry its physical state comes from. */
  lastEntry: z.object({ journalId: field.text, seq: field.whole, at: field.whole }).nullable(),
  /** The newest door command. */
  commandId: field.textOrNull,
  version: field.count,
});
export type Compartment = z.infer<typeof Compartment>;

/**
 * As it is when its bank is registered: closed and empty by what the operator says, until the bank says otherwise. Its
 * row is written with its first change, so that 120 doors need no 120 rows at once.
 */
export const newCompartment = (door: string): Compartment => ({
  door,
  heldBy: null,
  availability: 'available',
  until: null,
  doorState: 'closed',
  contents: 'empty',
  lock: 'ok',
  outOfService: null,
  lastEntry: null,
  commandId: null,
  version: 0,
});

/** The availability that follows from the other fields; the first row that holds. */
const availabilityRows: [(it: Compartment, stored: boolean) => boolean, Availability][] = [
  [(it, stored) => it.heldBy !== null && stored, 'occupied'],
  [(it) => it.heldBy !== null, 'reserved'],
  [(it) => it.outOfService !== null || it.lock === 'jammed', 'out_of_service'],
  [(it) => it.contents === 'filled' || it.doorState !== 'closed' || it.uncleared === true, 'needs_clearing'],
  [() => true, 'available'],
];

/** Changes a compartment and says its availability anew. `stored`: its holder's item is inside. */
export const changed = (before: Compartment, change: Partial<Compartment>, stored: boolean): Compartment => {
  // Softly is how one holder has it, not the next.
  const after = { ...before, ...('heldBy' in change && { soft: undefined }), ...change, version: before.version + 1 };
  return { ...after, availability: availabilityRows.find(([holds]) => holds(after, stored))?.[1] ?? 'available' };
};

export const inService = { outOfService: null, outOfServiceAt: undefined } satisfies Partial<Compartment>;
export const outOfServiceSince = (reason: string, at: Instant): Partial<Compartment> => ({
  outOfService: reason,
  outOfServiceAt: epochMs(at),
});

/** May be promised to somebody now. */
export const offered = (it: Compartment, now: Instant): boolean =>
  it.availability === 'available' &&
  it.doorState === 'closed' &&
  it.contents !== 'filled' &&
  it.lock === 'ok' &&
  (it.until === null || it.until <= epochMs(now));

/** Held softly by somebody who has not begun: a hard request may have it when nothing else is left. */
export const reclaimable = (it: Compartment): boolean =>
  it.soft !== undefined && it.heldBy !== null && it.doorState === 'closed' && it.contents !== 'filled';

/** An entry tells the newest state only if none after it was seen; another journal is another controller, and newer. */
export const isNewest = (it: Compartment, journalId: string, seq: number): boolean =>
  it.lastEntry === null || it.lastEntry.journalId !== journalId || it.lastEntry.seq < seq;

/** The physical change an entry makes, if it is the newest; older ones never overwrite. */
export const physicalChange = (
  it: Compartment,
  journalId: string,
  entry: DoorEntry,
  now: Instant,
  reopenSeconds: number,
): Partial<Compartment> =>
  isNewest(it, journalId, entry.seq)
    ? {
        doorState: entry.after.door,
        contents: entry.after.contents,
        lock: entry.after.lock,
        lastEntry: { journalId, seq: entry.seq, at: entry.at },
        ...(it.uncleared && entry.after.door === 'closed' && entry.after.contents === 'empty'
          ? { uncleared: undefined }
          : {}),
        ...(entry.after.contents === 'unknown' && entry.after.door === 'closed'
          ? { until: epochMs(plusSeconds(now, reopenSeconds)) }
          : {}),
      }
    : {};
