import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delegate, issue, resend, revoke, takeBack } from '#shared/domain/access.ts';
import { type Compartment, changed, newCompartment } from '#shared/domain/compartment.ts';
import { deadlineOf, runningDeadline } from '#shared/domain/deadline.ts';
import type { Fresh } from '#shared/domain/issuing.ts';
import {
  type Action,
  cancel,
  charge,
  complete,
  confirm,
  create,
  dispute,
  expireIfDue,
  extend,
  hold,
  liftHold,
  move,
  possible,
  recallItem,
  refund,
  type TransactionDecision,
  update,
} from '#shared/domain/lifecycle.ts';
import { cancelMove, returnElsewhere, startMove } from '#shared/domain/moving.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { type Instant, plusSeconds } from '#shared/domain/time.ts';
import { type Transaction, TransactionState } from '#shared/domain/transaction.ts';
import { workflows } from '#shared/domain/workflow.ts';
import {
  anAsset,
  chosen,
  freshFor,
  hours,
  minutes,
  parcelInput,
  refusalOf,
  reserved,
  startedAt,
} from './cloud-and-bank.ts';

const fresh: Fresh = { credentialIds: ['crd_new'], keyVersion: 1 };
const door: Compartment = changed(newCompartment('1'), { heldBy: 'txn_1' }, false);

/** A parcel at door 1 as it is in that state, with the credentials that go with it. */
const inState = (state: TransactionState, more: Partial<Transaction> = {}): Transaction => {
  const it = reserved();
  const as = (
    deposit: 'active' | 'used' | 'revoked' | 'expired',
    pickup: Transaction['credentials'][number]['state'],
  ) => it.credentials.map((c) => ({ ...c, state: c.step === 'deposit' ? deposit : pickup }));
  const shapes: Partial<Record<TransactionState, Partial<Transaction>>> = {
    stored: { depositedAt: minutes(1), credentials: as('used', 'active') },
    completed: { endedAt: minutes(1), credentials: as('used', 'used') },
    cancelled: { endedAt: minutes(1), credentials: as('revoked', 'revoked') },
    expired: { endedAt: minutes(1), credentials: as('expired', 'expired') },
    recalled: { endedAt: minutes(1), credentials: as('used', 'revoked') },
    rejected: { endedAt: minutes(1), credentials: as('revoked', 'revoked'), door: null },
  };
  if (state === 'in_use')
    return {
      ...reserved('txn_1', '1', { workflow: 'rental' }),
      state,
      startedAt: minutes(1),
      depositStartedAt: null,
      ...more,
    };
  if (state === 'recall_due') {
    const stored = inState('stored');
    const due = expireIfDue(stored, door, fresh, deadlineOf(stored, 'pickupBy'));
    return { ...(due?.transaction.after ?? stored), ...more };
  }
  return { ...it, state, ...shapes[state], ...more };
};

const toAnotherDoor = (it: Transaction): TransactionDecision => {
  const input = { reason: 'worn', by: { type: 'api_key' as const, id: 'key_1' } };
  return startMove(it, newCompartment('2'), input, { ...fresh, credentialIds: ['crd_out', 'crd_in'] }, minutes(5));
};

const handedOn = (it: Transaction): TransactionDecision => {
  const delegation = { to: { name: 'Grace' }, access: { method: 'pin' as const }, keepsOwn: false, by: 'by_recipient' };
  return delegate(it, it.credentials.at(-1)?.id ?? '', delegation, fresh, minutes(5));
};

