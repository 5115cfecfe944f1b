import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DoorEntry } from '#shared/device/journal.ts';
import { resend } from '#shared/domain/access.ts';
import { Credential } from '#shared/domain/credential.ts';
import { cancel, expireIfDue, extend, hold, liftHold } from '#shared/domain/lifecycle.ts';
import type { Fact } from '#shared/domain/merge-context.ts';
import { mergeTable } from '#shared/domain/merge-table.ts';
import { startMove } from '#shared/domain/moving.ts';
import { plusSeconds } from '#shared/domain/time.ts';
import { hasEnded, type TransactionState } from '#shared/domain/transaction.ts';
import type { Workflow } from '#shared/domain/workflow.ts';
import { catalogue, isEventType } from '../../events/catalogue.ts';
import {
  type Arriving,
  Cloud,
  doorOf,
  hours,
  Journal,
  lastAt,
  minutes,
  reserved,
  startedAt,
} from './cloud-and-bank.ts';

/** What each fact comes to in each state: the events it makes, the state after it, its flags. */
const promises: Record<Fact, Record<TransactionState, string>> = {
  deposit_started: {
    created: 'nothing',
    reserved: 'updated → reserved',
    stored: 'nothing',
    in_use: 'nothing',
    recall_due: 'nothing',
    completed: 'nothing',
    cancelled: 'nothing',
    expired: 'nothing',
    recalled: 'nothing',
    rejected: 'nothing',
  },
  deposited: {
    created: 'conflicted → created, disputed',
    reserved: 'deposited → stored',
    stored: 'nothing',
    in_use: 'conflicted → in_use, disputed',
    recall_due: 'nothing',
    completed: 'deposited → completed, late',
    cancelled: 'conflicted, recall_started → recall_due, late',
    expired: 'conflicted, recall_started → recall_due, late',
    recalled: 'nothing',
    rejected: 'conflicted, recall_started → recall_due, late',
  },
  nothing_deposited: {
    created: 'nothing',
    reserved: 'deposit_failed → reserved',
    stored: 'conflicted → stored, disputed',
    in_use: 'nothing',
    recall_due: 'conflicted → recall_due, disputed',
    completed: 'nothing',
    cancelled: 'nothing',
    expired: 'nothing',
    recalled: 'nothing',
    rejected: 'nothing',
  },
  picked_up: {
    created: 'conflicted → created, disputed',
    reserved: 'conflicted, picked_up, completed → completed, late',
    stored: 'picked_up, completed → completed',
    in_use: 'nothing',
    recall_due: 'conflicted, picked_up, completed → completed, late',
    completed: 'nothing',
    cancelled: 'conflicted, picked_up, completed → completed, late',
    expired: 'conflicted, picked_up, completed → completed, late',
    recalled: 'conflicted → recalled, disputed',
    rejected: 'conflicted, picked_up, completed → completed, late',
  },
  nothing_taken: {
    created: 'nothing',
    reserved: 'nothing',
    stored: 'pickup_failed → stored',
    in_use: 'nothing',
    recall_due: 'nothing',
    completed: 'conflicted → completed, disputed',
    cancelled: 'nothing',
    expired: 'nothing',
    recalled: 'nothing',
    rejected: 'nothing',
  },
  recalled: {
    created: 'nothing',
    reserved: 'nothing',
    stored: 'conflicted, recalled → recalled, late',
    in_use: 'nothing',
    recall_due: 'recalled → recalled',
    completed: 'nothing',
    cancelled: 'nothing',
    expired: 'nothing',
    recalled: 'nothing',
    rejected: 'nothing',
  },
  emptied_by_nobody: {
    created: 'nothing',
    reserved: 'nothing',
    stored: 'conflicted → stored, disputed',
    in_use: 'nothing',
    recall_due: 'conflicted → recall_due, disputed',
    completed: 'nothing',
    cancelled: 'nothing',
    expired: 'nothing',
    recalled: 'nothing',
    rejected: 'nothing',
  },
  used: {
    created: 'nothing',
    reserved: 'started → in_use',
    stored: 'nothing',
    in_use: 'nothing',
    recall_due: 'nothing',
    completed: 'conflicted → completed, late',
    cancelled: 'conflicted → cancelled, late',
    expired: 'conflicted → expired, late',
    recalled: 'nothing',
    rejected: 'conflicted → rejected, late',
  },
  taken_out: {
    created: 'nothing',
    reserved: 'nothing',
    stored: 'taken_out → stored, moving',
    in_use: 'nothing',
    recall_due: 'conflicted, recalled → recalled, late',
    completed: 'conflicted → completed, disputed',
    cancelled: 'nothing',
    expired: 'nothing',
    recalled: 'nothing',
    rejected: 'nothing',
  },
  put_in: {
    created: 'nothing',
    reserved: 'nothing',
    stored: 'moved → stored',
    in_use: 'nothing',
    recall_due: 'conflicted, moved → recall_due, late',
    completed: 'conflicted, recall_started → recall_due, late',
    cancelled: 'nothing',
    expired: 'nothing',
    recalled: 'conflicted, recall_started → recall_due, late',
    rejected: 'nothing',
  },
  not_carried: {
    created: 'nothing',
    reserved: 'nothing',
    stored: 'move_failed → stored, moving',
    in_use: 'nothing',
    recall_due: 'nothing',
    completed: 'nothing',
    cancelled: 'nothing',
    expired: 'nothing',
    recalled: 'nothing',
    rejected: 'nothing',
  },
};

