import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { issue, revoke } from '#shared/domain/access.ts';
import { type Compartment, changed, newCompartment, offered } from '#shared/domain/compartment.ts';
import { runningDeadline } from '#shared/domain/deadline.ts';
import { doorGrants, whyNot } from '#shared/domain/grants.ts';
import { charge, complete, confirm, expireIfDue, extend, hold, move, refund } from '#shared/domain/lifecycle.ts';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { Condition, Workflow, type WorkflowRow, workflowOf, workflows } from '#shared/domain/workflow.ts';
import { catalogue, isEventType } from '../../events/catalogue.ts';
import { Cloud, doorOf, hours, Journal, minutes, refusalOf, reserved, startedAt } from './cloud-and-bank.ts';

const of = 'txn_1';
const door = '1';
const fresh = { credentialIds: ['crd_new'], keyVersion: 1 };
const pinFor = (step: 'deposit' | 'pickup' | 'use') => ({ step, method: 'pin' as const });
const grantsOf = (it: Transaction) => doorGrants(it, ({ id }) => `verifier of ${id}`).grants;
const held: Compartment = changed(newCompartment(door), { heldBy: of }, true);

describe('every workflow', () => {
  it.each(Workflow.options)('%s goes from its reservation to an end, step by step', (workflow) => {
    const { steps } = workflowOf(workflow);
    expect(steps[0].from).toBe('reserved');
    for (const [nth, step] of steps.entries()) expect(steps[nth + 1]?.from ?? step.to).toBe(step.to);
    expect(steps.every(({ until }) => workflowOf(workflow).deadlines[until] !== undefined)).toBe(true);
  });

  it.each(Workflow.options)(
    '%s has a credential for each of its steps, and no other deadlines than its own',
    (workflow) => {
      const made = reserved(of, door, { workflow });
      expect(made.credentials.map(({ step }) => step)).toEqual(workflowOf(workflow).steps.map(({ step }) => step));
      expect(Object.keys(made.deadlines).toSorted()).toEqual(Object.keys(workflows[workflow].deadlines).toSorted());
      const at = plusSeconds(made.deadlines.reserveUntil, workflows[workflow].tolerance.lateSeconds);
      expect(runningDeadline(made)).toEqual({ name: 'reserveUntil', at });
    },
  );

  it('says which deadline it does not have', () => {
    expect(refusalOf(() => reserved(of, door, { deadlines: { useUntil: hours(3) } }))).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/deadlines/useUntil', detail: 'is not a deadline of a parcel' }],
    });
  });
});

