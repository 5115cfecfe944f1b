import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { catalogue } from '../../events/catalogue.ts';
import { Envelope } from '../../events/envelope.ts';
import type { Receiver } from '../../local/receiver.ts';
import { BankHealth, BankView } from '../../shared/api/banks.ts';
import { CommandView } from '../../shared/api/commands.ts';
import { caughtUp, comesBack, goesOffline } from '../support/bank-memory.ts';
import { invariantsHold } from '../support/invariants.ts';
import { anItem, becomes, createParcel, deposit, doorOf, knownAtBank, pickUp, pinFor } from '../support/parcel.ts';
import {
  type Bank,
  eventually,
  newBank,
  newReceiver,
  newTenant,
  ordinaryDoors,
  type Tenant,
} from '../support/stack.ts';

/*
 * One bank, to which everything happens that its operator wants to know of: its link breaks, a lock jams, a fridge
 * warms up, the power fails.
 */

let tenant: Tenant;
let bank: Bank;
let receiver: Receiver;

beforeAll(async () => {
  tenant = await newTenant();
  const [first, second, fridge] = ordinaryDoors(3);
  if (!first || !second || !fridge) throw new Error('three doors are wanted');
  bank = await newBank(tenant, {
    doors: [first, second, { ...fridge, thermalClass: 'refrigerated' }],
    thermalRanges: { refrigerated: { minC: 0, maxC: 8, afterSeconds: 1 } },
    batteryBackedClock: true,
  });
  receiver = await newReceiver();
  const endpoint = z.object({ secret: z.string() });
  receiver.verifyWith((await tenant.api.post('/v1/webhook-endpoints', { url: receiver.url }, endpoint)).secret);
});

/** What the customer was told of the bank and its doors, in the order of each. */
const told = (subject = bank.id): Envelope[] => {
  const all = receiver.received().map(({ body }) => Envelope.parse(JSON.parse(body)));
  const once = new Map(all.map((it) => [it.id, it]));
  return [...once.values()].filter((it) => it.subject === subject).toSorted((a, b) => a.sequence - b.sequence);
};
const typesOf = (subject?: string): string[] => told(subject).map(({ type }) => type);

const health = (query = '') => tenant.api.get(`/v1/banks/${bank.id}/health${query}`, BankHealth());
const healthOf = async (door: string) => (await health()).doors.find((it) => it.door === door);

const bankBecomes = (connectivity: BankView['connectivity']): Promise<BankView> =>
  eventually(
    async () => {
      const view = await tenant.api.get(`/v1/banks/${bank.id}`, BankView);
      expect(view.connectivity).toBe(connectivity);
      return view;
    },
    { what: `the bank is ${connectivity}`, within: 20_000 },
  );

const back = (door: string) =>
  tenant.api.patch(`/v1/banks/${bank.id}/compartments/${door}`, { outOfService: null }, z.unknown());

const staffOpen = async (door: string): Promise<void> => {
  const body = { bankId: bank.id, door, reason: 'the lock was mended' };
  await tenant.api.post('/v1/commands', body, CommandView);
  await eventually(async () => expect((await bank.panel.state()).doors[door]?.door).toBe('open'));
};