const act: Record<Action, (it: Transaction) => TransactionDecision> = {
  cancel: (it) => cancel(it, door, 'by_caller', fresh, minutes(5)),
  extend: (it) =>
    extend(it, it.workflow === 'rental' ? { useUntil: hours(500) } : { pickupBy: hours(500) }, minutes(5)),
  hold: (it) => hold(it, 'customs'),
  'lift-hold': (it) => liftHold({ ...it, flags: ['held'], holdReason: 'customs' }),
  recall: (it) => recallItem(it, { compartment: door, target: null }, 'damaged', fresh, minutes(5)),
  complete: (it) => complete(it, { ...door, contents: 'empty' }, 'handed over at the counter', minutes(5)),
  confirm: (it) =>
    confirm({ ...it, preconditions: [{ condition: 'payment' }] }, 'payment', { by: 'key_1' }, minutes(5)),
  charge: (it) => charge(it, { amountMinor: 1, currency: 'CHF', reason: 'wrapping', by: 'key_1' }, minutes(5)),
  refund: (it) =>
    refund(
      { ...it, payment: { amountMinor: 900, currency: 'CHF' } },
      { amountMinor: 900, reason: 'damaged', by: 'key_1' },
      minutes(5),
    ),
  dispute: (it) => dispute(it, 'the box was empty'),
  update: (it) => update(it, { metadata: { note: 'x' } }),
  move: (it) => {
    if (it.state === 'stored') return toAnotherDoor(it);
    if (it.state !== 'in_use') return move(it, door, newCompartment('2'), 'item_too_big');
    return returnElsewhere(it, { ...anAsset, returnsTo: 'any_door' }, door, newCompartment('2'), 'jammed').decision;
  },
  'cancel-move': (it) => {
    const [started, target] = [it.state === 'stored' ? toAnotherDoor(it) : undefined, newCompartment('2')];
    return cancelMove(started?.transaction.after ?? it, target, 'never mind', minutes(6));
  },
  link: (it) => update(it, { link: { kind: 'order', id: 'A-1', part: 1, of: 2 } }),
  // Its credentials are gone, as after a revocation.
  issue: (it) =>
    issue(
      { ...it, credentials: [] },
      it.state === 'recall_due'
        ? { step: 'recall', method: 'operator', reason: 'the PIN was lost' }
        : { step: it.workflow === 'rental' ? 'use' : 'pickup', method: 'pin' },
      fresh,
      minutes(5),
    ),
  resend: (it) => resend(it, it.credentials.at(-1)?.id ?? '', fresh),
  revoke: (it) => revoke(it, it.credentials.at(-1)?.id ?? ''),
  delegate: (it) => handedOn(it),
  'take-back': (it) => {
    const credentials = it.credentials.map((c) => ({ ...c, delegatedFrom: 'crd_own' }));
    return takeBack({ ...it, credentials }, credentials.at(-1)?.id ?? '', 'by_recipient');
  },
};

/** An event that leaves the state as it is. */
const in_ = (event: string, ...states: TransactionState[]) =>
  Object.fromEntries(states.map((state) => [state, `${event} → ${state}`]));

const sinceReserved = TransactionState.options.filter((state) => state !== 'created');

/** What each request makes of a transaction in each state; all others refuse it. */
const outcomes: Record<Action, Partial<Record<TransactionState, string>>> = {
  cancel: {
    created: 'transaction.cancelled → cancelled',
    reserved: 'transaction.cancelled → cancelled',
    stored: 'transaction.recall_started → recall_due',
  },
  extend: {
    reserved: 'transaction.extended → reserved',
    stored: 'transaction.extended → stored',
    in_use: 'transaction.extended → in_use',
    recall_due: 'transaction.extended → stored',
  },
  hold: in_('transaction.held', 'reserved', 'stored', 'in_use'),
  'lift-hold': in_('transaction.hold_lifted', 'reserved', 'stored', 'in_use', 'recall_due'),
  recall: { stored: 'transaction.recall_started → recall_due' },
  complete: {
    stored: 'transaction.completed → completed',
    in_use: 'transaction.completed → completed',
    recall_due: 'transaction.completed → completed',
  },
  confirm: in_('transaction.payment_confirmed', 'reserved', 'stored', 'in_use', 'recall_due'),
  charge: in_('transaction.charged', ...sinceReserved),
  refund: in_('transaction.refunded', ...sinceReserved),
  dispute: in_('transaction.disputed', 'reserved', 'stored', 'in_use', 'recall_due', 'completed', 'recalled'),
  update: in_('transaction.updated', 'reserved', 'stored', 'in_use', 'recall_due'),
  move: {
    reserved: 'transaction.moved → reserved',
    stored: 'transaction.move_started → stored',
    in_use: 'transaction.moved → in_use',
  },
  'cancel-move': { stored: 'transaction.move_cancelled → stored' },
  link: in_('transaction.linked', ...TransactionState.options),
  issue: in_('credential.issued', 'reserved', 'stored', 'in_use', 'recall_due'),
  resend: in_('credential.superseded', 'reserved', 'stored', 'in_use', 'recall_due'),
  revoke: in_('credential.revoked', 'reserved', 'stored', 'in_use', 'recall_due'),
  delegate: in_('credential.delegated', 'reserved', 'stored', 'in_use'),
  'take-back': in_('credential.taken_back', 'reserved', 'stored', 'in_use'),
};

