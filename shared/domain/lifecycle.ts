import type { BankKey } from './bank.ts';
import type { Compartment } from './compartment.ts';
import { changed } from './compartment.ts';
import type { Credential } from './credential.ts';
import { holdsLock, liveCredential, unlocked } from './credential.ts';
import { runningDeadline } from './deadline.ts';
import type { CompartmentChange, Emission, Locks, SubjectChange } from './decision.ts';
import { apply, born } from './decision.ts';
import { Refusal } from './refusal.ts';
import type { Instant } from './time.ts';
import { earlier, later, plusSeconds } from './time.ts';
import type {
  DeadlineName,
  Deadlines,
  Item,
  Party,
  RecallCause,
  Transaction,
  TransactionState,
} from './transaction.ts';
import { type Workflow, workflows } from './workflow.ts';

/** What a decision comes to: the transaction, the doors it takes or frees, the PINs it locks or frees. */
export type TransactionDecision = {
  transaction: SubjectChange<Transaction>;
  compartments: CompartmentChange[];
  locks: Locks;
};

/** Ids and keys a decision may need; drawn outside, so that deciding stays pure. */
export type Fresh = { credentialIds: readonly string[]; keyVersion: number };

/** What can be asked of a transaction, and the states in which each makes sense. Anything else is `invalid_transition`. */
export const possible = {
  cancel: ['reserved', 'stored'],
  extend: ['reserved', 'stored', 'recall_due'],
  hold: ['reserved', 'stored'],
  'lift-hold': ['reserved', 'stored', 'recall_due'],
  resend: ['reserved', 'stored', 'recall_due'],
} as const satisfies Record<string, readonly TransactionState[]>;
export type Action = keyof typeof possible;

const requirePossible = (action: Action, it: Transaction): void => {
  const states: readonly TransactionState[] = possible[action];
  if (!states.includes(it.state))
    throw new Refusal('invalid_transition', `cannot ${action} a transaction that is ${it.state}`);
};

/** Changes the credentials that match, and notes the version from which the bank must know of it. */
const withCredentials = (
  credentials: Credential[],
  matches: (it: Credential) => boolean,
  change: Partial<Credential>,
  sinceVersion: number,
): Credential[] => credentials.map((it) => (matches(it) ? { ...it, ...change, sinceVersion } : it));

/** The compartment as it is once the transaction has let go of it. */
export const released = (it: Compartment, more: Partial<Compartment> = {}): CompartmentChange => ({
  before: it,
  after: changed(it, { ...more, heldBy: null }, false),
});

const without = <T>(list: readonly T[], item: T): T[] => list.filter((it) => it !== item);

export type CreateInput = {
  id: string;
  tenant: string;
  salt: string;
  workflow: Workflow;
  siteId: string;
  bankId: string;
  bankKey: BankKey;
  externalIds: Record<string, string>;
  source: Transaction['source'];
  items: Item[];
  recipient: Party;
  parties: Transaction['parties'];
  payment: Transaction['payment'];
  metadata: Record<string, string>;
  deadlines: Partial<Deadlines>;
};

/** The three deadlines of a new transaction, and how long after the deposit the pickup ends. */
const deadlinesOf = (input: CreateInput, now: Instant): Pick<Transaction, 'deadlines' | 'pickupWithinSeconds'> => {
  const usual = workflows[input.workflow].deadlines;
  const asked = input.deadlines;
  const depositBy = asked.depositBy ?? later(plusSeconds(now, usual.deposit), asked.reserveUntil ?? now);
  const deadlines = {
    reserveUntil: asked.reserveUntil ?? earlier(plusSeconds(now, usual.reserve), depositBy),
    depositBy,
    pickupBy: asked.pickupBy ?? plusSeconds(depositBy, usual.pickup),
  };
  for (const name of ['reserveUntil', 'depositBy', 'pickupBy'] as const)
    if (asked[name] !== undefined && asked[name] <= now) refuseDeadline('/deadlines', name, 'lies in the past');
  requireOrder(deadlines, '/deadlines');
  return { deadlines, pickupWithinSeconds: asked.pickupBy ? null : usual.pickup };
};

