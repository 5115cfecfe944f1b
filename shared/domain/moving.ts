import type { Actor } from '../../events/envelope.ts';
import type { Asset } from './asset.ts';
import type { Compartment } from './compartment.ts';
import { type Credential, liveCredential } from './credential.ts';
import { apply, type SubjectChange } from './decision.ts';
import { type Fresh, newCredential, withCredentials } from './issuing.ts';
import {
  calledOff,
  type Doors,
  released,
  requirePossible,
  type TransactionDecision,
  taken,
  without,
} from './lifecycle.ts';
import { Refusal } from './refusal.ts';
import { type Instant, plusSeconds } from './time.ts';
import type { Move, Transaction } from './transaction.ts';

/*
 * Moves of what lies inside. Somebody carries the item from one door to another: as long as it is `planned` the
 * transaction has both doors, while they are `carrying` it the new one only. The doors themselves say how far it is, so
 * the rest of the story is told by merge-moves.ts.
 */

/** Seconds in which a move is to be done unless the caller says otherwise: so long nobody can pick the item up. */
export const moveSeconds = 3_600;

/** Whoever carries it must be able to put it in however late: a year is for ever at a door. */
export const putInSeconds = 365 * 86_400;

export type MoveInput = { reason: string; by: Actor; moveBy?: Instant | undefined };

const moveByOf = ({ moveBy }: MoveInput, now: Instant): Instant => {
  if (moveBy !== undefined && moveBy <= now)
    throw new Refusal('invalid_request', 'moveBy lies in the past', {
      errors: [{ pointer: '/moveBy', detail: 'lies in the past' }],
    });
  return moveBy ?? plusSeconds(now, moveSeconds);
};

/** One of the two rights of whoever carries the item. */
const carrierPin = (
  it: Transaction,
  step: 'take_out' | 'put_in',
  state: 'issued' | 'active',
  moveBy: Instant,
  nth: number,
  fresh: Fresh,
  now: Instant,
): Credential =>
  newCredential(step, fresh.credentialIds[nth], fresh, {
    state,
    notBefore: now,
    notAfter: step === 'take_out' ? moveBy : plusSeconds(now, putInSeconds),
    digits: it.credentials[0]?.digits ?? 8,
    sinceVersion: it.version + 1,
  });

/** The rights that whoever carries it needs, and nobody has. */
const missingPins = (
  it: Transaction,
  { stage, moveBy }: Pick<Move, 'stage' | 'moveBy'>,
  fresh: Fresh,
  now: Instant,
): Credential[] => {
  const lacks = (step: Credential['step']): boolean =>
    !it.credentials.some((c) => c.step === step && liveCredential(c));
  const isPlanned = stage === 'planned';
  return [
    ...(isPlanned && lacks('take_out') ? [carrierPin(it, 'take_out', 'active', moveBy, 0, fresh, now)] : []),
    ...(lacks('put_in') ? [carrierPin(it, 'put_in', isPlanned ? 'issued' : 'active', moveBy, 1, fresh, now)] : []),
  ];
};

/** Has the item carried to another compartment. Until it is there, nobody may pick it up. */
export const startMove = (
  it: Transaction,
  to: Compartment,
  input: MoveInput,
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  requirePossible('move', it);
  if (it.state !== 'stored' || it.door === null)
    throw new Refusal('invalid_transition', `cannot move what is inside a transaction that is ${it.state}`);
  if (it.move) throw new Refusal('invalid_transition', `the item is being moved to door ${it.move.to} already`);
  const moveBy = moveByOf(input, now);
  const { reason, by } = input;
  const move: Move = { stage: 'planned', from: it.door, to: to.door, reason, by, since: now, moveBy };
  const take = missingPins(it, move, fresh, now);
  return {
    transaction: apply(it, [
      {
        type: 'transaction.move_started',
        set: {
          move,
          flags: [...it.flags, 'moving'],
          deadlineRev: it.deadlineRev + 1,
          credentials: [...withCredentials(it.credentials, liveCredential, {}, it.version + 1), ...take],
        },
        data: { toDoor: to.door, reason, moveBy },
      },
    ]),
    compartments: [taken(to, it)],
    locks: { take, drop: [] },
  };
};

