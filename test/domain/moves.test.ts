import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delegate, issue, resend } from '#shared/domain/access.ts';
import { assign } from '#shared/domain/assignment.ts';
import { newCompartment } from '#shared/domain/compartment.ts';
import { type Access, type Credential, liveCredentialsMost } from '#shared/domain/credential.ts';
import { runningDeadline } from '#shared/domain/deadline.ts';
import { dueOfTransaction, settledDues } from '#shared/domain/due.ts';
import { doorGrants, whyNot } from '#shared/domain/grants.ts';
import { cancel, complete, expireIfDue, extend, hold, liftHold, recallItem } from '#shared/domain/lifecycle.ts';
import { cancelMove, redirect, returnElsewhere, startMove } from '#shared/domain/moving.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { epochMs, type Instant, plusSeconds } from '#shared/domain/time.ts';
import { hasEnded, type Transaction } from '#shared/domain/transaction.ts';
import { type Arriving, anAsset, anItem, Cloud, doorOf, hours, Journal, minutes, refusalOf } from './cloud-and-bank.ts';

const of = 'txn_1';
const staff = { type: 'api_key' as const, id: 'key_1' };
const others = { type: 'api_key' as const, id: 'key_2' };

/** A parcel at door 1 of three, which is the best fit; `journal` goes on from there. */
const stored = () => {
  const cloud = new Cloud([doorOf('1', { heightMm: 200 }), doorOf('2'), doorOf('3', { heightMm: 600 })]);
  const journal = new Journal();
  cloud.reserve(of);
  cloud.learn(journal.opened('deposit', of, '1', minutes(1)), journal.deposited(of, '1', minutes(2)));
  return { cloud, journal, it: () => cloud.transaction(of) };
};

const start = (cloud: Cloud, to = '2', moveBy?: Instant) =>
  cloud.decide(of, (it, _at, fresh, now) =>
    startMove(it, cloud.compartment(to), { reason: 'worn lock', by: staff, moveBy }, fresh, now),
  );
const goTo = (cloud: Cloud, to: string) =>
  cloud.decide(of, (it, compartment, fresh, now, target) =>
    redirect(it, { compartment, target }, cloud.compartment(to), { reason: 'jammed', by: others }, fresh, now),
  );
const callOff = (cloud: Cloud) =>
  cloud.decide(of, (it, _at, _fresh, now, target) => cancelMove(it, target, 'not needed', now));
const expire = (cloud: Cloud) => cloud.decide(of, expireIfDue);
const recall = (cloud: Cloud) =>
  cloud.decide(of, (it, compartment, fresh, now, target) =>
    recallItem(it, { compartment, target }, 'the sender asks', fresh, now),
  );

const moving = (to = '2') => {
  const world = stored();
  start(world.cloud, to);
  const [out, into] = [world.cloud.right(of, 'take_out'), world.cloud.right(of, 'put_in')];
  return { ...world, out, into, before: world.it() };
};
const carried = () => {
  const world = moving();
  world.cloud.learn(world.journal.carried(world.out, of, '1', 'empty', minutes(12)));
  return world;
};

const grantsAt = (it: Transaction, door: string) =>
  doorGrants(it, ({ id }) => `verifier of ${id}`, door).grants.map(({ id, step, after, blocked }) => ({
    id,
    step,
    ...(after !== undefined && { after }),
    ...(blocked !== undefined && { blocked }),
  }));
const pickupOf = (it: Transaction) => it.credentials.find(({ step }) => step === 'pickup');

