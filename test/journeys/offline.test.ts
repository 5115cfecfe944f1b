import { GetThingShadowCommand } from '@aws-sdk/client-iot-data-plane';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { CompartmentView } from '../../shared/api/banks.ts';
import { CommandView } from '../../shared/api/commands.ts';
import { Problem } from '../../shared/api/problem.ts';
import { caughtUp, comesBack, goesOffline, memoryOf, openingsBy } from '../support/bank-memory.ts';
import { invariantsHold } from '../support/invariants.ts';
import {
  becomes,
  createParcel,
  deposit,
  doorOf,
  knownAtBank,
  Parcel,
  parcelFor,
  pickUp,
  pinFor,
  readParcel,
} from '../support/parcel.ts';
import {
  aws,
  type Bank,
  type BankWish,
  eventually,
  newBank,
  newTenant,
  ordinaryDoors,
  type Tenant,
} from '../support/stack.ts';

/*
 * A bank out of reach goes on by itself, and what it did comes to count as it happened. Each scenario has a tenant and a
 * bank of its own, so they are told at the same time: most of each is waiting.
 */

const unhurried = { timeout: 180_000 };

const stage = async (wish: BankWish = {}) => {
  const tenant = await newTenant();
  const bank = await newBank(tenant, wish);
  const quiet = () => invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  return { tenant, bank, quiet };
};

/** A parcel whose credentials its bank knows. */
const arranged = async (tenant: Tenant, bank: Bank, more: Record<string, unknown> = {}): Promise<Parcel> => {
  const parcel = await createParcel(tenant, bank, more);
  await knownAtBank(tenant, parcel.id);
  return parcel;
};

const stored = async (tenant: Tenant, bank: Bank, more: Record<string, unknown> = {}): Promise<Parcel> => {
  const parcel = await arranged(tenant, bank, more);
  await deposit(bank, parcel);
  await becomes(tenant, parcel.id, 'stored');
  return parcel;
};

/** The cloud has written it down for the bank, whether or not that has heard of it. */
const shadowTells = async (bank: Bank, transactionId: string): Promise<void> => {
  const shown = await aws.iotData.send(new GetThingShadowCommand({ thingName: bank.id, shadowName: 'grants-0' }));
  expect(new TextDecoder().decode(shown.payload)).toContain(transactionId);
};

const act = (tenant: Tenant, id: string, action: string, body: Record<string, unknown> = {}): Promise<Parcel> =>
  tenant.api.post(`/v1/transactions/${id}/${action}`, body, Parcel);

const eventsOf = async (tenant: Tenant, id: string): Promise<Envelope[]> => {
  const page = z.object({ data: z.array(Envelope), nextCursor: z.null() });
  return (await tenant.api.get(`/v1/transactions/${id}/events`, page)).data;
};
const typesOf = async (tenant: Tenant, id: string): Promise<string[]> =>
  (await eventsOf(tenant, id)).map((event) => event.type.replace('transaction.', ''));

const compartment = (tenant: Tenant, bank: Bank, door: string) =>
  tenant.api.get(`/v1/banks/${bank.id}/compartments/${door}`, CompartmentView);

const openDoor = (tenant: Tenant, bank: Bank, door: string, more: Record<string, unknown> = {}) =>
  tenant.api.post('/v1/commands', { bankId: bank.id, door, reason: 'a person waits', ...more }, CommandView);

const commandBecomes = (tenant: Tenant, id: string, state: CommandView['state']): Promise<CommandView> =>
  eventually(
    async () => {
      const command = await tenant.api.get(`/v1/commands/${id}`, CommandView);
      expect(command.state).toBe(state);
      return command;
    },
    { what: `${id} becomes ${state}`, within: 30_000 },
  );

/** A PIN that no live credential of the bank has. */
const wrongPin = (...parcels: Parcel[]): string => {
  const right = parcels.flatMap((it) => it.credentials.map((each) => each.value));
  const length = right[0]?.length ?? 6;
  return ['1', '2', '3', '4'].map((digit) => digit.repeat(length)).find((pin) => !right.includes(pin)) ?? '';
};

const secondsFromNow = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();