const of = 'txn_1';
const door = '1';

/** A cloud with one parcel at door 1, in that state; `journal` has told what brought it there. */
const inState: Record<TransactionState, (cloud: Cloud, journal: Journal, workflow?: Workflow) => void> = {
  created: (cloud) => {
    cloud.reserve(of);
    cloud.decide(of, (it, at) => cancel(it, at, 'by_caller', { credentialIds: [], keyVersion: 1 }, cloud.now));
    // No commit leaves a parcel in this state today; workflows that wait for a door will.
    cloud.world.transactions.set(of, { ...cloud.transaction(of), state: 'created', door: null, endedAt: null });
  },
  reserved: (cloud, _, workflow = 'parcel') => void cloud.reserve(of, { workflow }),
  in_use: (cloud, journal) => {
    cloud.reserve(of, { workflow: 'rental' });
    cloud.learn(journal.opened('use', of, door, minutes(1)), journal.closed('use', of, door, 'filled', minutes(2)));
  },
  stored: (cloud, journal) => {
    cloud.reserve(of);
    cloud.learn(journal.opened('deposit', of, door, minutes(1)), journal.deposited(of, door, minutes(2)));
  },
  recall_due: (cloud, journal) => {
    inState.stored(cloud, journal);
    cloud.now = hours(73);
    cloud.decide(of, expireIfDue);
  },
  completed: (cloud, journal) => {
    cloud.reserve(of);
    cloud.learn(journal.pickedUp(of, door, minutes(3)));
    cloud.world.transactions.set(of, { ...cloud.transaction(of), flags: [] });
  },
  cancelled: (cloud) => {
    cloud.reserve(of);
    cloud.decide(of, (it, at, fresh, now) => cancel(it, at, 'by_caller', fresh, now));
  },
  expired: (cloud) => {
    cloud.reserve(of);
    cloud.now = hours(25);
    cloud.decide(of, expireIfDue);
  },
  recalled: (cloud, journal) => {
    inState.recall_due(cloud, journal);
    cloud.learn(journal.recalled(of, door, hours(73)));
  },
  rejected: (cloud, journal) => {
    cloud.reserve('txn_0');
    cloud.decide('txn_0', (it, at, fresh, now) => cancel(it, at, 'by_caller', fresh, now));
    cloud.reserve(of);
    cloud.learn(journal.deposited('txn_0', door, minutes(2)));
    cloud.learn(journal.recalled('txn_0', door, minutes(4)));
  },
};

/** The entry by which a bank tells each fact. */
const telling: Record<Fact, (journal: Journal, carrier: Carrier) => Arriving> = {
  deposit_started: (journal) => journal.opened('deposit', of, door, minutes(5)),
  deposited: (journal) => journal.deposited(of, door, minutes(5)),
  nothing_deposited: (journal) => journal.closed('deposit', of, door, 'empty', minutes(5)),
  picked_up: (journal) => journal.pickedUp(of, door, minutes(5)),
  nothing_taken: (journal) => journal.closed('pickup', of, door, 'filled', minutes(5)),
  recalled: (journal) => journal.recalled(of, door, minutes(5)),
  used: (journal) => journal.closed('use', of, door, 'filled', minutes(5)),
  emptied_by_nobody: (journal) => journal.entry('door.closed', door, {}, { of, cause: null, at: minutes(5) }),
  taken_out: (journal, { out }) => journal.carried(out, of, door, 'empty', minutes(5)),
  put_in: (journal, { into }) => journal.carried(into, of, '2', 'filled', minutes(5)),
  not_carried: (journal, { out }) => journal.carried(out, of, door, 'filled', minutes(5)),
};

/** Facts of a move, which is at two doors: what they do to the doors and rights is told in moves.test.ts. */
const ofMoves: readonly Fact[] = ['taken_out', 'put_in', 'not_carried'];

/** The rights of somebody who is to carry the item; where it is not inside any more, or not yet, of a move that is over. */
const toBeCarried = (cloud: Cloud): Carrier => {
  const it = cloud.transaction(of);
  if (it.state === 'stored') {
    const by = { type: 'api_key' as const, id: 'key_1' };
    cloud.decide(of, (each, _at, fresh, now) =>
      startMove(each, cloud.compartment('2'), { reason: 'worn', by }, fresh, now),
    );
  } else {
    const gone = { ...reserved().credentials[0], state: 'revoked' as const, locked: false };
    const credentials = (['take_out', 'put_in'] as const).map((step) => Credential.parse({ ...gone, id: step, step }));
    cloud.world.transactions.set(of, { ...it, credentials: [...it.credentials, ...credentials] });
  }
  return { out: cloud.right(of, 'take_out'), into: cloud.right(of, 'put_in') };
};
type Carrier = { out: Credential; into: Credential };