describe('moving what lies inside', () => {
  it('holds both doors, says whose move it is and since when, and issues two PINs', () => {
    const { cloud, it: now } = moving();
    expect(now()).toMatchObject({
      state: 'stored',
      door: '1',
      flags: ['moving'],
      move: {
        stage: 'planned',
        from: '1',
        to: '2',
        reason: 'worn lock',
        by: staff,
        since: minutes(10),
        moveBy: minutes(70),
      },
    });
    expect(cloud.compartment('1')).toMatchObject({ heldBy: of, availability: 'occupied' });
    expect(cloud.compartment('2')).toMatchObject({ heldBy: of, availability: 'reserved' });
    expect(cloud.right(of, 'take_out')).toMatchObject({ state: 'active', notAfter: minutes(70), locked: true });
    expect(cloud.right(of, 'put_in')).toMatchObject({ state: 'issued', locked: true });
    expect(cloud.eventsOf(of).at(-1)).toBe('move_started');
    expect(cloud.events.at(-1)?.data).toMatchObject({ door: '1', toDoor: '2', changesGrants: true });
  });

  it('lets the bank go on alone: taken out, then put in, then picked up at the new door', () => {
    const { it: now, out, into } = moving();
    const pickup = pickupOf(now())?.id;
    expect(grantsAt(now(), '1')).toEqual([
      { id: out.id, step: 'recall' },
      { id: `${of}_p`, step: 'pickup', blocked: 'moving' },
    ]);
    expect(grantsAt(now(), '2')).toEqual([
      { id: into.id, step: 'deposit', after: out.id },
      { id: pickup, step: 'pickup', after: into.id },
    ]);
  });

  it('tells whoever comes to fetch it that it is being moved, also where their bank asks', () => {
    const { it: now } = moving();
    const pickup = pickupOf(now());
    expect(pickup && whyNot(now(), pickup, minutes(11))).toEqual({ reason: 'moving' });
  });

  it('keeps a hold at the new door', () => {
    const { cloud, it: now } = moving();
    cloud.decide(of, (each) => hold(each, 'customs'));
    expect(grantsAt(now(), '2')[1]).toMatchObject({ step: 'pickup', blocked: 'on_hold' });
    cloud.decide(of, liftHold);
    expect(grantsAt(now(), '2')[1]).not.toHaveProperty('blocked');
  });

  it('frees the old door once it was closed empty, and the item is in somebody’s hands', () => {
    const { cloud, it: now, into } = carried();
    expect(now()).toMatchObject({ state: 'stored', door: '2', flags: ['moving'], move: { stage: 'carrying' } });
    expect(cloud.compartment('1')).toMatchObject({ heldBy: null, availability: 'available' });
    expect(cloud.compartment('2')).toMatchObject({ heldBy: of, availability: 'reserved' });
    expect(now().credentials.find(({ id }) => id === into.id)?.state).toBe('active');
    expect(grantsAt(now(), '2')).toEqual([
      { id: into.id, step: 'deposit' },
      { id: `${of}_p`, step: 'pickup', after: into.id },
    ]);
    expect(cloud.eventsOf(of).at(-1)).toBe('taken_out');
  });

  it('is moved once the new door was closed filled: rights and time of the receiver follow', () => {
    const { cloud, journal, it: now, into } = carried();
    const before = pickupOf(now());
    cloud.now = minutes(45);
    cloud.learn(journal.carried(into, of, '2', 'filled', minutes(40)));
    const after = now();
    expect(after).toMatchObject({ state: 'stored', door: '2', flags: [], move: null });
    expect(cloud.compartment('2')).toMatchObject({ heldBy: of, availability: 'occupied' });
    // Half an hour in which nobody could open.
    expect(after.deadlines.pickupBy).toBe(plusSeconds(before?.notAfter ?? '', 30 * 60));
    expect(pickupOf(after)).toMatchObject({ id: before?.id, state: 'active', notAfter: after.deadlines.pickupBy });
    expect(grantsAt(after, '2')).toEqual([{ id: before?.id, step: 'pickup' }]);
    expect(cloud.events.at(-1)).toMatchObject({
      type: 'transaction.moved',
      data: { door: '2', fromDoor: '1', reason: 'worn lock', changesGrants: true },
    });
    cloud.learn(journal.pickedUp(of, '2', minutes(44)));
    expect(now()).toMatchObject({ state: 'completed', door: '2', flags: [] });
    expect([...cloud.locks]).toEqual([]);
  });

  it('goes on after the carrier put it back without having taken it out', () => {
    const { cloud, journal, it: now, out, into } = moving();
    cloud.learn(journal.carried(out, of, '1', 'filled', minutes(12)));
    expect(now()).toMatchObject({ door: '1', flags: ['moving'], move: { stage: 'planned' } });
    expect(cloud.events.at(-1)).toMatchObject({ type: 'transaction.move_failed', data: { reason: 'abandoned' } });
    cloud.learn(
      journal.carried(out, of, '1', 'empty', minutes(13)),
      journal.carried(into, of, '2', 'empty', minutes(14)),
    );
    expect(cloud.events.at(-1)?.data).toMatchObject({ reason: 'nothing_deposited' });
    expect(cloud.compartment('2')).toMatchObject({ heldBy: of, availability: 'reserved' });
  });

  it('says that the new door does not open, and goes to another with the same PIN', () => {
    const { cloud, journal, it: now, into } = carried();
    const cause = { grantId: into.id, step: 'deposit' as const };
    cloud.learn(journal.entry('lock.jammed', '2', { lock: 'jammed' }, { of, cause, at: minutes(13) }));
    expect(cloud.events.at(-1)?.data).toMatchObject({ reason: 'compartment_faulty' });
    goTo(cloud, '3');
    expect(now()).toMatchObject({ door: '3', move: { stage: 'carrying', from: '1', to: '3', by: others } });
    expect(cloud.compartment('2')).toMatchObject({ heldBy: null, availability: 'out_of_service' });
    expect(grantsAt(now(), '3').map(({ id }) => id)).toContain(into.id);
    cloud.learn(journal.carried(into, of, '3', 'filled', minutes(14)));
    expect(now()).toMatchObject({ door: '3', move: null, flags: [] });
  });

  it('may bring it back to the door it came from, if that is still free', () => {
    const { cloud, journal, it: now, into } = carried();
    goTo(cloud, '1');
    expect(cloud.heldDoors(of)).toEqual(['1']);
    cloud.learn(journal.carried(into, of, '1', 'filled', minutes(14)));
    expect(now()).toMatchObject({ state: 'stored', door: '1', move: null });
    expect(cloud.compartment('1').availability).toBe('occupied');
  });

  it('changes its mind before anything was taken out', () => {
    const { cloud, it: now } = moving();
    goTo(cloud, '3');
    expect(now()).toMatchObject({ door: '1', move: { stage: 'planned', to: '3', by: others, since: minutes(10) } });
    expect(cloud.heldDoors(of).toSorted()).toEqual(['1', '3']);
    expect(cloud.events.at(-1)?.data).toMatchObject({ fromDoor: '2', toDoor: '3' });
  });

  it('issues new PINs where those of the carrier were taken back', () => {
    const { cloud, out } = moving();
    const gone = (it: Transaction) =>
      it.credentials.map((c) => (c.id === out.id ? { ...c, state: 'revoked' as const } : c));
    cloud.world.transactions.set(of, { ...cloud.transaction(of), credentials: gone(cloud.transaction(of)) });
    goTo(cloud, '3');
    expect(cloud.right(of, 'take_out')).toMatchObject({ state: 'active' });
    expect(cloud.right(of, 'take_out').id).not.toBe(out.id);
  });

  it('tells both doors of a PIN that was sent again', () => {
    const { cloud, it: now, into } = moving();
    cloud.decide(of, (each, _at, fresh) => resend(each, into.id, fresh));
    expect(cloud.events.at(-1)?.data).toMatchObject({ door: '1', toDoor: '2', changesGrants: true });
    expect(grantsAt(now(), '2')[1]).toMatchObject({ step: 'pickup', after: cloud.right(of, 'put_in').id });
  });

  it('is refused twice over, and of what is not inside', () => {
    const { cloud, it: now } = moving();
    const input = { reason: 'x', by: staff };
    const fresh = { credentialIds: ['a', 'b'], keyVersion: 1 };
    expect(refusalOf(() => startMove(now(), newCompartment('3'), input, fresh, minutes(11))).message).toBe(
      'the item is being moved to door 2 already',
    );
    const past = { ...input, moveBy: minutes(1) };
    expect(refusalOf(() => startMove(stored().it(), newCompartment('3'), past, fresh, minutes(11)))).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/moveBy' }],
    });
    callOff(cloud);
    expect(refusalOf(() => callOff(cloud)).message).toBe('the item is not being moved');
  });
});