const actions = Object.keys(outcomes).filter((it): it is Action => Object.hasOwn(possible, it));
const cells = actions.flatMap((action) =>
  TransactionState.options.map((state) => ({
    action,
    state,
    outcome: outcomes[action][state] ?? 'invalid_transition',
  })),
);

describe('what can be asked of a parcel', () => {
  it('is named for every request', () => {
    expect(Object.keys(possible).toSorted()).toEqual(actions.toSorted());
  });

  it.each(cells)('$action while $state: $outcome', ({ action, state, outcome }) => {
    const it = inState(state);
    if (outcome === 'invalid_transition') {
      const { code, message } = refusalOf(() => act[action](it));
      expect({ code, message }).toEqual({ code: outcome, message: `cannot ${action} a transaction that is ${state}` });
      return;
    }
    const { before, emissions, after } = act[action](it).transaction;
    if (action === 'issue') expect(after.credentials).toHaveLength(1);
    expect(`${emissions.map((each) => each.type).join(', ')} → ${after.state}`).toBe(outcome);
    expect(after.version).toBe((before?.version ?? 0) + emissions.length);
    expect(after.state).toBe(Object.entries(possible[action]).find(([from]) => from === state)?.[1]);
  });
});

describe('a new parcel', () => {
  const made = (deadlines: Partial<Transaction['deadlines']> = {}, now: Instant = startedAt) =>
    create(parcelInput('txn_1', { deadlines }), newCompartment('1'), 7, chosen, freshFor('txn_1'), now);

  it('is created and reserved at once, with a PIN per step and its door taken', () => {
    const { transaction, compartments, locks } = made();
    expect(transaction.emissions.map((it) => it.type)).toEqual(['transaction.created', 'transaction.reserved']);
    expect(transaction.after).toMatchObject({ state: 'reserved', version: 2, door: '1', flags: [] });
    expect(transaction.after.credentials).toMatchObject([
      { id: 'txn_1_d', step: 'deposit', state: 'active', digits: 7, locked: true, sinceVersion: 2 },
      { id: 'txn_1_p', step: 'pickup', state: 'issued', digits: 7, locked: true, sinceVersion: 2 },
    ]);
    expect(compartments).toMatchObject([
      { after: { door: '1', heldBy: 'txn_1', availability: 'reserved', version: 1 } },
    ]);
    expect(locks).toMatchObject({ take: [{ id: 'txn_1_d' }, { id: 'txn_1_p' }], drop: [] });
  });

  it('has the usual deadlines of its workflow, and the pickup counts from the deposit', () => {
    const { after } = made().transaction;
    expect(after.deadlines).toEqual({ reserveUntil: hours(24), depositBy: hours(48), pickupBy: hours(120) });
    expect(after.pickupWithinSeconds).toBe(workflows.parcel.deadlines.pickupBy);
    expect(after.credentials.map((it) => it.notAfter)).toEqual([hours(24), hours(120)]);
  });

  it.each([
    ['a later reservation moves the rest', { reserveUntil: hours(60) }, [60, 60, 132]],
    ['an earlier deposit ends the reservation too', { depositBy: hours(2) }, [2, 2, 74]],
    ['a named pickup stays as named', { pickupBy: hours(49) }, [24, 48, 49]],
    ['all named', { reserveUntil: hours(1), depositBy: hours(1), pickupBy: hours(2) }, [1, 1, 2]],
  ])('%s', (_what, asked, [reserve = 0, deposit = 0, pickup = 0]) => {
    const { after } = made(asked).transaction;
    expect(after.deadlines).toEqual({
      reserveUntil: hours(reserve),
      depositBy: hours(deposit),
      pickupBy: hours(pickup),
    });
    expect(after.pickupWithinSeconds).toBe('pickupBy' in asked ? null : workflows.parcel.deadlines.pickupBy);
  });

  it.each([
    ['reserveUntil', { reserveUntil: startedAt }, 'lies in the past'],
    ['depositBy', { depositBy: startedAt }, 'lies in the past'],
    ['pickupBy', { pickupBy: startedAt }, 'lies in the past'],
    ['depositBy', { reserveUntil: hours(3), depositBy: hours(2) }, 'comes before reserveUntil'],
    ['pickupBy', { depositBy: hours(3), pickupBy: hours(3) }, 'must come after depositBy'],
  ])('is refused when its %s is out of order', (name, asked, detail) => {
    expect(refusalOf(() => made(asked))).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: `/deadlines/${name}`, detail }],
    });
  });

  it('has its deadlines in order, whatever was asked and not refused', () => {
    const asked = fc.option(fc.integer({ min: -5, max: 200 }).map(hours), { nil: undefined });
    fc.assert(
      fc.property(asked, asked, asked, (reserveUntil, depositBy, pickupBy) => {
        const named = Object.fromEntries(
          Object.entries({ reserveUntil, depositBy, pickupBy }).filter(([, at]) => at !== undefined),
        );
        try {
          const { deadlines } = made(named).transaction.after;
          expect(startedAt < deadlines.reserveUntil).toBe(true);
          const { depositBy: deposit = '', pickupBy: pickup = '' } = deadlines;
          expect(deadlines.reserveUntil <= deposit).toBe(true);
          expect(deposit < pickup).toBe(true);
          expect(deadlines).toMatchObject(named);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
        }
      }),
    );
  });
});