describe.concurrent('while a bank is offline', unhurried, () => {
  it('a parcel is created for it, and its PINs open once it is back', async () => {
    const { tenant, bank, quiet } = await stage();
    await goesOffline(bank);
    const parcel = await createParcel(tenant, bank);
    expect(parcel.credentials.map((each) => each.atBank)).toEqual([false, false]);
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({
      granted: false,
      reason: 'wrong_credential',
    });
    expect((await readParcel(tenant, parcel.id)).credentials.map((each) => each.atBank)).toEqual([false, false]);

    await comesBack(bank);
    await knownAtBank(tenant, parcel.id);
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');
    await quiet();
  });

  it('a command for it times out, and never opens the door later', async () => {
    const { tenant, bank, quiet } = await stage();
    await goesOffline(bank);
    const late = await openDoor(tenant, bank, '2', { validSeconds: 5 });
    expect(await commandBecomes(tenant, late.id, 'timed_out')).toMatchObject({ outcome: null });

    await comesBack(bank);
    // The next command for that door comes by the same shadow, so when it has opened the first can no longer.
    const next = await openDoor(tenant, bank, '2');
    await commandBecomes(tenant, next.id, 'opened');
    await bank.panel.door('2', { door: 'closed' });
    await commandBecomes(tenant, next.id, 'closed');
    expect(await openingsBy(bank, late.id)).toBe(0);
    expect(await openingsBy(bank, next.id)).toBe(1);
    expect(await tenant.api.get(`/v1/commands/${late.id}`, CommandView)).toMatchObject({ state: 'timed_out' });
    await quiet();
  });

  it('a parcel is deposited and picked up, and counts as it happened', async () => {
    const { tenant, bank, quiet } = await stage();
    const parcel = await arranged(tenant, bank);
    await goesOffline(bank);
    const from = new Date().toISOString();
    expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ reason: 'compartment_empty' });
    await deposit(bank, parcel);
    await pickUp(bank, parcel);
    const to = new Date().toISOString();
    expect(await readParcel(tenant, parcel.id)).toMatchObject({ state: 'reserved' });

    await comesBack(bank);
    const completed = await becomes(tenant, parcel.id, 'completed');
    expect(completed.flags).toEqual([]);
    const events = (await eventsOf(tenant, parcel.id)).slice(2);
    expect(events.map((event) => event.type.replace('transaction.', ''))).toEqual([
      'deposited',
      'picked_up',
      'completed',
    ]);
    // The bank's time may be a second off: the cloud tells it whole seconds.
    const about = (at: string, ms: number) => new Date(Date.parse(at) + ms).toISOString();
    for (const { occurredAt, recordedAt } of events) {
      expect(occurredAt >= about(from, -2_000) && occurredAt <= about(to, 2_000)).toBe(true);
      expect(recordedAt >= to).toBe(true);
    }
    expect(completed.pickedUpAt?.localeCompare(completed.depositedAt ?? '')).toBeGreaterThanOrEqual(0);
    expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ granted: false });
    await quiet();
  });

  it('a pickup before its deadline counts, though the cloud had sent staff by the time it learned of it', async () => {
    const { tenant, bank, quiet } = await stage();
    const soon = secondsFromNow(30);
    const parcel = await stored(tenant, bank, {
      deadlines: { reserveUntil: soon, depositBy: soon, pickupBy: secondsFromNow(35) },
    });
    await goesOffline(bank);
    await pickUp(bank, parcel);
    expect(await becomes(tenant, parcel.id, 'recall_due', 60_000)).toMatchObject({ recallCause: 'pickup_deadline' });

    await comesBack(bank);
    const completed = await becomes(tenant, parcel.id, 'completed');
    expect(completed).toMatchObject({ flags: ['late'] });
    expect((completed.pickedUpAt ?? '9') < completed.deadlines.pickupBy).toBe(true);
    expect(completed.credentials.map((each) => [each.step, each.state])).toEqual([
      ['deposit', 'used'],
      ['pickup', 'used'],
      ['recall', 'revoked'],
    ]);
    const conflict = (await eventsOf(tenant, parcel.id)).find((event) => event.type === 'transaction.conflicted');
    expect(conflict?.data).toMatchObject({ recorded: 'recall_due', happened: 'picked_up' });
    await quiet();
  });

  it('a hold does not reach it: the pickup is accepted, late, and both sides are named', async () => {
    const { tenant, bank, quiet } = await stage();
    const parcel = await stored(tenant, bank);
    await knownAtBank(tenant, parcel.id);
    await goesOffline(bank);
    const held = await act(tenant, parcel.id, 'hold', { reason: 'customs' });
    expect(held.credentials.find((each) => each.step === 'pickup')).toMatchObject({ state: 'active', atBank: false });
    await pickUp(bank, parcel);

    await comesBack(bank);
    expect(await becomes(tenant, parcel.id, 'completed')).toMatchObject({ flags: ['late'], holdReason: null });
    expect((await typesOf(tenant, parcel.id)).slice(-4)).toEqual(['held', 'conflicted', 'picked_up', 'completed']);
    const conflict = (await eventsOf(tenant, parcel.id)).at(-3);
    expect(conflict?.data).toMatchObject({ recorded: 'stored, held', happened: 'picked_up' });
    await quiet();
  });

  it('a hold that did reach it is told to the person at the door, until it is lifted', async () => {
    const { tenant, bank, quiet } = await stage();
    const parcel = await stored(tenant, bank);
    await act(tenant, parcel.id, 'hold', { reason: 'customs' });
    await knownAtBank(tenant, parcel.id);
    await goesOffline(bank);
    expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ granted: false, reason: 'on_hold' });
    await comesBack(bank);
    await act(tenant, parcel.id, 'lift-hold');
    await knownAtBank(tenant, parcel.id);
    await pickUp(bank, parcel);
    expect(await becomes(tenant, parcel.id, 'completed')).toMatchObject({ flags: [] });
    await quiet();
  });
});