describe('a move that is given up', () => {
  it('leaves everything as it was, with the time that it took', () => {
    const { cloud, it: now } = moving();
    const before = stored().it();
    cloud.now = minutes(20);
    callOff(cloud);
    expect(now()).toMatchObject({ state: 'stored', door: '1', flags: [], move: null });
    expect(cloud.heldDoors(of)).toEqual(['1']);
    expect(cloud.compartment('2').availability).toBe('available');
    expect(now().deadlines.pickupBy).toBe(plusSeconds(before.deadlines.pickupBy ?? '', 600));
    expect(
      now()
        .credentials.filter(({ locked }) => locked)
        .map(({ step }) => step),
    ).toEqual(['deposit', 'pickup']);
    expect(grantsAt(now(), '1')).toEqual([{ id: `${of}_p`, step: 'pickup' }]);
    expect(cloud.events.at(-1)?.data).toMatchObject({ toDoor: '2', reason: 'not needed', changesGrants: true });
  });

  it('is not given up while somebody has the item in their hands', () => {
    const { cloud } = carried();
    expect(refusalOf(() => callOff(cloud)).message).toBe(
      'the item is out of door 1: have it put in at door 2, or move it to another, or back',
    );
  });

  it('is called off by itself if nobody has begun in time', () => {
    const { cloud, it: now } = moving();
    expect(runningDeadline(now())).toEqual({ name: 'moveBy', at: minutes(70) });
    cloud.now = minutes(70);
    expire(cloud);
    expect(now()).toMatchObject({ state: 'stored', door: '1', flags: [], move: null });
    expect(cloud.events.at(-1)?.data).toMatchObject({ reason: 'too_late' });
  });

  it('is overdue, for a person to look at, if it was begun and not done in time', () => {
    const { cloud, journal, it: now, into } = carried();
    cloud.now = minutes(70);
    expire(cloud);
    expect(now()).toMatchObject({ state: 'stored', flags: ['moving', 'overdue'], move: { by: staff } });
    expect(cloud.events.at(-1)).toMatchObject({ type: 'transaction.overdue', data: { since: minutes(70) } });
    expect(runningDeadline(now())).toBeNull();
    // More time for the receiver is none for the move.
    cloud.decide(of, (each, _at, _fresh, at) => extend(each, { pickupBy: hours(200) }, at));
    expect(now().flags).toContain('overdue');
    cloud.learn(journal.carried(into, of, '2', 'filled', minutes(69)));
    expect(now()).toMatchObject({ door: '2', flags: [], move: null });
  });

  it('stops the clock of the pickup, and sets it anew', () => {
    const { cloud, it: now, before } = moving();
    expect(dueOfTransaction(now())).toMatchObject({ name: `${of}-moveBy-${before.deadlineRev}` });
    expect(settledDues(now())).toContain(`${of}-pickupBy-${before.deadlineRev - 1}`);
    cloud.now = hours(74);
    expire(cloud);
    expect(now().state).toBe('stored');
    expect(dueOfTransaction(now())).toMatchObject({ name: `${of}-pickupBy-${now().deadlineRev}` });
    expect(settledDues(now())).toContain(`${of}-moveBy-${before.deadlineRev}`);
    cloud.now = now().deadlines.pickupBy ?? '';
    expire(cloud);
    expect(now()).toMatchObject({ state: 'recall_due', recallCause: 'pickup_deadline' });
  });
});