const facts = Object.keys(promises).filter((fact): fact is Fact => Object.hasOwn(mergeTable, fact));
const cells = facts.flatMap((fact) =>
  Object.keys(promises[fact])
    .filter((state): state is TransactionState => Object.hasOwn(mergeTable[fact], state))
    .map((state) => ({ fact, state, promise: promises[fact][state] })),
);

const atOneDoor = cells.filter(({ fact }) => !ofMoves.includes(fact));

const merged = (fact: Fact, state: TransactionState) => {
  const cloud = new Cloud([doorOf(door), ...(ofMoves.includes(fact) ? [doorOf('2', { heightMm: 50 })] : [])]);
  const journal = new Journal();
  inState[state](cloud, journal, fact === 'used' ? 'rental' : 'parcel');
  const none = { out: Credential.parse(reserved().credentials[0]), into: Credential.parse(reserved().credentials[1]) };
  const carrier = ofMoves.includes(fact) ? toBeCarried(cloud) : none;
  const before = cloud.transaction(of);
  expect(before.state).toBe(state);
  const told = cloud.events.length;
  const arriving = telling[fact](journal, carrier);
  cloud.learn(arriving);
  const events = cloud.events.slice(told);
  return { cloud, before, after: cloud.transaction(of), events, entry: arriving.entry };
};

describe('the merge table', () => {
  it('says something of every fact in every state', () => {
    expect(cells).toHaveLength(11 * 10);
    expect(Object.keys(mergeTable)).toEqual(facts);
  });

  it.each(cells)('$fact while $state: $promise', ({ fact, state, promise }) => {
    const { after, events } = merged(fact, state);
    const types = events.map((it) => it.type.replace('transaction.', '')).join(', ');
    expect(types === '' ? 'nothing' : `${types} → ${[after.state, ...after.flags].join(', ')}`).toBe(promise);
  });

  it.each(atOneDoor)('$fact while $state: the door is as it was last seen', ({ fact, state }) => {
    const { cloud, entry } = merged(fact, state);
    const { doorState, contents, lock, lastEntry } = cloud.compartment(door);
    expect({ door: doorState, contents, lock }).toEqual(entry.after);
    expect(lastEntry?.seq).toBe(entry.seq);
  });

  it.each(atOneDoor)('$fact while $state: held exactly while its item is or will be inside', ({ fact, state }) => {
    const { cloud, after } = merged(fact, state);
    const { heldBy, availability } = cloud.compartment(door);
    expect(heldBy).toBe(['reserved', 'stored', 'in_use', 'recall_due'].includes(after.state) ? of : null);
    const usual: Partial<Record<TransactionState, string>> = {
      reserved: 'reserved',
      stored: 'occupied',
      in_use: 'occupied',
      recall_due: 'occupied',
    };
    const { contents, doorState } = cloud.compartment(door);
    const free = contents === 'filled' || doorState === 'open' ? 'needs_clearing' : 'available';
    expect(availability).toBe(usual[after.state] ?? free);
  });

  it.each(atOneDoor)('$fact while $state: nobody keeps a right to a door that is not theirs', ({ fact, state }) => {
    const { cloud, after } = merged(fact, state);
    const live = after.credentials.filter((it) => it.state === 'issued' || it.state === 'active').map((it) => it.step);
    const rights: Partial<Record<TransactionState, string[]>> = {
      reserved: after.workflow === 'rental' ? ['use'] : ['deposit', 'pickup'],
      in_use: ['use'],
      stored: ['pickup'],
      recall_due: ['recall'],
    };
    expect(live).toEqual(rights[after.state] ?? []);
    const locked = after.credentials.filter((it) => it.locked).map((it) => it.id);
    expect([...cloud.locks].toSorted()).toEqual(locked.toSorted());
    if (hasEnded(after.state)) expect(locked).toEqual([]);
  });

  it.each(cells)('$fact while $state: its events are of the catalogue, and say what happened and when', (cell) => {
    const { events, before, after, entry } = merged(cell.fact, cell.state);
    for (const { type, data } of events)
      expect(isEventType(type) ? catalogue[type].safeParse(data).error : type).toBeUndefined();
    expect(after.version).toBe(before.version + events.length);
    for (const it of events.filter((each) => each.data.happened !== undefined))
      expect(it.data).toMatchObject({ recorded: before.state, happened: cell.fact, evidence: { door: entry.door } });
    expect(events.map((it) => it.occurredAt)).toEqual(events.map(() => minutes(5)));
  });

  it.each(atOneDoor)(
    '$fact while $state: a bank that knows less is told of every credential that it did not change itself',
    (cell) => {
      const { before, after, entry } = merged(cell.fact, cell.state);
      const { cause } = entry;
      const usedAtBank = cause !== null && 'grantId' in cause ? cause.grantId : null;
      for (const it of after.credentials) {
        const { sinceVersion, locked: _, ...rest } = it;
        const was = before.credentials.find((each) => each.id === it.id);
        if (was === undefined) expect(sinceVersion).toBeGreaterThan(before.version);
        else if (
          (it.id === usedAtBank && (rest.state === 'used' || cell.fact === 'used')) ||
          (was.state === 'issued' && rest.state === 'active')
        )
          expect(sinceVersion).toBe(was.sinceVersion);
        else if (was.state !== rest.state || was.notAfter !== rest.notAfter)
          expect(sinceVersion).toBeGreaterThan(before.version);
        expect(sinceVersion).toBeLessThanOrEqual(after.version);
      }
    },
  );
});

