import { type Credential, liveCredential, ofCarrier } from './credential.ts';
import type { Emission } from './decision.ts';
import { newCredential } from './issuing.ts';
import { moveOver, pickupAgain } from './lifecycle.ts';
import {
  type Context,
  conflicted,
  emit,
  flagged,
  leave,
  letGo,
  nothing,
  type Rule,
  takeDoor,
} from './merge-context.ts';
import { giveWay, takenOut } from './merge-rules.ts';
import { moveSeconds, putInSeconds } from './moving.ts';
import { plusSeconds } from './time.ts';
import type { Move, Transaction } from './transaction.ts';

/** The right of whoever carries the item with which this was done; none where it was a command. */
const rightBehind = ({ entry: { cause }, transaction }: Context): Credential | undefined =>
  cause !== null && 'grantId' in cause ? transaction.credentials.find(({ id }) => id === cause.grantId) : undefined;

/** What was done with a right that is used up belongs to a move that is over: it is learned of late, or was done again. */
export const unlessOver =
  (rule: Rule): Rule =>
  (context) =>
    rightBehind(context)?.state === 'used' ? nothing : rule(context);

/** The bank counts its own grants; of what was done otherwise it has to be told. */
const used = (context: Context, it: Credential, version: number): Credential => ({
  ...it,
  state: 'used',
  ...(rightBehind(context)?.id === it.id ? {} : { sinceVersion: version }),
});

type Told = Omit<Emission<Transaction>, 'occurredAt'>;

/** Out of the old door, which is free, and in somebody's hands. */
export const takeAlong: Rule = (context) => {
  const { transaction: it, entry } = context;
  const { move } = it;
  if (move?.stage === 'carrying') return nothing;
  if (!move) return takeAlongLate(context);
  if (entry.door !== move.from)
    return { ...nothing, emissions: emit(context, conflicted(it, 'taken_out', 'disputed')) };
  const version = it.version + 1;
  const after = (c: Credential): Credential => {
    if (c.step === 'take_out' && liveCredential(c)) return used(context, c, version);
    // By its own journal the bank knew before we did.
    return c.step === 'put_in' && c.state === 'issued' ? { ...c, state: 'active' } : c;
  };
  leave(context, move.from);
  const { from, to } = move;
  const set = { door: to, move: { ...move, stage: 'carrying' as const }, credentials: it.credentials.map(after) };
  return {
    ...nothing,
    emissions: emit(context, { type: 'transaction.taken_out', set, data: { fromDoor: from, toDoor: to } }),
  };
};

/**
 * The move had been called off, and the bank did not know: the item is out all the same. Its door stays its own, so that
 * it can be put back, or carried on from there.
 */
const takeAlongLate: Rule = (context) => {
  const { transaction: it, entry, fresh, now, at, world } = context;
  if (entry.door !== it.door)
    return { ...nothing, emissions: emit(context, conflicted(it, 'taken_out', 'late', 'disputed')) };
  const version = it.version + 2;
  const move: Move = {
    stage: 'carrying',
    from: entry.door,
    to: entry.door,
    reason: 'taken out after the move had been called off',
    by: { type: 'bank', id: world.bank.id },
    since: at,
    moveBy: plusSeconds(now, moveSeconds),
  };
  const putIn = newCredential('put_in', fresh.credentialIds[0], fresh, {
    state: 'active',
    notBefore: at,
    notAfter: plusSeconds(now, putInSeconds),
    digits: it.credentials[0]?.digits ?? 8,
    sinceVersion: version,
  });
  const blocked = (c: Credential): Credential => (liveCredential(c) ? { ...c, sinceVersion: version } : c);
  takeDoor(context, entry.door, it.id, false);
  return {
    ...nothing,
    take: [putIn],
    emissions: emit(context, conflicted(it, 'taken_out', 'late'), {
      type: 'transaction.taken_out',
      set: {
        move,
        flags: flagged(it, 'late', 'moving'),
        deadlineRev: it.deadlineRev + 1,
        credentials: [...it.credentials.map(blocked), putIn],
      },
      data: { fromDoor: entry.door, toDoor: entry.door },
    }),
  };
};

/** Staff have it, in whatever way they took it out. */
export const takenAlongAtLast: Rule = (context) =>
  takenOut(context, [conflicted(context.transaction, 'taken_out', 'late')]);

/**
 * Inside another door: it is there from now on, and so are the rights of whoever receives it. Where the bank did not know
 * that it was to go elsewhere, or nowhere, it is there all the same, and whoever was promised that door gives way.
 */
export const arrive: Rule = (context) => {
  const { world, transaction: it, entry, at } = context;
  const { move } = it;
  const isForeseen = move != null && entry.door === move.to;
  if (!move && entry.door === it.door) return nothing;
  const holder = world.compartments.get(entry.door)?.heldBy ?? null;
  const other = holder === null || holder === it.id ? undefined : world.transactions.get(holder);
  if (holder !== null && holder !== it.id && other?.state !== 'reserved')
    return { ...nothing, emissions: emit(context, conflicted(it, 'put_in', 'late', 'disputed')) };
  const conflict: Told[] = isForeseen ? [] : [conflicted(it, 'put_in', 'late')];
  const version = it.version + conflict.length + 1;
  // First, so that whoever gives way may have a door that this one no longer needs.
  letGo(context, it, null);
  const gaveWay = other ? giveWay(context, other) : nothing;
  takeDoor(context, entry.door, it.id, true);
  const { flags, ...over } = moveOver(it);
  const again = it.state === 'stored' && move ? pickupAgain(it, at, version) : { credentials: it.credentials };
  const credentials = again.credentials.map((c): Credential => {
    if (ofCarrier(c) && c.state !== 'superseded') return c.state === 'used' ? c : used(context, c, version);
    return liveCredential(c) ? { ...c, sinceVersion: version } : c;
  });
  return {
    ...gaveWay,
    emissions: [
      ...gaveWay.emissions,
      ...emit(context, ...conflict, {
        type: 'transaction.moved',
        set: {
          door: entry.door,
          ...again,
          ...over,
          flags: isForeseen ? flags : flagged({ ...it, flags }, 'late'),
          credentials,
        },
        data: {
          fromDoor: move?.from ?? it.door ?? entry.door,
          reason: move?.reason ?? 'carried there after the move had been called off',
          // The one that it was to go to instead.
          ...(move && !isForeseen && { toDoor: move.to }),
        },
      }),
    ],
  };
};

const undoneReasons = { take_out: 'abandoned', put_in: 'nothing_deposited' } as const;

/** A door was opened and nothing done, or it did not open. The move goes on. */
export const failedToCarry: Rule = (context) => {
  const { transaction: it, entry } = context;
  const step = rightBehind(context)?.step;
  if (!it.move || (step !== 'take_out' && step !== 'put_in')) return nothing;
  const reason = entry.type === 'lock.jammed' ? 'compartment_faulty' : undoneReasons[step];
  return { ...nothing, emissions: emit(context, { type: 'transaction.move_failed', set: {}, data: { reason } }) };
};

/** A door was emptied by somebody whom the bank does not know; its item lies behind another, or in somebody's hands. */
export const whereItLies =
  (rule: Rule): Rule =>
  (context) => {
    const { move } = context.transaction;
    return move && (move.stage === 'carrying' || context.entry.door !== move.from) ? nothing : rule(context);
  };
