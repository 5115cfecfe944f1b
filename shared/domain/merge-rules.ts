import type { Step } from '../device/access.ts';
import { assign } from './assignment.ts';
import { changed } from './compartment.ts';
import { type Credential, type CredentialStep, holdsLock, liveCredential, ofCarrier, unlocked } from './credential.ts';
import { deadlineOf } from './deadline.ts';
import type { Emission } from './decision.ts';
import { within } from './issuing.ts';
import { ended, moveOver, recall, taken } from './lifecycle.ts';
import {
  type Context,
  conflicted,
  emit,
  type Fact,
  flagged,
  leavesStock,
  letGo,
  type Merged,
  nothing,
  type Rule,
  takeDoor,
  type World,
} from './merge-context.ts';
import { sold, withdrawn } from './stock.ts';
import { type Instant, plusSeconds } from './time.ts';
import type { Flag, Transaction } from './transaction.ts';
import { stepIn } from './workflow.ts';

export const started: Rule = (context) => {
  const { transaction, at } = context;
  if (transaction.depositStartedAt !== null || transaction.deadlines.depositBy === undefined) return nothing;
  const [emission] = emit(context, { type: 'transaction.updated', set: startedFields(transaction, at) });
  return emission ? { ...nothing, emissions: [{ ...emission, weak: true }] } : nothing;
};

/** Having opened once, the depositor has until `depositBy`. */
const startedFields = (it: Transaction, at: Instant): Partial<Transaction> => ({
  depositStartedAt: at,
  credentials: it.credentials.map((c) =>
    c.step === 'deposit' && liveCredential(c)
      ? { ...c, notAfter: within(c, deadlineOf(it, 'depositBy')), sinceVersion: it.version + 1 }
      : c,
  ),
});

/** What was done with a grant, the bank counts by itself; it needs to be told of the use no more. */
const byGrant = ({ entry }: Context, credential: Credential): boolean =>
  entry.cause !== null && 'grantId' in entry.cause && entry.cause.grantId === credential.id;

/**
 * The credentials of a step that was done: the one it was done with is used, and nobody needs another any more. Without
 * one, by a command, all that were for it are used.
 */
const spent = (context: Context, step: CredentialStep, version: number): ((it: Credential) => Credential) => {
  const isKnown = context.transaction.credentials.some((c) => c.step === step && byGrant(context, c));
  return (c) => {
    if (c.step !== step) return c;
    if (byGrant(context, c)) return { ...c, state: 'used' };
    if (!liveCredential(c)) return c;
    return { ...c, ...(isKnown ? { state: 'revoked', locked: false } : { state: 'used' }), sinceVersion: version };
  };
};

/** The locks that went with what was revoked. */
const unlockedBy = (before: Credential[], after: Credential[]): Credential[] =>
  before.filter((c, nth) => holdsLock(c) && after[nth]?.locked === false);

