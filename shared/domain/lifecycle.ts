import type { Bank, BankKey } from './bank.ts';
import type { Compartment } from './compartment.ts';
import { changed } from './compartment.ts';
import type { Access, Credential } from './credential.ts';
import { holdsLock, liveCredential, ofCarrier, unlocked } from './credential.ts';
import { deadlineNames, deadlineOf, runningDeadline, unmet } from './deadline.ts';
import type { CompartmentChange, Emission, Locks, SubjectChange } from './decision.ts';
import { apply, born } from './decision.ts';
import { receives } from './grants.ts';
import { homeOf } from './home.ts';
import {
  begun,
  credentialsOf,
  endsAt,
  type Fresh,
  newCredential,
  requireAccess,
  withCredentials,
  within,
} from './issuing.ts';
import { Refusal } from './refusal.ts';
import { type Agreed, agreedAt } from './terms.ts';
import type { Instant } from './time.ts';
import { earlier, epochMs, later, plusSeconds } from './time.ts';
import type {
  Charge,
  Deadlines,
  Flag,
  Item,
  Party,
  RecallCause,
  Transaction,
  TransactionState,
} from './transaction.ts';
import { type Condition, type DeadlineName, type Tolerance, type Workflow, workflowOf } from './workflow.ts';

/** What a decision comes to: the transaction, the doors it takes or frees, the PINs it locks or frees. */
export type TransactionDecision = {
  transaction: SubjectChange<Transaction>;
  compartments: CompartmentChange[];
  locks: Locks;
};

type Leads = Partial<Record<TransactionState, TransactionState>>;

/** It stays in the state it is in. */
const stays = (...states: TransactionState[]): Leads => Object.fromEntries(states.map((it) => [it, it]));

const underWay = ['reserved', 'stored', 'in_use', 'recall_due'] as const;
const over = ['completed', 'cancelled', 'expired', 'recalled', 'rejected'] as const;

/**
 * What can be asked of a transaction: the states in which it makes sense, and the one it leads to. Anything else is
 * `invalid_transition`.
 */
export const possible = {
  cancel: { created: 'cancelled', reserved: 'cancelled', stored: 'recall_due' },
  extend: { ...stays('reserved', 'stored', 'in_use'), recall_due: 'stored' },
  hold: stays('reserved', 'stored', 'in_use'),
  'lift-hold': stays(...underWay),
  move: stays('reserved', 'stored', 'in_use'),
  'cancel-move': stays('stored'),
  update: stays(...underWay),
  link: stays('created', ...underWay, ...over),
  confirm: stays(...underWay),
  recall: { stored: 'recall_due' },
  complete: { stored: 'completed', in_use: 'completed', recall_due: 'completed' },
  charge: stays(...underWay, ...over),
  refund: stays(...underWay, ...over),
  dispute: stays(...underWay, 'completed', 'recalled'),
  issue: stays(...underWay),
  resend: stays(...underWay),
  revoke: stays(...underWay),
  delegate: stays('reserved', 'stored', 'in_use'),
  'take-back': stays('reserved', 'stored', 'in_use'),
} as const satisfies Record<string, Leads>;
export type Action = keyof typeof possible;

/** What a deadline leads to, by the state in which it runs. */
export const whenDue = {
  created: 'expired',
  reserved: 'expired',
  stored: 'recall_due',
  in_use: 'expired',
} as const satisfies Leads;

export const requirePossible = (action: Action, it: Transaction): void => {
  if (!Object.hasOwn(possible[action], it.state))
    throw new Refusal('invalid_transition', `cannot ${action} a transaction that is ${it.state}`);
};

/** The compartment as it is once the transaction has let go of it: free, or again that of the thing whose home it is. */
export const released = (
  it: Compartment,
  of: Pick<Transaction, 'assetId' | 'stockUnitId'>,
  more: Partial<Compartment> = {},
): CompartmentChange => {
  const heldBy = homeOf(of);
  return { before: it, after: changed(it, { ...more, heldBy }, heldBy !== null && it.contents !== 'empty') };
};

export const without = <T>(list: readonly T[], item: T): T[] => list.filter((it) => it !== item);

export type CreateInput = {
  id: string;
  tenant: string;
  salt: string;
  workflow: Workflow;
  siteId: string;
  bankId: string;
  /** Left out, it is about a real door. */
  livemode?: boolean;
  bankKey: BankKey;
  assetId?: string | undefined;
  stockUnitId?: string | undefined;
  externalIds: Record<string, string>;
  link?: Transaction['link'];
  source: Transaction['source'];
  items: Item[];
  recipient: Party;
  parties: Transaction['parties'];
  payment: Transaction['payment'];
  reservation?: 'soft';
  conditions?: readonly Condition[] | undefined;
  overstaySeconds?: number | undefined;
  metadata: Record<string, string>;
  deadlines: Partial<Deadlines>;
  /** How people prove their right, where that is not as usual. */
  access?: readonly Access[];
  tolerance?: Tolerance | undefined;
  /** What its tenant and site say of the workflow; left out, it is as its row says. */
  agreed?: Agreed;
  label?: string;
  scanAt?: string;
};