/** `within`: where in the request the deadlines are named. */
const requireOrder = (it: Deadlines, within: string): void => {
  if (it.depositBy < it.reserveUntil) refuseDeadline(within, 'depositBy', 'comes before reserveUntil');
  if (it.pickupBy <= it.depositBy) refuseDeadline(within, 'pickupBy', 'must come after depositBy');
};

const refuseDeadline = (within: string, name: DeadlineName, detail: string): never => {
  throw new Refusal('invalid_request', `${name} ${detail}`, { errors: [{ pointer: `${within}/${name}`, detail }] });
};

const newPin = (
  step: Credential['step'],
  id: string | undefined,
  fresh: Fresh,
  more: Pick<Credential, 'state' | 'notBefore' | 'notAfter' | 'digits' | 'sinceVersion'>,
): Credential => {
  if (id === undefined) throw new Error('no fresh credential id was drawn');
  return { id, step, method: 'pin', attempt: 0, keyVersion: fresh.keyVersion, locked: true, ...more };
};

/** A transaction with this compartment reserved for it, and one credential per step. */
export const create = (
  input: CreateInput,
  compartment: Compartment,
  pinDigits: number,
  assignment: Transaction['assignment'],
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  const { deadlines, pickupWithinSeconds } = deadlinesOf(input, now);
  const credentials = workflows[input.workflow].steps.map(({ step }, nth) =>
    newPin(step, fresh.credentialIds[nth], fresh, {
      state: nth === 0 ? 'active' : 'issued',
      notBefore: now,
      notAfter: nth === 0 ? deadlines.reserveUntil : deadlines.pickupBy,
      digits: pinDigits,
      sinceVersion: 2,
    }),
  );
  const transaction: Transaction = {
    ...input,
    state: 'created',
    version: 1,
    hash: '',
    door: null,
    deadlines,
    pickupWithinSeconds,
    deadlineRev: 0,
    flags: [],
    holdReason: null,
    credentials,
    depositStartedAt: null,
    depositedAt: null,
    pickedUpAt: null,
    endedAt: null,
    expiredStage: null,
    cancelReason: null,
    recallCause: null,
    rejectReason: null,
    assignment,
    createdAt: now,
    updatedAt: now,
  };
  return {
    transaction: born(transaction, 'transaction.created', [
      { type: 'transaction.reserved', set: { state: 'reserved', door: compartment.door } },
    ]),
    compartments: [{ before: compartment, after: changed(compartment, { heldBy: input.id, until: null }, false) }],
    locks: { take: credentials, drop: [] },
  };
};

/** Ends it with nothing inside: credentials die, the door is free. */
export const ended = (
  it: Transaction,
  type: Emission<Transaction>['type'],
  set: Partial<Transaction>,
  credentialState: 'revoked' | 'expired',
  data: Record<string, unknown>,
  now: Instant,
): { emissions: Emission<Transaction>[]; drop: Credential[] } => {
  const drop = it.credentials.filter(holdsLock);
  const dead = withCredentials(it.credentials, liveCredential, { state: credentialState }, it.version + 1);
  return {
    emissions: [{ type, set: { ...set, endedAt: now, credentials: unlocked(dead, drop) }, data }],
    drop,
  };
};

/** The item is inside and staff must take it out: everybody else's credential dies, staff get one. */
export const recall = (
  it: Transaction,
  cause: RecallCause,
  fresh: Fresh,
  now: Instant,
  version: number,
): { emission: Emission<Transaction>; take: Credential[]; drop: Credential[] } => {
  const byDeadline = cause === 'pickup_deadline';
  const staff = newPin('recall', fresh.credentialIds[0], fresh, {
    state: 'active',
    notBefore: now,
    // Staff come when they come; a year is for ever at a door.
    notAfter: plusSeconds(now, 365 * 86_400),
    digits: it.credentials[0]?.digits ?? 8,
    sinceVersion: version,
  });
  // An expired PIN may come back by an extension, so its lock stays.
  const drop = byDeadline ? [] : it.credentials.filter(holdsLock);
  const others = withCredentials(
    it.credentials,
    liveCredential,
    { state: byDeadline ? 'expired' : 'revoked' },
    version,
  );
  return {
    emission: {
      type: 'transaction.recall_started',
      set: { state: 'recall_due', recallCause: cause, credentials: [...unlocked(others, drop), staff] },
      data: { cause },
    },
    take: [staff],
    drop,
  };
};