describe('a cancelled parcel', () => {
  it('with nothing inside frees its door and its PINs', () => {
    const { transaction, compartments, locks } = act.cancel(inState('reserved', { flags: ['held'], holdReason: 'x' }));
    expect(transaction.after).toMatchObject({
      state: 'cancelled',
      cancelReason: 'by_caller',
      endedAt: minutes(5),
      flags: [],
      holdReason: null,
    });
    expect(transaction.after.credentials.map((it) => [it.state, it.locked, it.sinceVersion])).toEqual([
      ['revoked', false, 3],
      ['revoked', false, 3],
    ]);
    expect(compartments).toMatchObject([{ after: { heldBy: null, availability: 'available' } }]);
    expect(locks.drop.map((it) => it.id)).toEqual(['txn_1_d', 'txn_1_p']);
  });

  it('with its item inside keeps the door, and staff get a PIN to take it out', () => {
    const { transaction, compartments, locks } = act.cancel(inState('stored'));
    expect(transaction.after).toMatchObject({
      state: 'recall_due',
      recallCause: 'cancelled',
      cancelReason: 'by_caller',
      endedAt: null,
    });
    expect(compartments).toEqual([]);
    expect(transaction.after.credentials.map((it) => [it.step, it.state])).toEqual([
      ['deposit', 'used'],
      ['pickup', 'revoked'],
      ['recall', 'active'],
    ]);
    expect(locks.take).toMatchObject([{ id: 'crd_new', step: 'recall', notBefore: minutes(5) }]);
    expect(locks.drop.map((it) => it.id)).toEqual(['txn_1_d', 'txn_1_p']);
  });
});