describe('what a receiver needs before the door opens', () => {
  const sale = (cloud = new Cloud([doorOf(door)]), journal = new Journal()) => {
    cloud.reserve(of, { workflow: 'sale', payment: { amountMinor: 1_990, currency: 'CHF' } });
    cloud.learn(journal.deposited(of, door, minutes(2)));
    return cloud;
  };

  it('is the payment of a sale, and the bank says so at the door', () => {
    const it = sale().transaction(of);
    expect(it).toMatchObject({ state: 'stored', flags: ['payment_pending'] });
    expect(grantsOf(it)).toMatchObject([{ step: 'pickup', blocked: 'payment_pending' }]);
  });

  it('opens once it is paid, which is written down with who and when', () => {
    const cloud = sale();
    cloud.decide(of, (it) => confirm(it, 'payment', { by: 'key_1', reference: 'pay-7' }, minutes(9)));
    const it = cloud.transaction(of);
    expect(it.flags).toEqual([]);
    expect(it.preconditions).toEqual([
      { condition: 'payment', met: { at: minutes(9), by: 'key_1', reference: 'pay-7' } },
    ]);
    expect(grantsOf(it)[0]).not.toHaveProperty('blocked');
    const pickup = it.credentials.find(({ step }) => step === 'pickup');
    expect(pickup && whyNot(it, pickup, minutes(10))).toBeNull();
    expect(pickup?.sinceVersion).toBe(it.version);
  });

  it('is asked for one by one, and nobody else is kept out by it', () => {
    const it = reserved(of, door, { workflow: 'release', conditions: ['identity', 'age'] });
    expect(grantsOf(it).map(({ step, blocked }) => [step, blocked])).toEqual([
      ['pickup', 'identity_unconfirmed'],
      ['deposit', undefined],
    ]);
    const known = confirm(it, 'identity', { by: 'key_1' }, minutes(1)).transaction.after;
    expect(grantsOf(known)[0]?.blocked).toBe('age_unconfirmed');
    expect(refusalOf(() => confirm(known, 'identity', { by: 'key_1' }, minutes(2))).message).toBe(
      'identity is confirmed already',
    );
    expect(refusalOf(() => confirm(known, 'approval', { by: 'key_1' }, minutes(2))).message).toBe(
      'approval is not asked for here',
    );
  });

  it('is every one of what is asked for: each alone keeps the door closed until it is recorded', () => {
    let it = reserved(of, door, { workflow: 'parcel', conditions: Condition.options });
    const blocked = () => grantsOf(it).find(({ step }) => step === 'pickup')?.blocked;
    const told = [];
    for (const condition of Condition.options) {
      told.push(blocked());
      it = confirm(it, condition, { by: 'key_1' }, minutes(1)).transaction.after;
    }
    expect(told).toEqual(['payment_pending', 'approval_pending', 'identity_unconfirmed', 'age_unconfirmed']);
    expect(blocked()).toBeUndefined();
    expect(it.preconditions?.map(({ met }) => met?.by)).toEqual(Condition.options.map(() => 'key_1'));
  });

  it('is nothing where the caller says so', () => {
    const it = reserved(of, door, { workflow: 'sale', conditions: [] });
    expect(it).not.toHaveProperty('preconditions');
    expect(it.flags).toEqual([]);
  });
});

describe('a refund', () => {
  const paid = reserved(of, door, { workflow: 'sale', payment: { amountMinor: 900, currency: 'CHF' } });

  it('is recorded with who and why, up to what was paid', () => {
    const once = refund(paid, { amountMinor: 600, reason: 'damaged', by: 'key_1' }, minutes(1)).transaction.after;
    expect(once.charges).toEqual([
      { kind: 'refund', amountMinor: 600, currency: 'CHF', reason: 'damaged', at: minutes(1), by: 'key_1' },
    ]);
    expect(
      refusalOf(() => refund(once, { amountMinor: 301, reason: 'damaged', by: 'key_1' }, minutes(2))),
    ).toMatchObject({ code: 'invalid_request', errors: [{ pointer: '/amountMinor' }] });
  });

  it('counts what was charged besides, and gives it back as well', () => {
    const asked = { amountMinor: 100, currency: 'CHF', reason: 'wrapping', by: 'key_1' };
    const more = charge(paid, asked, minutes(1)).transaction.after;
    expect(more.charges).toEqual([{ kind: 'surcharge', ...asked, at: minutes(1) }]);
    expect(
      refund(more, { amountMinor: 1_000, reason: 'all', by: 'key_1' }, minutes(2)).transaction.after.charges,
    ).toHaveLength(2);
    expect(refusalOf(() => refund(more, { amountMinor: 1_001, reason: 'x', by: 'k' }, minutes(2))).message).toBe(
      'at most 1000 can be refunded',
    );
  });

  it('and all other amounts are in one currency', () => {
    const asked = { amountMinor: 100, currency: 'EUR', reason: 'wrapping', by: 'key_1' };
    expect(refusalOf(() => charge(paid, asked, minutes(1)))).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/currency', detail: 'is not CHF, in which the others are' }],
    });
    expect(refusalOf(() => extend(paid, { pickupBy: hours(200) }, minutes(1), asked))).toMatchObject({
      errors: [{ pointer: '/charge/currency' }],
    });
    const free = charge(reserved(), asked, minutes(1)).transaction.after;
    expect(
      refund(free, { amountMinor: 100, reason: 'x', by: 'k' }, minutes(2)).transaction.after.charges,
    ).toMatchObject([{ currency: 'EUR' }, { kind: 'refund', currency: 'EUR' }]);
  });

  it('needs a payment', () => {
    expect(refusalOf(() => refund(reserved(), { amountMinor: 1, reason: 'x', by: 'k' }, minutes(1))).code).toBe(
      'invalid_transition',
    );
  });
});