/**
 * To yet another compartment, also to the one it came from. Whoever asks for it has the move from now on; the PINs of
 * whoever carries the item stay.
 */
export const redirect = (
  it: Transaction,
  { compartment, target }: Doors,
  to: Compartment,
  input: MoveInput,
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  requirePossible('move', it);
  const { move } = it;
  const left = move?.stage === 'planned' ? target : compartment;
  if (!move || left?.door !== move.to) throw new Error(`the new door of ${it.id} was not read`);
  const moveBy = moveByOf(input, now);
  const { reason, by } = input;
  const next: Move = { ...move, to: to.door, reason, by, moveBy };
  const version = it.version + 1;
  const kept = withCredentials(it.credentials, liveCredential, {}, version).map(
    (c): Credential => (c.step === 'take_out' && liveCredential(c) ? { ...c, notAfter: moveBy } : c),
  );
  const take = missingPins(it, next, fresh, now);
  return {
    transaction: apply(it, [
      {
        type: 'transaction.move_redirected',
        set: {
          move: next,
          ...(move.stage === 'carrying' && { door: to.door }),
          flags: without(it.flags, 'overdue'),
          deadlineRev: it.deadlineRev + 1,
          credentials: [...kept, ...take],
        },
        data: { fromDoor: left.door, toDoor: to.door, reason, moveBy },
      },
    ]),
    compartments: [released(left, {}), taken(to, it)],
    locks: { take, drop: [] },
  };
};

/** Leaves the item where it is. Once it is out, it has to go somewhere. */
export const cancelMove = (
  it: Transaction,
  target: Compartment | null,
  reason: string,
  now: Instant,
): TransactionDecision => {
  requirePossible('cancel-move', it);
  const { move } = it;
  if (!move) throw new Refusal('invalid_transition', 'the item is not being moved');
  if (move.stage === 'carrying')
    throw new Refusal(
      'invalid_transition',
      `the item is out of door ${move.from}: have it put in at door ${move.to}, or move it to another, or back`,
    );
  return calledOff(it, target, reason, now);
};

/** Where a transaction that is under way may go by being moved, as far as its state says; refuses otherwise. */
export const requireMovable = (it: Transaction): 'before' | 'inside' | 'return' => {
  requirePossible('move', it);
  if (it.stockUnitId !== undefined)
    throw new Refusal('invalid_transition', 'goods from stock stay in their door: withdraw them, or sell others');
  if (it.state === 'reserved') return 'before';
  if (it.state === 'stored') return 'inside';
  if (it.assetId === undefined)
    throw new Refusal('invalid_transition', `cannot move a ${it.workflow} that is ${it.state}`);
  return 'return';
};

/** What is lent is to be brought back to another compartment, which is its own from now on; the old one is free. */
export const returnElsewhere = (
  it: Transaction,
  asset: Asset,
  from: Compartment,
  to: Compartment,
  reason: string,
): { decision: TransactionDecision; asset: SubjectChange<Asset> } => {
  requirePossible('move', it);
  if (asset.returnsTo !== 'any_door')
    throw new Refusal('invalid_transition', `${asset.id} must be brought back to its own door, ${asset.door}`);
  if (from.contents === 'filled')
    throw new Refusal('invalid_transition', `something lies behind door ${from.door}: it may have been brought back`);
  const credentials = withCredentials(it.credentials, liveCredential, {}, it.version + 1);
  return {
    decision: {
      transaction: apply(it, [
        { type: 'transaction.moved', set: { door: to.door, credentials }, data: { fromDoor: from.door, reason } },
      ]),
      compartments: [released(from, {}), taken(to, it)],
      locks: { take: [], drop: [] },
    },
    asset: apply(asset, [{ type: 'asset.moved', set: { door: to.door }, data: { fromDoor: from.door, reason } }]),
  };
};