describe('the health of a bank', () => {
  it('shows a break of its link, which is told of once it lasts, and its uptime when it is back', async () => {
    await bankBecomes('online');
    const before = Date.now();
    // Shorter than anybody would want to know.
    await goesOffline(bank);
    await comesBack(bank);
    await goesOffline(bank);
    const suspected = await bankBecomes('suspected_offline');
    await bankBecomes('offline');
    // Its doors go on, and nobody refuses a reservation: its PINs open once it knows them.
    const parcel = await createParcel(tenant, bank);
    expect(parcel.credentials.map(({ atBank }) => atBank)).toEqual([false, false]);
    await comesBack(bank);
    await bankBecomes('online');
    await eventually(() =>
      expect(typesOf().filter((type) => /offline|online/.test(type))).toEqual([
        'bank.suspected_offline',
        'bank.offline',
        'bank.online',
      ]),
    );
    const online = catalogue['bank.online'].parse(told().find(({ type }) => type === 'bank.online')?.data);
    expect(online).toMatchObject({ was: 'offline', offlineSince: suspected.connectivitySince });
    // Both, unless the machine was so slow that it was steadily there in between.
    expect([1, 2]).toContain(online.drops);

    const { uptime, outages, connectivity } = await health(`?from=${new Date(before - 60_000).toISOString()}`);
    expect(connectivity).toBe('online');
    expect(uptime).toMatchObject({ outages: 1, downSeconds: online.seconds });
    expect(uptime.share).toBeLessThan(1);
    expect(outages).toMatchObject([
      { door: null, reason: 'offline', startedAt: online.offlineSince, endedAt: online.since },
    ]);

    await knownAtBank(tenant, parcel.id);
    await tenant.api.post(`/v1/transactions/${parcel.id}/cancel`, { reason: 'by_caller' }, z.unknown());
  });

  it('shows a jammed lock: the courier gets another door, and the old one is offered again once staff opened it', async () => {
    const parcel = await createParcel(tenant, bank);
    await knownAtBank(tenant, parcel.id);
    const jammed = doorOf(parcel);
    await bank.panel.door(jammed, { lock: 'jammed' });
    const pin = pinFor(parcel, 'deposit');
    expect(await bank.panel.enter(pin)).toMatchObject({ granted: false, reason: 'compartment_faulty' });
    const moved = await eventually(async () => {
      const it = await knownAtBank(tenant, parcel.id);
      expect(it.door).not.toBe(jammed);
      return it;
    });
    expect(await healthOf(jammed)).toMatchObject({
      availability: 'out_of_service',
      lock: 'jammed',
      outOfService: 'lock_jammed',
    });
    // The same PIN, at the door that is theirs now.
    await deposit(bank, { ...parcel, door: moved.door });
    const stored = await becomes(tenant, parcel.id, 'stored');
    expect(stored.flags).toEqual([]);

    // Whatever staff say, a lock is as its last attempt showed.
    await expect(back(jammed)).rejects.toThrow('its lock is jammed; open it by a command');
    await bank.panel.door(jammed, { lock: 'ok' });
    await staffOpen(jammed);
    await bank.panel.door(jammed, { door: 'closed' });
    await eventually(async () => expect((await healthOf(jammed))?.availability).toBe('available'));
    await eventually(() =>
      expect(typesOf(`${bank.id}/${jammed}`)).toEqual([
        'compartment.lock_jammed',
        'compartment.out_of_service',
        'compartment.returned_to_service',
      ]),
    );
    expect((await health()).outages).toContainEqual(expect.objectContaining({ door: jammed, reason: 'lock_jammed' }));
    await pickUp(bank, { ...parcel, door: moved.door });
    await becomes(tenant, parcel.id, 'completed');
  });

  it('shows a fridge that warms up, and the item inside is flagged with how long and how far', async () => {
    const parcel = await createParcel(tenant, bank, { items: [{ ...anItem, thermalClass: 'refrigerated' }] });
    const fridge = doorOf(parcel);
    await bank.panel.door(fridge, { temperatureC: 4 });
    await knownAtBank(tenant, parcel.id);
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');

    await bank.panel.door(fridge, { temperatureC: 11 });
    await eventually(async () =>
      expect(await healthOf(fridge)).toMatchObject({
        availability: 'occupied',
        outOfService: 'temperature_out_of_range',
        temperatureOutOfRangeSince: expect.any(String),
      }),
    );
    expect((await becomes(tenant, parcel.id, 'stored')).flags).toEqual(['thermal_excursion']);
    await bank.panel.door(fridge, { temperatureC: 13 });
    await bank.panel.door(fridge, { temperatureC: 5 });
    const ended = await eventually(() => {
      const found = told(parcel.id).find(({ type }) => type === 'transaction.excursion_ended');
      return catalogue['transaction.excursion_ended'].parse(found?.data);
    });
    expect(ended).toMatchObject({ minC: 0, maxC: 8, extremeC: 13, temperatureC: 5, door: fridge });
    expect(ended.seconds).toBeGreaterThanOrEqual(1);
    expect(typesOf(`${bank.id}/${fridge}`)).toEqual(
      expect.arrayContaining(['compartment.temperature_out_of_range', 'compartment.out_of_service']),
    );

    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
    expect(await healthOf(fridge)).toMatchObject({ availability: 'out_of_service', temperatureOutOfRangeSince: null });
    await back(fridge);
    expect(await healthOf(fridge)).toMatchObject({ availability: 'available', outOfService: null });
  });

  it('is told of a power cut and of somebody at the controller, and everything holds in the end', async () => {
    await bank.panel.tamper();
    await bank.panel.power(false);
    await bank.panel.power(true);
    await caughtUp(bank);
    await eventually(() =>
      expect(typesOf()).toEqual(expect.arrayContaining(['bank.tampered', 'bank.power_lost', 'bank.power_restored'])),
    );
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});