describe('a deposit', () => {
  const stored = (more: Parameters<Cloud['reserve']>[1] = {}) => {
    const cloud = new Cloud([doorOf('1'), doorOf('2')]);
    cloud.reserve(of, more);
    cloud.learn(new Journal().deposited(of, cloud.transaction(of).door ?? '', minutes(7)));
    return cloud.transaction(of);
  };

  it('starts the time for the pickup when it was made, not when it was learned of', () => {
    expect(stored()).toMatchObject({
      depositedAt: minutes(7),
      deadlines: { pickupBy: plusSeconds(minutes(7), 259_200) },
    });
    expect(stored().credentials.find((it) => it.step === 'pickup')?.notAfter).toBe(plusSeconds(minutes(7), 259_200));
  });

  it('keeps the end that the caller named', () => {
    expect(stored({ deadlines: { pickupBy: hours(60) } }).deadlines.pickupBy).toBe(hours(60));
  });

  it('that was begun is given until depositBy, whatever reserveUntil said', () => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    cloud.reserve(of, { deadlines: { reserveUntil: minutes(20), depositBy: minutes(40) } });
    cloud.learn(journal.opened('deposit', of, door, minutes(9)));
    cloud.learn(journal.closed('deposit', of, door, 'empty', minutes(9)));
    expect(cloud.eventsOf(of).slice(2)).toEqual(['updated', 'deposit_failed']);
    expect(cloud.transaction(of).credentials[0]).toMatchObject({ state: 'active', notAfter: minutes(40) });
    cloud.now = minutes(30);
    cloud.decide(of, expireIfDue);
    expect(cloud.transaction(of).state).toBe('reserved');
    cloud.now = minutes(40);
    cloud.decide(of, expireIfDue);
    expect(cloud.transaction(of)).toMatchObject({ state: 'expired', expiredStage: 'deposit' });
  });

  it('at another door than promised stays there, and the promised one is free', () => {
    const cloud = new Cloud([doorOf('1', { heightMm: 200 }), doorOf('2')]);
    cloud.reserve(of);
    cloud.learn(new Journal().deposited(of, '2'));
    expect(cloud.transaction(of)).toMatchObject({ state: 'stored', door: '2', flags: ['late'] });
    expect(cloud.eventsOf(of).slice(2)).toEqual(['conflicted', 'deposited']);
    expect(cloud.heldDoors(of)).toEqual(['2']);
    expect(cloud.compartment('1').availability).toBe('available');
  });

  it('at a door that was promised to somebody else meanwhile makes that reservation move', () => {
    const cloud = new Cloud([doorOf('1', { heightMm: 200 }), doorOf('2')]);
    cloud.reserve(of);
    cloud.reserve('txn_2');
    cloud.learn(new Journal().deposited(of, '2'));
    expect(cloud.transaction(of)).toMatchObject({ state: 'stored', door: '2' });
    expect(cloud.transaction('txn_2')).toMatchObject({ state: 'reserved', door: '1' });
    expect([cloud.compartment('1').heldBy, cloud.compartment('2').heldBy]).toEqual(['txn_2', of]);
  });

  it('at a door that by all we know holds another item is left for a person to look at', () => {
    const cloud = new Cloud([doorOf('1', { heightMm: 200 }), doorOf('2')]);
    const journal = new Journal();
    cloud.reserve(of);
    cloud.reserve('txn_2');
    cloud.learn(journal.deposited('txn_2', '2'), journal.deposited(of, '2'));
    expect(cloud.transaction(of)).toMatchObject({ state: 'reserved', flags: ['late', 'disputed'] });
    expect(cloud.compartment('2').heldBy).toBe('txn_2');
  });

  it('without a contents sensor is done when the door has closed, and the door is not offered for a while', () => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    cloud.reserve(of);
    cloud.learn(journal.closed('deposit', of, door, 'unknown', minutes(8)));
    expect(cloud.transaction(of)).toMatchObject({ state: 'stored', depositedAt: minutes(8) });
    cloud.learn(journal.closed('pickup', of, door, 'unknown', minutes(9)));
    expect(cloud.transaction(of)).toMatchObject({ state: 'completed', pickedUpAt: minutes(9), flags: [] });
    expect(cloud.compartment(door).availability).toBe('available');
    expect(cloud.reserve('txn_2')).toBe(false);
    cloud.now = plusSeconds(cloud.now, 120);
    expect(cloud.reserve('txn_2')).toBe(true);
  });

  it('is stored once, whether the sensor noticed before or after the door closed', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const cloud = new Cloud([doorOf(door)]);
      const journal = new Journal();
      cloud.reserve(of);
      const why = { of, cause: { grantId: `${of}_d`, step: 'deposit' as const }, at: minutes(6) };
      const entries = [
        journal.entry('contents.changed', door, { door: 'open', contents: 'filled' }, why),
        journal.entry('door.closed', door, { contents: 'filled' }, why),
      ] as const;
      for (const nth of order) cloud.learn(entries[nth]);
      expect(cloud.eventsOf(of).slice(2)).toEqual(['deposited']);
      expect(cloud.transaction(of)).toMatchObject({ state: 'stored', flags: [] });
    }
  });

  it('is stored once when the door closed before the sensor noticed, in whatever order we hear of it', () => {
    for (const { order, told } of [
      { order: [0, 1], told: ['deposit_failed', 'deposited'] },
      { order: [1, 0], told: ['deposited'] },
    ] as const) {
      const cloud = new Cloud([doorOf(door)]);
      const journal = new Journal();
      cloud.reserve(of);
      const why = { of, cause: { grantId: `${of}_d`, step: 'deposit' as const }, at: minutes(6) };
      const entries = [
        journal.entry('door.closed', door, { contents: 'empty' }, why),
        journal.entry('contents.changed', door, { contents: 'filled' }, why),
      ] as const;
      for (const nth of order) cloud.learn(entries[nth]);
      expect(cloud.eventsOf(of).slice(2)).toEqual(told);
      expect(cloud.transaction(of)).toMatchObject({ state: 'stored', flags: [] });
      expect(cloud.compartment(door)).toMatchObject({ contents: 'filled', availability: 'occupied' });
    }
  });

  it('can not have been made in our future, nor before there was anything to deposit', () => {
    for (const [claimed, believed] of [
      [hours(300), minutes(10)],
      ['2001-01-01T00:00:00.000Z', startedAt],
    ] as const) {
      const cloud = new Cloud([doorOf(door)]);
      cloud.reserve(of);
      cloud.learn(new Journal().deposited(of, door, claimed));
      expect(cloud.transaction(of).depositedAt).toBe(believed);
    }
  });
});

