import type { DoorEntry } from '../device/journal.ts';
import type { Step } from '../device/shadow.ts';
import { assign } from './assignment.ts';
import type { Bank } from './bank.ts';
import type { Command } from './command.ts';
import type { Compartment } from './compartment.ts';
import { changed, isNewest, physicalChange } from './compartment.ts';
import type { Credential } from './credential.ts';
import { holdsLock, liveCredential, unlocked } from './credential.ts';
import type { Emission } from './decision.ts';
import { ended, type Fresh, recall } from './lifecycle.ts';
import type { Instant } from './time.ts';
import { earlier, instant, later, plusSeconds } from './time.ts';
import type { Flag, Transaction, TransactionState } from './transaction.ts';

/** What an entry of a bank's journal says was done with a transaction's door. */
export type Fact =
  | 'deposit_started'
  | 'deposited'
  | 'nothing_deposited'
  | 'picked_up'
  | 'nothing_taken'
  | 'recalled'
  | 'emptied_by_nobody';

/**
 * What is known while a journal is merged. Merging changes it, entry by entry; nothing is saved here.
 * `transactions` holds those that entries name and those that hold the doors named.
 */
export type World = {
  bank: Bank;
  compartments: Map<string, Compartment>;
  transactions: Map<string, Transaction>;
  commands: Map<string, Command>;
};

export type Merged = {
  /** Events per transaction, in order. `weak`: worth an event of its own only if nothing stronger follows in its door cycle. */
  emissions: { transactionId: string; emissions: Emission<Transaction>[]; weak: boolean }[];
  take: Credential[];
  drop: Credential[];
};

type Context = {
  world: World;
  journalId: string;
  entry: DoorEntry;
  transaction: Transaction;
  fresh: Fresh;
  now: Instant;
  /** When it happened: the bank's claim, but not in our future and not before the transaction was. */
  at: Instant;
  newest: boolean;
};

type Rule = (context: Context) => Merged;

const nothing: Merged = { emissions: [], take: [], drop: [] };

const evidenceOf = ({ journalId, entry }: Pick<Context, 'journalId' | 'entry'>) => ({
  journalId,
  seq: entry.seq,
  door: entry.door,
  version: entry.version,
  cause: entry.cause,
});

const emit = (
  { transaction, at, ...rest }: Context,
  ...emissions: Omit<Emission<Transaction>, 'occurredAt'>[]
): Merged['emissions'] => [
  {
    transactionId: transaction.id,
    weak: false,
    emissions: emissions.map((it) => ({
      ...it,
      occurredAt: at,
      data: { evidence: evidenceOf(rest), ...it.data },
    })),
  },
];

const flagged = (it: Transaction, ...flags: Flag[]): Flag[] => [...new Set([...it.flags, ...flags])];

const conflicted = (it: Transaction, happened: Fact, ...flags: Flag[]): Omit<Emission<Transaction>, 'occurredAt'> => ({
  type: 'transaction.conflicted',
  set: { flags: flagged(it, ...flags) },
  data: { recorded: it.flags.includes('held') ? `${it.state}, held` : it.state, happened },
});

const letGo = ({ world, transaction }: Context): void => {
  for (const it of world.compartments.values())
    if (it.heldBy === transaction.id) world.compartments.set(it.door, changed(it, { heldBy: null }, false));
};

const takeDoor = ({ world }: Context, door: string, transactionId: string, stored: boolean): void => {
  const it = world.compartments.get(door);
  if (it) world.compartments.set(door, changed(it, { heldBy: transactionId }, stored));
};

const started: Rule = (context) => {
  const { transaction, at } = context;
  if (transaction.depositStartedAt !== null) return nothing;
  const [emission] = emit(context, { type: 'transaction.updated', set: startedFields(transaction, at) });
  return emission ? { ...nothing, emissions: [{ ...emission, weak: true }] } : nothing;
};

/** Having opened once, the depositor has until `depositBy`. */
const startedFields = (it: Transaction, at: Instant): Partial<Transaction> => ({
  depositStartedAt: at,
  credentials: it.credentials.map((c) =>
    c.step === 'deposit' && liveCredential(c)
      ? { ...c, notAfter: it.deadlines.depositBy, sinceVersion: it.version + 1 }
      : c,
  ),
});

