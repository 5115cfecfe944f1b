import { expect } from 'vitest';
import * as z from 'zod';
import { TransactionView } from '../../shared/api/transactions.ts';
import { Deadlines } from '../../shared/domain/transaction.ts';
import { type Bank, eventually, type Tenant } from './stack.ts';

/** A transaction as an integrator sees it, with the deadlines of a parcel. */
export const Parcel = TransactionView.extend({
  deadlines: Deadlines.required({ depositBy: true, pickupBy: true }),
});
export type Parcel = z.infer<typeof Parcel>;

export const anItem = { lengthMm: 300, widthMm: 200, heightMm: 100, massG: 1_000 };

let count = 0;
/** An order number that no other test has. */
export const newOrder = (): string => `A-${process.pid}-${Date.now()}-${count++}`;

/** The body of a create, for one ordinary parcel. */
export const parcelFor = (bank: Pick<Bank, 'id'>, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  workflow: 'parcel',
  bankId: bank.id,
  externalIds: { order: newOrder() },
  items: [anItem],
  recipient: { name: 'Ada Example' },
  ...more,
});

export const createParcel = (
  tenant: Tenant,
  bank: Pick<Bank, 'id'>,
  more: Record<string, unknown> = {},
): Promise<Parcel> => tenant.api.post('/v1/transactions', parcelFor(bank, more), Parcel);

export const readParcel = (tenant: Tenant, id: string): Promise<Parcel> =>
  tenant.api.get(`/v1/transactions/${id}`, Parcel);

/** The PIN of a step, out of the answer that issued it. */
export const pinFor = (parcel: Parcel, step: 'deposit' | 'pickup' | 'recall'): string =>
  z.string().parse(parcel.credentials.find((it) => it.step === step && it.value !== undefined)?.value);

export const doorOf = (parcel: Parcel): string => z.string().parse(parcel.door);

/** Waits until it is in this state. */
export const becomes = (tenant: Tenant, id: string, state: Parcel['state'], within = 20_000): Promise<Parcel> =>
  eventually(
    async () => {
      const parcel = await readParcel(tenant, id);
      expect(parcel.state).toBe(state);
      return parcel;
    },
    { what: `${id} becomes ${state}`, within },
  );

/** Waits until its bank has applied what the cloud decided of its live credentials. */
export const knownAtBank = (tenant: Tenant, id: string): Promise<Parcel> =>
  eventually(
    async () => {
      const parcel = await readParcel(tenant, id);
      const live = parcel.credentials.filter((it) => it.state === 'active' || it.state === 'issued');
      expect(live.map((it) => it.atBank)).toEqual(live.map(() => true));
      return parcel;
    },
    { what: `the bank knows the credentials of ${id}` },
  );

/** The courier comes: enters the PIN, puts the item in, closes. */
export const deposit = async (bank: Bank, parcel: Parcel): Promise<void> => {
  const entered = await bank.panel.enter(pinFor(parcel, 'deposit'));
  expect(entered).toMatchObject({ granted: true, door: doorOf(parcel) });
  await bank.panel.fill(doorOf(parcel));
};

/** The recipient comes: enters the PIN, takes the item, closes. */
export const pickUp = async (bank: Bank, parcel: Parcel): Promise<void> => {
  const entered = await bank.panel.enter(pinFor(parcel, 'pickup'));
  expect(entered).toMatchObject({ granted: true, door: doorOf(parcel) });
  await bank.panel.clear(doorOf(parcel));
};