describe('a rental', () => {
  const rented = (more: Parameters<Cloud['reserve']>[1] = {}) => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    cloud.reserve(of, { workflow: 'rental', ...more });
    return { cloud, journal };
  };
  const used = (more: Parameters<Cloud['reserve']>[1] = {}) => {
    const { cloud, journal } = rented(more);
    cloud.learn(journal.closed('use', of, door, 'filled', minutes(5)));
    return { cloud, journal, it: () => cloud.transaction(of) };
  };

  it('opens as often as the renter likes, until so long after its first use, by the bank alone', () => {
    const { cloud } = rented();
    expect(grantsOf(cloud.transaction(of))).toMatchObject([
      { step: 'use', uses: 10_000, within: 24 * 3600, notAfter: epochMs(hours(25)) / 1000 },
    ]);
  });

  it('begins when the door is closed for the first time, and lasts from then', () => {
    const { it, cloud } = used();
    expect(it()).toMatchObject({
      state: 'in_use',
      startedAt: minutes(5),
      deadlines: { useUntil: plusSeconds(minutes(5), 86_400) },
    });
    expect(cloud.compartment(door)).toMatchObject({ heldBy: of, availability: 'occupied' });
    expect(grantsOf(it())[0]).not.toHaveProperty('within');
  });

  it('is told to the bank only if the bank did not start it itself', () => {
    const { it } = used();
    expect(it().credentials[0]).toMatchObject({ state: 'active', sinceVersion: 2 });
  });

  it('ends unused with its reservation', () => {
    const { cloud } = rented();
    cloud.now = hours(1);
    cloud.decide(of, expireIfDue);
    expect(cloud.transaction(of)).toMatchObject({ state: 'expired', expiredStage: 'reservation' });
    expect(cloud.compartment(door).availability).toBe('available');
  });

  it('ends by time, and a door in which something was left has to be cleared', () => {
    const { cloud, it } = used({ deadlines: { useUntil: hours(2) } });
    expect(runningDeadline(it())).toEqual({ name: 'useUntil', at: hours(2) });
    cloud.now = hours(2);
    cloud.decide(of, expireIfDue);
    expect(it()).toMatchObject({ state: 'expired', expiredStage: 'use' });
    expect(cloud.compartment(door)).toMatchObject({ heldBy: null, availability: 'needs_clearing', uncleared: true });
  });

  it('ends by time with nothing left inside, and the door is offered at once', () => {
    const { cloud, journal, it } = used({ deadlines: { useUntil: hours(2) } });
    cloud.learn(journal.closed('use', of, door, 'empty', minutes(40)));
    cloud.now = hours(2);
    cloud.decide(of, expireIfDue);
    expect(it().state).toBe('expired');
    expect(cloud.compartment(door).availability).toBe('available');
  });

  it('ends without anybody knowing what was left: a door without a sensor has to be cleared too, by hand', () => {
    const { cloud, journal } = rented({ deadlines: { useUntil: hours(2) } });
    cloud.learn(journal.closed('use', of, door, 'unknown', minutes(5)));
    cloud.now = hours(2);
    cloud.decide(of, expireIfDue);
    expect(cloud.compartment(door)).toMatchObject({
      heldBy: null,
      availability: 'needs_clearing',
      contents: 'unknown',
    });
    expect(offered(cloud.compartment(door), hours(9))).toBe(false);
    const cleared = changed(cloud.compartment(door), { uncleared: undefined }, false);
    expect(offered(cleared, hours(9))).toBe(true);
  });

  it('is cleared by a sensor that reads empty when staff close the door', () => {
    const { cloud, journal } = used({ deadlines: { useUntil: hours(2) } });
    cloud.now = hours(2);
    cloud.decide(of, expireIfDue);
    cloud.learn(journal.entry('door.closed', door, { contents: 'empty' }, { of: null, cause: { commandId: 'cmd_1' } }));
    expect(cloud.compartment(door)).toMatchObject({ availability: 'available' });
  });

  it('goes on for the time that overstay is allowed, visibly, and then ends', () => {
    const { cloud, it } = used({ deadlines: { useUntil: hours(2) }, overstaySeconds: 1_800 });
    expect(it().credentials[0]?.notAfter).toBe(plusSeconds(hours(2), 1_800));
    cloud.now = hours(2);
    cloud.decide(of, expireIfDue);
    expect(it()).toMatchObject({ state: 'in_use', flags: ['overdue'] });
    expect(cloud.eventsOf(of).at(-1)).toBe('overdue');
    cloud.now = plusSeconds(hours(2), 1_800);
    cloud.decide(of, expireIfDue);
    expect(it()).toMatchObject({ state: 'expired', expiredStage: 'use' });
    // What that costs is known to its seller, who writes it down afterwards.
    expect(cloud.events.at(-1)?.data).toMatchObject({ overstaySeconds: 1_800 });
    const asked = { amountMinor: 400, currency: 'CHF', reason: 'half an hour too long', by: 'key_1' };
    cloud.decide(of, (each, _, __, now) => charge(each, asked, now));
    expect(it()).toMatchObject({ state: 'expired', charges: [{ kind: 'surcharge', amountMinor: 400 }] });
  });

  it('ended by the renter while over time says by how much, and what it cost', () => {
    const { cloud, it } = used({ deadlines: { useUntil: hours(2) }, overstaySeconds: 1_800 });
    cloud.now = hours(2);
    cloud.decide(of, expireIfDue);
    cloud.now = plusSeconds(hours(2), 600);
    const charge = { amountMinor: 200, currency: 'CHF', by: 'key_1' };
    cloud.decide(of, (each, at, _, now) => complete(each, at, 'the renter is done', now, charge));
    expect(it()).toMatchObject({ state: 'completed', charges: [{ kind: 'overstay', amountMinor: 200 }] });
    expect(cloud.events.at(-1)?.data).toMatchObject({ overstaySeconds: 600 });
  });

  it('gets more time for more money, and is over time no more', () => {
    const { it } = used({ deadlines: { useUntil: hours(2) }, overstaySeconds: 1_800 });
    const over = expireIfDue(it(), held, fresh, hours(2))?.transaction.after;
    if (!over) throw new Error('it was not due');
    const charge = { amountMinor: 300, currency: 'CHF', by: 'key_1' };
    const { after } = extend(over, { useUntil: hours(4) }, plusSeconds(hours(2), 60), charge).transaction;
    expect(after).toMatchObject({ flags: [], deadlines: { useUntil: hours(4) }, charges: [{ kind: 'extension' }] });
    expect(after.credentials[0]).toMatchObject({ notAfter: plusSeconds(hours(4), 1_800), sinceVersion: after.version });
  });

  it('cannot be ended while its door stands open', () => {
    const { it } = used();
    expect(refusalOf(() => complete(it(), { ...held, doorState: 'open' }, 'done', minutes(40))).message).toBe(
      'the door is open: have it closed first',
    );
  });

  it('is not begun by staff who open the door', () => {
    const { cloud, journal } = rented();
    cloud.learn(journal.entry('door.closed', door, { contents: 'empty' }, { of, cause: { commandId: 'cmd_1' } }));
    expect(cloud.transaction(of).state).toBe('reserved');
  });

  it('can be held like a pickup', () => {
    const { it } = used();
    expect(grantsOf(hold(it(), 'dispute').transaction.after)[0]?.blocked).toBe('on_hold');
  });
});