const store: Rule = (context) => {
  const { world, transaction: it, entry, at } = context;
  const elsewhere = entry.door !== it.door;
  const holder = world.compartments.get(entry.door)?.heldBy ?? null;
  const other = holder === null || holder === it.id ? undefined : world.transactions.get(holder);
  if (holder !== null && holder !== it.id && other?.state !== 'reserved')
    return { ...nothing, emissions: emit(context, conflicted(it, 'deposited', 'late', 'disputed')) };
  // First, so that whoever gives way may have the door that this one no longer needs.
  if (elsewhere) letGo(context);
  const gaveWay = other ? giveWay(context, other) : nothing;
  takeDoor(context, entry.door, it.id, true);

  const version = it.version + (elsewhere ? 2 : 1);
  const pickupBy = it.pickupWithinSeconds === null ? it.deadlines.pickupBy : plusSeconds(at, it.pickupWithinSeconds);
  const credentials = it.credentials.map((c): Credential => {
    if (c.step === 'deposit' && liveCredential(c)) return { ...c, state: 'used', sinceVersion: version };
    if (c.step === 'pickup' && c.state === 'issued')
      return { ...c, state: 'active', notAfter: pickupBy, sinceVersion: version };
    return c;
  });
  const deposited = {
    type: 'transaction.deposited' as const,
    set: {
      state: 'stored' as const,
      door: entry.door,
      depositStartedAt: it.depositStartedAt ?? at,
      depositedAt: at,
      credentials,
      deadlines: { ...it.deadlines, pickupBy },
      deadlineRev: it.deadlineRev + 1,
    },
  };
  return {
    ...gaveWay,
    emissions: [
      ...gaveWay.emissions,
      ...emit(context, ...(elsewhere ? [conflicted(it, 'deposited', 'late')] : []), deposited),
    ],
  };
};

/** The deposit was learned of after the pickup: it is written down, and changes nothing else. */
const noteDeposit: Rule = (context) =>
  context.transaction.depositedAt !== null
    ? nothing
    : {
        ...nothing,
        emissions: emit(context, {
          type: 'transaction.deposited',
          set: { depositedAt: context.at, flags: flagged(context.transaction, 'late') },
        }),
      };

/** Something was put in for a transaction that had ended: staff must take it out, and whoever was promised the door gives way. */
const takeBack: Rule = (context) => {
  const { world, transaction: it, entry, fresh, now } = context;
  const compartment = world.compartments.get(entry.door);
  const holder = compartment?.heldBy ?? null;
  const other = holder === null || holder === it.id ? undefined : world.transactions.get(holder);
  const conflict = conflicted(it, 'deposited', 'late');
  const insideStill = context.newest || compartment?.contents !== 'empty';
  if (!insideStill || (holder !== null && holder !== it.id && other?.state !== 'reserved'))
    return { ...nothing, emissions: emit(context, { ...conflict, set: { ...conflict.set, depositedAt: context.at } }) };

  const gaveWay = other ? giveWay(context, other) : nothing;
  takeDoor(context, entry.door, it.id, true);
  const { emission, take, drop } = recall(it, 'late_deposit', fresh, now, it.version + 2);
  return {
    emissions: [
      ...gaveWay.emissions,
      ...emit(context, conflict, {
        ...emission,
        set: { ...emission.set, door: entry.door, depositedAt: context.at, endedAt: null },
      }),
    ],
    take,
    drop: [...drop, ...gaveWay.drop],
  };
};

/** The other reservation of a door that turned out to be full: it moves to another that fits, or ends rejected. */
const giveWay = (context: Context, other: Transaction): Merged => {
  const { world, entry, now } = context;
  const found = assign(other.items, other.id, world.bank, [...world.compartments.values()], now);
  const [next] = found.doors;
  const reason = 'compartment_occupied';
  if (next) {
    takeDoor(context, next.door, other.id, false);
    const credentials = other.credentials.map((c) =>
      liveCredential(c) ? { ...c, sinceVersion: other.version + 1 } : c,
    );
    const moved: Emission<Transaction> = {
      type: 'transaction.moved',
      set: { door: next.door, credentials },
      data: { fromDoor: entry.door, reason },
    };
    return { ...nothing, emissions: [{ transactionId: other.id, weak: false, emissions: [moved] }] };
  }
  const { emissions, drop } = ended(
    other,
    'transaction.rejected',
    { state: 'rejected', rejectReason: reason, door: null },
    'revoked',
    { reason },
    now,
  );
  return { ...nothing, drop, emissions: [{ transactionId: other.id, weak: false, emissions }] };
};

