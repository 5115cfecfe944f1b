import { GetScheduleCommand } from '@aws-sdk/client-scheduler';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AssetView } from '../../shared/api/assets.ts';
import { CompartmentView } from '../../shared/api/banks.ts';
import { TransactionView } from '../../shared/api/transactions.ts';
import { invariantsHold } from '../support/invariants.ts';
import { anItem } from '../support/parcel.ts';
import { doorOf, type People, peopleAt, pinOf } from '../support/people.ts';
import { aws, type Bank, eventually, newBank, newTenant, ordinaryDoors, type Tenant } from '../support/stack.ts';

let tenant: Tenant;
let bank: Bank;
let people: People;

beforeAll(async () => {
  tenant = await newTenant();
  const ordinary = ordinaryDoors(10);
  bank = await newBank(tenant, {
    doors: ordinary.map((it) => (it.door === '10' ? { ...it, door: 'L', heightMm: 700 } : it)),
  });
  people = peopleAt(tenant, bank);
});

const begin: People['begin'] = (...them) => people.begin(...them);
const act: People['act'] = (...them) => people.act(...them);
const read: People['read'] = (it) => people.read(it);
const becomes: People['becomes'] = (...them) => people.becomes(...them);
const atBank: People['atBank'] = (it) => people.atBank(it);
const putIn: People['putIn'] = (it) => people.putIn(it);
const takeOut: People['takeOut'] = (it) => people.takeOut(it);
const compartment = (door: string) => tenant.api.get(`/v1/banks/${bank.id}/compartments/${door}`, CompartmentView);
const holds = () => invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });

describe('a sale', () => {
  it('is put in by staff, waits until it is paid, is collected, and may be refunded afterwards', async () => {
    const sale = await begin('sale', { payment: { amountMinor: 2_490, currency: 'CHF' }, recipient: { name: 'Ada' } });
    expect(sale.flags).toEqual(['payment_pending']);
    await atBank(sale);
    await putIn(sale);
    await becomes(sale, 'stored');

    expect(await bank.panel.enter(pinOf(sale, 'pickup'))).toMatchObject({ granted: false, reason: 'payment_pending' });
    const paid = await act(sale, 'confirm-payment', { reference: 'pay-77' });
    expect(paid.flags).toEqual([]);
    await atBank(sale);
    await takeOut(sale);
    await becomes(sale, 'completed');

    const refunded = await act(sale, 'refund', { amountMinor: 500, reason: 'a scratch' });
    expect(refunded.charges).toMatchObject([
      { kind: 'refund', amountMinor: 500, reason: 'a scratch', by: tenant.apiKeyId },
    ]);
    await expect(act(sale, 'refund', { amountMinor: 2_000, reason: 'all of it' })).rejects.toThrow('at most 1990');
    await holds();
  });
});

describe('a release', () => {
  it('hands something to a named person, once somebody has seen who they are', async () => {
    const release = await begin('release', { conditions: ['identity'], recipient: { name: 'Grace' } });
    await atBank(release);
    await putIn(release);
    await becomes(release, 'stored');
    expect(await bank.panel.enter(pinOf(release, 'pickup'))).toMatchObject({
      granted: false,
      reason: 'identity_unconfirmed',
      message: 'Please have your identity confirmed first.',
    });
    await act(release, 'confirm', { condition: 'identity', reference: 'desk 3' });
    await atBank(release);
    await takeOut(release);
    await becomes(release, 'completed');
    await holds();
  });
});

describe('a return', () => {
  it('is brought by a customer and fetched by a courier', async () => {
    const back = await begin('return', { parties: { collector: { name: 'Courier 7' } } });
    await atBank(back);
    await putIn(back);
    await becomes(back, 'stored');
    await takeOut(back);
    await becomes(back, 'completed');
    await holds();
  });
});