describe('a recall, a cancellation or an end by hand', () => {
  it('before anything was taken out calls the move off first', () => {
    const { cloud, it: now } = moving();
    recall(cloud);
    expect(cloud.eventsOf(of).slice(-2)).toEqual(['move_cancelled', 'recall_started']);
    expect(now()).toMatchObject({ state: 'recall_due', door: '1', move: null, flags: [] });
    expect(cloud.heldDoors(of)).toEqual(['1']);
    expect(grantsAt(now(), '1').map(({ step }) => step)).toEqual(['recall', 'pickup']);
  });

  it('while the item is being carried ends it: whoever carries it has it', () => {
    const { cloud, it: now } = carried();
    cloud.decide(of, (each, at, fresh, when, target) => cancel(each, at, 'by_caller', fresh, when, target));
    expect(cloud.eventsOf(of).slice(-2)).toEqual(['recall_started', 'recalled']);
    expect(now()).toMatchObject({ state: 'recalled', cancelReason: 'by_caller', move: null, flags: [] });
    expect(cloud.heldDoors(of)).toEqual([]);
    expect([...cloud.locks]).toEqual([]);
  });

  it.each([
    ['planned', moving, ['move_cancelled', 'completed']],
    ['carrying', carried, ['taken_out', 'completed']],
  ] as const)('by hand, %s, frees whatever it had', (_stage, world, events) => {
    const { cloud, it: now } = world();
    // Without a sensor nobody can say that it is still inside.
    for (const door of ['1', '2'])
      cloud.world.compartments.set(door, { ...cloud.compartment(door), contents: 'unknown' });
    cloud.decide(of, (each, at, _fresh, when, target) => complete(each, at, 'handed over', when, undefined, target));
    expect(cloud.eventsOf(of).slice(-2)).toEqual(events);
    expect(now()).toMatchObject({ state: 'completed', move: null, flags: [] });
    expect(cloud.heldDoors(of)).toEqual([]);
  });
});

