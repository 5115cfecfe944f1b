import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Latchwork, latchwork, orThrow } from '../../client/index.ts';
import { Envelope } from '../../events/envelope.ts';
import { invariantsHold } from '../support/invariants.ts';
import { anItem, becomes, deposit, knownAtBank, newOrder, Parcel, pickUp } from '../support/parcel.ts';
import { type Bank, eventually, newBank, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

let tenant: Tenant;
let simulated: Bank;
/** By its registration one of steel. */
let real: { id: string };
let live: Latchwork;
let test: Latchwork;

beforeAll(async () => {
  tenant = await newTenant();
  live = latchwork({ baseUrl: stack.apiUrl, apiKey: tenant.apiKey });
  simulated = await newBank(tenant, { doors: 3 });
  real = await newBank(tenant, { doors: 3, simulated: false });
  const key = await orThrow(
    live.POST('/v1/api-keys', {
      body: {
        name: 'Sandbox',
        mode: 'test',
        scopes: ['transactions:read', 'transactions:write', 'commands:write', 'commands:read', 'banks:read'],
      },
    }),
  );
  expect(key).toMatchObject({ mode: 'test', key: expect.stringMatching(/^lw_test_/) });
  test = latchwork({ baseUrl: stack.apiUrl, apiKey: key.key ?? '' });
});

const parcelAt = (bankId: string, order = newOrder()) => ({
  workflow: 'parcel' as const,
  bankId,
  externalIds: { order },
  items: [anItem],
  recipient: { name: 'Ada Example' },
});
const create = (api: Latchwork, bankId: string, order?: string) =>
  orThrow(api.POST('/v1/transactions', { body: parcelAt(bankId, order) }));
const at = (transactionId: string) => ({ params: { path: { transactionId } } });

describe('a test key', () => {
  it('takes a parcel through a simulated bank, with the events of every parcel, each marked', async () => {
    const receiver = await newReceiver();
    const { secret } = await orThrow(live.POST('/v1/webhook-endpoints', { body: { url: receiver.url } }));
    receiver.verifyWith(secret ?? '');
    const parcel = Parcel.parse(await create(test, simulated.id));
    expect(parcel.livemode).toBe(false);
    await knownAtBank(tenant, parcel.id);
    await deposit(simulated, parcel);
    await becomes(tenant, parcel.id, 'stored');
    await pickUp(simulated, parcel);
    const types = await eventually(async () => {
      const { data } = await orThrow(test.GET('/v1/transactions/{transactionId}/events', at(parcel.id)));
      expect(data.at(-1)?.type).toBe('transaction.completed');
      expect(data.map((it) => it.data.livemode)).toEqual(data.map(() => false));
      return data.map(({ type }) => type);
    });
    // How a door's opening is told depends on how fast somebody closes it.
    expect(types.filter((type) => type !== 'transaction.updated')).toEqual([
      'transaction.created',
      'transaction.reserved',
      'transaction.deposited',
      'transaction.picked_up',
      'transaction.completed',
    ]);
    await eventually(async () => {
      const heard = (await receiver.received()).map(({ body }) => Envelope.parse(JSON.parse(body)));
      const own = heard.filter(({ subject }) => subject === parcel.id);
      expect(own.map(({ data }) => data.livemode)).toEqual(types.map(() => false));
    });
    await invariantsHold({ tenants: [tenant], banks: [simulated], quiet: true });
  });

  it('opens a simulated door', async () => {
    const { id } = await orThrow(
      test.POST('/v1/commands', { body: { bankId: simulated.id, door: '3', reason: 'a try' } }),
    );
    await eventually(async () => {
      const { state, livemode } = await orThrow(
        test.GET('/v1/commands/{commandId}', { params: { path: { commandId: id } } }),
      );
      expect({ state, livemode }).toEqual({ state: 'opened', livemode: false });
    });
    await simulated.panel.door('3', { door: 'closed' });
  });

  it('is refused at a real bank, with its name, and nothing happens there', async () => {
    const refusal = {
      code: 'forbidden',
      problem: { status: 403, detail: `a test key acts on simulated banks only, and ${real.id} is a real one` },
    };
    await expect(create(test, real.id)).rejects.toMatchObject(refusal);
    const command = { bankId: real.id, door: '1', reason: 'a try' };
    await expect(orThrow(test.POST('/v1/commands', { body: command }))).rejects.toMatchObject(refusal);
    const { data } = await orThrow(
      live.GET('/v1/banks/{bankId}/compartments', { params: { path: { bankId: real.id } } }),
    );
    expect(data.map(({ availability, version }) => [availability, version])).toEqual(data.map(() => ['available', 0]));
  });

  it('sees and changes nothing that is about a real door', async () => {
    const order = newOrder();
    const parcel = await create(live, real.id, order);
    expect(parcel.livemode).toBe(true);
    const nothing = { code: 'not_found' };
    await expect(orThrow(test.GET('/v1/transactions/{transactionId}', at(parcel.id)))).rejects.toMatchObject(nothing);
    await expect(orThrow(test.GET('/v1/transactions/{transactionId}', at(`ext:order:${order}`)))).rejects.toMatchObject(
      nothing,
    );
    await expect(orThrow(test.GET('/v1/transactions/{transactionId}/events', at(parcel.id)))).rejects.toMatchObject(
      nothing,
    );
    await expect(
      orThrow(test.POST('/v1/transactions/{transactionId}/cancel', { ...at(parcel.id), body: {} })),
    ).rejects.toMatchObject(nothing);
    const list = await orThrow(test.GET('/v1/transactions', { params: { query: { orderId: order } } }));
    expect(list.data).toEqual([]);
    const command = await orThrow(
      live.POST('/v1/commands', { body: { bankId: real.id, door: '3', reason: 'a check' } }),
    );
    await expect(
      orThrow(test.GET('/v1/commands/{commandId}', { params: { path: { commandId: command.id } } })),
    ).rejects.toMatchObject(nothing);
  });

  it('is not answered what a live key was answered under the same idempotency key', async () => {
    const request = { params: { header: { 'Idempotency-Key': randomUUID() } }, body: parcelAt(simulated.id) };
    await orThrow(live.POST('/v1/transactions', request));
    await expect(orThrow(test.POST('/v1/transactions', request))).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
  });

  it('has no scope that reaches live data', async () => {
    const body = { name: 'Too much', mode: 'test', scopes: ['transactions:read', 'webhooks:write'] } as const;
    await expect(
      orThrow(live.POST('/v1/api-keys', { body: { ...body, scopes: [...body.scopes] } })),
    ).rejects.toMatchObject({
      code: 'invalid_request',
      problem: { errors: [{ pointer: '/scopes' }] },
    });
    await expect(orThrow(test.GET('/v1/webhook-endpoints'))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(orThrow(test.POST('/v1/sites', { body: { name: 'Mine' } }))).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});

it('lets a live key use a simulated bank, as whoever tries out a new site does', async () => {
  expect(await create(live, simulated.id)).toMatchObject({ livemode: false });
});