describe('a rental', () => {
  it('opens again and again until the renter is done, and the door is free for the next', async () => {
    const rental = await begin('rental', { payment: { amountMinor: 600, currency: 'CHF' } });
    expect(rental.credentials).toMatchObject([{ step: 'use', state: 'active' }]);
    await atBank(rental);
    for (const contents of ['filled', 'filled', 'empty'] as const) {
      expect(await bank.panel.enter(pinOf(rental, 'use'))).toMatchObject({ granted: true, door: doorOf(rental) });
      await bank.panel.door(doorOf(rental), { contents, door: 'closed' });
      await becomes(rental, 'in_use');
    }
    // Its end may come before the time by which it had to begin.
    const scheduleOf = (name: string) =>
      aws.scheduler.send(new GetScheduleCommand({ GroupName: 'latchwork-local', Name: `${rental.id}-${name}` }));
    await eventually(() => scheduleOf('useUntil-1'));
    await eventually(() =>
      expect(scheduleOf('reserveUntil-0')).rejects.toMatchObject({ name: 'ResourceNotFoundException' }),
    );
    const later = new Date(Date.now() + 48 * 3_600_000).toISOString();
    const longer = await act(rental, 'extend', { useUntil: later, charge: { amountMinor: 300, currency: 'CHF' } });
    expect(longer).toMatchObject({
      deadlines: { useUntil: later },
      charges: [{ kind: 'extension', amountMinor: 300 }],
    });
    await eventually(async () => expect((await compartment(doorOf(rental))).contents).toBe('empty'));
    const ended = await act(rental, 'complete', { reason: 'the renter is done' });
    expect(ended).toMatchObject({ state: 'completed', credentials: [{ state: 'revoked' }] });
    expect(await compartment(doorOf(rental))).toMatchObject({ heldBy: null, availability: 'available' });
    await eventually(async () =>
      expect(await bank.panel.enter(pinOf(rental, 'use'))).toMatchObject({ granted: false }),
    );
    await holds();
  });

  it('that ends by time with something inside needs clearing before its door is offered', async () => {
    const useUntil = new Date(Date.now() + 6_000).toISOString();
    const rental = await begin('rental', { deadlines: { useUntil } });
    await atBank(rental);
    await bank.panel.enter(pinOf(rental, 'use'));
    await bank.panel.fill(doorOf(rental));
    await becomes(rental, 'in_use');
    const over = await becomes(rental, 'expired');
    expect(over.expiredStage).toBe('use');
    expect(await compartment(doorOf(rental))).toMatchObject({ heldBy: null, availability: 'needs_clearing' });

    const command = await tenant.api.post(
      '/v1/commands',
      { bankId: bank.id, door: doorOf(rental), reason: 'clear what a renter left' },
      z.object({ id: z.string() }),
    );
    await eventually(async () => expect((await bank.panel.state()).doors[doorOf(rental)]?.door).toBe('open'), {
      what: `the command ${command.id} opens`,
    });
    await bank.panel.clear(doorOf(rental));
    await eventually(async () => expect((await compartment(doorOf(rental))).availability).toBe('available'));
    await holds();
  });
});