describe('a loan', () => {
  const asset = 'ast_1';
  /** A door with an asset at home, and a loan of it. */
  const lent = () => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    const home = changed(newCompartment(door), { heldBy: asset, contents: 'filled' }, true);
    cloud.lend(of, asset, home);
    return { cloud, journal, it: () => cloud.transaction(of), at: () => cloud.compartment(door) };
  };
  const out = () => {
    const world = lent();
    world.cloud.learn(world.journal.pickedUp(of, door, minutes(5)));
    return world;
  };

  it('promises the asset’s door, and the bank knows how to take it back before it is even out', () => {
    const { it, at } = lent();
    expect(at()).toMatchObject({ heldBy: of, availability: 'reserved' });
    expect(grantsOf(it()).map(({ id, step, after }) => [id, step, after])).toEqual([
      [`${of}_p`, 'pickup', undefined],
      [`${of}_d`, 'deposit', `${of}_p`],
    ]);
  });

  it('begins when the asset is taken out, keeps its door, and the bank need not be told', () => {
    const { it, at, cloud } = out();
    expect(cloud.eventsOf(of)).toEqual(['created', 'reserved', 'picked_up', 'started']);
    expect(it()).toMatchObject({
      state: 'in_use',
      startedAt: minutes(5),
      deadlines: { useUntil: plusSeconds(minutes(5), 72 * 3600) },
      credentials: [
        { step: 'pickup', state: 'used', sinceVersion: 2 },
        { step: 'deposit', state: 'active', sinceVersion: 2 },
      ],
    });
    expect(at()).toMatchObject({ heldBy: of, availability: 'reserved', contents: 'empty' });
  });

  it('is completed when the asset is back, whose door it is again', () => {
    const { it, at, cloud, journal } = out();
    cloud.learn(journal.closed('deposit', of, door, 'filled', minutes(8)));
    expect(cloud.eventsOf(of).slice(-2)).toEqual(['returned', 'completed']);
    expect(it()).toMatchObject({ state: 'completed', depositedAt: minutes(8), flags: [] });
    expect(at()).toMatchObject({ heldBy: asset, availability: 'occupied' });
    expect([...cloud.locks]).toEqual([]);
  });

  it('is overdue and stays visible until it is brought back, for which its PIN still opens', () => {
    const { it, cloud, journal } = out();
    cloud.now = hours(80);
    cloud.decide(of, expireIfDue);
    expect(it()).toMatchObject({ state: 'in_use', flags: ['overdue'] });
    expect(runningDeadline(it())).toBeNull();
    const back = it().credentials.find(({ step }) => step === 'deposit');
    expect(back && whyNot(it(), back, hours(500))).toBeNull();
    cloud.learn(journal.closed('deposit', of, door, 'filled', hours(79)));
    expect(it()).toMatchObject({ state: 'completed', flags: [] });
  });

  it('that nobody came for gives the door back to the asset', () => {
    const { it, at, cloud } = lent();
    cloud.now = hours(24);
    cloud.decide(of, expireIfDue);
    expect(it()).toMatchObject({ state: 'expired', expiredStage: 'reservation' });
    expect(at()).toMatchObject({ heldBy: asset, availability: 'occupied' });
  });

  it('that had ended while the bank did not know is out all the same, and late', () => {
    const { it, at, cloud, journal } = lent();
    cloud.now = hours(24);
    cloud.decide(of, expireIfDue);
    cloud.learn(journal.pickedUp(of, door, hours(23)));
    expect(it()).toMatchObject({ state: 'in_use', flags: ['late'], endedAt: null });
    expect(at().heldBy).toBe(of);
    // Its PIN for the return died with it; support issues another.
    const { after } = issue(it(), pinFor('deposit'), fresh, hours(25)).transaction;
    expect(after.credentials.at(-1)).toMatchObject({ step: 'deposit', state: 'active' });
  });

  it('takes the asset from whoever had been promised it meanwhile', () => {
    const { cloud, journal, at } = lent();
    cloud.now = hours(24);
    cloud.decide(of, expireIfDue);
    cloud.lend('txn_2', asset, at());
    cloud.learn(journal.pickedUp(of, door, hours(23)));
    expect(cloud.transaction('txn_2')).toMatchObject({ state: 'rejected', rejectReason: 'compartment_empty' });
    expect(cloud.transaction(of).state).toBe('in_use');
    expect(at().heldBy).toBe(of);
  });

  it('whose return was learned of first is completed, and the pickup is added', () => {
    const { it, at, cloud, journal } = lent();
    const taken = journal.pickedUp(of, door, minutes(3));
    cloud.learn(journal.closed('deposit', of, door, 'filled', minutes(6)));
    cloud.learn(taken);
    expect(it()).toMatchObject({
      state: 'completed',
      flags: ['late'],
      pickedUpAt: minutes(3),
      depositedAt: minutes(6),
    });
    expect(at().heldBy).toBe(asset);
  });

  it('of which nothing was taken, or nothing brought, goes on', () => {
    const { it, cloud, journal } = lent();
    cloud.learn(journal.closed('pickup', of, door, 'filled', minutes(2)));
    expect(it().state).toBe('reserved');
    cloud.learn(journal.pickedUp(of, door, minutes(3)));
    cloud.learn(journal.closed('deposit', of, door, 'empty', minutes(4)));
    expect(it().state).toBe('in_use');
    expect(cloud.eventsOf(of)).toEqual([
      ...['created', 'reserved', 'pickup_failed', 'picked_up', 'started', 'deposit_failed'],
    ]);
  });
});