describe.concurrent('a deposit that arrives after its cancellation', unhurried, () => {
  /** Cancelled in the cloud; the bank, which does not know, then takes the item in. */
  const depositedLate = async (tenant: Tenant, bank: Bank, meanwhile: () => Promise<Parcel | null>) => {
    const parcel = await arranged(tenant, bank);
    await goesOffline(bank);
    expect(await act(tenant, parcel.id, 'cancel')).toMatchObject({ state: 'cancelled' });
    const other = await meanwhile();
    await deposit(bank, parcel);
    await comesBack(bank);
    const due = await becomes(tenant, parcel.id, 'recall_due');
    expect(due).toMatchObject({ recallCause: 'late_deposit', flags: ['late'], door: parcel.door });
    return { parcel: due, other };
  };

  it('is taken out again by staff with a PIN of their own', async () => {
    const { tenant, bank, quiet } = await stage();
    const { parcel } = await depositedLate(tenant, bank, async () => null);
    const issued = parcel.credentials.find((each) => each.state === 'active');
    expect(issued).toMatchObject({ step: 'recall' });
    const reissued = await act(tenant, parcel.id, `credentials/${issued?.id}/resend`);
    await knownAtBank(tenant, parcel.id);
    const entered = await bank.panel.enter(pinFor(reissued, 'recall'));
    expect(entered).toMatchObject({ granted: true, door: doorOf(parcel) });
    await bank.panel.clear(doorOf(parcel));
    await becomes(tenant, parcel.id, 'recalled');
    expect(await compartment(tenant, bank, doorOf(parcel))).toMatchObject({ heldBy: null, availability: 'available' });
    await quiet();
  });

  it('makes the reservation that got its door move to another, whose PINs open there', async () => {
    const [small, large] = ordinaryDoors(2);
    if (!small || !large) throw new Error('there are two doors');
    const { tenant, bank, quiet } = await stage({ doors: [{ ...small, heightMm: 120 }, large] });
    const { parcel, other } = await depositedLate(tenant, bank, () => createParcel(tenant, bank));
    if (!other) throw new Error('there is another');
    expect([parcel.door, other.door]).toEqual(['1', '1']);
    const moved = await readParcel(tenant, other.id);
    expect(moved).toMatchObject({ state: 'reserved', door: '2' });
    const move = (await eventsOf(tenant, other.id)).at(-1);
    expect(move).toMatchObject({ type: 'transaction.moved', data: { fromDoor: '1', reason: 'compartment_occupied' } });

    await knownAtBank(tenant, other.id);
    expect(await bank.panel.enter(pinFor(other, 'deposit'))).toMatchObject({ granted: true, door: '2' });
    await bank.panel.fill('2');
    await becomes(tenant, other.id, 'stored');
    // Staff by command this time.
    const command = await openDoor(tenant, bank, '1');
    await commandBecomes(tenant, command.id, 'opened');
    await bank.panel.clear('1');
    await becomes(tenant, parcel.id, 'recalled');
    await quiet();
  });

  it('and is already picked up again bothers nobody who got its door', async () => {
    const { tenant, bank, quiet } = await stage({ doors: 1 });
    const parcel = await arranged(tenant, bank);
    await goesOffline(bank);
    await act(tenant, parcel.id, 'cancel');
    const other = await createParcel(tenant, bank);
    await deposit(bank, parcel);
    await pickUp(bank, parcel);
    await comesBack(bank);
    expect(await becomes(tenant, parcel.id, 'completed')).toMatchObject({ flags: ['late'] });
    await knownAtBank(tenant, other.id);
    await deposit(bank, other);
    expect(await becomes(tenant, other.id, 'stored')).toMatchObject({ door: '1', flags: [] });
    await quiet();
  });

  it('ends the reservation that got its door, if there is no other', async () => {
    const { tenant, bank, quiet } = await stage({ doors: 1 });
    const { other } = await depositedLate(tenant, bank, () => createParcel(tenant, bank));
    const rejected = await readParcel(tenant, other?.id ?? '');
    expect(rejected).toMatchObject({ state: 'rejected', rejectReason: 'compartment_occupied', door: null });
    expect(rejected.credentials.map((each) => each.state)).toEqual(['revoked', 'revoked']);
    await quiet();
  });
});