describe('a loan', () => {
  const Asset = AssetView;
  const assetOf = (id: string) => tenant.api.get(`/v1/assets/${id}`, Asset);

  it('lends a drill, takes it back with the network down, and keeps its history', async () => {
    const drill = await tenant.api.post(
      '/v1/assets',
      { bankId: bank.id, name: 'Cordless drill', externalId: 'INV-0042', item: anItem },
      Asset,
    );
    expect(drill).toMatchObject({ state: 'missing', transactionId: null });
    const lend = (more: Record<string, unknown> = {}) =>
      begin('loan', { assetId: drill.id, items: [], recipient: { name: 'Grace' }, ...more });
    await expect(lend()).rejects.toThrow('the asset is not in its door');

    await tenant.api.post(
      '/v1/commands',
      { bankId: bank.id, door: drill.door, reason: 'put the drill in' },
      z.object({ id: z.string() }),
    );
    await eventually(async () => expect((await bank.panel.state()).doors[drill.door]?.door).toBe('open'));
    await bank.panel.fill(drill.door);
    await eventually(async () => expect((await assetOf(drill.id)).state).toBe('home'));

    const loan = await lend();
    expect(loan).toMatchObject({ door: drill.door, assetId: drill.id, items: [anItem] });
    await expect(lend()).rejects.toThrow(`the asset is promised or lent to ${loan.id}`);
    await atBank(loan);
    await bank.panel.link({ online: false });
    await takeOut(loan);
    expect(await bank.panel.enter(pinOf(loan, 'deposit'))).toMatchObject({ granted: true, door: drill.door });
    await bank.panel.fill(drill.door);
    await bank.panel.link({ online: true });
    const back = await becomes(loan, 'completed');
    expect(back.flags).toEqual([]);
    expect(await assetOf(drill.id)).toMatchObject({ state: 'home', transactionId: null });

    const again = await lend();
    await atBank(again);
    await takeOut(again);
    await becomes(again, 'in_use');
    expect(await assetOf(drill.id)).toMatchObject({ state: 'lent', transactionId: again.id });
    const loans = await tenant.api.get(`/v1/assets/${drill.id}/loans`, z.object({ data: z.array(TransactionView) }));
    expect(loans.data.map(({ id, state }) => [id, state])).toEqual([
      [again.id, 'in_use'],
      [loan.id, 'completed'],
    ]);
    await putIn(again);
    await becomes(again, 'completed');
    await holds();
  });

  it('is overdue in time, stays to be seen, and can be brought back all the same', async () => {
    const lamp = await tenant.api.post('/v1/assets', { bankId: bank.id, name: 'Lamp', item: anItem }, Asset);
    await tenant.api.post(
      '/v1/commands',
      { bankId: bank.id, door: lamp.door, reason: 'put the lamp in' },
      z.object({ id: z.string() }),
    );
    await eventually(async () => expect((await bank.panel.state()).doors[lamp.door]?.door).toBe('open'));
    await bank.panel.fill(lamp.door);
    await eventually(async () => expect((await assetOf(lamp.id)).state).toBe('home'));
    const useUntil = new Date(Date.now() + 7_000).toISOString();
    const loan = await begin('loan', { assetId: lamp.id, items: [], deadlines: { useUntil } });
    await atBank(loan);
    await takeOut(loan);
    await becomes(loan, 'in_use');
    await eventually(async () => expect((await read(loan)).flags).toEqual(['overdue']));
    await putIn(loan);
    expect((await becomes(loan, 'completed')).flags).toEqual([]);

    const retired = await tenant.api.post(`/v1/assets/${lamp.id}/retire`, { reason: 'broken' }, Asset);
    expect(retired).toMatchObject({ state: 'retired', retired: 'broken' });
    expect(await compartment(lamp.door)).toMatchObject({ heldBy: null, availability: 'needs_clearing' });
    await holds();
  });
});

