import * as z from 'zod';
import { AccessMethod } from '#shared/device/access.ts';
import { ConfigDocument } from '#shared/device/config.ts';
import { type Contents, DoorStatus, LockState } from '#shared/device/door.ts';
import { Cause, JournalEntry } from '#shared/device/journal.ts';
import { KeyHandover } from '#shared/device/messages.ts';
import { DoorGrants } from '#shared/device/shadow.ts';

/** Why a door stands open, or last did: kept until the next opening, because slow sensors tell after the door closed. */
export const Cycle = z.object({
  transactionId: z.string().nullable(),
  /** Of the transaction, as applied when the bank decided. */
  version: z.int().positive().nullable(),
  cause: Cause.nullable(),
  /** Nothing left to spend: the step was done before or in it, or is nobody's. A closed cycle that is not done may become so. */
  done: z.boolean(),
  /** A label was scanned in it. */
  scanned: z.boolean().optional(),
});
export type Cycle = z.infer<typeof Cycle>;

export const DoorMemory = z.object({
  /** The steel and what lies behind it: what is so, whether or not the controller has power to see it. */
  actual: z.object({
    door: z.enum(['closed', 'open', 'ajar']),
    inside: z.enum(['empty', 'filled']),
    /** False: the contents sensor is missing or broken and reads `unknown`. */
    sensing: z.boolean(),
    lock: LockState,
    /** Left out until somebody says how warm it is. */
    temperatureC: z.number().optional(),
  }),
  /** What the controller has journalled of it. A jam shows only when the lock is tried. */
  known: DoorStatus,
  cycle: Cycle.nullable(),
  /** By the bank's own journal, whose item lies inside. */
  item: z.string().nullable(),
});
export type DoorMemory = z.infer<typeof DoorMemory>;

/** All of the keypad that must outlive a power cut, or cutting the power would buy guesses. Bank time, milliseconds. */
export const Keypad = z.object({
  /** Wrong PINs in a row. */
  failures: z.int().nonnegative(),
  lockedUntil: z.int().nonnegative(),
  /** When the day's wrong PINs were entered, oldest first. */
  guesses: z.array(z.int()),
  /** Asked of the cloud and not answered yet: counts as wrong if the power goes. */
  asking: z.object({ askId: z.string(), method: AccessMethod }).nullable(),
  asked: z.int().nonnegative(),
  /** The bank has not known the cloud's time since then: what was guessed later may have been guessed much later. */
  blindSince: z.int().nonnegative().nullable(),
});
export type Keypad = z.infer<typeof Keypad>;

/**
 * Uses are counted by grant id. `at`: when its step was first done, milliseconds of bank time. `reopenUntil`: without a
 * contents sensor, the same credential opens again until then.
 */
export const Use = z.object({
  count: z.int().positive(),
  at: z.int().nonnegative(),
  reopenUntil: z.int().nonnegative(),
});
/** A temperature out of its range that was journalled: `since` by bank time, the reading furthest out. */
export const Excursion = z.object({ since: z.int().nonnegative(), extremeC: z.number() });
export const AnsweredCommand = z.object({ door: z.string(), notAfter: z.int() });
export const HeldGrants = z.object({ rev: z.int().nonnegative(), doors: z.record(z.string(), DoorGrants) });
export type HeldGrants = z.infer<typeof HeldGrants>;

/** What a bank keeps on its own disk: it survives restarts and power cuts. */
export const Durable = z.object({
  journalId: z.string().min(1).max(64),
  lastSeq: z.int().nonnegative(),
  /** The cloud has durably recorded everything up to here. */
  acked: z.int().nonnegative(),
  /** Kept for resending and replay, by `seq`; dropped ranges are missing. */
  entries: z.array(JournalEntry()),
  /** It has certainly been this late, milliseconds since 1970. */
  floor: z.int().nonnegative(),
  /** The last date of an entry, those by the device's own clock apart: no later entry is dated before it. */
  dated: z.int().nonnegative(),
  /** The factory set the calendar once, so that no entry is ever dated 1970. Nothing is decided by it. */
  madeAt: z.int().nonnegative(),
  boots: z.int().nonnegative(),
  /** The cloud was within reach until then, milliseconds of bank time; what counts only while it is not. */
  heardAt: z.int().nonnegative().default(0),
  /** `power.lost` was written and not yet followed by `power.restored`. */
  powerLost: z.boolean(),
  key: KeyHandover.nullable(),
  config: ConfigDocument().nullable(),
  keypad: Keypad,
  /** By shadow name, `grants-<k>`. */
  grants: z.record(z.string(), HeldGrants),
  uses: z.record(z.string(), Use),
  /** Nonces of apps' tokens that have opened, and when they end by themselves; milliseconds of bank time. */
  spent: z.record(z.string(), z.int()).default({}),
  /** The last rotation of its certificate that the bank has been through. */
  rotated: z.string().nullable().default(null),
  /** Run or refused, by command id: either way never again. */
  commands: z.record(z.string(), AnsweredCommand),
  doors: z.record(z.string(), DoorMemory),
  /** By door; gone once the temperature is back. */
  excursions: z.record(z.string(), Excursion).default({}),
});
export type Durable = z.infer<typeof Durable>;

const mapped = <T extends z.ZodType>(value: T) => z.record(z.string(), value.nullable());

/** One line of the bank's disk: applied whole or not at all. In the maps null removes; `entries` are appended. */
export const Change = Durable.omit({ journalId: true })
  .extend({
    grants: mapped(HeldGrants),
    uses: mapped(Use),
    spent: mapped(z.int()),
    commands: mapped(AnsweredCommand),
    doors: mapped(DoorMemory),
    excursions: mapped(Excursion),
    /** Entries to forget, inclusive. */
    drop: z.object({ from: z.int(), to: z.int() }),
  })
  .partial();
