import { describe, expect, it } from 'vitest';
import type { ClimateEntry } from '#shared/device/journal.ts';
import { changed, outOfServiceSince } from '#shared/domain/compartment.ts';
import { type Fault, faults } from '#shared/domain/faults.ts';
import { epochMs } from '#shared/domain/time.ts';
import { anAsset, Cloud, doorOf, Journal, minutes, startedAt } from './cloud-and-bank.ts';

const of = 'txn_1';
const byStaff = { commandId: 'cmd_1' };
const types = (cloud: Cloud): string[] => cloud.ofDoors.map(({ type }) => type);

const cloudOf = (...doors: string[]): Cloud => new Cloud(doors.map((door) => doorOf(door)));

/** A parcel reserved in a cloud of these doors, at the door that it was given. */
const reservedIn = (...doors: string[]) => {
  const cloud = cloudOf(...doors);
  cloud.reserve(of);
  const door = cloud.transaction(of).door ?? '';
  const journal = new Journal();
  const store = () =>
    cloud.learn(journal.opened('deposit', of, door, minutes(2)), journal.deposited(of, door, minutes(3)));
  const jam = (cause: Parameters<Journal['entry']>[3]['cause'] = null) =>
    journal.entry('lock.jammed', door, { lock: 'jammed' }, { of, cause, at: minutes(5) });
  return { cloud, journal, door, store, jam };
};

const climate = (type: ClimateEntry['type'], more: Partial<ClimateEntry> = {}): ClimateEntry => ({
  seq: 20,
  type,
  door: '1',
  at: epochMs(minutes(9)),
  transactionId: null,
  temperatureC: 11,
  minC: 0,
  maxC: 8,
  since: epochMs(minutes(4)),
  extremeC: 12,
  ...more,
});

describe('what a door tells of its compartment', () => {
  it.each([
    ['lock.jammed', { lock: 'jammed' }, ['lock_jammed', 'out_of_service']],
    ['lock.jammed', { lock: 'jammed', door: 'ajar' }, ['not_closing', 'out_of_service']],
    ['door.forced', { door: 'open' }, ['forced_open']],
    ['door.ajar', { door: 'ajar' }, ['left_ajar']],
    ['door.closed', { contents: 'filled' }, ['contents_mismatched']],
    ['contents.changed', { contents: 'filled' }, ['contents_mismatched']],
    ['contents.changed', { contents: 'unknown' }, []],
    ['door.opened', { door: 'open' }, []],
    ['door.opened', { door: 'open', contents: 'filled' }, []],
    ['door.closed', {}, []],
  ] as const)('%s with %o is %o', (type, after, told) => {
    const cloud = cloudOf('1');
    cloud.learn(new Journal().entry(type, '1', after, { of: null, cause: null }));
    expect(types(cloud)).toEqual(told);
    const isOut = told.some((it) => it === 'out_of_service');
    expect(cloud.compartment('1').outOfService).toBe(isOut ? told[0] : null);
  });

  it.each(Object.entries(faults))('of %s in words of its own', (fault, { tells }) => {
    expect(tells).toBe(`compartment.${fault}`);
  });
});

describe('a sensor that contradicts what is believed', () => {
  it('is told when a stored item is gone and nobody took it', () => {
    const { cloud, journal, door, store } = reservedIn('1');
    store();
    cloud.learn(journal.entry('contents.changed', door, { contents: 'empty' }, { of, cause: null, at: minutes(5) }));
    expect(cloud.ofDoors).toMatchObject([
      { door, type: 'contents_mismatched', data: { expected: 'filled', found: 'empty' } },
    ]);
    expect(cloud.transaction(of)).toMatchObject({ state: 'stored', flags: ['disputed'] });
  });

  it('is told when an asset has left its door without a loan', () => {
    const cloud = cloudOf('1');
    const home = changed(cloud.compartment('1'), { heldBy: anAsset.id, contents: 'filled' }, true);
    cloud.world.compartments.set('1', home);
    cloud.learn(new Journal().entry('door.closed', '1', { contents: 'empty' }, { of: null, cause: null }));
    expect(types(cloud)).toEqual(['contents_mismatched']);
  });

  it('is not told of what a step at the door explains, nor twice of the same', () => {
    const { cloud, journal, door, store } = reservedIn('1');
    store();
    cloud.learn(journal.pickedUp(of, door, minutes(5)));
    const filled = () =>
      journal.entry('door.closed', door, { contents: 'filled' }, { of: null, cause: null, at: minutes(6) });
    cloud.learn(filled());
    cloud.learn(filled());
    expect(types(cloud)).toEqual(['contents_mismatched']);
    expect(cloud.compartment(door).availability).toBe('needs_clearing');
  });

  it('is not told of goods in stock, of which their own event tells', () => {
    const cloud = cloudOf('1');
    cloud.stock('stk_1', '1');
    cloud.learn(new Journal().entry('door.closed', '1', { contents: 'empty' }, { of: null, cause: null }));
    expect(types(cloud)).toEqual([]);
    expect(cloud.eventsOf('stk_1')).toContain('missing');
  });
});

