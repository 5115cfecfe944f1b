import { beforeAll, describe, expect, it } from 'vitest';
import { apiClient } from '../../local/api-client.ts';
import { ApiKeyView } from '../../shared/api/api-keys.ts';
import { Problem } from '../../shared/api/problem.ts';
import { KeptCancellationView, TransactionView } from '../../shared/api/transactions.ts';
import { invariantsHold } from '../support/invariants.ts';
import { newOrder, parcelFor } from '../support/parcel.ts';
import { type Bank, newBank, newTenant, stack, type Tenant } from '../support/stack.ts';

let tenant: Tenant;
let bank: Bank;

/** A system with a key of its own, bound to it. */
const system = async (name: string) => {
  const { key } = await tenant.api.post(
    '/v1/api-keys',
    { name, system: name, scopes: ['transactions:read', 'transactions:write'] },
    ApiKeyView,
  );
  return apiClient(stack.apiUrl, key);
};
type System = Awaited<ReturnType<typeof system>>;

const refused = async (api: System, path: string, body: Record<string, unknown>, method = 'POST') => {
  const answer = await api.request(method, path, { body });
  return { status: answer.status, code: Problem.parse(answer.body).code };
};

let shop: System;
let carrier: System;

beforeAll(async () => {
  tenant = await newTenant();
  bank = await newBank(tenant, { doors: 4 });
  [shop, carrier] = await Promise.all([system('shop'), system('carrier')]);
});

describe('a transaction that belongs to a system', () => {
  it('may be read by others of the tenant, and changed by its owner alone', async () => {
    const made = await shop.post('/v1/transactions', parcelFor(bank), TransactionView);
    expect(made.source).toEqual({ system: 'shop', version: 0 });
    const path = `/v1/transactions/${made.id}`;
    expect((await carrier.get(path, TransactionView)).id).toBe(made.id);
    expect(await refused(carrier, `${path}/hold`, { reason: 'x' })).toEqual({ status: 403, code: 'not_owner' });
    expect(await refused(carrier, path, { metadata: { a: 'b' } }, 'PATCH')).toEqual({ status: 403, code: 'not_owner' });
    expect(await refused(carrier, `${path}/cancel`, { source: { system: 'shop', version: 9 } })).toEqual({
      status: 403,
      code: 'not_owner',
    });
    await shop.post(`${path}/hold`, { reason: 'customs' }, TransactionView);
    // The tenant's own key is bound to no system: its people may always help.
    expect((await tenant.api.post(`${path}/lift-hold`, {}, TransactionView)).flags).toEqual([]);
  });

  it('takes from its owner only what is not older than what was applied', async () => {
    const source = (version: number) => ({ source: { system: 'shop', version } });
    const made = await shop.post('/v1/transactions', { ...parcelFor(bank), ...source(3) }, TransactionView);
    const path = `/v1/transactions/${made.id}`;
    const patch = (version: number, note: string) =>
      shop.request('PATCH', path, { body: { metadata: { note }, ...source(version) } });
    expect((await patch(5, 'five')).status).toBe(200);
    const late = await patch(4, 'four');
    expect({ status: late.status, code: Problem.parse(late.body).code }).toEqual({ status: 409, code: 'stale_source' });
    expect(await shop.get(path, TransactionView)).toMatchObject({
      metadata: { note: 'five' },
      source: { system: 'shop', version: 5 },
    });
  });

  it('that was cancelled before it was told of is cancelled from the first moment, and takes no door', async () => {
    const order = newOrder();
    const cancel = `/v1/transactions/ext:order:${order}/cancel`;
    const kept = await shop.post(cancel, { source: { system: 'shop', version: 2 } }, KeptCancellationView());
    expect(kept).toMatchObject({ kept: true, externalIds: { order } });
    await shop.post(cancel, { source: { system: 'shop', version: 2 } }, KeptCancellationView());
    const made = await shop.post(
      '/v1/transactions',
      { ...parcelFor(bank), externalIds: { order }, source: { system: 'shop', version: 1 } },
      TransactionView,
    );
    expect(made).toMatchObject({ state: 'cancelled', door: null, credentials: [], version: 2 });
    expect((await shop.get(`/v1/transactions/ext:order:${order}`, TransactionView)).state).toBe('cancelled');
    // Without a source, what is not there is a mistake.
    expect(await refused(tenant.api, `/v1/transactions/ext:order:${newOrder()}/cancel`, {})).toEqual({
      status: 404,
      code: 'not_found',
    });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});