describe.concurrent('a bad link', unhurried, () => {
  it('that delivers everything twice opens a door once for a command', async () => {
    const { tenant, bank, quiet } = await stage();
    await bank.panel.link({ duplicate: 1 });
    const command = await openDoor(tenant, bank, '1');
    await commandBecomes(tenant, command.id, 'opened');
    await bank.panel.door('1', { door: 'closed' });
    await commandBecomes(tenant, command.id, 'closed');
    await caughtUp(bank);
    expect(await openingsBy(bank, command.id)).toBe(1);
    await quiet();
  });

  it('that loses, repeats and reorders loses and repeats nothing of a parcel', async () => {
    const { tenant, bank, quiet } = await stage();
    const parcel = await arranged(tenant, bank);
    await bank.panel.link({ drop: 0.4, duplicate: 0.5, delayMs: 1_500 });
    await deposit(bank, parcel);
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed', 60_000);
    await bank.panel.link({ drop: 0, duplicate: 0, delayMs: 0 });
    await caughtUp(bank);
    const types = await typesOf(tenant, parcel.id);
    for (const type of ['deposited', 'picked_up', 'completed'])
      expect(types.filter((each) => each === type)).toHaveLength(1);
    await quiet();
  });

  it('that loses the grants is made good by asking the cloud about the PIN', async () => {
    const { tenant, bank, quiet } = await stage();
    // Asked about once before, so that the answer does not wait for the function to be started: a person waits five seconds.
    expect(await bank.panel.enter(wrongPin())).toMatchObject({ granted: false, reason: 'wrong_credential' });
    await goesOffline(bank);
    const parcel = await createParcel(tenant, bank);
    // By the time it is back, or a delta would tell it after all.
    await eventually(() => shadowTells(bank, parcel.id), { what: 'its grants are in the shadow' });
    // Connected, but what it asks its shadows for is lost: it will ask again five seconds later.
    await bank.panel.link({ online: true, drop: 1 });
    await eventually(async () => expect((await bank.panel.state()).online).toBe(true));
    await bank.panel.link({ drop: 0 });
    const entered = await bank.panel.enter(pinFor(parcel, 'deposit'));
    expect(entered, JSON.stringify(entered)).toMatchObject({ granted: true, door: doorOf(parcel) });
    await eventually(async () => expect((await bank.panel.state()).doors[doorOf(parcel)]?.door).toBe('open'));
    await bank.panel.fill(doorOf(parcel));
    await becomes(tenant, parcel.id, 'stored');
    const { openings } = await memoryOf(bank);
    expect(openings.map(({ cause }) => Object.keys(cause ?? {}))).toEqual([['commandId']]);

    await knownAtBank(tenant, parcel.id);
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
    await quiet();
  });
});