describe('what a bank tells late of a move', () => {
  it('was picked up before it knew: completed, late, and both doors are free', () => {
    const { cloud, journal, it: now } = moving();
    cloud.learn(journal.pickedUp(of, '1', minutes(9)));
    expect(now()).toMatchObject({ state: 'completed', door: '1', flags: ['late'], move: null });
    expect(cloud.heldDoors(of)).toEqual([]);
    expect(cloud.events.at(-3)?.data).toMatchObject({ recorded: 'stored, moving', happened: 'picked_up' });
    expect([...cloud.locks]).toEqual([]);
  });

  it('is the end first, then the beginning: moved once', () => {
    const { cloud, journal, it: now, out, into } = moving();
    const first = journal.carried(out, of, '1', 'empty', minutes(12));
    cloud.learn(journal.carried(into, of, '2', 'filled', minutes(13)));
    expect(now()).toMatchObject({ door: '2', flags: [], move: null });
    expect(cloud.compartment('1').availability).toBe('needs_clearing');
    const { version } = now();
    cloud.learn(first);
    expect(now().version).toBe(version);
    expect(cloud.compartment('1').availability).toBe('available');
  });

  it('is the pickup at the new door first: completed, and nothing of the move is new after that', () => {
    const { cloud, journal, it: now, out, into } = moving();
    const carrying = [
      journal.carried(out, of, '1', 'empty', minutes(12)),
      journal.carried(into, of, '2', 'filled', minutes(13)),
    ];
    cloud.learn(journal.pickedUp(of, '2', minutes(14)));
    expect(now()).toMatchObject({ state: 'completed', door: '2', flags: [] });
    const { version } = now();
    cloud.learn(...carrying);
    expect(now()).toMatchObject({ version, state: 'completed' });
    expect(cloud.heldDoors(of)).toEqual([]);
  });

  it('is that it was taken out after the move was called off: its door stays its own, to be put back', () => {
    const { cloud, journal, it: now, out } = moving();
    callOff(cloud);
    cloud.learn(journal.carried(out, of, '1', 'empty', minutes(12)));
    expect(now()).toMatchObject({
      state: 'stored',
      door: '1',
      flags: ['late', 'moving'],
      move: { stage: 'carrying', from: '1', to: '1', by: { type: 'bank', id: 'bnk_1' } },
    });
    expect(cloud.compartment('1')).toMatchObject({ heldBy: of, availability: 'reserved' });
    const again = cloud.right(of, 'put_in');
    expect(again.state).toBe('active');
    cloud.learn(journal.carried(again, of, '1', 'filled', minutes(14)));
    expect(now()).toMatchObject({ door: '1', flags: ['late'], move: null });
    expect(cloud.compartment('1').availability).toBe('occupied');
  });

  it('is a whole move that was called off: the item is where it was put, whoever was promised that door', () => {
    const { cloud, journal, it: now, out, into } = moving();
    callOff(cloud);
    // Too large for door 1.
    cloud.reserve('txn_2', { items: [{ ...anItem, widthMm: 250, heightMm: 250 }] });
    expect(cloud.transaction('txn_2').door).toBe('2');
    cloud.learn(
      journal.carried(out, of, '1', 'empty', minutes(12)),
      journal.carried(into, of, '2', 'filled', minutes(13)),
    );
    expect(now()).toMatchObject({ state: 'stored', door: '2', move: null });
    expect(now().flags).toEqual(['late']);
    expect(cloud.transaction('txn_2')).toMatchObject({ state: 'reserved', door: '3' });
    expect(cloud.heldDoors(of)).toEqual(['2']);
    expect(cloud.compartment('1').availability).toBe('available');
  });

  it('went to the door that it was first to go to: it is there', () => {
    const { cloud, journal, it: now, out, into } = moving();
    goTo(cloud, '3');
    cloud.learn(
      journal.carried(out, of, '1', 'empty', minutes(12)),
      journal.carried(into, of, '2', 'filled', minutes(13)),
    );
    expect(now()).toMatchObject({ door: '2', move: null, flags: ['late'] });
    expect(cloud.heldDoors(of)).toEqual(['2']);
    expect(cloud.events.at(-1)?.data).toMatchObject({ door: '2', fromDoor: '1', toDoor: '3' });
  });

  it('was put in after it had ended on the way: it is to be recalled there', () => {
    const { cloud, journal, it: now, into } = carried();
    recall(cloud);
    expect(now().state).toBe('recalled');
    cloud.learn(journal.carried(into, of, '2', 'filled', minutes(14)));
    expect(now()).toMatchObject({ state: 'recall_due', recallCause: 'late_deposit', door: '2', flags: ['late'] });
    expect(cloud.compartment('2')).toMatchObject({ heldBy: of, availability: 'occupied' });
  });

  it('was moved while it was being recalled: staff find it there', () => {
    const { cloud, journal, it: now, out, into } = moving();
    recall(cloud);
    const early = journal.carried(out, of, '1', 'empty', minutes(12));
    cloud.learn(journal.carried(into, of, '2', 'filled', minutes(13)));
    expect(now()).toMatchObject({ state: 'recall_due', door: '2', flags: ['late'] });
    expect(grantsAt(now(), '2').map(({ step }) => step)).toContain('recall');
    cloud.learn(early);
    expect(now()).toMatchObject({ state: 'recall_due', door: '2' });
  });

  it('says nothing of the item if somebody with a key looked into the empty new door', () => {
    const { cloud, journal, it: now } = carried();
    cloud.learn(journal.entry('door.closed', '2', {}, { of, cause: null, at: minutes(13) }));
    expect(now().flags).toEqual(['moving']);
  });
});

describe('a bank without contents sensors', () => {
  it('takes having opened for having carried', () => {
    const { cloud, journal, it: now, out, into } = moving();
    cloud.learn(journal.carried(out, of, '1', 'unknown', minutes(12)));
    expect(now()).toMatchObject({ door: '2', move: { stage: 'carrying' } });
    expect(cloud.compartment('1')).toMatchObject({ heldBy: null, contents: 'unknown' });
    cloud.learn(journal.carried(into, of, '2', 'unknown', minutes(13)));
    expect(now()).toMatchObject({ door: '2', move: null });
    // The same person may open again for a moment, which tells nothing new.
    const { version } = now();
    cloud.learn(journal.carried(into, of, '2', 'unknown', minutes(14)));
    expect(now().version).toBe(version);
  });
});

describe('staff who open the doors by command', () => {
  it('move it as well, where a sensor says what they did', () => {
    const { cloud, journal, it: now } = moving();
    const by = (door: string, contents: 'empty' | 'filled', at: Instant): Arriving =>
      journal.entry('door.closed', door, { contents }, { of, cause: { commandId: 'cmd_1' }, at });
    cloud.learn(by('1', 'filled', minutes(11)));
    expect(now()).toMatchObject({ move: { stage: 'planned' } });
    cloud.learn(by('1', 'empty', minutes(12)));
    expect(now()).toMatchObject({ door: '2', move: { stage: 'carrying' } });
    cloud.learn(by('2', 'filled', minutes(13)));
    expect(now()).toMatchObject({ door: '2', move: null, flags: [] });
    expect(now().credentials.filter(({ step }) => step === 'put_in')).toMatchObject([{ state: 'used' }]);
  });
});

