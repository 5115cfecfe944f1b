import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { AccessMethod, Step } from './access.ts';
import { celsius } from './config.ts';
import { Next } from './denial.ts';
import { DoorStatus } from './door.ts';

/** What opened the door; null when nobody the bank knows of did (forced, or by key). */
export const Cause = z.union([
  /** `tokenId`: the nonce of the app's token that was shown for the grant. */
  z.object({ grantId: field.text, step: Step, tokenId: field.maybeText }),
  z.object({ commandId: field.text }),
]);
export type Cause = z.infer<typeof Cause>;

const entryBase = z.object({
  /** Contiguous across restarts within one `journalId`, from 1. */
  seq: field.positive,
  /** The bank's own clock, milliseconds since 1970: a claim, kept beside the broker's time. */
  at: field.count,
});

const doorEntry = entryBase.extend({
  door: z.string().max(16),
  after: DoorStatus,
  /** The transaction whose grants (or command) the bank held for this door, and the version of it that it had applied. */
  transactionId: field.textOrNull,
  version: field.positive.nullable(),
  cause: Cause.nullable(),
});

const bankEntry = entryBase;

/** Whose grants a bank holds (or held) for a door, and of which version. */
const HeldAt = z.object({ transactionId: field.text, version: field.positive });

/** Every kind of entry a bank's journal holds (design.md section 6). */
export const JournalEntry = once(() =>
  z.discriminatedUnion('type', [
    doorEntry.extend({ type: z.literal('access.granted'), method: AccessMethod }),
    /** `lock.jammed`: it did not open; where the door is not closed after it, it did not close. */
    doorEntry.extend({
      type: z.enum(['door.opened', 'door.closed', 'door.ajar', 'door.forced', 'contents.changed', 'lock.jammed']),
    }),
    /** `door`, `transactionId` and `grantId` only where the bank could tell which right was meant. */
    bankEntry.extend({
      type: z.literal('access.denied'),
      method: AccessMethod,
      reason: field.text,
      door: field.maybeText,
      transactionId: field.maybeText,
      grantId: field.maybeText,
      /** What the person was told to do. */
      next: Next.optional(),
      /** The moment that decides, where the reason is one of time: from when, or until when; milliseconds since 1970. */
      limitAt: field.count.optional(),
    }),
    bankEntry.extend({ type: z.literal('command.acknowledged'), commandId: field.text, door: field.text }),
    bankEntry.extend({
      type: z.literal('command.rejected'),
      commandId: field.text,
      door: field.text,
      reason: z.enum(['expired', 'duplicate', 'wrong_transaction', 'no_cloud_time', 'door_busy']),
    }),
    bankEntry.extend({
      type: z.literal('command.failed'),
      commandId: field.text,
      door: field.text,
      reason: z.enum(['lock_jammed']),
    }),
    /** What the bank holds anew of `grants-<k>` since the revision before, and whose grants it holds there no more. */
    bankEntry.extend({
      type: z.literal('grants.applied'),
      k: field.count,
      rev: field.count,
      doors: z.record(field.text, HeldAt),
      removed: z.record(field.text, HeldAt),
    }),
    /** Power came, or the controller restarted. `generation`: of the bank key it holds, null if none. */
    bankEntry.extend({ type: z.literal('boot'), generation: field.positive.nullable() }),
    /**
     * A label that was scanned at a door. `result`: `right`, `wrong`, `unchecked` where the bank knows of no label, or `missed`
     * where it had to be scanned and was not. `value`: empty where it is known anyway, or opens a door.
     */
    bankEntry.extend({
      type: z.literal('scan'),
      door: field.text,
      value: z.string().max(256),
      result: field.maybeText,
      transactionId: field.maybeText,
      step: field.maybeText,
    }),
    /** Of a compartment without a range of its own; of the others only what counts is told. */
    bankEntry.extend({ type: z.literal('temperature.read'), door: field.text, temperatureC: celsius }),
    /** It was out of its range for longer than it may be; and it is back. */
    bankEntry.extend({
      type: z.enum(['temperature.left_range', 'temperature.back_in_range']),
      door: field.text,
      /** Whose item is inside, as far as the bank knows. */
      transactionId: field.textOrNull,
      temperatureC: celsius,
      /** The range it was judged by. */
      minC: celsius,
      maxC: celsius,
      /** When it left the range, milliseconds since 1970 by the bank's clock. */
      since: field.count,
      /** The reading furthest out of the range since. */
      extremeC: celsius,
    }),
    bankEntry.extend({ type: z.enum(['power.lost', 'power.restored', 'tamper']) }),
    /** The bank ran out of room and dropped these, inclusive. */
    bankEntry.extend({ type: z.literal('journal.truncated'), from: field.positive, to: field.positive }),
  ]),
);
export type JournalEntry = z.infer<ReturnType<typeof JournalEntry>>;
export type JournalEntryType = JournalEntry['type'];

/** Entries that tell a door's whole state. */
export const doorEntryTypes = [
  'access.granted',
  'door.opened',
  'door.closed',
  'door.ajar',
  'door.forced',
  'contents.changed',
  'lock.jammed',
] as const satisfies JournalEntryType[];
export type DoorEntry = Extract<JournalEntry, { type: (typeof doorEntryTypes)[number] }>;

export type ClimateEntry = Extract<JournalEntry, { extremeC: number }>;
export const isClimateEntry = (entry: JournalEntry): entry is ClimateEntry => 'extremeC' in entry;

export const isDoorEntry = (entry: JournalEntry): entry is DoorEntry =>
  (doorEntryTypes as readonly string[]).includes(entry.type);
