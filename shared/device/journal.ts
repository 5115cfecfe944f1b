import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { AccessMethod, Step } from './access.ts';
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
export const JournalEntry = z.discriminatedUnion('type', [
  doorEntry.extend({ type: z.literal('access.granted'), method: AccessMethod }),
  doorEntry.extend({ type: z.literal('door.opened') }),
  doorEntry.extend({ type: z.literal('door.closed') }),
  doorEntry.extend({ type: z.literal('door.ajar') }),
  doorEntry.extend({ type: z.literal('door.forced') }),
  doorEntry.extend({ type: z.literal('contents.changed') }),
  doorEntry.extend({ type: z.literal('lock.jammed') }),
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
  bankEntry.extend({ type: z.literal('temperature.read'), door: field.text, temperatureC: z.number() }),
  bankEntry.extend({ type: z.literal('power.lost') }),
  bankEntry.extend({ type: z.literal('power.restored') }),
  bankEntry.extend({ type: z.literal('tamper') }),
  /** The bank ran out of room and dropped these, inclusive. */
  bankEntry.extend({ type: z.literal('journal.truncated'), from: field.positive, to: field.positive }),
]);
export type JournalEntry = z.infer<typeof JournalEntry>;
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
export const isDoorEntry = (entry: JournalEntry): entry is DoorEntry =>
  (doorEntryTypes as readonly string[]).includes(entry.type);