describe('a deposit for what had ended', () => {
  const cancelledThenPromised = (others: string[], layout = [doorOf('1'), doorOf('2')]) => {
    const cloud = new Cloud(layout);
    cloud.reserve(of);
    const at = cloud.transaction(of).door ?? '';
    cloud.decide(of, (it, compartment, fresh, now) => cancel(it, compartment, 'by_caller', fresh, now));
    for (const id of others) cloud.reserve(id);
    return { cloud, at, other: others.find((id) => cloud.transaction(id).door === at) ?? '' };
  };

  it('is recalled from the door it lies in, by staff with a PIN of their own', () => {
    const { cloud, at } = cancelledThenPromised([]);
    cloud.learn(new Journal().deposited(of, at));
    const it = cloud.transaction(of);
    expect(it).toMatchObject({ state: 'recall_due', recallCause: 'late_deposit', flags: ['late'], door: at });
    expect(it).toMatchObject({ endedAt: null, depositedAt: minutes(0) });
    expect(it.credentials.map((each) => [each.step, each.state])).toEqual([
      ['deposit', 'revoked'],
      ['pickup', 'revoked'],
      ['recall', 'active'],
    ]);
    expect(cloud.compartment(at)).toMatchObject({ heldBy: of, availability: 'occupied' });
  });

  it('makes the reservation that was promised its door move to another that fits', () => {
    const { cloud, at, other } = cancelledThenPromised(['txn_2'], [doorOf('1', { heightMm: 200 }), doorOf('2')]);
    const was = cloud.transaction(other).version;
    cloud.learn(new Journal().deposited(of, at));
    expect(cloud.transaction(of)).toMatchObject({ state: 'recall_due', door: at });
    expect(cloud.transaction(other)).toMatchObject({ state: 'reserved', door: '2', version: was + 1 });
    expect(cloud.events.find((it) => it.type === 'transaction.moved')?.data).toMatchObject({
      fromDoor: at,
      door: '2',
      reason: 'compartment_occupied',
    });
    expect(cloud.heldDoors(of)).toEqual([at]);
    expect(cloud.heldDoors(other)).toEqual(['2']);
    // The bank must be told of them at the new door.
    expect(cloud.transaction(other).credentials.map((it) => it.sinceVersion)).toEqual([was + 1, was + 1]);
  });

  it('ends the reservation that was promised its door, if no other door fits', () => {
    const { cloud, at, other } = cancelledThenPromised(['txn_2', 'txn_3']);
    cloud.learn(new Journal().deposited(of, at));
    expect(cloud.transaction(of)).toMatchObject({ state: 'recall_due', door: at });
    expect(cloud.transaction(other)).toMatchObject({
      state: 'rejected',
      rejectReason: 'compartment_occupied',
      door: null,
      endedAt: cloud.now,
    });
    expect(cloud.heldDoors(other)).toEqual([]);
    expect(cloud.transaction(other).credentials.every((it) => it.state === 'revoked' && !it.locked)).toBe(true);
  });

  it('does not move anybody once the item is known to be gone again', () => {
    const { cloud, at, other } = cancelledThenPromised(['txn_2', 'txn_3']);
    const journal = new Journal();
    const deposit = journal.deposited(of, at, minutes(3));
    cloud.learn(journal.entry('door.closed', at, {}, { of: null, cause: null, at: minutes(4) }));
    cloud.learn(deposit);
    expect(cloud.transaction(other)).toMatchObject({ state: 'reserved', door: at });
    expect(cloud.transaction(of)).toMatchObject({ state: 'cancelled', flags: ['late'], depositedAt: minutes(3) });
  });

  it('whose door took another item since is written down, and the door stays with who is inside', () => {
    const { cloud, at, other } = cancelledThenPromised(['txn_2', 'txn_3']);
    const journal = new Journal();
    const late = journal.deposited(of, at, minutes(3));
    cloud.learn(journal.deposited(other, at, minutes(6)));
    cloud.learn(late);
    expect(cloud.compartment(at).heldBy).toBe(other);
    expect(cloud.transaction(other).state).toBe('stored');
    expect(cloud.transaction(of)).toMatchObject({ state: 'cancelled', flags: ['late'], depositedAt: minutes(3) });
  });

  it('and its pickup, both offline, end as a completed parcel, and nobody who was promised the door is bothered', () => {
    const { cloud, at, other } = cancelledThenPromised(['txn_2', 'txn_3']);
    const journal = new Journal();
    cloud.learn(journal.deposited(of, at, minutes(3)), journal.pickedUp(of, at, minutes(4)));
    expect(cloud.transaction(of)).toMatchObject({
      state: 'completed',
      depositedAt: minutes(3),
      pickedUpAt: minutes(4),
      flags: ['late'],
    });
    expect(cloud.eventsOf(of).slice(-4)).toEqual(['conflicted', 'conflicted', 'picked_up', 'completed']);
    expect(cloud.transaction(other)).toMatchObject({ state: 'reserved', door: at });
    expect(cloud.heldDoors(of)).toEqual([]);
  });

  it('and its pickup, one after the other, end as a completed parcel, and staff are no longer needed', () => {
    const { cloud, at } = cancelledThenPromised([]);
    const journal = new Journal();
    cloud.learn(journal.deposited(of, at, minutes(3)));
    expect(cloud.transaction(of).state).toBe('recall_due');
    cloud.learn(journal.pickedUp(of, at, minutes(4)));
    expect(cloud.transaction(of)).toMatchObject({ state: 'completed', flags: ['late'] });
    expect(cloud.locks.size).toBe(0);
    expect(cloud.compartment(at).availability).toBe('available');
  });
});