describe.concurrent('a keypad', unhurried, () => {
  it('is off after five wrong PINs, for the right one too, and on again in time', async () => {
    const { tenant, bank, quiet } = await stage();
    const parcel = await arranged(tenant, bank);
    for (let guess = 0; guess < 5; guess += 1)
      expect(await bank.panel.enter(wrongPin(parcel))).toMatchObject({ granted: false, reason: 'wrong_credential' });
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({
      granted: false,
      reason: 'keypad_locked',
    });
    const Locked = z.object({ keypadLockedUntil: z.iso.datetime().nullable() });
    const until = Locked.parse(await bank.panel.state()).keypadLockedUntil ?? '';
    expect(Date.parse(until) - Date.now()).toBeGreaterThan(40_000);

    // Neither the time nor its clock can be moved for it from outside, which is the point of the lock: a minute is a minute.
    await bank.panel.clock(600_000);
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({ reason: 'keypad_locked' });
    await bank.panel.clock(0);
    await eventually(async () => expect(Locked.parse(await bank.panel.state()).keypadLockedUntil).toBeNull(), {
      what: 'the keypad is on again',
      within: 75_000,
    });
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');
    const denied = (await memoryOf(bank)).entries.filter((entry) => entry.type === 'access.denied');
    expect(denied.map((entry) => entry.reason)).toEqual([
      ...Array(5).fill('wrong_credential'),
      'keypad_locked',
      'keypad_locked',
    ]);
    await quiet();
  });
});

describe.concurrent('a power cut', unhurried, () => {
  const cutPower = async (bank: Bank): Promise<void> => {
    await bank.panel.power(false);
    expect(await bank.panel.enter('123456')).toMatchObject({ granted: false });
    await bank.panel.power(true);
  };

  it('leaves a bank without cloud time and without a battery clock closed to everybody', async () => {
    const { tenant, bank, quiet } = await stage();
    const parcel = await arranged(tenant, bank);
    await goesOffline(bank);
    await cutPower(bank);
    expect(await bank.panel.state()).toMatchObject({ power: true, online: false, timeKnown: false });
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({
      granted: false,
      reason: 'no_cloud_time',
    });

    await comesBack(bank);
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');
    await quiet();
  });

  it('does not stop a bank whose clock runs on a battery', async () => {
    const { tenant, bank, quiet } = await stage({ batteryBackedClock: true });
    const parcel = await arranged(tenant, bank);
    await goesOffline(bank);
    await cutPower(bank);
    expect(await bank.panel.state()).toMatchObject({ timeKnown: false });
    await deposit(bank, parcel);
    await pickUp(bank, parcel);
    await comesBack(bank);
    expect(await becomes(tenant, parcel.id, 'completed')).toMatchObject({ flags: [] });
    await quiet();
  });

  it('takes nothing of what the bank wrote and had not told yet', async () => {
    const { tenant, bank, quiet } = await stage();
    const parcel = await arranged(tenant, bank);
    await goesOffline(bank);
    await deposit(bank, parcel);
    const before = await memoryOf(bank);
    await cutPower(bank);
    const after = await memoryOf(bank);
    expect(after.journalId).toBe(before.journalId);
    expect(after.entries.slice(0, before.entries.length)).toEqual(before.entries);
    expect(after.entries.slice(before.entries.length).map((entry) => entry.type)).toEqual([
      'power.lost',
      'boot',
      'power.restored',
    ]);
    expect(after.entries.map((entry) => entry.seq)).toEqual(after.entries.map((_, nth) => nth + 1));

    await comesBack(bank);
    const claimed = before.entries.findLast((entry) => entry.type === 'door.closed')?.at ?? 0;
    const { depositedAt } = await becomes(tenant, parcel.id, 'stored');
    // As the bank says; its time may be half a second ahead, but nothing is believed to come from our future.
    expect(Math.abs(Date.parse(depositedAt ?? '') - claimed)).toBeLessThan(1_000);
    await knownAtBank(tenant, parcel.id);
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
    await quiet();
  });

  it('in the middle of a deposit leaves it to be seen when the power is back', async () => {
    const { tenant, bank, quiet } = await stage();
    const parcel = await arranged(tenant, bank);
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({ granted: true });
    await bank.panel.power(false);
    await bank.panel.fill(doorOf(parcel));
    await bank.panel.power(true);
    await becomes(tenant, parcel.id, 'stored', 30_000);
    await caughtUp(bank);
    await quiet();
  });
});

