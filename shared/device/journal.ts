import * as z from 'zod';
import { AccessMethod, Step } from './access.ts';
import { Next } from './denial.ts';
import { DoorStatus } from './door.ts';

/** What opened the door; null when nobody the bank knows of did (forced, or by key). */
export const Cause = z.union([
  /** `tokenId`: the nonce of the app's token that was shown for the grant. */
  z.object({ grantId: z.string(), step: Step, tokenId: z.string().optional() }),
  z.object({ commandId: z.string() }),
]);
export type Cause = z.infer<typeof Cause>;

const entryBase = z.object({
  /** Contiguous across restarts within one `journalId`, from 1. */
  seq: z.int().positive(),
  /** The bank's own clock, milliseconds since 1970: a claim, kept beside the broker's time. */
  at: z.int().nonnegative(),
});

const doorEntry = entryBase.extend({
  door: z.string().max(16),
  after: DoorStatus,
  /** The transaction whose grants (or command) the bank held for this door, and the version of it that it had applied. */
  transactionId: z.string().nullable(),
  version: z.int().positive().nullable(),
  cause: Cause.nullable(),
});

const bankEntry = entryBase;

/** Whose grants a bank holds (or held) for a door, and of which version. */
const HeldAt = z.object({ transactionId: z.string(), version: z.int().positive() });

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
    reason: z.string(),
    door: z.string().optional(),
    transactionId: z.string().optional(),
    grantId: z.string().optional(),
    /** What the person was told to do. */
    next: Next.optional(),
    /** The moment that decides, where the reason is one of time: from when, or until when; milliseconds since 1970. */
    limitAt: z.int().nonnegative().optional(),
  }),
  bankEntry.extend({ type: z.literal('command.acknowledged'), commandId: z.string(), door: z.string() }),
  bankEntry.extend({
    type: z.literal('command.rejected'),
    commandId: z.string(),
    door: z.string(),
    reason: z.enum(['expired', 'duplicate', 'wrong_transaction', 'no_cloud_time', 'door_busy']),
  }),
  bankEntry.extend({
    type: z.literal('command.failed'),
    commandId: z.string(),
    door: z.string(),
    reason: z.enum(['lock_jammed']),
  }),
  /** What the bank holds anew of `grants-<k>` since the revision before, and whose grants it holds there no more. */
  bankEntry.extend({
    type: z.literal('grants.applied'),
    k: z.int().nonnegative(),
    rev: z.int().nonnegative(),
    doors: z.record(z.string(), HeldAt),
    removed: z.record(z.string(), HeldAt),
  }),
  /** Power came, or the controller restarted. `generation`: of the bank key it holds, null if none. */
  bankEntry.extend({ type: z.literal('boot'), generation: z.int().positive().nullable() }),
  bankEntry.extend({ type: z.literal('scan'), door: z.string(), value: z.string().max(256) }),
  bankEntry.extend({ type: z.literal('temperature.read'), door: z.string(), temperatureC: z.number() }),
  bankEntry.extend({ type: z.literal('power.lost') }),
  bankEntry.extend({ type: z.literal('power.restored') }),
  bankEntry.extend({ type: z.literal('tamper') }),
  /** The bank ran out of room and dropped these, inclusive. */
  bankEntry.extend({ type: z.literal('journal.truncated'), from: z.int().positive(), to: z.int().positive() }),
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