export const store: Rule = (context) => {
  const { world, transaction: it, entry, at } = context;
  const elsewhere = entry.door !== it.door;
  const holder = world.compartments.get(entry.door)?.heldBy ?? null;
  const other = holder === null || holder === it.id ? undefined : world.transactions.get(holder);
  if (holder !== null && holder !== it.id && other?.state !== 'reserved')
    return { ...nothing, emissions: emit(context, conflicted(it, 'deposited', 'late', 'disputed')) };
  // First, so that whoever gives way may have the door that this one no longer needs.
  if (elsewhere) letGo(context, it, null);
  const gaveWay = other ? giveWay(context, other) : nothing;
  takeDoor(context, entry.door, it.id, true);

  const version = it.version + (elsewhere ? 2 : 1);
  const pickupBy =
    it.pickupWithinSeconds === null ? deadlineOf(it, 'pickupBy') : plusSeconds(at, it.pickupWithinSeconds);
  // The grant of the pickup names that of the deposit, and its window then: such a bank goes on without us.
  const goesOn =
    !elsewhere && it.credentials.some((c) => c.step === 'deposit' && liveCredential(c) && byGrant(context, c));
  const deposits = spent(context, 'deposit', version);
  const credentials = it.credentials.map((c): Credential => {
    if (c.step !== 'pickup' || c.state !== 'issued') return deposits(c);
    const notAfter = within(c, pickupBy);
    return { ...c, state: 'active', notAfter, ...(goesOn && notAfter <= c.notAfter ? {} : { sinceVersion: version }) };
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
    drop: [...gaveWay.drop, ...unlockedBy(it.credentials, credentials)],
    emissions: [
      ...gaveWay.emissions,
      ...emit(context, ...(elsewhere ? [conflicted(it, 'deposited', 'late')] : []), deposited),
    ],
  };
};

/** What is done in this state of its workflow goes on; anything else is for the other rule. */
export const inItsTurn =
  (step: Step, goesOn: Rule, otherwise: Rule): Rule =>
  (context) =>
    (stepIn(context.transaction.workflow, context.transaction.state)?.step === step ? goesOn : otherwise)(context);

/** What is about an asset, which has the door before and after. */
export const ofAssets =
  (rule: Rule, otherwise: Rule): Rule =>
  (context) =>
    (context.transaction.assetId !== undefined ? rule : otherwise)(context);

export const ofStock =
  (rule: Rule, otherwise: Rule): Rule =>
  (context) =>
    (context.transaction.stockUnitId !== undefined ? rule : otherwise)(context);

/** The moment a use ends that begins now. */
const useFrom = (it: Transaction, at: Instant): Instant =>
  it.useWithinSeconds == null ? deadlineOf(it, 'useUntil') : plusSeconds(at, it.useWithinSeconds);

const issued = (context: Context, conflict: Omit<Emission<Transaction>, 'occurredAt'>[]): Merged => {
  const { transaction: it, at } = context;
  const version = it.version + conflict.length + 2;
  const useUntil = useFrom(it, at);
  const goesOn = it.credentials.some((c) => c.step === 'pickup' && byGrant(context, c));
  const pickups = spent(context, 'pickup', version);
  const credentials = it.credentials.map((c): Credential => {
    if (c.step !== 'deposit' || c.state !== 'issued') return pickups(c);
    return { ...c, state: 'active', ...(goesOn ? {} : { sinceVersion: version }) };
  });
  return {
    ...nothing,
    drop: unlockedBy(it.credentials, credentials),
    emissions: emit(
      context,
      ...conflict,
      { type: 'transaction.picked_up', set: { pickedUpAt: at } },
      {
        type: 'transaction.started',
        set: {
          state: 'in_use',
          startedAt: at,
          endedAt: null,
          deadlines: { ...it.deadlines, useUntil },
          deadlineRev: it.deadlineRev + 1,
          credentials,
          ...(conflict.length > 0 ? { flags: flagged(it, 'late') } : {}),
        },
      },
    ),
  };
};

/** The asset was taken out: the loan runs. */
export const lend: Rule = (context) => issued(context, []);

/** It had ended, and the bank did not know: the asset is out, whoever it had been promised to meanwhile. */
export const lendLate: Rule = (context) => {
  const { world, transaction: it, entry, now } = context;
  const holder = world.compartments.get(entry.door)?.heldBy ?? null;
  const other = holder === null || holder === it.id ? undefined : world.transactions.get(holder);
  if (holder !== it.id && holder !== it.assetId && other?.state !== 'reserved')
    return { ...nothing, emissions: emit(context, conflicted(it, 'picked_up', 'late', 'disputed')) };
  const reason = 'compartment_empty';
  const gone = other
    ? ended(other, 'transaction.rejected', { state: 'rejected', rejectReason: reason }, 'revoked', { reason }, now)
    : null;
  takeDoor(context, entry.door, it.id, false);
  const merged = issued(context, [conflicted(it, 'picked_up', 'late')]);
  return {
    ...merged,
    drop: [...merged.drop, ...(gone?.drop ?? [])],
    emissions: [
      ...(gone && other ? [{ transactionId: other.id, weak: false, emissions: gone.emissions }] : []),
      ...merged.emissions,
    ],
  };
};

/**
 * The asset is back in its door. Or in the one that was its own until the bank will have learned of another: there it is
 * at home again, and whoever was promised that door gives way.
 */
export const giveBack: Rule = (context) => {
  const { world, transaction: it, at, entry } = context;
  const early = it.state !== 'in_use';
  const elsewhere = it.assetId !== undefined && entry.door !== it.door;
  const holder = world.compartments.get(entry.door)?.heldBy ?? null;
  const other = holder === null || holder === it.id ? undefined : world.transactions.get(holder);
  if (elsewhere && holder !== null && holder !== it.id && other?.state !== 'reserved')
    return { ...nothing, emissions: emit(context, conflicted(it, 'deposited', 'late', 'disputed')) };
  const conflict = early || elsewhere ? [conflicted(it, 'deposited', 'late')] : [];
  const version = it.version + conflict.length + 2;
  const drop = it.credentials.filter(holdsLock);
  const returned = spent(context, 'deposit', version);
  const pickedUp = spent(context, 'pickup', version);
  const after = (c: Credential): Credential => (c.step === 'pickup' ? pickedUp(c) : returned(c));
  letGo(context, it, elsewhere ? null : (it.assetId ?? null));
  const gaveWay = elsewhere && other ? giveWay(context, other) : nothing;
  if (elsewhere && it.assetId !== undefined) takeDoor(context, entry.door, it.assetId, true);
  return {
    take: [],
    drop: [...drop, ...gaveWay.drop],
    ...(elsewhere && it.assetId !== undefined && { assets: [homeAgain(it.assetId, it.door, entry.door)] }),
    emissions: [
      ...gaveWay.emissions,
      ...emit(
        context,
        ...conflict,
        { type: 'transaction.returned', set: { depositedAt: at }, data: { door: entry.door } },
        {
          type: 'transaction.completed',
          set: {
            state: 'completed',
            endedAt: at,
            ...(elsewhere && { door: entry.door }),
            credentials: unlocked(it.credentials.map(after), drop),
            holdReason: null,
            flags: flagged(it, ...(conflict.length > 0 ? (['late'] as const) : [])).filter(
              (flag) => flag !== 'held' && flag !== 'overdue',
            ),
          },
          ...(elsewhere && it.door !== null && { data: { toDoor: it.door } }),
        },
      ),
    ],
  };
};

const homeAgain = (assetId: string, fromDoor: string | null, door: string): NonNullable<Merged['assets']>[number] => ({
  assetId,
  emissions: [{ type: 'asset.moved', set: { door }, data: { fromDoor, reason: 'it was brought back there' } }],
});

/** Learned of after the return: written down, and changes nothing else. */
export const notePickup: Rule = (context) =>
  context.transaction.pickedUpAt !== null || context.transaction.assetId === undefined
    ? nothing
    : {
        ...nothing,
        emissions: emit(context, {
          type: 'transaction.picked_up',
          set: { pickedUpAt: context.at, flags: flagged(context.transaction, 'late') },
        }),
      };

/** Its use began when the door was closed again for the first time. */
export const start: Rule = (context) => {
  const { transaction: it, at } = context;
  const version = it.version + 1;
  const { deadlines, overstaySeconds = 0 } = it;
  const useUntil = useFrom(it, at);
  const end = plusSeconds(useUntil, overstaySeconds);
  for (const each of context.world.compartments.values())
    if (each.heldBy === it.id) takeDoor(context, each.door, it.id, true);
  const isKnown = it.credentials.some((c) => byGrant(context, c));
  const credentials = it.credentials.map((c): Credential => {
    if (c.step !== 'use' || !liveCredential(c)) return c;
    const notAfter = within(c, end);
    return { ...c, notAfter, ...(isKnown && notAfter <= c.notAfter ? {} : { sinceVersion: version }) };
  });
  return {
    ...nothing,
    emissions: emit(context, {
      type: 'transaction.started',
      set: {
        state: 'in_use',
        startedAt: at,
        deadlines: { ...deadlines, useUntil },
        deadlineRev: it.deadlineRev + 1,
        credentials,
      },
    }),
  };
};

/** The bank let somebody use a door that was theirs no more: written down, and for a person to look at what is inside. */
export const usedLate: Rule = (context) => ({
  ...nothing,
  emissions: emit(context, conflicted(context.transaction, 'used', 'late')),
});

/** The deposit was learned of after the pickup: it is written down, and changes nothing else. */
export const noteDeposit: Rule = (context) =>
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
export const takeBack =
  (happened: Fact): Rule =>
  (context) => {
    const { world, transaction: it, entry, fresh, now } = context;
    const compartment = world.compartments.get(entry.door);
    const holder = compartment?.heldBy ?? null;
    const other = holder === null || holder === it.id ? undefined : world.transactions.get(holder);
    const conflict = conflicted(it, happened, 'late');
    const last = world.arriving.get(entry.door);
    const takenSince = last !== undefined && last.seq > entry.seq && last.after.contents === 'empty';
    const insideStill = !takenSince && (context.newest || compartment?.contents !== 'empty');
    if (!insideStill || (holder !== null && holder !== it.id && other?.state !== 'reserved'))
      return {
        ...nothing,
        emissions: emit(context, { ...conflict, set: { ...conflict.set, depositedAt: it.depositedAt ?? context.at } }),
      };

    const gaveWay = other ? giveWay(context, other) : nothing;
    takeDoor(context, entry.door, it.id, true);
    const { emission, take, drop } = recall(it, 'late_deposit', fresh, now, it.version + 2);
    return {
      emissions: [
        ...gaveWay.emissions,
        ...emit(context, conflict, {
          ...emission,
          set: { ...emission.set, door: entry.door, depositedAt: it.depositedAt ?? context.at, endedAt: null },
        }),
      ],
      take,
      drop: [...drop, ...gaveWay.drop],
    };
  };

/** The other reservation of a door that turned out to be full: it moves to another that fits, or ends rejected. */
export const giveWay = (context: Context, other: Transaction): Merged => {
  const { world, entry, now } = context;
  const reason = 'compartment_occupied';
  const moved = elsewhere(world, other, entry.door, reason, now);
  if (moved) return moved;
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

/** A reservation gets another door that fits, if there is one; nothing of it is inside. */
export const elsewhere = (
  world: World,
  it: Transaction,
  fromDoor: string,
  reason: string,
  now: Instant,
): Merged | null => {
  const [next] = assign(it.items, it.id, world.bank, [...world.compartments.values()], now).doors;
  if (next === undefined) return null;
  world.compartments.set(next.door, taken(next, it).after);
  const credentials = it.credentials.map((c) => (liveCredential(c) ? { ...c, sinceVersion: it.version + 1 } : c));
  const moved: Emission<Transaction> = {
    type: 'transaction.moved',
    set: { door: next.door, credentials },
    data: { fromDoor, reason },
  };
  return { ...nothing, emissions: [{ transactionId: it.id, weak: false, emissions: [moved] }] };
};

const completed = (context: Context, conflict: Omit<Emission<Transaction>, 'occurredAt'>[]): Merged => {
  const { transaction: it, at } = context;
  const version = it.version + conflict.length + 2;
  const pickups = spent(context, 'pickup', version);
  // Who picks up at the new door was preceded by whoever put it in, however late that is learned of.
  const wasCarried = it.move != null && context.entry.door === it.move.to;
  const after = (c: Credential): Credential => {
    if (c.step === 'pickup') return pickups(c);
    if (wasCarried && ofCarrier(c) && liveCredential(c)) return { ...c, state: 'used', sinceVersion: version };
    return liveCredential(c) ? { ...c, state: 'revoked', sinceVersion: version } : c;
  };
  const drop = it.credentials.filter(holdsLock);
  letGo(context, it, it.assetId ?? null);
  return {
    ...leavesStock(context, it, sold(it.id)),
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
          ...endOfMove(context),
          credentials: unlocked(it.credentials.map(after), drop),
          holdReason: null,
          flags: endFlags(it, conflict.length > 0),
        },
        ...(it.move && { data: { toDoor: it.move.to } }),
      },
    ),
  };
};

