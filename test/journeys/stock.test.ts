import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { CompartmentView } from '../../shared/api/banks.ts';
import { StockUnitView } from '../../shared/api/stock-units.ts';
import { TransactionView } from '../../shared/api/transactions.ts';
import { invariantsHold } from '../support/invariants.ts';
import { anItem } from '../support/parcel.ts';
import { type People, peopleAt, pinOf } from '../support/people.ts';
import { type Bank, eventually, newBank, newTenant, type Tenant } from '../support/stack.ts';

let tenant: Tenant;
let bank: Bank;
let people: People;

beforeAll(async () => {
  tenant = await newTenant();
  bank = await newBank(tenant, { doors: 4 });
  people = peopleAt(tenant, bank);
});

const read = (id: string) => tenant.api.get(`/v1/stock-units/${id}`, StockUnitView);
const is = (id: string, state: StockUnitView['state']) =>
  eventually(
    async () => {
      const unit = await read(id);
      expect(unit.state).toBe(state);
      return unit;
    },
    { what: `${id} is ${state}`, within: 20_000 },
  );
/** Staff have the door opened, do something, and close it. */
const staffAt = async (door: string, leaves: 'fill' | 'clear') => {
  await tenant.api.post('/v1/commands', { bankId: bank.id, door, reason: 'stock' }, z.object({ id: z.string() }));
  await eventually(async () => expect((await bank.panel.state()).doors[door]?.door).toBe('open'));
  await bank.panel[leaves](door);
};
const stocked = async (more: Record<string, unknown> = {}): Promise<StockUnitView> => {
  const unit = await tenant.api.post(
    '/v1/stock-units',
    { sku: 'umbrella', item: anItem, bankId: bank.id, ...more },
    StockUnitView,
  );
  await staffAt(z.string().parse(unit.door), 'fill');
  return is(unit.id, 'in_stock');
};
const buy = (more: Record<string, unknown>) => people.begin('sale', { items: [], conditions: [], ...more });
const compartment = (door: string | null) =>
  tenant.api.get(`/v1/banks/${bank.id}/compartments/${door}`, CompartmentView);
const holds = () => invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });

describe('goods in stock', () => {
  it('lie in a door before anybody buys them, are paid for and taken', async () => {
    const unit = await stocked({ externalIds: { erp: 'L-4711' } });
    const sale = await buy({
      sku: 'umbrella',
      conditions: ['payment'],
      payment: { amountMinor: 1_990, currency: 'CHF' },
    });
    expect(sale).toMatchObject({ state: 'stored', door: unit.door, stockUnitId: unit.id, flags: ['payment_pending'] });
    expect(sale.credentials.map(({ step, state }) => [step, state])).toEqual([['pickup', 'active']]);
    await people.atBank(sale);
    expect(await bank.panel.enter(pinOf(sale, 'pickup'))).toMatchObject({ granted: false, reason: 'payment_pending' });
    await people.act(sale, 'confirm-payment');
    await people.atBank(sale);
    await people.takeOut(sale);
    await people.becomes(sale, 'completed');
    expect(await read(unit.id)).toMatchObject({ state: 'sold', soldBy: sale.id, externalIds: { erp: 'L-4711' } });
    expect(await compartment(unit.door)).toMatchObject({ heldBy: null, availability: 'available' });
    await eventually(async () => {
      const found = await tenant.api.get(
        `/v1/transactions?stockUnitId=${unit.id}`,
        z.object({ data: z.array(TransactionView) }),
      );
      expect(found.data.map(({ id }) => id)).toEqual([sale.id]);
    });
    await holds();
  });

  it('stay where they are when the buyer changes their mind, and go to the next', async () => {
    const unit = await stocked();
    const first = await buy({ stockUnitId: unit.id });
    await people.atBank(first);
    expect(await people.act(first, 'cancel', { reason: 'by_recipient' })).toMatchObject({ state: 'cancelled' });
    expect(await compartment(unit.door)).toMatchObject({ heldBy: unit.id, availability: 'occupied' });
    const next = await buy({ sku: 'umbrella' });
    expect(next.stockUnitId).toBe(unit.id);
    await people.atBank(next);
    expect(await bank.panel.enter(pinOf(first, 'pickup'))).toMatchObject({ granted: false });
    await people.takeOut(next);
    await people.becomes(next, 'completed');
    await holds();
  });

  it('go to as many buyers as there are, each unit once', async () => {
    const units = [await stocked({ sku: 'socks' }), await stocked({ sku: 'socks' })];
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        tenant.api.request('POST', '/v1/transactions', {
          body: { workflow: 'sale', bankId: bank.id, sku: 'socks', conditions: [] },
        }),
      ),
    );
    const sales = answers.filter(({ status }) => status === 201).map(({ body }) => TransactionView.parse(body));
    expect(sales.map(({ stockUnitId }) => stockUnitId).toSorted()).toEqual(units.map(({ id }) => id).toSorted());
    for (const { status, body } of answers.filter((each) => each.status !== 201))
      expect([status, body]).toMatchObject([409, { reason: 'out_of_stock' }]);
    for (const sale of sales) {
      await people.atBank(sale);
      await people.takeOut(sale);
      await people.becomes(sale, 'completed');
    }
    await holds();
  });

  it('that a bank without network handed to a buyer whose sale had been cancelled are theirs', async () => {
    const unit = await stocked();
    const first = await buy({ stockUnitId: unit.id });
    await people.atBank(first);
    await bank.panel.link({ online: false });
    await people.act(first, 'cancel');
    const second = await buy({ stockUnitId: unit.id });
    await people.takeOut(first);
    await bank.panel.link({ online: true });
    expect(await people.becomes(second, 'rejected', 30_000)).toMatchObject({ rejectReason: 'compartment_empty' });
    expect(await people.becomes(first, 'completed')).toMatchObject({ flags: ['late'] });
    expect(await read(unit.id)).toMatchObject({ state: 'sold', soldBy: first.id });
    await holds();
  });

  it('that somebody took without buying them are missing, until they are back', async () => {
    const unit = await stocked();
    await staffAt(z.string().parse(unit.door), 'clear');
    await is(unit.id, 'missing');
    await expect(buy({ stockUnitId: unit.id })).rejects.toThrow('the unit is missing');
    await staffAt(z.string().parse(unit.door), 'fill');
    await is(unit.id, 'in_stock');

    const withdrawn = await tenant.api.post(`/v1/stock-units/${unit.id}/withdraw`, { reason: 'soiled' }, StockUnitView);
    expect(withdrawn.state).toBe('withdrawn');
    expect(await compartment(unit.door)).toMatchObject({ heldBy: null, availability: 'needs_clearing' });
    await staffAt(z.string().parse(unit.door), 'clear');
    await eventually(async () => expect((await compartment(unit.door)).availability).toBe('available'));
    await holds();
  });
});