describe('an extension', () => {
  it('moves the end of the credentials it is about', () => {
    const it = inState('reserved');
    const { after } = extend(it, { reserveUntil: hours(30) }, minutes(5)).transaction;
    expect(after.deadlines).toEqual({ ...it.deadlines, reserveUntil: hours(30) });
    expect(after.credentials.map((each) => each.notAfter)).toEqual([hours(30), hours(120)]);
    expect(after.deadlineRev).toBe(it.deadlineRev + 1);
  });

  it('of the reservation beyond the deposit moves the deposit and the pickup along', () => {
    const { after } = extend(inState('reserved'), { reserveUntil: hours(60) }, minutes(5)).transaction;
    expect(after.deadlines).toEqual({ reserveUntil: hours(60), depositBy: hours(60), pickupBy: hours(132) });
  });

  it('of the deposit is possible after the reservation has run out, once the depositor has begun', () => {
    const it = inState('reserved', { depositStartedAt: hours(1) });
    const { after } = extend(it, { depositBy: hours(72) }, hours(30)).transaction;
    expect(after.deadlines.depositBy).toBe(hours(72));
    expect(after.credentials[0]?.notAfter).toBe(hours(72));
    expect(runningDeadline(after)).toEqual({ name: 'depositBy', at: hours(72) });
  });

  it('after the pickup deadline brings it back to the recipient, and takes the staff’s right away', () => {
    const due = inState('recall_due');
    const { transaction, locks } = extend(due, { pickupBy: hours(200) }, hours(130));
    expect(transaction.after).toMatchObject({ state: 'stored', recallCause: null, pickupWithinSeconds: null });
    expect(transaction.after.credentials.map((it) => [it.step, it.state, it.locked])).toEqual([
      ['deposit', 'used', true],
      ['pickup', 'active', true],
      ['recall', 'revoked', false],
    ]);
    expect(transaction.after.credentials[1]?.notAfter).toBe(hours(200));
    expect(locks.drop.map((it) => it.step)).toEqual(['recall']);
  });

  it.each(['cancelled', 'recalled', 'late_deposit'] as const)(
    'does not undo a recall because it was %s',
    (recallCause) => {
      expect(refusalOf(() => act.extend(inState('recall_due', { recallCause }))).code).toBe('invalid_transition');
    },
  );

  it.each([
    ['reserved', { pickupBy: minutes(1) }, 'pickupBy', 'lies in the past'],
    ['reserved', { depositBy: hours(47) }, 'depositBy', `is earlier than ${hours(48)}`],
    ['stored', { reserveUntil: hours(50) }, 'reserveUntil', 'has passed: the transaction is stored'],
    ['stored', { depositBy: hours(50) }, 'depositBy', 'has passed: the transaction is stored'],
    ['stored', { pickupBy: hours(100) }, 'pickupBy', `is earlier than ${hours(120)}`],
  ] as const)('while %s with %o is refused, and says why', (state, asked, name, detail) => {
    expect(refusalOf(() => extend(inState(state), asked, minutes(5)))).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: `/${name}`, detail }],
    });
  });

  it('that would put the deposit behind a pickup named by the caller is refused', () => {
    const it = reserved('txn_1', '1', { deadlines: { pickupBy: hours(49) } });
    expect(refusalOf(() => extend(it, { depositBy: hours(50) }, minutes(5)))).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/pickupBy', detail: 'must come after depositBy' }],
    });
  });
});