describe('another door for what is brought back', () => {
  const lent = () => {
    const cloud = new Cloud([doorOf('1'), doorOf('2')]);
    const journal = new Journal();
    cloud.world.compartments.set('1', { ...newCompartment('1'), heldBy: anAsset.id, contents: 'filled', version: 1 });
    cloud.lend(of, anAsset.id, cloud.compartment('1'));
    cloud.learn(journal.pickedUp(of, '1', minutes(5)));
    return { cloud, journal, it: () => cloud.transaction(of) };
  };
  const asset = { ...anAsset, returnsTo: 'any_door' as const };
  const elsewhere = (cloud: Cloud) =>
    cloud.decide(of, (it, at) => returnElsewhere(it, asset, at, cloud.compartment('2'), 'worn').decision);

  it('frees the old one, and the bank takes it back at the new', () => {
    const { cloud, journal, it: now } = lent();
    elsewhere(cloud);
    expect(now()).toMatchObject({ state: 'in_use', door: '2' });
    expect(cloud.compartment('1')).toMatchObject({ heldBy: null, availability: 'available' });
    expect(grantsAt(now(), '2')).toEqual([{ id: `${of}_d`, step: 'deposit' }]);
    cloud.learn(journal.closed('deposit', of, '2', 'filled', minutes(9)));
    expect(now()).toMatchObject({ state: 'completed', door: '2', flags: [] });
    expect(cloud.compartment('2')).toMatchObject({ heldBy: anAsset.id, availability: 'occupied' });
    expect(cloud.assetDoors.size).toBe(0);
  });

  it('gives the asset that door too', () => {
    const { it: now, cloud } = lent();
    const made = returnElsewhere(now(), asset, cloud.compartment('1'), cloud.compartment('2'), 'worn');
    expect(made.asset.after).toMatchObject({ door: '2' });
    expect(made.asset.emissions).toMatchObject([{ type: 'asset.moved', data: { fromDoor: '1' } }]);
  });

  it('is refused unless its owner allows it, and where something lies in its door', () => {
    const { it: now, cloud } = lent();
    const [from, to] = [cloud.compartment('1'), cloud.compartment('2')];
    expect(refusalOf(() => returnElsewhere(now(), anAsset, from, to, 'worn')).message).toBe(
      'ast_1 must be brought back to its own door, 1',
    );
    expect(refusalOf(() => returnElsewhere(now(), asset, { ...from, contents: 'filled' }, to, 'x')).message).toBe(
      'something lies behind door 1: it may have been brought back',
    );
  });

  it('is not known to a bank that is offline: the old one is its own again, whoever was promised it', () => {
    const { cloud, journal, it: now } = lent();
    elsewhere(cloud);
    cloud.reserve('txn_2');
    expect(cloud.transaction('txn_2').door).toBe('1');
    cloud.learn(journal.closed('deposit', of, '1', 'filled', minutes(9)));
    expect(now()).toMatchObject({ state: 'completed', door: '1', flags: ['late'] });
    expect(cloud.compartment('1')).toMatchObject({ heldBy: anAsset.id, availability: 'occupied' });
    expect(cloud.assetDoors.get(anAsset.id)).toBe('1');
    expect(cloud.transaction('txn_2')).toMatchObject({ state: 'reserved', door: '2' });
  });
});

/** What may be asked while an item is inside or on its way. */
const requests: Record<string, (cloud: Cloud) => void> = {
  start: (cloud) => start(cloud, freeDoor(cloud)),
  redirect: (cloud) => {
    if (cloud.transaction(of).move) goTo(cloud, freeDoor(cloud));
  },
  'call off': callOff,
  recall,
  cancel: (cloud) => cloud.decide(of, (it, at, fresh, now, target) => cancel(it, at, 'by_caller', fresh, now, target)),
  complete: (cloud) =>
    cloud.decide(of, (it, at, _fresh, now, target) => complete(it, at, 'seen', now, undefined, target)),
  hold: (cloud) => cloud.decide(of, (it) => hold(it, 'customs')),
  extend: (cloud) => cloud.decide(of, (it, _at, _fresh, now) => extend(it, { pickupBy: plusSeconds(now, 4e5) }, now)),
  resend: (cloud) => cloud.decide(of, (it, _at, fresh) => resend(it, it.credentials.at(-1)?.id ?? '', fresh)),
  expire,
  another: (cloud) => {
    const id = `txn_${100 + cloud.world.transactions.size}`;
    cloud.reserve(id, {}, cloud.now);
  },
};

const freeDoor = (cloud: Cloud): string => {
  const { items } = cloud.transaction(of);
  const found = assign(items, of, cloud.world.bank, [...cloud.world.compartments.values()], cloud.now);
  const [door] = found.doors;
  if (!door) throw new Refusal('reservation_refused', 'none is free');
  return door.door;
};

type Happening =
  | { kind: 'ask'; what: string }
  | { kind: 'door'; what: 'out' | 'in' | 'pickup' | 'recall' | 'leave' }
  | { kind: 'hear' }
  | { kind: 'wait' };