describe('a pickup', () => {
  it('learned of before the deposit completes; the deposit is added when it is learned of', () => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    cloud.reserve(of);
    const deposit = [journal.opened('deposit', of, door, minutes(1)), journal.deposited(of, door, minutes(2))];
    cloud.learn(journal.pickedUp(of, door, minutes(4)));
    expect(cloud.transaction(of)).toMatchObject({ state: 'completed', pickedUpAt: minutes(4), depositedAt: null });
    cloud.learn(...deposit);
    expect(cloud.transaction(of)).toMatchObject({ state: 'completed', depositedAt: minutes(2), flags: ['late'] });
    expect(cloud.compartment(door)).toMatchObject({ contents: 'empty', availability: 'available', heldBy: null });
  });

  it('during a hold that the bank did not know of yet completes, is late and names both sides', () => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    inState.stored(cloud, journal);
    cloud.decide(of, (it) => hold(it, 'customs'));
    cloud.learn(journal.pickedUp(of, door, minutes(9)));
    expect(cloud.transaction(of)).toMatchObject({ state: 'completed', flags: ['late'], holdReason: null });
    expect(cloud.eventsOf(of).slice(-3)).toEqual(['conflicted', 'picked_up', 'completed']);
    expect(cloud.events.at(-3)?.data).toMatchObject({ recorded: 'stored, held', happened: 'picked_up' });
  });

  it('after staff were told to take the item out leaves them nothing to open', () => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    inState.recall_due(cloud, journal);
    cloud.learn(journal.pickedUp(of, door, hours(70)));
    const it = cloud.transaction(of);
    expect(it).toMatchObject({ state: 'completed', endedAt: hours(70), flags: ['late'] });
    expect(it.credentials.map((each) => [each.step, each.state])).toEqual([
      ['deposit', 'used'],
      ['pickup', 'used'],
      ['recall', 'revoked'],
    ]);
    expect(cloud.locks.size).toBe(0);
  });
});