/** It is behind that door that its move came to its end, or behind the old one that it has not begun. */
const endOfMove = ({ transaction: { move }, entry }: Context): Partial<Transaction> =>
  move ? { move: null, door: entry.door } : {};

const endFlags = (it: Transaction, isLate: boolean): Flag[] =>
  flagged({ ...it, ...moveOver(it) }, ...(isLate ? (['late'] as const) : [])).filter((flag) => flag !== 'held');

/**
 * The pickup, as it should be; if the transaction was held, or to be moved, by then, the bank did not know yet, unless
 * staff meant to act in spite of the hold.
 */
export const complete: Rule = (context) => {
  const { transaction: it, entry } = context;
  const isOverride = it.credentials.some((c) => c.method === 'operator' && byGrant(context, c));
  const unforeseen = (it.flags.includes('held') && !isOverride) || (it.move != null && entry.door !== it.move.to);
  return completed(context, unforeseen ? [conflicted(it, 'picked_up', 'late')] : []);
};

/** The bank let it happen in good faith; what was decided meanwhile gives way to what happened. */
export const completeLate: Rule = (context) =>
  completed(context, [conflicted(context.transaction, 'picked_up', 'late')]);

/**
 * It had ended, and the bank did not know: goods that are in stock again are sold to it all the same, whoever they had
 * been promised to meanwhile.
 */