/** Gives the compartment up. What is already inside is recalled, so that no item is ever orphaned. */
export const cancel = (
  it: Transaction,
  compartment: Compartment,
  reason: string,
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  requirePossible('cancel', it);
  if (it.state === 'reserved') {
    const { emissions, drop } = ended(
      it,
      'transaction.cancelled',
      { state: 'cancelled', cancelReason: reason, flags: without(it.flags, 'held'), holdReason: null },
      'revoked',
      { reason },
      now,
    );
    return { transaction: apply(it, emissions), compartments: [released(compartment)], locks: { take: [], drop } };
  }
  const { emission, take, drop } = recall(it, 'cancelled', fresh, now, it.version + 1);
  emission.set.cancelReason = reason;
  return { transaction: apply(it, [emission]), compartments: [], locks: { take, drop } };
};

/** Later deadlines. From `recall_due` because nobody came, it goes back to `stored`, and the staff's credential is revoked. */
export const extend = (it: Transaction, asked: Partial<Deadlines>, now: Instant): TransactionDecision => {
  requirePossible('extend', it);
  if (it.state === 'recall_due' && it.recallCause !== 'pickup_deadline')
    throw new Refusal(
      'invalid_transition',
      `cannot extend a transaction that is recalled because it was ${it.recallCause}`,
    );
  const openNow = it.state === 'reserved' ? ['reserveUntil', 'depositBy', 'pickupBy'] : ['pickupBy'];
  const names = ['reserveUntil', 'depositBy', 'pickupBy'] as const;
  const errors = names.flatMap((name) => {
    const until = asked[name];
    if (until === undefined) return [];
    if (!openNow.includes(name)) return [{ pointer: `/${name}`, detail: `has passed: the transaction is ${it.state}` }];
    if (until <= now) return [{ pointer: `/${name}`, detail: 'lies in the past' }];
    return until < it.deadlines[name] ? [{ pointer: `/${name}`, detail: `is earlier than ${it.deadlines[name]}` }] : [];
  });
  if (errors.length > 0) throw new Refusal('invalid_request', 'a deadline can only be moved later', { errors });
  if (names.every((name) => asked[name] === undefined || asked[name] === it.deadlines[name]))
    throw new Refusal('invalid_request', 'the deadlines are these already; give a later one');

  const reserveUntil = asked.reserveUntil ?? it.deadlines.reserveUntil;
  const depositBy = later(asked.depositBy ?? it.deadlines.depositBy, reserveUntil);
  const follows =
    it.state === 'reserved' && it.pickupWithinSeconds !== null ? plusSeconds(depositBy, it.pickupWithinSeconds) : null;
  const pickupBy = asked.pickupBy ?? later(it.deadlines.pickupBy, follows ?? it.deadlines.pickupBy);
  const deadlines = { reserveUntil, depositBy, pickupBy };
  // `reserveUntil` may have passed: once the depositor has begun, it no longer counts.
  if (it.state === 'reserved') requireOrder(deadlines, '');
  const version = it.version + 1;
  const comesBack = it.state === 'recall_due';
  const moved = withCredentials(
    comesBack
      ? withCredentials(it.credentials, (c) => c.step === 'recall' && liveCredential(c), { state: 'revoked' }, version)
      : it.credentials,
    (c) => c.step === 'pickup' && (liveCredential(c) || (comesBack && c.state === 'expired')),
    { notAfter: pickupBy, ...(comesBack ? { state: 'active' as const } : {}) },
    version,
  );
  const drop = comesBack ? it.credentials.filter((c) => c.step === 'recall' && holdsLock(c)) : [];
  const credentials = unlocked(
    withCredentials(
      moved,
      (c) => c.step === 'deposit' && liveCredential(c),
      { notAfter: it.depositStartedAt ? depositBy : reserveUntil },
      version,
    ),
    drop,
  );
  return {
    transaction: apply(it, [
      {
        type: 'transaction.extended',
        set: {
          deadlines,
          deadlineRev: it.deadlineRev + 1,
          credentials,
          ...(asked.pickupBy ? { pickupWithinSeconds: null } : {}),
          ...(comesBack ? { state: 'stored' as const, recallCause: null } : {}),
        },
      },
    ]),
    compartments: [],
    locks: { take: [], drop },
  };
};