describe('an opening by command', () => {
  const byCommand = (state: TransactionState, contents: 'empty' | 'filled' | 'unknown') => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    inState[state](cloud, journal);
    const told = cloud.eventsOf(of).length;
    cloud.learn(journal.entry('door.closed', door, { contents }, { of, cause: { commandId: 'cmd_1' } }));
    return { events: cloud.eventsOf(of).slice(told), state: cloud.transaction(of).state };
  };

  it.each([
    ['reserved', 'filled', 'stored', ['deposited']],
    ['stored', 'empty', 'completed', ['picked_up', 'completed']],
    ['recall_due', 'empty', 'recalled', ['recalled']],
  ] as const)('does what can be done while %s, if the door is %s then', (from, contents, to, events) => {
    expect(byCommand(from, contents)).toEqual({ state: to, events });
  });

  it.each([
    ['reserved', 'empty'],
    ['stored', 'filled'],
    ['recall_due', 'filled'],
  ] as const)('that leaves everything as it was while %s is no failure', (from, contents) => {
    expect(byCommand(from, contents)).toEqual({ state: from, events: [] });
  });

  it.each(['reserved', 'stored', 'recall_due'] as const)('says nothing without a sensor while %s', (from) => {
    expect(byCommand(from, 'unknown')).toEqual({ state: from, events: [] });
  });
});

describe('what a door is known to be', () => {
  it('is never overwritten by an older entry', () => {
    const cloud = new Cloud([doorOf(door)]);
    const journal = new Journal();
    const older = journal.entry('lock.jammed', door, { contents: 'filled', lock: 'jammed' }, { of: null, cause: null });
    const newer = journal.entry('door.closed', door, {}, { of: null, cause: null, at: minutes(3) });
    cloud.learn(newer);
    const known = cloud.compartment(door);
    cloud.learn(older);
    expect(cloud.compartment(door)).toMatchObject({
      doorState: known.doorState,
      contents: known.contents,
      lock: known.lock,
      lastEntry: known.lastEntry,
    });
    expect(lastAt(cloud.compartment(door))).toBe(minutes(3));
  });

  it('is told by a new controller, whatever number its first entry has', () => {
    const cloud = new Cloud([doorOf(door)]);
    const old = new Journal('jnl_old');
    cloud.learn(
      old.opened('deposit', of, door),
      old.entry('door.forced', door, { door: 'open' }, { of: null, cause: null }),
    );
    cloud.learn(new Journal('jnl_new').entry('door.closed', door, {}, { of: null, cause: null }));
    expect(cloud.compartment(door)).toMatchObject({ doorState: 'closed', lastEntry: { journalId: 'jnl_new', seq: 1 } });
  });

  it('takes a door out of service while its lock is jammed and nobody has it', () => {
    const cloud = new Cloud([doorOf(door)]);
    cloud.learn(new Journal().entry('lock.jammed', door, { lock: 'jammed' }, { of: null, cause: null }));
    expect(cloud.compartment(door).availability).toBe('out_of_service');
    expect(cloud.reserve(of)).toBe(false);
  });

  it('is not offered while something lies inside that nobody has', () => {
    const cloud = new Cloud([doorOf(door)]);
    cloud.learn(new Journal().entry('door.closed', door, { contents: 'filled' }, { of: null, cause: null }));
    expect(cloud.compartment(door).availability).toBe('needs_clearing');
    expect(cloud.reserve(of)).toBe(false);
  });
});

/** What the cloud may do while a bank is out of reach. */
const acts: Record<string, (cloud: Cloud, id: string) => void> = {
  cancel: (cloud, id) => cloud.decide(id, (it, at, fresh, now) => cancel(it, at, 'by_caller', fresh, now)),
  expire: (cloud, id) => cloud.decide(id, expireIfDue),
  extend: (cloud, id) =>
    cloud.decide(id, (it, _at, _fresh, now) => extend(it, { pickupBy: plusSeconds(now, 360_000) }, now)),
  hold: (cloud, id) => cloud.decide(id, (it) => hold(it, 'customs')),
  'lift-hold': (cloud, id) => cloud.decide(id, liftHold),
  resend: (cloud, id) => cloud.decide(id, (it, _at, fresh) => resend(it, it.credentials[1]?.id ?? '', fresh)),
};