describe('a parcel', () => {
  const Events = z.object({ data: z.array(z.object({ type: z.string(), data: z.looseObject({}) })) });

  it('from one person to another is put in by the one and taken by the other', async () => {
    const parcel = await begin('parcel', {
      parties: { depositor: { name: 'Grace', email: 'grace@example.org' } },
      recipient: { name: 'Ada', email: 'ada@example.org' },
    });
    expect(parcel.parties).toEqual({ depositor: { name: 'Grace', email: 'grace@example.org' } });
    await atBank(parcel);
    expect(await bank.panel.enter(pinOf(parcel, 'pickup'))).toMatchObject({ granted: false });
    await putIn(parcel);
    await becomes(parcel, 'stored');
    expect(await bank.panel.enter(pinOf(parcel, 'deposit'))).toMatchObject({ granted: false });
    await takeOut(parcel);
    expect(await becomes(parcel, 'completed')).toMatchObject({ parties: parcel.parties });
    await holds();
  });

  it('of several items is behind one door that holds them all, each found by its own id', async () => {
    const items = ['S-1', 'S-2', 'S-3'].map((name, nth) => ({
      ...anItem,
      externalId: `${name}-${tenant.id}`,
      heightMm: 90 + nth,
      thermalClass: 'ambient',
    }));
    const parcel = await begin('parcel', { items });
    expect(parcel.items).toEqual(items);
    await atBank(parcel);
    await putIn(parcel);
    await becomes(parcel, 'stored');
    for (const { externalId } of items)
      await eventually(async () => {
        const path = `/v1/transactions?itemId=${externalId}`;
        const found = await tenant.api.get(path, z.object({ data: z.array(TransactionView) }));
        expect(found.data.map(({ id, door }) => [id, door])).toEqual([[parcel.id, parcel.door]]);
      });
    await takeOut(parcel);
    expect((await becomes(parcel, 'completed')).items).toEqual(items);
    await holds();
  });

  it('that was not put in can still be: the deposit stays open, and is told as failed', async () => {
    const parcel = await begin('parcel');
    await atBank(parcel);
    expect(await bank.panel.enter(pinOf(parcel, 'deposit'))).toMatchObject({ granted: true });
    await bank.panel.clear(doorOf(parcel));
    await eventually(async () => {
      const { data } = await tenant.api.get(`/v1/transactions/${parcel.id}/events`, Events);
      expect(data.at(-1)).toMatchObject({
        type: 'transaction.deposit_failed',
        data: { reason: 'nothing_deposited', state: 'reserved' },
      });
    });
    await putIn(parcel);
    await becomes(parcel, 'stored');
    await takeOut(parcel);
    await becomes(parcel, 'completed');
    await holds();
  });

  it('that does not fit is taken to a larger door by the courier who stands before the open one', async () => {
    const parcel = await begin('parcel');
    await atBank(parcel);
    expect(await bank.panel.enter(pinOf(parcel, 'deposit'))).toMatchObject({ granted: true });
    const moved = await act(parcel, 'move', { reason: 'item_too_big', larger: true });
    expect(moved).toMatchObject({ state: 'reserved', door: 'L' });
    await bank.panel.clear(doorOf(parcel));
    await atBank(parcel);
    const there = { ...moved, credentials: parcel.credentials };
    await putIn(there);
    await becomes(parcel, 'stored');
    await eventually(async () => expect((await compartment(doorOf(parcel))).availability).toBe('available'));
    await takeOut(there);
    await becomes(parcel, 'completed');
    await holds();
  });
});

describe('a loan that is to come back to another door', () => {
  it('gets one that fits, which the asset keeps, if its owner allows it', async () => {
    const register = async (returnsTo: string) => {
      const made = await tenant.api.post(
        '/v1/assets',
        { bankId: bank.id, name: 'Saw', item: anItem, returnsTo },
        AssetView,
      );
      await tenant.api.post(
        '/v1/commands',
        { bankId: bank.id, door: made.door, reason: 'put the saw in' },
        z.object({ id: z.string() }),
      );
      await eventually(async () => expect((await bank.panel.state()).doors[made.door]?.door).toBe('open'));
      await bank.panel.fill(made.door);
      await eventually(async () => expect((await at(made)).state).toBe('home'));
      return made;
    };
    const at = (it: AssetView) => tenant.api.get(`/v1/assets/${it.id}`, AssetView);
    const lend = async (it: AssetView) => {
      const loan = await begin('loan', { assetId: it.id, items: [] });
      await atBank(loan);
      await takeOut(loan);
      await becomes(loan, 'in_use');
      return loan;
    };

    const fixed = await register('own_door');
    const stays = await lend(fixed);
    await expect(act(stays, 'move', { reason: 'worn' })).rejects.toThrow('must be brought back to its own door');
    await putIn(stays);
    await becomes(stays, 'completed');

    const saw = await register('any_door');
    const loan = await lend(saw);
    const moved = await act(loan, 'move', { reason: 'the lock of its door is worn' });
    expect(moved.door).not.toBe(saw.door);
    expect(await compartment(saw.door)).toMatchObject({ heldBy: null, availability: 'available' });
    expect(await at(saw)).toMatchObject({ door: moved.door, state: 'lent', transactionId: loan.id });
    await atBank(loan);
    expect(await bank.panel.enter(pinOf(loan, 'deposit'))).toMatchObject({ granted: true, door: moved.door });
    await bank.panel.fill(doorOf(moved));
    expect((await becomes(loan, 'completed')).flags).toEqual([]);
    expect(await at(saw)).toMatchObject({ door: moved.door, state: 'home', transactionId: null });
    for (const it of [fixed, saw]) await tenant.api.post(`/v1/assets/${it.id}/retire`, { reason: 'sold' }, AssetView);
    await holds();
  });
});