const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('ask' as const), what: fc.constantFrom(...Object.keys(requests)) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('door' as const),
        what: fc.constantFrom('out' as const, 'in' as const, 'pickup' as const, 'recall' as const, 'leave' as const),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('hear' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
  ),
  { maxLength: 16 },
);

/**
 * A bank that knows its grants late: what it holds is what it was told last, and it judges by that. `lies` is where the
 * item really is: a door, somebody's hands, or with its receiver.
 */
class Offline {
  lies: string | 'hands' | 'gone' = '1';
  readonly told: Arriving[] = [];
  private held: Transaction;
  private readonly spent = new Set<string>();
  private readonly journal: Journal;
  private at: number;
  constructor(cloud: Cloud, journal: Journal) {
    this.held = cloud.transaction(of);
    this.journal = journal;
    this.at = epochMs(minutes(10));
  }

  learn(cloud: Cloud): void {
    this.held = cloud.transaction(of);
  }

  /** Somebody uses a right of theirs at a door where the bank lets them. */
  happens(what: 'out' | 'in' | 'pickup' | 'recall' | 'leave'): void {
    const steps = { out: 'take_out', in: 'put_in', pickup: 'pickup', recall: 'recall', leave: 'take_out' } as const;
    const fills = what === 'in';
    for (const door of ['1', '2', '3']) {
      const isThere = fills ? this.lies === 'hands' : this.lies === door;
      if (!isThere) continue;
      const { grants } = doorGrants(this.held, ({ id }) => id, door);
      const isHeld = this.held.door === door || this.held.move?.to === door;
      const grant = grants.find(
        (it) =>
          isHeld &&
          this.held.credentials.find(({ id }) => id === it.id)?.step === steps[what] &&
          it.blocked === undefined &&
          !this.spent.has(it.id) &&
          (it.after === undefined || this.spent.has(it.after)),
      );
      if (!grant) continue;
      this.at += 1_000;
      const cause = { grantId: grant.id, step: grant.step };
      const contents = fills || what === 'leave' ? ('filled' as const) : ('empty' as const);
      const at = new Date(this.at).toISOString();
      this.told.push(this.journal.entry('door.closed', door, { contents }, { of, cause, at }));
      if (what === 'leave') return;
      this.spent.add(grant.id);
      this.lies = fills ? door : what === 'out' ? 'hands' : 'gone';
      return;
    }
  }
}