describe('a completion by hand', () => {
  const stored = (contents: Compartment['contents']) => {
    const cloud = new Cloud([doorOf(door)]);
    cloud.reserve(of);
    cloud.learn(new Journal().closed('deposit', of, door, contents === 'unknown' ? 'unknown' : 'filled', minutes(2)));
    return { it: cloud.transaction(of), at: { ...cloud.compartment(door), contents } };
  };

  it('frees a door that a sensor says is empty', () => {
    const { it, at } = stored('empty');
    const { transaction, compartments } = complete(it, at, 'at the counter', minutes(5));
    expect(transaction.after.state).toBe('completed');
    expect(compartments[0]?.after).toMatchObject({ heldBy: null, availability: 'available' });
  });

  it('leaves a door without a sensor to be cleared', () => {
    const { it, at } = stored('unknown');
    const { compartments } = complete(it, at, 'at the counter', minutes(5));
    expect(compartments[0]?.after).toMatchObject({ heldBy: null, availability: 'needs_clearing' });
  });

  it('is refused while the item is seen inside', () => {
    const { it, at } = stored('filled');
    expect(refusalOf(() => complete(it, at, 'at the counter', minutes(5))).code).toBe('invalid_transition');
  });
});

describe('a move before anything is inside', () => {
  it('takes the other door, frees the first, and every live credential goes along', () => {
    const to = newCompartment('2');
    const { transaction, compartments } = move(reserved(), { ...held, heldBy: of }, to, 'item_too_big');
    expect(transaction.after).toMatchObject({ state: 'reserved', door: '2', version: 3 });
    expect(transaction.after.credentials.map(({ sinceVersion }) => sinceVersion)).toEqual([3, 3]);
    expect(compartments).toMatchObject([{ after: { door, heldBy: null } }, { after: { door: '2', heldBy: of } }]);
    expect(transaction.emissions[0]?.data).toEqual({ fromDoor: door, reason: 'item_too_big' });
  });
});