const forPickup = (it: Credential): boolean => it.step === 'pickup' && liveCredential(it);

/** Blocks the pickup; deadlines go on, so that nothing lies inside for ever. */
export const hold = (it: Transaction, reason: string): TransactionDecision => {
  requirePossible('hold', it);
  if (it.flags.includes('held')) throw new Refusal('invalid_transition', 'the transaction is already held');
  return {
    transaction: apply(it, [
      {
        type: 'transaction.held',
        set: {
          flags: [...it.flags, 'held'],
          holdReason: reason,
          credentials: withCredentials(it.credentials, forPickup, {}, it.version + 1),
        },
        data: { reason },
      },
    ]),
    compartments: [],
    locks: { take: [], drop: [] },
  };
};

export const liftHold = (it: Transaction): TransactionDecision => {
  requirePossible('lift-hold', it);
  if (!it.flags.includes('held')) throw new Refusal('invalid_transition', 'the transaction is not held');
  return {
    transaction: apply(it, [
      {
        type: 'transaction.hold_lifted',
        set: {
          flags: without(it.flags, 'held'),
          holdReason: null,
          credentials: withCredentials(it.credentials, forPickup, {}, it.version + 1),
        },
      },
    ]),
    compartments: [],
    locks: { take: [], drop: [] },
  };
};

/** A resend is a reissue: a new credential with the same window, the old one superseded. */
export const resend = (it: Transaction, credentialId: string, fresh: Fresh): TransactionDecision => {
  requirePossible('resend', it);
  const old = it.credentials.find((c) => c.id === credentialId);
  if (!old) throw new Refusal('not_found', 'the transaction has no such credential');
  if (!liveCredential(old)) throw new Refusal('invalid_transition', `cannot resend a credential that is ${old.state}`);
  const version = it.version + 1;
  const { state, notBefore, notAfter, digits } = old;
  const next = newPin(old.step, fresh.credentialIds[0], fresh, {
    state,
    notBefore,
    notAfter,
    digits,
    sinceVersion: version,
  });
  return {
    transaction: apply(it, [
      {
        type: 'credential.superseded',
        set: {
          credentials: [
            ...withCredentials(it.credentials, (c) => c.id === old.id, { state: 'superseded', locked: false }, version),
            next,
          ],
        },
        data: { credentialId: old.id, by: next.id },
      },
    ]),
    compartments: [],
    locks: { take: [next], drop: [old].filter(holdsLock) },
  };
};

/** Whether its running deadline has passed. */
export const isDue = (it: Transaction, now: Instant): boolean => {
  const running = runningDeadline(it);
  return running !== null && running.at <= now;
};

/**
 * What its running deadline makes of it now, or null if nothing is due. Evaluated by schedules, by the sweep and on
 * every read, so that an expired reservation is never shown as alive.
 */
export const expireIfDue = (
  it: Transaction,
  compartment: Compartment | null,
  fresh: Fresh,
  now: Instant,
): TransactionDecision | null => {
  const running = runningDeadline(it);
  if (running === null || !isDue(it, now)) return null;
  if (it.state === 'stored') {
    const { emission, take, drop } = recall(it, 'pickup_deadline', fresh, now, it.version + 1);
    return { transaction: apply(it, [emission]), compartments: [], locks: { take, drop } };
  }
  const stage = running.name === 'reserveUntil' ? 'reservation' : 'deposit';
  const { emissions, drop } = ended(
    it,
    'transaction.expired',
    { state: 'expired', expiredStage: stage, flags: without(it.flags, 'held'), holdReason: null },
    'expired',
    { stage },
    now,
  );
  return {
    transaction: apply(it, emissions),
    compartments: compartment === null ? [] : [released(compartment)],
    locks: { take: [], drop },
  };
};