describe('a compartment that fails', () => {
  it('gives a reservation another door that fits, and is offered to nobody', () => {
    const { cloud, door, jam } = reservedIn('1', '2');
    cloud.learn(jam({ grantId: 'txn_1_d', step: 'deposit' }));
    const moved = cloud.transaction(of);
    expect(moved).toMatchObject({ state: 'reserved', flags: [] });
    expect(moved.door).not.toBe(door);
    expect(cloud.heldDoors(of)).toEqual([moved.door]);
    expect(cloud.events.at(-1)).toMatchObject({
      type: 'transaction.moved',
      data: { fromDoor: door, reason: 'compartment_faulty', changesGrants: true },
    });
    expect(cloud.compartment(door)).toMatchObject({ heldBy: null, availability: 'out_of_service' });
    expect(cloud.reserve('txn_2')).toBe(false);
  });

  it('flags the reservation where no other fits, which can go on if the lock does', () => {
    const { cloud, journal, door, store, jam } = reservedIn('1');
    cloud.learn(jam());
    cloud.learn(jam());
    expect(cloud.transaction(of)).toMatchObject({ state: 'reserved', door, flags: ['compartment_faulty'] });
    expect(cloud.eventsOf(of).filter((it) => it === 'compartment_failed')).toHaveLength(1);
    store();
    cloud.learn(journal.pickedUp(of, door, minutes(6)));
    expect(cloud.transaction(of).state).toBe('completed');
    expect(cloud.compartment(door)).toMatchObject({ availability: 'out_of_service', outOfService: 'lock_jammed' });
  });

  it('flags the transaction whose item is locked in', () => {
    const { cloud, store, jam, door } = reservedIn('1', '2');
    store();
    cloud.learn(jam({ grantId: 'txn_1_p', step: 'pickup' }));
    expect(cloud.transaction(of)).toMatchObject({ state: 'stored', door, flags: ['compartment_faulty'] });
    expect(cloud.compartment(door)).toMatchObject({ availability: 'occupied', outOfService: 'lock_jammed' });
  });

  it('keeps its reservation where something may be inside a door that does not close', () => {
    const { cloud, journal, door } = reservedIn('1', '2');
    const cause = { grantId: 'txn_1_d', step: 'deposit' as const };
    cloud.learn(
      journal.entry('lock.jammed', door, { door: 'ajar', contents: 'filled', lock: 'jammed' }, { of, cause }),
    );
    expect(cloud.transaction(of)).toMatchObject({ door, flags: ['compartment_faulty'] });
  });

  it('stays in service where the lock worked again before we learned that it had not', () => {
    const { cloud, journal, jam, door } = reservedIn('1', '2');
    const failed = jam({ grantId: 'txn_1_d', step: 'deposit' });
    cloud.learn(failed, journal.opened('deposit', of, door, minutes(6)), journal.deposited(of, door, minutes(7)));
    expect(types(cloud)).toEqual(['lock_jammed']);
    expect(cloud.transaction(of)).toMatchObject({ state: 'stored', door, flags: [] });
    expect(cloud.compartment(door).outOfService).toBeNull();
  });

  it('changes nothing by an entry that is older than what is known', () => {
    const { cloud, journal, jam, door } = reservedIn('1', '2');
    const failed = jam();
    cloud.learn(journal.entry('door.closed', door, {}, { of: null, cause: null, at: minutes(6) }));
    cloud.learn(failed);
    expect(types(cloud)).toEqual(['lock_jammed']);
    expect(cloud.compartment(door).outOfService).toBeNull();
  });

  it('keeps the reason that staff gave before', () => {
    const { cloud, jam, door } = reservedIn('1');
    const before = changed(cloud.compartment(door), outOfServiceSince('hinge broken', startedAt), false);
    cloud.world.compartments.set(door, before);
    cloud.learn(jam());
    expect(types(cloud)).toEqual(['lock_jammed']);
    expect(cloud.compartment(door)).toMatchObject({ outOfService: 'hinge broken', outOfServiceAt: epochMs(startedAt) });
  });
});