const completed = (context: Context, conflict: Omit<Emission<Transaction>, 'occurredAt'>[]): Merged => {
  const { transaction: it, at } = context;
  const version = it.version + conflict.length + 2;
  const after = (c: Credential): Credential => {
    if (c.step === 'pickup' && c.state !== 'superseded') return { ...c, state: 'used', sinceVersion: version };
    return liveCredential(c) ? { ...c, state: 'revoked', sinceVersion: version } : c;
  };
  const drop = it.credentials.filter(holdsLock);
  letGo(context);
  return {
    take: [],
    drop,
    emissions: emit(
      context,
      ...conflict,
      { type: 'transaction.picked_up', set: { pickedUpAt: at } },
      {
        type: 'transaction.completed',
        set: {
          state: 'completed',
          endedAt: at,
          credentials: unlocked(it.credentials.map(after), drop),
          holdReason: null,
          flags: flagged(it, ...(conflict.length > 0 ? (['late'] as const) : [])).filter((flag) => flag !== 'held'),
        },
      },
    ),
  };
};

/** The pickup, as it should be; if the transaction was held by then, the bank did not know yet. */
const complete: Rule = (context) =>
  completed(
    context,
    context.transaction.flags.includes('held') ? [conflicted(context.transaction, 'picked_up', 'late')] : [],
  );

/** The bank let it happen in good faith; what was decided meanwhile gives way to what happened. */
const completeLate: Rule = (context) => completed(context, [conflicted(context.transaction, 'picked_up', 'late')]);

const takenOut = (context: Context, conflict: Omit<Emission<Transaction>, 'occurredAt'>[]): Merged => {
  const { transaction: it, at } = context;
  const version = it.version + conflict.length + 1;
  const drop = it.credentials.filter(holdsLock);
  const after = (c: Credential): Credential =>
    liveCredential(c) ? { ...c, state: c.step === 'recall' ? 'used' : 'revoked', sinceVersion: version } : c;
  letGo(context);
  return {
    take: [],
    drop,
    emissions: emit(context, ...conflict, {
      type: 'transaction.recalled',
      set: {
        state: 'recalled',
        endedAt: at,
        holdReason: null,
        flags: flagged(it, ...(conflict.length > 0 ? (['late'] as const) : [])).filter((flag) => flag !== 'held'),
        credentials: unlocked(it.credentials.map(after), drop),
      },
    }),
  };
};

const recalled: Rule = (context) => takenOut(context, []);
const recalledLate: Rule = (context) => takenOut(context, [conflicted(context.transaction, 'recalled', 'late')]);

const failed =
  (type: 'transaction.deposit_failed' | 'transaction.pickup_failed', reason: string): Rule =>
  (context) => ({
    ...nothing,
    emissions: emit(context, {
      type,
      set:
        type === 'transaction.deposit_failed' && context.transaction.depositStartedAt === null
          ? startedFields(context.transaction, context.at)
          : {},
      data: { reason },
    }),
  });

/** Only flagged: what is there now is unclear, and a person has to look. */
const dispute =
  (happened: Fact): Rule =>
  (context) =>
    context.newest
      ? { ...nothing, emissions: emit(context, conflicted(context.transaction, happened, 'disputed')) }
      : nothing;

const ignore: Rule = () => nothing;

type Row = Record<TransactionState, readonly [Rule, string]>;
const known = [ignore, 'already known, nothing changes'] as const;
const late = [completeLate, 'completed and `late`, `transaction.conflicted` names both sides'] as const;
const intoRecall = [
  takeBack,
  'conflicted, then `recall_due`; if the door was promised again, that reservation moves or ends `rejected`',
] as const;
const odd = (fact: Fact) =>
  [dispute(fact), '`transaction.conflicted`, flag `disputed`, for a person to look at'] as const;

/**
 * The merge table: what each physical fact does to a transaction in each state. Physical truth wins, and is flagged;
 * nothing that a door did is dropped. docs/merge-table.md is generated from it, and every row has a test.
 */