export type Change = z.infer<typeof Change>;

const mergeMap = <T>(map: Record<string, T>, change: Record<string, T | null> | undefined): Record<string, T> => {
  if (!change) return map;
  const next = { ...map };
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete next[key];
    else next[key] = value;
  }
  return next;
};

const mergeEntries = (entries: JournalEntry[], { entries: added, drop }: Change): JournalEntry[] => {
  if (!added && !drop) return entries;
  const kept = drop ? entries.filter(({ seq }) => seq < drop.from || seq > drop.to) : entries;
  return added ? [...kept, ...added] : kept;
};

/** The same fold when a step decides and when a restarted bank reads its disk back. */
export const merge = (durable: Durable, change: Change): Durable => {
  const { drop: _, grants, uses, spent, commands, doors, excursions, entries, ...plain } = change;
  return {
    ...durable,
    ...plain,
    entries: mergeEntries(durable.entries, change),
    lastSeq: entries?.at(-1)?.seq ?? durable.lastSeq,
    grants: mergeMap(durable.grants, grants),
    uses: mergeMap(durable.uses, uses),
    spent: mergeMap(durable.spent, spent),
    commands: mergeMap(durable.commands, commands),
    doors: mergeMap(durable.doors, doors),
    excursions: mergeMap(durable.excursions, excursions),
  };
};

/** What a bank is built as; it does not change while it runs. */
export type Layout = {
  bankId: string;
  /** Labels in layout order: the position decides the shadow. */
  doors: string[];
  contentsSensor: boolean;
  /** How long the contents sensor takes to notice; 0: at once. */
  sensorLagMs: number;
  /** Undefined: as the cloud's config says. False: the hardware has none, whatever it says. True: until a config comes. */
  batteryBackedClock: boolean | undefined;
};

const unknownOr = (contents: Contents, sensing: boolean): Contents => (sensing ? contents : 'unknown');

/** A door as it leaves the factory: closed and empty. */
export const newDoor = (contentsSensor: boolean): DoorMemory => ({
  actual: { door: 'closed', inside: 'empty', sensing: contentsSensor, lock: 'ok' },
  known: { door: 'closed', contents: unknownOr('empty', contentsSensor), lock: 'ok' },
  cycle: null,
  item: null,
});

/** What the contents sensor reads now. */
export const sensed = ({ actual }: DoorMemory): Contents => unknownOr(actual.inside, actual.sensing);

/** A new controller, which knows nothing yet. */
export const newDurable = (layout: Layout, journalId: string, madeAt: number): Durable => ({
  journalId,
  lastSeq: 0,
  acked: 0,
  entries: [],
  floor: 0,
  dated: 0,
  madeAt,
  boots: 0,
  heardAt: 0,
  powerLost: false,
  key: null,
  config: null,
  keypad: { failures: 0, lockedUntil: 0, guesses: [], asking: null, asked: 0, blindSince: null },
  grants: {},
  uses: {},
  spent: {},
  rotated: null,
  commands: {},
  excursions: {},
  doors: Object.fromEntries(layout.doors.map((door) => [door, newDoor(layout.contentsSensor)])),
});

/** The same controller with a new, empty disk: nothing is remembered, while the doors and what lies behind them stay. */
export const withEmptyDisk = (layout: Layout, { doors }: Durable, journalId: string, madeAt: number): Durable => {
  const around = Object.entries(doors).map(([door, { actual }]) => [
    door,
    { ...newDoor(layout.contentsSensor), actual },
  ]);
  return { ...newDurable(layout, journalId, madeAt), doors: Object.fromEntries(around) };
};

/** What is lost with the power. Times are monotonic milliseconds. */
export type Ram = {
  bootedAt: number;
  /** `floor` at boot: bank time counts on from it until the cloud tells better. */
  bootFloor: number;
  connected: boolean;
  message: string;
  /** When it is back at its greeting; null while it greets. */
  messageUntil: number | null;
  /** Bounds of the cloud's time at the monotonic moment `mono`, milliseconds since 1970; null until it told. */
  cloudTime: { lower: number; upper: number; mono: number } | null;
  journal: {
    /** Sent since the last (re)connect or resend. */
    sent: number;
    /** Due to be sent, as far as the window lets. */
    due: number;
    holdUntil: number | null;
    resendAt: number | null;
    backoffMs: number;
  };
  shadows: {
    queue: { op: 'get' | 'report'; name: string }[];
    pending: Record<string, { token: string; sentAt: number }>;
    /** Newest version seen by shadow name. */
    versions: Record<string, number>;
    /** Labels whose display state is to be reported. */
    report: string[];
    sentAt: number[];
    token: number;
    resyncAt: number | null;
  };
  ask: { askId: string; enterId: string; method: AccessMethod; until: number } | null;
  /** Scanned before a door was opened, by its verifier; counts for a while. */
  label: { verifier: string; until: number } | null;
  keyReminderAt: number | null;
  certificate: {
    /** The rotation by which the certificate came that the bank is connected with; null: none. */
    inUse: string | null;
    request: { rotation: string; csr: string } | null;
    askAt: number | null;
  };
  openSince: Record<string, number>;
  /** When a slow contents sensor will notice. */
  noticeAt: Record<string, number>;
  /** Temperatures out of their range that do not count yet. */
  outside: Record<string, { mono: number; since: number; extremeC: number }>;
};

export type BankState = { layout: Layout; durable: Durable /** Null without power. */; ram: Ram | null };