/** Those asked for are ones that its workflow has, and still to come. */
export const requireKnown = (
  { workflow, deadlines: asked }: Pick<CreateInput, 'workflow' | 'deadlines'>,
  now: Instant,
): void => {
  const usual = workflowOf(workflow).deadlines;
  for (const name of ['reserveUntil', 'depositBy', 'pickupBy', 'useUntil'] as const) {
    if (asked[name] === undefined) continue;
    if (usual[name] === undefined) refuseDeadline('/deadlines', name, `is not a deadline of a ${workflow}`);
    if (asked[name] <= now) refuseDeadline('/deadlines', name, 'lies in the past');
  }
};

const agreedOf = ({ workflow, agreed }: Pick<CreateInput, 'workflow' | 'agreed'>): Omit<Agreed, 'scanAt'> =>
  agreed ?? workflowOf(workflow);

/** The deadlines of a new transaction, and how long after the deposit and the start those that follow end. */
export const deadlinesOf = (
  input: Pick<CreateInput, 'workflow' | 'deadlines' | 'agreed'>,
  now: Instant,
): Pick<Transaction, 'deadlines' | 'pickupWithinSeconds' | 'useWithinSeconds'> => {
  const usual = agreedOf(input).deadlines;
  const asked = input.deadlines;
  requireKnown(input, now);
  const depositBy =
    usual.depositBy === undefined
      ? undefined
      : (asked.depositBy ?? later(plusSeconds(now, usual.depositBy), asked.reserveUntil ?? now));
  const first = depositBy ?? asked.useUntil;
  const reserveUntil =
    asked.reserveUntil ??
    (first ? earlier(plusSeconds(now, usual.reserveUntil), first) : plusSeconds(now, usual.reserveUntil));
  const pickupBy =
    usual.pickupBy === undefined
      ? undefined
      : (asked.pickupBy ?? plusSeconds(depositBy ?? reserveUntil, usual.pickupBy));
  const useUntil =
    usual.useUntil === undefined ? undefined : (asked.useUntil ?? plusSeconds(reserveUntil, usual.useUntil));
  const deadlines = {
    reserveUntil,
    ...(depositBy && { depositBy }),
    ...(pickupBy && { pickupBy }),
    ...(useUntil && { useUntil }),
  };
  requireOrder(deadlines, '/deadlines');
  return {
    deadlines,
    pickupWithinSeconds: asked.pickupBy === undefined ? (usual.pickupBy ?? null) : null,
    ...(usual.useUntil !== undefined && asked.useUntil === undefined ? { useWithinSeconds: usual.useUntil } : {}),
  };
};

/** `within`: where in the request the deadlines are named. */
const requireOrder = ({ reserveUntil, depositBy, pickupBy, useUntil }: Deadlines, within: string): void => {
  if (depositBy && depositBy < reserveUntil) refuseDeadline(within, 'depositBy', 'comes before reserveUntil');
  if (pickupBy && pickupBy <= (depositBy ?? reserveUntil))
    refuseDeadline(within, 'pickupBy', `must come after ${depositBy ? 'depositBy' : 'reserveUntil'}`);
  if (useUntil && useUntil < reserveUntil) refuseDeadline(within, 'useUntil', 'comes before reserveUntil');
};

const refuseDeadline = (within: string, name: DeadlineName, detail: string): never => {
  throw new Refusal('invalid_request', `${name} ${detail}`, { errors: [{ pointer: `${within}/${name}`, detail }] });
};

