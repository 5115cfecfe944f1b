import { expect } from 'vitest';
import * as z from 'zod';
import type { Method } from '../../local/panel.ts';
import { TransactionView } from '../../shared/api/transactions.ts';
import { anItem, newOrder } from './parcel.ts';
import { type Bank, eventually, type Tenant } from './stack.ts';

export const doorOf = (it: TransactionView): string => z.string().parse(it.door);

/** The value of a step's newest credential of a method, out of the answer that issued it. */
export const shownValue = (it: TransactionView, method: Method, step = 'pickup'): string =>
  z
    .string()
    .parse(it.credentials.findLast((c) => c.step === step && c.method === method && c.value !== undefined)?.value);

/** The PIN of a step, out of the newest answer that issued one. */
export const pinOf = (it: TransactionView, step: string): string =>
  z.string().parse(it.credentials.findLast((each) => each.step === step && each.value !== undefined)?.value);

export type People = ReturnType<typeof peopleAt>;

/** What integrators ask for and people do at a bank, in any workflow. */
export const peopleAt = (tenant: Tenant, bank: Bank) => {
  const read = (it: Pick<TransactionView, 'id'>): Promise<TransactionView> =>
    tenant.api.get(`/v1/transactions/${it.id}`, TransactionView);
  const opens = async (it: TransactionView, step: string): Promise<void> =>
    expect(await bank.panel.enter(pinOf(it, step))).toMatchObject({ granted: true, door: doorOf(it) });
  return {
    read,
    begin: (workflow: string, more: Record<string, unknown> = {}): Promise<TransactionView> =>
      tenant.api.post(
        '/v1/transactions',
        { workflow, bankId: bank.id, externalIds: { order: newOrder() }, items: [anItem], ...more },
        TransactionView,
      ),
    act: (it: TransactionView, action: string, body: Record<string, unknown> = {}): Promise<TransactionView> =>
      tenant.api.post(`/v1/transactions/${it.id}/${action}`, body, TransactionView),
    becomes: (it: TransactionView, state: TransactionView['state'], within = 15_000): Promise<TransactionView> =>
      eventually(
        async () => {
          const now = await read(it);
          expect(now.state).toBe(state);
          return now;
        },
        { what: `${it.workflow} ${it.id} becomes ${state}`, within },
      ),
    /** Waits until the bank knows what the cloud decided of its live credentials. */
    atBank: (it: TransactionView, within = 15_000): Promise<void> =>
      eventually(
        async () => {
          const live = (await read(it)).credentials.filter(({ state }) => state === 'active' || state === 'issued');
          expect(live.map((each) => each.atBank)).toEqual(live.map(() => true));
        },
        { what: `the bank knows the credentials of ${it.id}`, within },
      ),
    putIn: async (it: TransactionView): Promise<void> => {
      await opens(it, 'deposit');
      await bank.panel.fill(doorOf(it));
    },
    takeOut: async (it: TransactionView): Promise<void> => {
      await opens(it, 'pickup');
      await bank.panel.clear(doorOf(it));
    },
    /** Opens a rented door and leaves it with that inside. */
    use: async (it: TransactionView, contents: 'filled' | 'empty'): Promise<void> => {
      await opens(it, 'use');
      await bank.panel.door(doorOf(it), { contents, door: 'closed' });
    },
  };
};
