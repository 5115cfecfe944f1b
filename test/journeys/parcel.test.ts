import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { CompartmentView } from '../../shared/api/banks.ts';
import { becomes, createParcel, deposit, doorOf, knownAtBank, pickUp, pinFor, readParcel } from '../support/parcel.ts';
import { newBank, newTenant } from '../support/stack.ts';

describe('a parcel', () => {
  it('is reserved, deposited by the courier and picked up by the recipient', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 3 });

    const parcel = await createParcel(tenant, bank);
    expect(parcel).toMatchObject({ state: 'reserved', version: 2, bankId: bank.id });
    expect(parcel.credentials.map((it) => [it.step, it.state])).toEqual([
      ['deposit', 'active'],
      ['pickup', 'issued'],
    ]);
    await knownAtBank(tenant, parcel.id);

    expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({
      granted: false,
      reason: 'compartment_empty',
    });
    await deposit(bank, parcel);
    const stored = await becomes(tenant, parcel.id, 'stored');
    expect(stored.credentials.map((it) => [it.step, it.state])).toEqual([
      ['deposit', 'used'],
      ['pickup', 'active'],
    ]);
    expect(stored.credentials.every((it) => it.value === undefined)).toBe(true);

    await pickUp(bank, parcel);
    const completed = await becomes(tenant, parcel.id, 'completed');
    expect(completed.credentials.map((it) => it.state)).toEqual(['used', 'used']);

    const compartment = await tenant.api.get(`/v1/banks/${bank.id}/compartments/${doorOf(parcel)}`, CompartmentView);
    expect(compartment).toMatchObject({
      heldBy: null,
      availability: 'available',
      doorState: 'closed',
      contents: 'empty',
    });
    expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ granted: false });

    const { data } = await tenant.api.get(
      `/v1/transactions/${parcel.id}/events`,
      z.object({ data: z.array(Envelope), nextCursor: z.null() }),
    );
    expect(data.map((it) => it.type)).toEqual([
      'transaction.created',
      'transaction.reserved',
      'transaction.deposited',
      'transaction.picked_up',
      'transaction.completed',
    ]);
    expect(data.map((it) => it.sequence)).toEqual([1, 2, 3, 4, 5]);
  });

  it('is found by the order id of the one who sent it', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank, { externalIds: { order: 'A-1001' } });
    const list = z.object({ data: z.array(z.object({ id: z.string() })), nextCursor: z.null() });
    expect(await tenant.api.get('/v1/transactions?orderId=A-1001', list)).toMatchObject({ data: [{ id: parcel.id }] });
    expect(await tenant.api.get('/v1/transactions?orderId=A-1002', list)).toMatchObject({ data: [] });
    expect(await readParcel(tenant, 'ext:order:A-1001')).toMatchObject({ id: parcel.id });
  });
});