describe('a compartment that failed', () => {
  const outcome = (reason: Fault | 'hinge broken', cause: Parameters<Journal['entry']>[3]['cause']) => {
    const cloud = cloudOf('1');
    cloud.world.compartments.set('1', changed(cloud.compartment('1'), outOfServiceSince(reason, startedAt), false));
    cloud.learn(new Journal().entry('door.closed', '1', {}, { of: null, cause }));
    return { said: types(cloud), availability: cloud.compartment('1').availability };
  };

  it.each(['lock_jammed', 'not_closing'] as const)('with %s is back in service once it obeyed a command', (reason) => {
    expect(outcome(reason, byStaff)).toEqual({ said: ['returned_to_service'], availability: 'available' });
  });

  it.each([
    ['by somebody with a key', 'lock_jammed', null],
    ['by somebody with a PIN', 'lock_jammed', { grantId: 'crd_1', step: 'pickup' }],
    ['by a command, for another reason', 'hinge broken', byStaff],
    ['by a command, while it is too warm', 'temperature_out_of_range', byStaff],
  ] as const)('stays out of service when it was opened %s', (_, reason, cause) => {
    expect(outcome(reason, cause)).toEqual({ said: [], availability: 'out_of_service' });
  });
});

describe('a temperature out of its range', () => {
  it('takes the compartment out of service, and ties the excursion to the item inside', () => {
    const { cloud, store, door } = reservedIn('1', '2');
    store();
    cloud.learnOfClimate('jnl_1', climate('temperature.left_range', { door, transactionId: of }));
    cloud.learnOfClimate('jnl_1', climate('temperature.back_in_range', { seq: 21, door, temperatureC: 6 }));
    const since = minutes(4);
    expect(cloud.ofDoors).toMatchObject([
      { type: 'temperature_out_of_range', data: { temperatureC: 11, since, transactionId: of } },
      { type: 'out_of_service', data: { reason: 'temperature_out_of_range' } },
      { type: 'temperature_in_range', data: { temperatureC: 6, seconds: 300, extremeC: 12, transactionId: of } },
    ]);
    expect(cloud.transaction(of)).toMatchObject({ state: 'stored', door, flags: ['thermal_excursion'] });
    expect(cloud.events.slice(-2)).toMatchObject([
      { type: 'transaction.excursion_began', data: { temperatureC: 11, minC: 0, maxC: 8, since } },
      { type: 'transaction.excursion_ended', data: { seconds: 300, extremeC: 12 } },
    ]);
    // Whether it cools as it should, somebody has to say.
    expect(cloud.compartment(door)).toMatchObject({ outOfService: 'temperature_out_of_range' });
    expect(cloud.compartment(door).outsideSince).toBeUndefined();
  });

  it('gives what is not inside yet another door', () => {
    const { cloud, door } = reservedIn('1', '2');
    cloud.learnOfClimate('jnl_1', climate('temperature.left_range', { door, transactionId: of }));
    expect(cloud.transaction(of)).toMatchObject({ state: 'reserved', flags: [] });
    expect(cloud.transaction(of).door).not.toBe(door);
    expect(cloud.compartment(door)).toMatchObject({ heldBy: null, availability: 'out_of_service' });
  });

  it('is over, even if that it began is learned of later', () => {
    const { cloud, store, door } = reservedIn('1');
    store();
    cloud.learnOfClimate('jnl_1', climate('temperature.back_in_range', { seq: 21, door, temperatureC: 6 }));
    cloud.learnOfClimate('jnl_1', climate('temperature.left_range', { seq: 20, door }));
    expect(cloud.compartment(door)).toMatchObject({ outOfService: null });
    expect(cloud.compartment(door).outsideSince).toBeUndefined();
    expect(cloud.transaction(of).flags).toEqual(['thermal_excursion']);
  });

  it('touches nothing that has ended', () => {
    const { cloud, journal, store, door } = reservedIn('1');
    store();
    cloud.learn(journal.pickedUp(of, door, minutes(5)));
    cloud.learnOfClimate('jnl_1', climate('temperature.left_range', { door, transactionId: of }));
    expect(cloud.transaction(of)).toMatchObject({ state: 'completed', flags: [] });
    expect(types(cloud)).toEqual(['temperature_out_of_range', 'out_of_service']);
  });
});