export const sellLate: Rule = (context) => {
  const { world, transaction: it, entry, now } = context;
  const unit = world.stockUnits.get(it.stockUnitId ?? '');
  const compartment = world.compartments.get(entry.door);
  if (unit === undefined || compartment === undefined || unit.door !== entry.door) return completeLate(context);
  const other = world.transactions.get(compartment.heldBy ?? '');
  const isPromised = other !== undefined && other.id !== it.id && other.stockUnitId === unit.id;
  if (isPromised || compartment.heldBy === unit.id)
    world.compartments.set(entry.door, changed(compartment, { heldBy: null }, false));
  const merged = completeLate(context);
  if (!isPromised) return merged;
  const reason = 'compartment_empty';
  const set = { state: 'rejected' as const, rejectReason: reason };
  const gone = ended(other, 'transaction.rejected', set, 'revoked', { reason }, now);
  return {
    ...merged,
    drop: [...gone.drop, ...merged.drop],
    emissions: [{ transactionId: other.id, weak: false, emissions: gone.emissions }, ...merged.emissions],
  };
};

export const takenOut = (context: Context, conflict: Omit<Emission<Transaction>, 'occurredAt'>[]): Merged => {
  const { transaction: it, at } = context;
  const version = it.version + conflict.length + 1;
  const drop = it.credentials.filter(holdsLock);
  const tookItOut = { recall: spent(context, 'recall', version), take_out: spent(context, 'take_out', version) };
  const after = (c: Credential): Credential => {
    if (c.step === 'recall' || c.step === 'take_out') return tookItOut[c.step](c);
    return liveCredential(c) ? { ...c, state: 'revoked', sinceVersion: version } : c;
  };
  letGo(context, it, it.assetId ?? null);
  return {
    ...leavesStock(context, it, withdrawn('recalled')),
    take: [],
    drop,
    emissions: emit(context, ...conflict, {
      type: 'transaction.recalled',
      set: {
        state: 'recalled',
        endedAt: at,
        holdReason: null,
        ...endOfMove(context),
        flags: endFlags(it, conflict.length > 0),
        credentials: unlocked(it.credentials.map(after), drop),
      },
      ...(it.move && { data: { toDoor: it.move.to } }),
    }),
  };
};

/** The rights with which something is taken out that is not handed over. */

export const recalled: Rule = (context) => takenOut(context, []);
export const recalledLate: Rule = (context) => takenOut(context, [conflicted(context.transaction, 'recalled', 'late')]);

export const failed =
  (type: 'transaction.deposit_failed' | 'transaction.pickup_failed', reason: string): Rule =>
  (context) => ({
    ...nothing,
    emissions: emit(context, {
      type,
      set:
        type === 'transaction.deposit_failed' &&
        context.transaction.depositStartedAt === null &&
        context.transaction.deadlines.depositBy !== undefined
          ? startedFields(context.transaction, context.at)
          : {},
      data: { reason },
    }),
  });

/** Only flagged: what is there now is unclear, and a person has to look. */
export const dispute =
  (happened: Fact): Rule =>
  (context) =>
    context.newest
      ? { ...nothing, emissions: emit(context, conflicted(context.transaction, happened, 'disputed')) }
      : nothing;

export const ignore: Rule = () => nothing;