describe('what support can mend', () => {
  it('moves a courier whose parcel does not fit to a larger door, in one call', async () => {
    const parcel = await begin('parcel');
    await atBank(parcel);
    const moved = await act(parcel, 'move', { reason: 'item_too_big', larger: true });
    expect(moved.door).toBe('L');
    expect(await compartment(doorOf(parcel))).toMatchObject({ heldBy: null });
    await atBank(parcel);
    expect(await bank.panel.enter(pinOf(parcel, 'deposit'))).toMatchObject({ granted: true, door: moved.door });
    await bank.panel.fill(doorOf(moved));
    await becomes(parcel, 'stored');
    const recalled = await act(parcel, 'recall', { reason: 'the sender asks for it' });
    expect(recalled).toMatchObject({ state: 'recall_due', recallCause: 'recalled' });
    await atBank(parcel);
    expect(await bank.panel.enter(pinOf(parcel, 'pickup'))).toMatchObject({ granted: false });
    expect(await bank.panel.enter(pinOf(recalled, 'recall'))).toMatchObject({ granted: true });
    await bank.panel.clear(doorOf(moved));
    await becomes(parcel, 'recalled');
    await holds();
  });

  it('changes what is noted, gives a new PIN for one taken back, and flags a dispute', async () => {
    const parcel = await begin('parcel', { recipient: { name: 'Ada' } });
    const changed = await tenant.api.patch(
      `/v1/transactions/${parcel.id}`,
      { recipient: { name: 'Ada Lovelace' }, metadata: { shelf: '7' } },
      TransactionView,
    );
    expect(changed).toMatchObject({ recipient: { name: 'Ada Lovelace' }, metadata: { shelf: '7' }, version: 3 });

    const pickup = parcel.credentials.find(({ step }) => step === 'pickup')?.id ?? '';
    await act(parcel, `credentials/${pickup}/revoke`);
    await expect(act(parcel, 'credentials', { step: 'deposit' })).rejects.toThrow('is live for the step deposit');
    const issued = await act(parcel, 'credentials', { step: 'pickup' });
    expect(issued.credentials.map(({ step, state }) => [step, state])).toEqual([
      ['deposit', 'active'],
      ['pickup', 'revoked'],
      ['pickup', 'issued'],
    ]);
    await atBank(parcel);
    await putIn(parcel);
    await becomes(parcel, 'stored');
    expect(await bank.panel.enter(pinOf(parcel, 'pickup'))).toMatchObject({
      granted: false,
      reason: 'credential_revoked',
    });
    expect((await act(parcel, 'dispute', { reason: 'the recipient says it is empty' })).flags).toEqual(['disputed']);
    await takeOut(issued);
    await becomes(parcel, 'completed');
    await holds();
  });
});