describe('a credential', () => {
  it('taken back leaves the step without one, until another is issued', () => {
    const it = reserved();
    const gone = revoke(it, 'txn_1_p');
    expect(gone.locks.drop.map(({ id }) => id)).toEqual(['txn_1_p']);
    const next = issue(gone.transaction.after, pinFor('pickup'), fresh, minutes(5));
    expect(next.locks.take).toMatchObject([{ id: 'crd_new', step: 'pickup', state: 'issued', notAfter: hours(120) }]);
  });

  it('is one for each step: what PINs are long enough for', () => {
    expect(refusalOf(() => issue(reserved(), pinFor('pickup'), fresh, minutes(5))).code).toBe('invalid_transition');
  });

  it('cannot be issued for a step that is over, or that there is none of', () => {
    const cloud = new Cloud([doorOf(door)]);
    cloud.reserve(of);
    cloud.learn(new Journal().deposited(of, door, minutes(2)));
    expect(refusalOf(() => issue(cloud.transaction(of), pinFor('deposit'), fresh, minutes(5))).code).toBe(
      'invalid_transition',
    );
    expect(refusalOf(() => issue(reserved(), pinFor('use'), fresh, minutes(5))).code).toBe('invalid_request');
  });
});

describe('a seventh workflow', () => {
  const workflow = 'maintenance_swap' as Workflow;
  const rows: Record<string, WorkflowRow> = workflows;
  const ofStaff = { methods: ['pin', 'badge'], delegates: 0 } as const;
  const maintenanceSwap: WorkflowRow = {
    use: 'a technician leaves a spare part, another swaps it',
    steps: [
      { step: 'deposit', by: 'staff', from: 'reserved', to: 'stored', until: 'reserveUntil', ...ofStaff },
      { step: 'pickup', by: 'staff', from: 'stored', to: 'completed', until: 'pickupBy', ...ofStaff },
    ],
    deadlines: { reserveUntil: 600, depositBy: 1_200, pickupBy: 3_600 },
    tolerance: { earlySeconds: 0, lateSeconds: 0 },
    conditions: ['approval'],
    remindBeforeSeconds: 0,
    endsBy: 'cancel, recall',
  };
  beforeEach(() => {
    rows[workflow] = maintenanceSwap;
  });
  afterEach(() => {
    delete rows[workflow];
  });
  const swap = () => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    cloud.reserve(of, { workflow });
    return { cloud, journal, it: () => cloud.transaction(of) };
  };

  it('is a row: its deadlines, credentials and what must be confirmed follow from it', () => {
    const { it } = swap();
    expect(it().deadlines).toEqual({
      reserveUntil: plusSeconds(startedAt, 600),
      depositBy: plusSeconds(startedAt, 1_200),
      pickupBy: plusSeconds(startedAt, 4_800),
    });
    expect(grantsOf(it()).map(({ step, blocked }) => [step, blocked])).toEqual([
      ['pickup', 'approval_pending'],
      ['deposit', undefined],
    ]);
  });

  it('goes from its reservation to its end, by what happens at the door', () => {
    const { it, cloud, journal } = swap();
    cloud.learn(journal.opened('deposit', of, door, minutes(2)));
    cloud.learn(journal.deposited(of, door, minutes(3)));
    expect(it()).toMatchObject({ state: 'stored', deadlines: { pickupBy: plusSeconds(minutes(3), 3_600) } });
    cloud.decide(of, (each) => confirm(each, 'approval', { by: 'key_1' }, minutes(5)));
    expect(grantsOf(it())[0]).not.toHaveProperty('blocked');
    cloud.learn(journal.pickedUp(of, door, minutes(7)));
    expect(it().state).toBe('completed');
    expect(cloud.eventsOf(of)).toEqual([
      ...['created', 'reserved', 'updated', 'deposited', 'confirmed', 'picked_up', 'completed'],
    ]);
    expect(cloud.compartment(door)).toMatchObject({ heldBy: null, availability: 'available' });
    for (const { type, data } of cloud.events)
      expect(isEventType(type) && catalogue[type].parse(data)).toMatchObject({ workflow: 'maintenance_swap' });
  });

  it('ends by its own deadlines, and is found and described like the others', () => {
    const { it, cloud } = swap();
    cloud.now = plusSeconds(startedAt, 600);
    cloud.decide(of, expireIfDue);
    expect(it()).toMatchObject({ state: 'expired', expiredStage: 'reservation' });
    expect(Workflow.options).toEqual(Object.keys(workflows).filter((name) => name !== workflow));
  });
});