describe('in whatever order a move is asked for, carried out and heard of', () => {
  const consistent = (cloud: Cloud): void => {
    for (const it of cloud.world.transactions.values()) {
      const doors = it.move?.stage === 'planned' ? [it.move.from, it.move.to] : [it.door];
      expect(cloud.heldDoors(it.id)).toEqual(hasEnded(it.state) ? [] : doors.toSorted());
      expect(it.flags.includes('moving')).toBe(it.move != null);
      if (hasEnded(it.state)) expect(it.move ?? null).toBeNull();
    }
    const locked = [...cloud.world.transactions.values()].flatMap((it) => it.credentials.filter((c) => c.locked));
    expect(locked.map(({ id }) => id).toSorted()).toEqual([...cloud.locks].toSorted());
  };

  const play = (told: Happening[]) => {
    const { cloud, journal } = stored();
    const bank = new Offline(cloud, journal);
    const hear = () => {
      cloud.learn(...bank.told.splice(0));
      bank.learn(cloud);
    };
    for (const step of told) {
      if (step.kind === 'hear') hear();
      else if (step.kind === 'wait') cloud.now = plusSeconds(cloud.now, 4_000);
      else if (step.kind === 'door') bank.happens(step.what);
      else if (step.kind === 'ask') {
        try {
          requests[step.what]?.(cloud);
        } catch (error) {
          // Not everything is possible at every moment; that is tested where the refusals are.
          if (!(error instanceof Refusal)) throw error;
        }
      }
      consistent(cloud);
    }
    hear();
    consistent(cloud);
    return { cloud, bank };
  };

  it('the transaction has the doors that it says, and nobody’s PIN outlives it', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(happenings, (told) => void play(told)),
      { numRuns: 500 },
    );
  });

  it('an item behind a door is somebody’s who says so, and one that is out is known to be', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(happenings, (told) => {
        const { cloud, bank } = play(told);
        const it = cloud.transaction(of);
        const wasCompletedByHand = cloud.events.some(({ data }) => data.reason === 'seen');
        if (bank.lies === 'hands') {
          if (!hasEnded(it.state)) expect(it.move?.stage).toBe('carrying');
        } else if (bank.lies === 'gone') expect(hasEnded(it.state)).toBe(true);
        else if (!wasCompletedByHand) {
          expect(['stored', 'recall_due']).toContain(it.state);
          expect(it.door).toBe(bank.lies);
          expect(it.move?.stage).not.toBe('carrying');
          expect(cloud.compartment(bank.lies)).toMatchObject({ heldBy: of, availability: 'occupied' });
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('moving what several people may fetch, each in their own way', () => {
  const badge = (verifier: string): Access => ({ step: 'pickup', method: 'badge', verifier });
  const byMany = (
    access: Access[] = [{ step: 'pickup', method: 'pin' }, badge('b1'), { step: 'pickup', method: 'qr' }],
  ) => {
    const cloud = new Cloud([doorOf('1', { heightMm: 200 }), doorOf('2'), doorOf('3', { heightMm: 600 })]);
    const journal = new Journal();
    cloud.reserve(of, { access });
    cloud.learn(journal.opened('deposit', of, '1', minutes(1)), journal.deposited(of, '1', minutes(2)));
    return { cloud, journal, it: () => cloud.transaction(of) };
  };
  const handedOn = (cloud: Cloud) =>
    cloud.decide(of, (it, _at, fresh, now) =>
      delegate(
        it,
        `${of}_p`,
        { to: { name: 'Grace' }, access: { method: 'pin' }, keepsOwn: false, by: 'by_recipient' },
        { ...fresh, credentialIds: ['crd_grace'] },
        now,
      ),
    );
  const pickups = (it: Transaction): Credential[] => it.credentials.filter(({ step }) => step === 'pickup');
  const why = (it: Transaction) => pickups(it).map((c) => [c.id, whyNot(it, c, minutes(30))?.reason]);

  it('keeps them all out, whoever they handed it to as well', () => {
    const { cloud, it: now } = byMany();
    handedOn(cloud);
    start(cloud);
    expect(why(now())).toEqual([
      [`${of}_p`, 'delegated'],
      [`${of}_x`, 'moving'],
      [`${of}_y`, 'moving'],
      ['crd_grace', 'moving'],
    ]);
    const [out, ...others] = grantsAt(now(), '1');
    expect(out).toEqual({ id: cloud.right(of, 'take_out').id, step: 'recall' });
    expect(others.map(({ blocked }) => blocked)).toEqual(['moving', 'moving', 'moving']);
  });

  it('lets them all in at the new door, once it was put in there', () => {
    const { cloud, journal, it: now } = byMany();
    handedOn(cloud);
    start(cloud);
    const [out, into] = [cloud.right(of, 'take_out'), cloud.right(of, 'put_in')];
    expect(grantsAt(now(), '2').map(({ after }) => after)).toEqual([out.id, into.id, into.id, into.id]);
    cloud.learn(
      journal.carried(out, of, '1', 'empty', minutes(12)),
      journal.carried(into, of, '2', 'filled', minutes(14)),
    );
    expect(now()).toMatchObject({ door: '2', flags: [], delegates: { crd_grace: { name: 'Grace' } } });
    expect(why(now())).toEqual([
      [`${of}_p`, 'delegated'],
      [`${of}_x`, undefined],
      [`${of}_y`, undefined],
      ['crd_grace', undefined],
    ]);
    // What the bank has from before must be told anew.
    for (const { sinceVersion } of pickups(now())) expect(sinceVersion).toBe(now().version);
  });

  it('has room at both doors for whoever carries it, and no more than a shadow has', () => {
    const { cloud, it: now } = byMany();
    cloud.decide(of, (it, _at, fresh, at) => issue(it, badge('b2'), { ...fresh, credentialIds: ['crd_zz'] }, at));
    start(cloud);
    cloud.decide(of, (it, _at, fresh) => resend(it, `${of}_p`, { ...fresh, credentialIds: ['crd_zzz'] }));
    for (const [door, step] of [
      ['1', 'take_out'],
      ['2', 'put_in'],
    ] as const) {
      const grants = grantsAt(now(), door);
      expect(grants).toHaveLength(liveCredentialsMost);
      expect(grants[0]?.id).toBe(cloud.right(of, step).id);
    }
  });

  it('leaves as much room for others as one of the two PINs of whoever carries it takes', () => {
    const { cloud } = byMany([{ step: 'pickup', method: 'pin' }, badge('b1')]);
    start(cloud);
    const another = (id: string) =>
      cloud.decide(of, (it, _at, fresh, at) => issue(it, badge(id), { ...fresh, credentialIds: [id] }, at));
    another('crd_3');
    expect(refusalOf(() => another('crd_4')).message).toContain('revoke one first');
  });

  it('does not send staff with a code to a door where it is not', () => {
    const { cloud, it: now } = byMany([]);
    start(cloud);
    const override = { step: 'pickup', method: 'operator', reason: 'at the desk' } as const;
    cloud.decide(of, (it, _at, fresh, at) => issue(it, override, { ...fresh, credentialIds: ['crd_staff'] }, at));
    expect(why(now())).toContainEqual(['crd_staff', 'moving']);
  });

  it('gives nobody more time than they were given at most', () => {
    const { cloud, it: now } = byMany([{ step: 'pickup', method: 'pin', notAfter: hours(5) }]);
    start(cloud);
    cloud.now = minutes(40);
    callOff(cloud);
    expect(now().deadlines.pickupBy).toBe(plusSeconds(minutes(32), 72 * 3600));
    expect(pickupOf(now())?.notAfter).toBe(hours(5));
  });
});