describe.concurrent('a jammed lock', unhurried, () => {
  it('fails the command, and the door is offered to nobody until it has opened again', async () => {
    const { tenant, bank, quiet } = await stage({ doors: 1 });
    await bank.panel.door('1', { lock: 'jammed' });
    const jammed = await openDoor(tenant, bank, '1');
    expect(await commandBecomes(tenant, jammed.id, 'failed')).toMatchObject({ outcome: 'lock_jammed' });
    await eventually(async () =>
      expect(await compartment(tenant, bank, '1')).toMatchObject({ availability: 'out_of_service', lock: 'jammed' }),
    );
    const refused = await tenant.api.request('POST', '/v1/transactions', { body: parcelFor(bank) });
    expect(refused.status).toBe(409);
    expect(Problem.parse(refused.body)).toMatchObject({ code: 'reservation_refused', reason: 'bank_full' });

    await bank.panel.door('1', { lock: 'ok' });
    const repaired = await openDoor(tenant, bank, '1');
    await commandBecomes(tenant, repaired.id, 'opened');
    await bank.panel.door('1', { door: 'closed' });
    await commandBecomes(tenant, repaired.id, 'closed');
    await eventually(async () =>
      expect(await compartment(tenant, bank, '1')).toMatchObject({ availability: 'available', lock: 'ok' }),
    );
    await arranged(tenant, bank);
    await quiet();
  });

  it('is told to the person with the right PIN, who can come again', async () => {
    const { tenant, bank, quiet } = await stage({ doors: 1 });
    const parcel = await arranged(tenant, bank);
    await bank.panel.door('1', { lock: 'jammed' });
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({
      granted: false,
      reason: 'compartment_faulty',
    });
    await bank.panel.door('1', { lock: 'ok' });
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');
    await quiet();
  });
});

describe.concurrent('a contents sensor', unhurried, () => {
  it('that is slower than the door still makes one deposit and one pickup', async () => {
    const { tenant, bank, quiet } = await stage({ hardware: { sensorLagMs: 700 } });
    const parcel = await stored(tenant, bank);
    await pickUp(bank, parcel);
    expect(await becomes(tenant, parcel.id, 'completed')).toMatchObject({ flags: [] });
    const types = await typesOf(tenant, parcel.id);
    for (const type of ['deposited', 'picked_up', 'completed'])
      expect(types.filter((each) => each === type)).toHaveLength(1);
    const told = (await memoryOf(bank)).entries.filter((entry) =>
      ['door.closed', 'contents.changed'].includes(entry.type),
    );
    expect(told.map((entry) => entry.type)).toEqual([
      'door.closed',
      'contents.changed',
      'door.closed',
      'contents.changed',
    ]);
    await quiet();
  });

  it('is missed by nobody: what closes is done, and the door is free a while later', async () => {
    const { tenant, bank } = await stage({ doors: 1, hardware: { contentsSensor: false } });
    const parcel = await stored(tenant, bank);
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
    // The recipient may have left something behind, and the same PIN opens again.
    expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ granted: true });
    await bank.panel.door('1', { door: 'closed' });
    const refused = await tenant.api.request('POST', '/v1/transactions', { body: parcelFor(bank) });
    expect(Problem.parse(refused.body)).toMatchObject({ reason: 'bank_full' });
    await caughtUp(bank);
    await invariantsHold({ tenants: [tenant], banks: [bank] });
  });
});

describe.concurrent('a bank whose clock is two minutes off', unhurried, () => {
  it.each([120_000, -120_000])('by %i ms goes by the cloud’s time while it knows it', async (skewMs) => {
    const { tenant, bank, quiet } = await stage();
    await bank.panel.clock(skewMs);
    const from = Date.now();
    const parcel = await stored(tenant, bank);
    await pickUp(bank, parcel);
    const { depositedAt, pickedUpAt } = await becomes(tenant, parcel.id, 'completed');
    for (const at of [depositedAt, pickedUpAt]) {
      expect(Date.parse(at ?? '')).toBeGreaterThan(from - 2_000);
      expect(Date.parse(at ?? '')).toBeLessThan(Date.now() + 2_000);
    }
    await quiet();
  });

  it.each([120_000, -120_000])('by %i ms after a power cut is believed within what can be', async (skewMs) => {
    const { tenant, bank, quiet } = await stage({ batteryBackedClock: true });
    await bank.panel.clock(skewMs);
    const parcel = await arranged(tenant, bank);
    await goesOffline(bank);
    await bank.panel.power(false);
    await bank.panel.power(true);
    await deposit(bank, parcel);
    await comesBack(bank);
    const { depositedAt, createdAt } = await becomes(tenant, parcel.id, 'stored');
    expect(Date.parse(depositedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(createdAt));
    expect(Date.parse(depositedAt ?? '')).toBeLessThanOrEqual(Date.now());
    await knownAtBank(tenant, parcel.id);
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
    await quiet();
  });
});