describe('a hold', () => {
  it('is kept with its reason, and leaves the deadlines as they are', () => {
    const it = inState('stored');
    const { after } = hold(it, 'customs').transaction;
    expect(after).toMatchObject({ flags: ['held'], holdReason: 'customs', deadlines: it.deadlines });
    expect(runningDeadline(after)).toEqual(runningDeadline(it));
    expect(after.credentials.map((each) => each.sinceVersion)).toEqual([2, 3]);
  });

  it('can be set once, and lifted only while it is set', () => {
    const it = inState('stored');
    const held = hold(it, 'customs').transaction.after;
    expect(refusalOf(() => hold(held, 'again'))).toMatchObject({
      code: 'invalid_transition',
      message: 'the transaction is already held',
    });
    expect(refusalOf(() => liftHold(it)).message).toBe('the transaction is not held');
    const lifted = liftHold(held).transaction.after;
    expect(lifted).toMatchObject({ flags: [], holdReason: null });
    expect(lifted.credentials[1]?.sinceVersion).toBe(4);
  });

  it('lasts through the pickup deadline and an extension after it', () => {
    const held = hold(inState('stored'), 'customs').transaction.after;
    const due = expireIfDue(held, door, fresh, deadlineOf(held, 'pickupBy'))?.transaction.after;
    expect(due).toMatchObject({ state: 'recall_due', flags: ['held'] });
    if (!due) throw new Error('it was not due');
    expect(extend(due, { pickupBy: hours(200) }, hours(130)).transaction.after.flags).toEqual(['held']);
  });
});

describe('a credential sent again', () => {
  it('is a new one in the same window, and the old one is superseded', () => {
    const it = inState('reserved');
    const { transaction, locks } = resend(it, 'txn_1_p', fresh);
    const [, old, next] = transaction.after.credentials;
    expect(old).toMatchObject({ id: 'txn_1_p', state: 'superseded', locked: false, sinceVersion: 3 });
    expect(next).toMatchObject({
      id: 'crd_new',
      step: 'pickup',
      state: 'issued',
      notBefore: it.credentials[1]?.notBefore,
      notAfter: it.credentials[1]?.notAfter,
      locked: true,
      sinceVersion: 3,
    });
    expect(locks.take.map((each) => each.id)).toEqual(['crd_new']);
    expect(locks.drop.map((each) => each.id)).toEqual(['txn_1_p']);
  });

  it('must be one of its own, and alive', () => {
    expect(refusalOf(() => resend(inState('reserved'), 'crd_of_others', fresh)).code).toBe('not_found');
    expect(refusalOf(() => resend(inState('stored'), 'txn_1_d', fresh))).toMatchObject({
      code: 'invalid_transition',
      message: 'cannot resend a credential that is used',
    });
  });
});

describe('a deadline', () => {
  const due = (it: Transaction, now: Instant) => expireIfDue(it, door, fresh, now)?.transaction.after ?? null;

  it.each([
    [
      'a reservation nobody came for',
      inState('reserved'),
      hours(24),
      { state: 'expired', expiredStage: 'reservation' },
    ],
    [
      'a deposit begun and not done',
      inState('reserved', { depositStartedAt: hours(1) }),
      hours(48),
      { state: 'expired', expiredStage: 'deposit' },
    ],
    [
      'an item nobody picked up',
      inState('stored'),
      hours(120),
      { state: 'recall_due', recallCause: 'pickup_deadline' },
    ],
  ])('ends %s at its moment, not before', (_what, it, at, outcome) => {
    expect(due(it, plusSeconds(at, -1))).toBeNull();
    expect(due(it, at)).toMatchObject(outcome);
  });

  it('frees the door of what expires, and keeps that of what lies inside', () => {
    expect(expireIfDue(inState('reserved'), door, fresh, hours(24))).toMatchObject({
      compartments: [{ after: { heldBy: null, availability: 'available' } }],
      locks: { take: [], drop: [{ id: 'txn_1_d' }, { id: 'txn_1_p' }] },
    });
    expect(expireIfDue(inState('stored'), door, fresh, hours(120))).toMatchObject({
      compartments: [],
      // An extension may bring the recipient's PIN back, so nobody else gets it meanwhile.
      locks: { take: [{ step: 'recall' }], drop: [] },
    });
  });

  it.each(TransactionState.options.filter((state) => !['reserved', 'stored', 'in_use'].includes(state)))(
    'is none of something that is %s',
    (state) => {
      expect(due(inState(state), hours(100_000))).toBeNull();
    },
  );
});