/** A transaction as it begins: nothing reserved, nobody may open anything. */
const unreserved = (
  input: CreateInput,
  dated: ReturnType<typeof deadlinesOf>,
  assignment: Transaction['assignment'],
  now: Instant,
): Transaction => {
  const { conditions: asked, overstaySeconds, assetId, stockUnitId, link, tolerance, ...rest } = input;
  const { deadlines: _, access: __, agreed: ___, ...given } = rest;
  const usual = agreedOf(input);
  const { remindBeforeSeconds } = usual;
  const { earlySeconds, lateSeconds } = tolerance ?? usual.tolerance;
  const preconditions = (asked ?? usual.conditions).map((condition) => ({ condition }));
  return {
    ...given,
    ...dated,
    ...(preconditions.length > 0 && { preconditions }),
    ...(overstaySeconds !== undefined && { overstaySeconds }),
    ...(assetId !== undefined && { assetId }),
    ...(stockUnitId !== undefined && { stockUnitId }),
    ...(link && { link }),
    ...(earlySeconds + lateSeconds > 0 && { tolerance: { earlySeconds, lateSeconds } }),
    ...(remindBeforeSeconds !== workflowOf(input.workflow).remindBeforeSeconds && { remindBeforeSeconds }),
    livemode: input.livemode ?? true,
    state: 'created',
    version: 1,
    hash: '',
    door: null,
    deadlineRev: 0,
    flags: preconditions.some(({ condition }) => condition === 'payment') ? ['payment_pending'] : [],
    holdReason: null,
    credentials: [],
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
};

/** The compartment as it is once the transaction has it; a soft one is marked until its first step has begun. */
export const taken = (
  compartment: Compartment,
  { id, reservation, createdAt, depositStartedAt }: Transaction,
): CompartmentChange => ({
  before: compartment,
  after: changed(
    compartment,
    {
      heldBy: id,
      until: null,
      ...(reservation === 'soft' && depositStartedAt === null && { soft: epochMs(createdAt) }),
    },
    false,
  ),
});

/** How its compartment was chosen, and what was seen of the others: that is told once, by the event, and kept nowhere else. */
type Decided = Transaction['assignment'] & { seen?: string };

/** A transaction with this compartment reserved for it, and one credential per step. */
export const create = (
  input: CreateInput,
  compartment: Compartment,
  pinDigits: number,
  { seen, ...assignment }: Decided,
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  const transaction = unreserved(input, deadlinesOf(input, now), assignment, now);
  requireAccess(transaction, input.access ?? [], now);
  const credentials = credentialsOf(transaction, input.access ?? [], pinDigits, fresh, now, 2);
  return {
    transaction: born({ ...transaction, credentials }, 'transaction.created', [
      {
        type: 'transaction.reserved',
        set: { state: 'reserved', door: compartment.door },
        ...(seen !== undefined && { data: { seen } }),
      },
    ]),
    compartments: [taken(compartment, transaction)],
    locks: { take: credentials, drop: [] },
  };
};

/** The same of goods in stock, which are put in already. */
export const requireInStock: typeof requireKnown = (input, now) => {
  for (const name of ['reserveUntil', 'depositBy'] as const)
    if (input.deadlines[name] !== undefined) refuseDeadline('/deadlines', name, 'is not a deadline of goods in stock');
  requireKnown(input, now);
};

/** The deadlines of a sale out of stock: what is put in already need not be deposited. */
export const stockDeadlines = (
  input: Pick<CreateInput, 'workflow' | 'deadlines' | 'agreed'>,
  now: Instant,
): ReturnType<typeof deadlinesOf> => {
  requireInStock(input, now);
  const { deadlines: asked } = input;
  const { pickupBy: within = 0 } = agreedOf(input).deadlines;
  const pickupBy = asked.pickupBy ?? plusSeconds(now, within);
  // It counts from now, not from a deposit to come.
  return { deadlines: { reserveUntil: now, depositBy: now, pickupBy }, pickupWithinSeconds: null };
};

/** A sale of goods that lie in this compartment: stored from the first moment, and only to be picked up. */
export const createFromStock = (
  input: CreateInput & { stockUnitId: string },
  { compartment, stockedAt }: { compartment: Compartment; stockedAt: Instant },
  pinDigits: number,
  assignment: Transaction['assignment'],
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  const transaction = unreserved(input, stockDeadlines(input, now), assignment, now);
  requireAccess(transaction, input.access ?? [], now);
  const credentials = credentialsOf(transaction, input.access ?? [], pinDigits, fresh, now, 3);
  return {
    transaction: born({ ...transaction, credentials }, 'transaction.created', [
      { type: 'transaction.reserved', set: { state: 'reserved', door: compartment.door } },
      {
        type: 'transaction.deposited',
        set: { state: 'stored', depositedAt: stockedAt },
      },
    ]),
    compartments: [{ before: compartment, after: changed(compartment, { heldBy: input.id }, true) }],
    locks: { take: credentials, drop: [] },
  };
};

/** A transaction that waits for a door; its deadlines count from when it has one. */
export const wait = (
  input: CreateInput,
  until: Instant,
  assignment: Transaction['assignment'],
  now: Instant,
): TransactionDecision => {
  const wrong = (detail: string): Refusal =>
    new Refusal('invalid_request', `waitUntil ${detail}`, { errors: [{ pointer: '/waitUntil', detail }] });
  if (until <= now) throw wrong('lies in the past');
  for (const [name, at] of Object.entries(input.deadlines))
    if (at !== undefined && at <= until) throw wrong(`must come before ${name}`);
  const transaction = {
    ...unreserved(input, deadlinesOf(input, now), assignment, now),
    waiting: { until, asked: input.deadlines, ...(input.access && { access: [...input.access] }) },
  };
  requireAccess(transaction, input.access ?? [], now);
  return {
    transaction: born(transaction, 'transaction.created', [
      { type: 'transaction.waitlisted', set: {}, data: { waitUntil: until } },
    ]),
    compartments: [],
    locks: { take: [], drop: [] },
  };
};

/** A door for one that waited: from here on it is as if it had been created now. */
export const reserve = (
  it: Transaction,
  compartment: Compartment,
  bank: Pick<Bank, 'pinDigits' | 'bankKey' | 'terms'>,
  { seen, ...assignment }: Decided,
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  const { workflow } = it;
  const dated = deadlinesOf({ workflow, deadlines: it.waiting?.asked ?? {}, agreed: agreedAt(bank, workflow) }, now);
  const { pinDigits, bankKey } = bank;
  const credentials = credentialsOf(
    { ...it, ...dated },
    it.waiting?.access ?? [],
    pinDigits,
    fresh,
    now,
    it.version + 1,
  );
  return {
    transaction: apply(it, [
      {
        type: 'transaction.reserved',
        set: { state: 'reserved', door: compartment.door, ...dated, credentials, assignment, bankKey, waiting: null },
        ...(seen !== undefined && { data: { seen } }),
      },
    ]),
    compartments: [taken(compartment, it)],
    locks: { take: credentials, drop: [] },
  };
};

/** Its source had cancelled it before it told of it: it is cancelled from the first moment, and never had a door. */
export const createCancelled = (decided: TransactionDecision, reason: string, now: Instant): TransactionDecision => {
  const { waiting: _, ...after } = decided.transaction.after;
  const subject: Transaction = {
    ...after,
    state: 'created',
    version: 1,
    door: null,
    credentials: [],
    depositedAt: null,
  };
  return {
    transaction: born(subject, 'transaction.created', [
      {
        type: 'transaction.cancelled',
        set: { state: 'cancelled', cancelReason: reason, endedAt: now },
        data: { reason },
      },
    ]),
    compartments: [],
    locks: { take: [], drop: [] },
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

/**
 * A soft reservation that a hard one takes the door of: it moves to another that fits, or ends `rejected`. Null where it
 * may not be asked to: its depositor has begun, or it is not soft. The door itself is the other's to take.
 */
export const giveWaySoftly = (
  it: Transaction,
  to: Compartment | undefined,
  now: Instant,
): TransactionDecision | null => {
  if (it.state !== 'reserved' || it.reservation !== 'soft' || it.depositStartedAt !== null || it.door === null)
    return null;
  const reason = 'reclaimed';
  if (to === undefined) {
    const set = { state: 'rejected' as const, rejectReason: reason, door: null };
    const { emissions, drop } = ended(it, 'transaction.rejected', set, 'revoked', { reason }, now);
    return { transaction: apply(it, emissions), compartments: [], locks: { take: [], drop } };
  }
  const credentials = withCredentials(it.credentials, liveCredential, {}, it.version + 1);
  return {
    transaction: apply(it, [
      { type: 'transaction.moved', set: { door: to.door, credentials }, data: { fromDoor: it.door, reason } },
    ]),
    compartments: [taken(to, it)],
    locks: { take: [], drop: [] },
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
  const staff = newCredential('recall', fresh.credentialIds[0], fresh, {
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

/** Goods from stock stay where they are, and are in stock again. */
const backInStock = ({ state, stockUnitId }: Transaction): boolean => state === 'stored' && stockUnitId !== undefined;

/** One decision, and what follows from it at once. */
const then = (first: TransactionDecision, next: (it: Transaction) => TransactionDecision): TransactionDecision => {
  const second = next(first.transaction.after);
  const emissions = [...first.transaction.emissions, ...second.transaction.emissions];
  const { before } = first.transaction;
  return {
    transaction: { ...second.transaction, before, emissions },
    compartments: [...first.compartments, ...second.compartments],
    locks: {
      take: [...first.locks.take, ...second.locks.take],
      drop: [...first.locks.drop, ...second.locks.drop],
    },
  };
};

const ofMoves: readonly Flag[] = ['moving', 'overdue'];
/** What changes with the end of a move, however it ends. */
export const moveOver = (it: Transaction): Pick<Transaction, 'flags'> & Partial<Pick<Transaction, 'move'>> =>
  it.move ? { flags: it.flags.filter((flag) => !ofMoves.includes(flag)), move: null } : { flags: it.flags };

/** The receiver, who could not open, gets that time back; `at`: when that ended. */
export const pickupAgain = (
  it: Transaction,
  at: Instant,
  sinceVersion: number,
): Pick<Transaction, 'deadlines' | 'deadlineRev' | 'credentials'> => {
  const lost = Math.max(0, epochMs(at) - epochMs(it.move?.since ?? at)) / 1000;
  const pickupBy = plusSeconds(deadlineOf(it, 'pickupBy'), lost);
  return {
    deadlines: { ...it.deadlines, pickupBy },
    deadlineRev: it.deadlineRev + 1,
    credentials: it.credentials.map((c) =>
      c.step === 'pickup' && liveCredential(c) ? { ...c, notAfter: within(c, pickupBy), sinceVersion } : c,
    ),
  };
};

/** A move ends before anything was taken out: the new door is free, and nobody is to carry the item any more. */
export const calledOff = (
  it: Transaction,
  target: Compartment | null,
  reason: string,
  now: Instant,
): TransactionDecision => {
  const { move } = it;
  if (!move || target?.door !== move.to) throw new Error(`the new door of ${it.id} was not read`);
  const version = it.version + 1;
  const again = pickupAgain(it, now, version);
  const drop = again.credentials.filter((c) => ofCarrier(c) && holdsLock(c));
  const dead = withCredentials(
    again.credentials,
    (c) => ofCarrier(c) && liveCredential(c),
    { state: 'revoked' },
    version,
  );
  return {
    transaction: apply(it, [
      {
        type: 'transaction.move_cancelled',
        set: { ...again, ...moveOver(it), credentials: unlocked(dead, drop) },
        data: { toDoor: move.to, reason },
      },
    ]),
    compartments: [released(target, {})],
    locks: { take: [], drop },
  };
};

/** What a transaction has of its bank: its compartment, and while a move is planned the one it is to go to. */
export type Doors = { compartment: Compartment | null; target: Compartment | null };

/**
 * Whoever receives it gets it no more: staff are to take it out. If somebody is carrying it at that moment they have it
 * already, and that ends it.
 */
const takeBack = (
  it: Transaction,
  { compartment, target }: Doors,
  cause: RecallCause,
  more: Pick<Emission<Transaction>, 'set' | 'data'>,
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  if (it.move?.stage === 'planned')
    return then(calledOff(it, target, cause, now), (still) =>
      takeBack(still, { compartment, target: null }, cause, more, fresh, now),
    );
  if (!it.move) {
    const { emission, take, drop } = recall(it, cause, fresh, now, it.version + 1);
    const { set, data } = emission;
    return {
      transaction: apply(it, [{ ...emission, set: { ...set, ...more.set }, data: { ...data, ...more.data } }]),
      compartments: [],
      locks: { take, drop },
    };
  }
  const started: Emission<Transaction> = {
    type: 'transaction.recall_started',
    set: { state: 'recall_due', recallCause: cause, ...more.set },
    data: { cause, ...more.data },
  };
  const { after } = apply(it, [started]);
  const { flags, ...over } = moveOver(it);
  const { emissions, drop } = ended(
    after,
    'transaction.recalled',
    { state: 'recalled', ...over, flags: without(flags, 'held'), holdReason: null },
    'revoked',
    {},
    now,
  );
  return {
    transaction: apply(it, [started, ...emissions]),
    compartments: compartment === null ? [] : [released(compartment, it)],
    locks: { take: [], drop },
  };
};

/** Gives the compartment up. What is already inside is recalled, so that no item is ever orphaned. */
export const cancel = (
  it: Transaction,
  compartment: Compartment | null,
  reason: string,
  fresh: Fresh,
  now: Instant,
  target: Compartment | null = null,
): TransactionDecision => {
  requirePossible('cancel', it);
  if (it.state === 'created' || it.state === 'reserved' || backInStock(it)) {
    const { emissions, drop } = ended(
      it,
      'transaction.cancelled',
      { state: possible.cancel.reserved, cancelReason: reason, flags: without(it.flags, 'held'), holdReason: null },
      'revoked',
      { reason },
      now,
    );
    return {
      transaction: apply(it, emissions),
      compartments: compartment === null ? [] : [released(compartment, it)],
      locks: { take: [], drop },
    };
  }
  return takeBack(it, { compartment, target }, 'cancelled', { set: { cancelReason: reason } }, fresh, now);
};

/** The deadlines that can still be moved. */
const movable = (it: Transaction): DeadlineName[] => {
  if (it.state === 'reserved') return deadlineNames(it);
  return it.state === 'in_use' ? ['useUntil'] : ['pickupBy'];
};

/** An amount asked for something, and who recorded it. */
type Charged = Pick<Charge, 'amountMinor' | 'currency' | 'by' | 'reason'>;

/** What was paid and charged, less what was given back; null where no amount is recorded. */
const balanceOf = ({ payment, charges = [] }: Transaction): { amountMinor: number; currency: string } | null => {
  const [first, ...others] = [...(payment === null ? [] : [{ kind: 'payment' as const, ...payment }]), ...charges];
  if (first === undefined) return null;
  const amountMinor = others.reduce(
    (sum, it) => sum + (it.kind === 'refund' ? -it.amountMinor : it.amountMinor),
    first.amountMinor,
  );
  return { amountMinor, currency: first.currency };
};

/** With one amount more. All of a transaction are in one currency, or nobody could add them up. */
const withCharge = (
  it: Transaction,
  kind: Charge['kind'],
  charge: Charged,
  { within, now }: { within: string; now: Instant },
): Charge[] => {
  const balance = balanceOf(it);
  if (balance !== null && balance.currency !== charge.currency)
    throw new Refusal('invalid_request', `its amounts are in ${balance.currency}`, {
      errors: [{ pointer: `${within}/currency`, detail: `is not ${balance.currency}, in which the others are` }],
    });
  return [...(it.charges ?? []), { kind, ...charge, at: now }];
};

/** Later deadlines. From `recall_due` because nobody came, it goes back to `stored`, and the staff's credential is revoked. */
export const extend = (
  it: Transaction,
  asked: Partial<Deadlines>,
  now: Instant,
  charge?: Charged,
): TransactionDecision => {
  requirePossible('extend', it);
  if (it.state === 'recall_due' && it.recallCause !== 'pickup_deadline')
    throw new Refusal(
      'invalid_transition',
      `cannot extend a transaction that is recalled because it was ${it.recallCause}`,
    );
  const names = ['reserveUntil', 'depositBy', 'pickupBy', 'useUntil'] as const;
  const errors = names.flatMap((name) => {
    const [until, before] = [asked[name], it.deadlines[name]];
    if (until === undefined) return [];
    if (before === undefined) return [{ pointer: `/${name}`, detail: `is not a deadline of a ${it.workflow}` }];
    if (!movable(it).includes(name))
      return [{ pointer: `/${name}`, detail: `has passed: the transaction is ${it.state}` }];
    if (until <= now) return [{ pointer: `/${name}`, detail: 'lies in the past' }];
    return until < before ? [{ pointer: `/${name}`, detail: `is earlier than ${before}` }] : [];
  });
  if (errors.length > 0) throw new Refusal('invalid_request', 'a deadline can only be moved later', { errors });
  if (names.every((name) => asked[name] === undefined || asked[name] === it.deadlines[name]))
    throw new Refusal('invalid_request', 'the deadlines are these already; give a later one', {
      errors: [{ pointer: '', detail: 'names no deadline that is not so already' }],
    });

  const deadlines = extended(it, asked);
  // `reserveUntil` may have passed: once the depositor has begun, it no longer counts.
  if (it.state === 'reserved') requireOrder(deadlines, '');
  const version = it.version + 1;
  const comesBack = it.state === 'recall_due';
  const { steps } = workflowOf(it.workflow);
  const follow = (c: Credential): Credential => {
    if (c.step === 'recall')
      return comesBack && liveCredential(c) ? { ...c, state: 'revoked', sinceVersion: version } : c;
    const revives = comesBack && c.step === 'pickup' && c.state === 'expired' && c.method !== 'operator';
    if (!liveCredential(c) && !revives) return c;
    const row = steps.find(({ step }) => step === c.step);
    const notAfter = row === undefined ? c.notAfter : within(c, endsAt(begun(it, row), { ...it, deadlines }));
    if (notAfter === c.notAfter && !revives) return c;
    return { ...c, notAfter, ...(revives ? { state: 'active' as const } : {}), sinceVersion: version };
  };
  const drop = comesBack ? it.credentials.filter((c) => c.step === 'recall' && holdsLock(c)) : [];
  return {
    transaction: apply(it, [
      {
        type: 'transaction.extended',
        set: {
          deadlines,
          deadlineRev: it.deadlineRev + 1,
          credentials: unlocked(it.credentials.map(follow), drop),
          // A move that is late does not become quicker by it.
          flags: it.move ? it.flags : without(it.flags, 'overdue'),
          ...(asked.pickupBy ? { pickupWithinSeconds: null } : {}),
          ...(asked.useUntil ? { useWithinSeconds: null } : {}),
          ...(charge ? { charges: withCharge(it, 'extension', charge, { within: '/charge', now }) } : {}),
          ...(comesBack ? { state: 'stored' as const, recallCause: null } : {}),
        },
      },
    ]),
    compartments: [],
    locks: { take: [], drop },
  };
};

/** Those that follow one another keep their distance, unless the caller has named the moment. */
const extended = (it: Transaction, asked: Partial<Deadlines>): Deadlines => {
  const { deadlines: before, state, pickupWithinSeconds } = it;
  const reserveUntil = asked.reserveUntil ?? before.reserveUntil;
  const depositBy = before.depositBy && later(asked.depositBy ?? before.depositBy, reserveUntil);
  const follows =
    state === 'reserved' && pickupWithinSeconds !== null && depositBy
      ? plusSeconds(depositBy, pickupWithinSeconds)
      : undefined;
  const pickupBy = before.pickupBy && (asked.pickupBy ?? later(before.pickupBy, follows ?? before.pickupBy));
  const useUntil = before.useUntil && (asked.useUntil ?? later(before.useUntil, reserveUntil));
  return {
    reserveUntil,
    ...(depositBy && { depositBy }),
    ...(pickupBy && { pickupBy }),
    ...(useUntil && { useUntil }),
  };
};

const forReceiver = (it: Credential): boolean => receives(it) && liveCredential(it);

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
          credentials: withCredentials(it.credentials, forReceiver, {}, it.version + 1),
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
          credentials: withCredentials(it.credentials, forReceiver, {}, it.version + 1),
        },
      },
    ]),
    compartments: [],
    locks: { take: [], drop: [] },
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
  target: Compartment | null = null,
): TransactionDecision | null => {
  const running = runningDeadline(it);
  if (running === null || !isDue(it, now)) return null;
  if (it.move?.stage === 'planned') return calledOff(it, target, 'too_late', now);
  if (it.state === 'stored' && !it.move && !backInStock(it)) {
    const { emission, take, drop } = recall(it, 'pickup_deadline', fresh, now, it.version + 1);
    return { transaction: apply(it, [emission]), compartments: [], locks: { take, drop } };
  }
  const goesOn = it.overstaySeconds !== undefined || workflowOf(it.workflow).inUse?.due === 'stays';
  if (running.name === 'moveBy' || (it.state === 'in_use' && !it.flags.includes('overdue') && goesOn))
    return {
      transaction: apply(it, [
        {
          type: 'transaction.overdue',
          set: { flags: [...it.flags, 'overdue'], deadlineRev: it.deadlineRev + 1 },
          data: { since: running.at },
        },
      ]),
      compartments: [],
      locks: { take: [], drop: [] },
    };
  const stage = expiredStages[running.name];
  const { emissions, drop } = ended(
    it,
    'transaction.expired',
    {
      state: whenDue[it.state === 'in_use' ? 'in_use' : 'reserved'],
      expiredStage: stage,
      flags: without(it.flags, 'held'),
      holdReason: null,
    },
    'expired',
    { stage, ...overstayOf(it, now) },
    now,
  );
  return {
    transaction: apply(it, emissions),
    compartments:
      compartment === null ? [] : [released(compartment, it, stage === 'use' ? leftBehind(compartment) : {})],
    locks: { take: [], drop },
  };
};

/** What was not done in time, by the deadline that passed. */
const expiredStages = {
  waitUntil: 'reservation',
  reserveUntil: 'reservation',
  depositBy: 'deposit',
  pickupBy: 'pickup',
  useUntil: 'use',
} as const satisfies Record<DeadlineName | 'waitUntil', string>;

/** By how much it went over its time, for whoever has a price for that. */
const overstayOf = ({ flags, deadlines: { useUntil } }: Transaction, now: Instant): { overstaySeconds?: number } =>
  flags.includes('overdue') && useUntil
    ? { overstaySeconds: Math.max(0, Math.round((epochMs(now) - epochMs(useUntil)) / 1000)) }
    : {};

/** After somebody had it to themselves, only a sensor that reads empty says that nothing was left. */
export const leftBehind = ({ contents }: Compartment): Partial<Compartment> =>
  contents === 'empty' ? {} : { uncleared: true };

/** Staff take out what nobody may pick up any more. */
export const recallItem = (
  it: Transaction,
  doors: Doors,
  reason: string,
  fresh: Fresh,
  now: Instant,
): TransactionDecision => {
  requirePossible('recall', it);
  return takeBack(it, doors, 'recalled', { set: {}, data: { reason } }, fresh, now);
};

/**
 * Ended by hand: the renter is done, or somebody saw that it was handed over. Nobody saw what is inside now but a
 * sensor, so without one the compartment has to be cleared before it is offered.
 */
export const complete = (
  it: Transaction,
  compartment: Compartment,
  reason: string,
  now: Instant,
  charge?: Charged,
  target: Compartment | null = null,
): TransactionDecision => {
  requirePossible('complete', it);
  if (it.state !== 'in_use' && compartment.contents === 'filled')
    throw new Refusal('invalid_transition', 'the item is still inside: have it picked up, or recall it');
  if (compartment.doorState !== 'closed')
    throw new Refusal('invalid_transition', 'the door is open: have it closed first');
  if (it.move?.stage === 'planned')
    return then(calledOff(it, target, reason, now), (still) => complete(still, compartment, reason, now, charge));
  const { flags, ...moved } = moveOver(it);
  const { emissions, drop } = ended(
    it,
    'transaction.completed',
    {
      state: 'completed',
      ...moved,
      flags: without(flags, 'held'),
      holdReason: null,
      ...(charge ? { charges: withCharge(it, 'overstay', charge, { within: '/charge', now }) } : {}),
    },
    'revoked',
    { reason, ...overstayOf(it, now) },
    now,
  );
  return {
    transaction: apply(it, emissions),
    // Goods from stock are in stock no more.
    compartments: [released(compartment, { assetId: it.assetId }, leftBehind(compartment))],
    locks: { take: [], drop },
  };
};

/** A condition is met; the last one lets the receiver open. */
export const confirm = (
  it: Transaction,
  condition: Condition,
  { by, reference }: { by: string; reference?: string | undefined },
  now: Instant,
): TransactionDecision => {
  requirePossible('confirm', it);
  if (!unmet(it).includes(condition))
    throw new Refusal(
      'invalid_transition',
      (it.preconditions ?? []).some((each) => each.condition === condition)
        ? `${condition} is confirmed already`
        : `${condition} is not asked for here`,
    );
  const met = { at: now, by, ...(reference !== undefined && { reference }) };
  const preconditions = (it.preconditions ?? []).map((each) =>
    each.condition === condition ? { condition, met } : each,
  );
  return {
    transaction: apply(it, [
      {
        type: condition === 'payment' ? 'transaction.payment_confirmed' : 'transaction.confirmed',
        set: {
          preconditions,
          flags: condition === 'payment' ? without(it.flags, 'payment_pending') : it.flags,
          credentials: withCredentials(it.credentials, forReceiver, {}, it.version + 1),
        },
        data: { condition },
      },
    ]),
    compartments: [],
    locks: { take: [], drop: [] },
  };
};

/** An amount that has to be paid besides, with who and why: a stay that ran out, cleaning, a damage. Also after the end. */
export const charge = (it: Transaction, asked: Charged & { reason: string }, now: Instant): TransactionDecision => {
  requirePossible('charge', it);
  const { amountMinor, currency, reason } = asked;
  return plain(it, {
    type: 'transaction.charged',
    set: { charges: withCharge(it, 'surcharge', asked, { within: '', now }) },
    data: { amountMinor, currency, reason },
  });
};

/** Written down with who and why; money moves elsewhere. Not more than was paid and charged. */
export const refund = (
  it: Transaction,
  { amountMinor, reason, by }: { amountMinor: number; reason: string; by: string },
  now: Instant,
): TransactionDecision => {
  requirePossible('refund', it);
  const balance = balanceOf(it);
  if (balance === null) throw new Refusal('invalid_transition', 'no payment is recorded that could be refunded');
  const { amountMinor: left, currency } = balance;
  if (amountMinor > left)
    throw new Refusal('invalid_request', `at most ${left} can be refunded`, {
      errors: [{ pointer: '/amountMinor', detail: `is more than the ${left} that are left` }],
    });
  return plain(it, {
    type: 'transaction.refunded',
    set: { charges: withCharge(it, 'refund', { amountMinor, currency, reason, by }, { within: '', now }) },
    data: { amountMinor, currency, reason },
  });
};

export const dispute = (it: Transaction, reason: string): TransactionDecision => {
  requirePossible('dispute', it);
  return plain(it, {
    type: 'transaction.disputed',
    set: { flags: [...without(it.flags, 'disputed'), 'disputed'] },
    data: { reason },
  });
};

/** Changes what it is about, not where it is. Once the item is inside, its measures are what they are. */
export type Changes = Partial<Pick<Transaction, 'recipient' | 'parties' | 'metadata' | 'items' | 'link'>>;

/** What is changed is one event, what it is a part of another: that may be said at any time. */
const changing = (it: Transaction, { link, ...changes }: Changes): Emission<Transaction>[] => {
  const isUpdate = Object.values(changes).some((value) => value !== undefined);
  if (isUpdate) requirePossible('update', it);
  if (link !== undefined) requirePossible('link', it);
  return [
    ...(isUpdate ? [{ type: 'transaction.updated', set: changes } as const] : []),
    ...(link === undefined ? [] : [{ type: 'transaction.linked', set: { link } } as const]),
  ];
};

export const update = (it: Transaction, changes: Changes): TransactionDecision => ({
  transaction: apply(it, changing(it, changes)),
  compartments: [],
  locks: { take: [], drop: [] },
});

/** Another compartment instead, while nothing is inside. Credentials stay; the bank learns where they open now. */
export const move = (
  it: Transaction,
  from: Compartment,
  to: Compartment,
  reason: string,
  changes: Changes = {},
): TransactionDecision => {
  if (it.state !== 'reserved') throw new Refusal('invalid_transition', `cannot move a transaction that is ${it.state}`);
  if (it.assetId !== undefined)
    throw new Refusal(
      'invalid_transition',
      'what is lent lies in its door: a loan cannot be moved before it has begun',
    );
  const updated = changing(it, changes);
  const version = it.version + updated.length + 1;
  return {
    transaction: apply(it, [
      ...updated,
      {
        type: 'transaction.moved',
        set: { door: to.door, credentials: withCredentials(it.credentials, liveCredential, {}, version) },
        data: { fromDoor: from.door, reason },
      },
    ]),
    compartments: [released(from, it), taken(to, it)],
    locks: { take: [], drop: [] },
  };
};

/** One event that neither moves the item nor changes who may open. */
const plain = (it: Transaction, emission: Emission<Transaction>): TransactionDecision => ({
  transaction: apply(it, [emission]),
  compartments: [],
  locks: { take: [], drop: [] },
});
