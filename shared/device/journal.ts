import * as z from 'zod';
import { AccessMethod, Step } from './shadow.ts';

export const DoorState = z.enum(['closed', 'open', 'ajar', 'unknown']);
export type DoorState = z.infer<typeof DoorState>;

export const Contents = z.enum(['empty', 'filled', 'unknown']);
export type Contents = z.infer<typeof Contents>;

export const LockState = z.enum(['ok', 'jammed']);
export type LockState = z.infer<typeof LockState>;

/** The door's whole state after an entry, so that the newest entry alone tells it. `unknown` contents: no sensor. */
export const DoorStatus = z.object({ door: DoorState, contents: Contents, lock: LockState });
export type DoorStatus = z.infer<typeof DoorStatus>;

/** What opened the door; null when nobody the bank knows of did (forced, or by key). */
export const Cause = z.union([
  z.object({ grantId: z.string(), step: Step }),
  z.object({ tokenId: z.string(), step: Step }),
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

/** Up on `journal`: one per door cycle; results of commands and alarms at once. Entries may repeat and come in any order. */
export const JournalBatch = z.object({
  /** New for each controller, kept across its restarts. */
  journalId: z.string().min(1).max(64),
  entries: z.array(JournalEntry).min(1).max(200),
});
export type JournalBatch = z.infer<typeof JournalBatch>;

/** Down on `ack`: everything up to and including `seq` is durably recorded; the bank may forget it. */
export const JournalAck = z.object({ journalId: z.string(), seq: z.int().nonnegative() });
export type JournalAck = z.infer<typeof JournalAck>;

/** Down on `replay`: send these again, inclusive. */
export const ReplayRequest = z.object({ journalId: z.string(), from: z.int().positive(), to: z.int().positive() });
export type ReplayRequest = z.infer<typeof ReplayRequest>;

/** Up on `ask`: a credential the bank does not know. The verifier, never the PIN. */
export const Ask = z.object({ askId: z.string().max(64), method: AccessMethod, verifier: z.string(), at: z.int() });
export type Ask = z.infer<typeof Ask>;

/** Down on `answer`: refused, and why; or a door command is on its way through the shadow. */
export const Answer = z.object({
  askId: z.string(),
  granted: z.boolean(),
  door: z.string().optional(),
  reason: z.string().optional(),
});
export type Answer = z.infer<typeof Answer>;

/** Down on `key`, once per controller generation, on the bank's own TLS link: the key its verifiers are made with. */
export const KeyHandover = z.object({ generation: z.int().positive(), key: z.base64url() });
export type KeyHandover = z.infer<typeof KeyHandover>;
