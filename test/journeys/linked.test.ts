import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { latchwork, orThrow } from '../../client/index.ts';
import { Envelope } from '../../events/envelope.ts';
import { LinkView } from '../../shared/api/links.ts';
import { invariantsHold } from '../support/invariants.ts';
import {
  becomes,
  createParcel,
  deposit,
  knownAtBank,
  Parcel,
  parcelFor,
  pickUp,
  readParcel,
} from '../support/parcel.ts';
import { type Bank, eventually, newBank, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

let tenant: Tenant;
/** Each at a site of its own. */
let town: Bank;
let village: Bank;

beforeAll(async () => {
  tenant = await newTenant();
  [town, village] = await Promise.all([newBank(tenant, { doors: 3 }), newBank(tenant, { doors: 1 })]);
});

const holds = () => invariantsHold({ tenants: [tenant], banks: [town, village], quiet: true });

/** Of simulated banks, as all are here. */
const read = (kind: string, id: string): Promise<LinkView> =>
  tenant.api.get(`/v1/links/${kind}/${id}?livemode=false`, LinkView);
const place = (kind: string, id: string, part: number, count = 2) => ({ link: { kind, id, part, of: count } });
const patch = (id: string, link: unknown) => tenant.api.request('PATCH', `/v1/transactions/${id}`, { body: { link } });
const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();

/** Somebody puts it in, somebody takes it out. */
const passThrough = async (bank: Bank, parcel: Parcel): Promise<void> => {
  await knownAtBank(tenant, parcel.id);
  await deposit(bank, parcel);
  await becomes(tenant, parcel.id, 'stored');
  await pickUp(bank, parcel);
  await becomes(tenant, parcel.id, 'completed');
};

describe('a hand-over between two sites', () => {
  it('is read as one: while the second bank is full, on its way, and when it has arrived', async () => {
    const receiver = await newReceiver();
    const endpoint = z.object({ secret: z.string() });
    receiver.verifyWith((await tenant.api.post('/v1/webhook-endpoints', { url: receiver.url }, endpoint)).secret);
    const id = randomUUID();
    const inTheWay = await createParcel(tenant, village);
    const first = await createParcel(tenant, town, place('handover', id, 1));
    const second = await tenant.api.post(
      '/v1/transactions',
      parcelFor(village, { ...place('handover', id, 2), waitUntil: tomorrow() }),
      Parcel,
    );
    expect(await read('handover', id)).toMatchObject({
      state: 'pending',
      missing: [],
      parts: [
        { id: first.id, state: 'reserved' },
        { id: second.id, state: 'created' },
      ],
    });

    await passThrough(town, first);
    expect(await read('handover', id)).toMatchObject({ state: 'in_transit', attention: [] });
    await tenant.api.post(`/v1/transactions/${inTheWay.id}/cancel`, {}, Parcel);
    const arriving = await becomes(tenant, second.id, 'reserved');
    // Nobody was told the values of what was made while nobody asked.
    const known = await Promise.all(
      arriving.credentials.map((it) =>
        tenant.api.post(`/v1/transactions/${second.id}/credentials/${it.id}/resend`, {}, Parcel),
      ),
    );
    const credentials = known.flatMap((it) => it.credentials.filter(({ value }) => value !== undefined));
    await passThrough(village, { ...arriving, credentials });
    expect(await read('handover', id)).toMatchObject({ state: 'complete', missing: [], attention: [] });

    await eventually(async () => {
      const heard = (await receiver.received()).map(({ body }) => Envelope.parse(JSON.parse(body)));
      const types = (part: Parcel) => heard.filter(({ subject }) => subject === part.id);
      for (const [part, nth] of [[first, 1] as const, [second, 2] as const]) {
        expect(types(part).map(({ type }) => type)).toContain('transaction.completed');
        expect(types(part).map(({ data }) => data.link)).toEqual(
          types(part).map(() => place('handover', id, nth).link),
        );
      }
    });
    await holds();
  });
});

describe('the parts of an order in several doors', () => {
  it('are not complete before the last part was created, and name the one that went wrong', async () => {
    const id = randomUUID();
    const first = await createParcel(tenant, town, place('order', id, 1));
    expect(await read('order', id)).toMatchObject({ of: 2, missing: [2], state: 'pending' });
    await passThrough(town, first);
    expect(await read('order', id)).toMatchObject({ missing: [2], state: 'under_way' });
    const second = await createParcel(tenant, town, place('order', id, 2));
    await tenant.api.post(`/v1/transactions/${second.id}/cancel`, {}, Parcel);
    expect(await read('order', id)).toMatchObject({
      state: 'incomplete',
      attention: [{ part: 2, transactionId: second.id, because: ['cancelled'] }],
    });

    // Another takes the place of what was cancelled, once that has left it.
    const taken = await tenant.api.request('POST', '/v1/transactions', {
      body: parcelFor(town, place('order', id, 2)),
    });
    expect(taken).toMatchObject({ status: 409, body: { code: 'conflict', existing: second.id } });
    expect(await patch(second.id, null)).toMatchObject({ status: 200, body: { state: 'cancelled', link: null } });
    const instead = await createParcel(tenant, town, place('order', id, 2));
    expect(await read('order', id)).toMatchObject({
      state: 'under_way',
      parts: [{ id: first.id }, { id: instead.id }],
    });
    await tenant.api.post(`/v1/transactions/${instead.id}/cancel`, {}, Parcel);
    await holds();
  });

  it('are linked later as well; of those who want one place at the same moment, one gets it', async () => {
    const id = randomUUID();
    const parcels = await Promise.all([1, 2].map(() => createParcel(tenant, town)));
    const answers = await Promise.all(parcels.map((it) => patch(it.id, place('order', id, 1).link)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const [winner, loser] = parcels.toSorted((a) => (answers[parcels.indexOf(a)]?.status === 200 ? -1 : 1));
    const refused = answers.find(({ status }) => status === 409);
    expect(refused?.body).toMatchObject({ code: 'conflict', existing: winner?.id });
    expect(await readParcel(tenant, loser?.id ?? '')).not.toHaveProperty('link');

    expect(await patch(loser?.id ?? '', place('order', id, 2).link)).toMatchObject({ status: 200 });
    // The same again, and another number of parts: its place stays.
    expect(await patch(loser?.id ?? '', place('order', id, 2, 3).link)).toMatchObject({ status: 200 });
    expect(await read('order', id)).toMatchObject({
      of: 3,
      missing: [3],
      parts: [{ id: winner?.id }, { id: loser?.id }],
    });
    await Promise.all(parcels.map((it) => tenant.api.post(`/v1/transactions/${it.id}/cancel`, {}, Parcel)));
    await holds();
  });
});

describe('what is linked at real banks', () => {
  it('is another link than one of the same name in the sandbox, and not for a test key', async () => {
    const real = await newBank(tenant, { simulated: false });
    const live = latchwork({ baseUrl: stack.apiUrl, apiKey: tenant.apiKey });
    const scopes = ['transactions:read' as const, 'transactions:write' as const];
    const { key = '' } = await orThrow(
      live.POST('/v1/api-keys', { body: { name: 'Sandbox', mode: 'test', scopes: [...scopes] } }),
    );
    const test = latchwork({ baseUrl: stack.apiUrl, apiKey: key });
    const linkId = randomUUID();
    const at = { params: { path: { kind: 'order' as const, linkId } } };
    const inEarnest = await createParcel(tenant, real, place('order', linkId, 1));
    await expect(orThrow(test.GET('/v1/links/{kind}/{linkId}', at))).rejects.toMatchObject({ code: 'not_found' });
    const tried = await createParcel(tenant, town, place('order', linkId, 1));
    expect(await orThrow(test.GET('/v1/links/{kind}/{linkId}', at))).toMatchObject({
      livemode: false,
      parts: [{ id: tried.id }],
    });
    expect(await orThrow(live.GET('/v1/links/{kind}/{linkId}', at))).toMatchObject({
      livemode: true,
      parts: [{ id: inEarnest.id }],
    });
    const both = [inEarnest, tried].map((it) => tenant.api.post(`/v1/transactions/${it.id}/cancel`, {}, Parcel));
    await Promise.all(both);
    await invariantsHold({ tenants: [tenant], banks: [town, village, real], quiet: true });
  });
});