export const mergeTable: Record<Fact, Row> = {
  deposit_started: {
    created: known,
    reserved: [started, 'the depositor has opened once: `depositBy` runs instead of `reserveUntil`'],
    stored: known,
    recall_due: known,
    completed: known,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  deposited: {
    created: odd('deposited'),
    reserved: [
      store,
      '`stored`; at another door than now promised, also `conflicted`: the item stays where it is, and whoever was promised that door moves or ends `rejected`',
    ],
    stored: known,
    recall_due: known,
    completed: [noteDeposit, 'learned of after the pickup: `depositedAt` is added, flag `late`'],
    cancelled: intoRecall,
    expired: intoRecall,
    recalled: known,
    rejected: intoRecall,
  },
  nothing_deposited: {
    created: known,
    reserved: [
      failed('transaction.deposit_failed', 'nothing_deposited'),
      '`transaction.deposit_failed`, the deposit stays open',
    ],
    stored: odd('nothing_deposited'),
    recall_due: odd('nothing_deposited'),
    completed: known,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  picked_up: {
    created: odd('picked_up'),
    reserved: [
      completeLate,
      'learned of before the deposit: completed and `late`; the deposit is added when it is learned of',
    ],
    stored: [complete, 'completed; if it was held and the bank did not know yet, also `late` and conflicted'],
    recall_due: late,
    completed: known,
    cancelled: late,
    expired: late,
    recalled: odd('picked_up'),
    rejected: late,
  },
  nothing_taken: {
    created: known,
    reserved: known,
    stored: [failed('transaction.pickup_failed', 'abandoned'), '`transaction.pickup_failed`, the pickup stays open'],
    recall_due: known,
    completed: odd('nothing_taken'),
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  recalled: {
    created: known,
    reserved: known,
    stored: [
      recalledLate,
      'staff took it out before the bank learned of the extension: `recalled`, `late`, conflicted',
    ],
    recall_due: [recalled, '`recalled`, the compartment is free'],
    completed: known,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  emptied_by_nobody: {
    created: known,
    reserved: known,
    stored: odd('emptied_by_nobody'),
    recall_due: odd('emptied_by_nobody'),
    completed: known,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
};

/** The step somebody was at: named by the grant or token, or for a command by what can be done in that state. */
const stepBehind = (entry: DoorEntry, transaction: Transaction, commands: Map<string, Command>): Step | null => {
  if (entry.cause === null) return null;
  if ('step' in entry.cause) return entry.cause.step;
  const credential = commands.get(entry.cause.commandId)?.credential;
  if (credential) return credential.step;
  const byState: Partial<Record<TransactionState, Step>> = {
    reserved: 'deposit',
    stored: 'pickup',
    recall_due: 'recall',
  };
  // Without a sensor nobody knows what staff did behind an opened door; they have to say.
  return entry.after.contents === 'unknown' ? null : (byState[transaction.state] ?? null);
};

/** What is done once the door is closed, by the contents then. Without a sensor, having opened is having done it. */
const doneBy: Record<'filled' | 'empty' | 'unknown', Partial<Record<Step, Fact>>> = {
  filled: { deposit: 'deposited', pickup: 'nothing_taken' },
  empty: { deposit: 'nothing_deposited', pickup: 'picked_up', recall: 'recalled' },
  unknown: { deposit: 'deposited', pickup: 'picked_up', recall: 'recalled' },
};

export const factOf = (entry: DoorEntry, transaction: Transaction, commands: Map<string, Command>): Fact | null => {
  const step = stepBehind(entry, transaction, commands);
  if (entry.type === 'door.opened' && step === 'deposit') return 'deposit_started';
  if (entry.after.door !== 'closed' || (entry.type !== 'door.closed' && entry.type !== 'contents.changed')) return null;
  if (step !== null) {
    const fact = doneBy[entry.after.contents][step] ?? null;
    // A person opening for staff's sake and leaving it as it was is no failed deposit.
    const byCommand = entry.cause !== null && 'commandId' in entry.cause;
    return byCommand && (fact === 'nothing_deposited' || fact === 'nothing_taken') ? null : fact;
  }
  return entry.cause === null && entry.after.contents === 'empty' ? 'emptied_by_nobody' : null;
};

/** Takes one door entry into the world: the door's newest state, and the fact it adds to its transaction, however late. */
export const mergeDoorEntry = (
  world: World,
  journalId: string,
  entry: DoorEntry,
  fresh: Fresh,
  now: Instant,
): Merged => {
  const compartment = world.compartments.get(entry.door);
  if (!compartment) return nothing;
  const newest = isNewest(compartment, journalId, entry.seq);
  const holder = compartment.heldBy === null ? undefined : world.transactions.get(compartment.heldBy);
  const inside = holder?.state === 'stored' || holder?.state === 'recall_due';
  world.compartments.set(
    entry.door,
    changed(compartment, physicalChange(compartment, journalId, entry, now, world.bank.config.reopenSeconds), inside),
  );

  const transaction = world.transactions.get(entry.transactionId ?? compartment.heldBy ?? '');
  if (!transaction) return nothing;
  const fact = factOf(entry, transaction, world.commands);
  if (fact === null) return nothing;
  const at = later(earlier(instant(entry.at), now), transaction.createdAt);
  const [rule] = mergeTable[fact][transaction.state];
  return rule({ world, journalId, entry, transaction, fresh, now, at, newest });
};