/** All that one parcel can live through at its door, by its own bank's journal. */
const lives: Record<string, (journal: Journal) => Arriving[]> = {
  'nothing happens': () => [],
  'a deposit': (journal) => [journal.opened('deposit', of, '1', minutes(2)), journal.deposited(of, '1', minutes(3))],
  'a deposit after a failed one': (journal) => [
    journal.opened('deposit', of, '1', minutes(1)),
    journal.closed('deposit', of, '1', 'empty', minutes(1)),
    ...(lives['a deposit']?.(journal) ?? []),
  ],
  'a deposit and a pickup': (journal) => [
    ...(lives['a deposit']?.(journal) ?? []),
    journal.opened('pickup', of, '1', minutes(4), 'filled'),
    journal.pickedUp(of, '1', minutes(5)),
  ],
  'a pickup after an abandoned one': (journal) => [
    ...(lives['a deposit']?.(journal) ?? []),
    journal.opened('pickup', of, '1', minutes(4), 'filled'),
    journal.closed('pickup', of, '1', 'filled', minutes(4)),
    journal.pickedUp(of, '1', minutes(5)),
  ],
};

type Step =
  | { kind: 'hear'; nth: number; together: number }
  | { kind: 'do'; act: string; other: boolean }
  | { kind: 'wait' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('hear' as const),
        nth: fc.nat(9),
        together: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('do' as const),
        act: fc.constantFrom('reserve', ...Object.keys(acts)),
        other: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
  ),
  { maxLength: 20 },
);

describe('in whatever order the cloud decides and learns', () => {
  const everything = fc.record({
    life: fc.constantFrom(...Object.keys(lives)),
    doors: fc.constantFrom(1, 2),
    steps,
  });

  const play = ({ life, doors, steps: told }: { life: string; doors: number; steps: Step[] }) => {
    // The first door is the best fit, so that the bank's story is told of the right one.
    const cloud = new Cloud([doorOf('1', { heightMm: 200 }), doorOf('2')].slice(0, doors));
    cloud.reserve(of);
    const entries = lives[life]?.(new Journal()) ?? [];
    const waiting = [...entries];
    let others = 1;
    for (const step of told) {
      if (step.kind === 'wait') cloud.now = plusSeconds(cloud.now, 90_000);
      else if (step.kind === 'hear')
        cloud.learn(...waiting.splice(step.nth % Math.max(waiting.length, 1), step.together));
      else if (step.act === 'reserve') {
        others += 1;
        cloud.reserve(`txn_${others}`, {}, cloud.now);
      } else {
        const id = step.other ? `txn_${others}` : of;
        // Not everything is possible in every state; that is refused, and tested where the refusals are.
        try {
          if (cloud.world.transactions.has(id)) acts[step.act]?.(cloud, id);
        } catch (error) {
          if (!(error instanceof Error && error.name === 'Refusal')) throw error;
        }
      }
      consistent(cloud);
    }
    cloud.learn(...waiting);
    consistent(cloud);
    return { cloud, last: entries.at(-1)?.entry, entries: entries.map((it) => it.entry) };
  };

  /** One holder per door, one door per holder, nothing held by what has ended, no PIN of it left. */
  const consistent = (cloud: Cloud): void => {
    for (const it of cloud.world.transactions.values()) {
      expect(cloud.heldDoors(it.id)).toEqual(hasEnded(it.state) ? [] : [it.door]);
      if (hasEnded(it.state)) expect(it.credentials.filter((each) => each.locked)).toEqual([]);
    }
    const locked = [...cloud.world.transactions.values()].flatMap((it) => it.credentials.filter((each) => each.locked));
    expect(locked.map((it) => it.id).toSorted()).toEqual([...cloud.locks].toSorted());
  };

  it('each door has one holder, nothing is held by what has ended, and no PIN outlives it', () => {
    fc.assert(
      fc.property(everything, (it) => void play(it)),
      { numRuns: 1_000 },
    );
  });

  it('the door is known as it was last seen', () => {
    fc.assert(
      fc.property(everything, (it) => {
        const { cloud, last } = play(it);
        const { doorState, contents } = cloud.compartment('1');
        if (last)
          expect({ door: doorState, contents }).toMatchObject({ door: 'closed', contents: last.after.contents });
      }),
      { numRuns: 1_000 },
    );
  });

  it('an item inside is somebody’s, and one that was taken out is nobody’s any more', () => {
    fc.assert(
      fc.property(everything, (it) => {
        const { cloud, entries } = play(it);
        const { state, depositedAt, pickedUpAt } = cloud.transaction(of);
        const happened = (step: string, contents: string) =>
          entries.some(
            (entry: DoorEntry) =>
              entry.type === 'door.closed' && isStep(entry, step) && entry.after.contents === contents,
          );
        if (happened('pickup', 'empty'))
          expect({ state, depositedAt, pickedUpAt }).toEqual({
            state: 'completed',
            depositedAt: minutes(3),
            pickedUpAt: minutes(5),
          });
        else if (happened('deposit', 'filled')) {
          expect(['stored', 'recall_due']).toContain(state);
          expect(cloud.compartment('1').heldBy).toBe(of);
        } else expect(depositedAt).toBeNull();
      }),
      { numRuns: 1_000 },
    );
  });
});

const isStep = (entry: DoorEntry, step: string): boolean =>
  entry.cause !== null && 'step' in entry.cause && entry.cause.step === step;
