import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Answer, Made } from '../../local/api-client.ts';
import { Problem } from '../../shared/api/problem.ts';
import { invariantsHold } from '../support/invariants.ts';
import { becomes, createParcel, deposit, knownAtBank, newOrder, Parcel, parcelFor, pinFor } from '../support/parcel.ts';
import { type Bank, newBank, newTenant, type Tenant } from '../support/stack.ts';

let tenant: Tenant;
let bank: Bank;

beforeAll(async () => {
  tenant = await newTenant();
  bank = await newBank(tenant, { doors: 12 });
});

const holds = () => invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });

const create = (by: Tenant, idempotencyKey: string, body: Record<string, unknown>): Promise<Answer> =>
  by.api.request('POST', '/v1/transactions', { idempotencyKey, body });

const act = (id: string, action: string, idempotencyKey: string, body: Record<string, unknown> = {}): Promise<Answer> =>
  tenant.api.request('POST', `/v1/transactions/${id}/${action}`, { idempotencyKey, body });

const isReplay = ({ headers }: Answer): boolean => headers.get('idempotent-replayed') === 'true';

const takenDoors = async (): Promise<number> => {
  const Doors = z.object({ data: z.array(z.object({ heldBy: z.string().nullable() })) });
  const { data } = await tenant.api.get(`/v1/banks/${bank.id}/compartments`, Doors);
  return data.filter(({ heldBy }) => heldBy !== null).length;
};

describe('an idempotency key', () => {
  it('makes one parcel, and tells all of many callers at once the same', async () => {
    const before = await takenDoors();
    const key = randomUUID();
    const body = parcelFor(bank);
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(tenant, key, body)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(answers.filter((it) => !isReplay(it))).toHaveLength(1);
    const [first] = answers;
    for (const it of answers) expect(it.body).toEqual(first?.body);
    expect(await takenDoors()).toBe(before + 1);
    await holds();
  });

  it('answers later what it answered first, PINs included, whatever happened since', async () => {
    const key = randomUUID();
    const body = parcelFor(bank);
    const first = await create(tenant, key, body);
    const parcel = Parcel.parse(first.body);
    expect(pinFor(parcel, 'deposit')).toMatch(/^\d{6,8}$/);
    await knownAtBank(tenant, parcel.id);
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');

    const again = await create(tenant, key, body);
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(isReplay(again)).toBe(true);
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(pinFor(Parcel.parse(again.body), 'pickup')).toBe(pinFor(parcel, 'pickup'));
    await holds();
  });

  it('is refused with another body, and with another action', async () => {
    const key = randomUUID();
    const body = parcelFor(bank);
    const parcel = Parcel.parse((await create(tenant, key, body)).body);
    for (const answer of [
      await create(tenant, key, parcelFor(bank)),
      await create(tenant, key, { ...body, metadata: { a: 'b' } }),
      await act(parcel.id, 'cancel', key),
    ]) {
      expect(answer).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
      expect(Problem.parse(answer.body).detail).toContain('send a new one');
    }
    expect(await tenant.api.get(`/v1/transactions/${parcel.id}`, Parcel)).toMatchObject({ state: 'reserved' });
    await holds();
  });

  it('lets a repeated cancel say what the first said, and a new cancel be refused', async () => {
    const parcel = await createParcel(tenant, bank);
    const key = randomUUID();
    const first = await act(parcel.id, 'cancel', key);
    expect(first).toMatchObject({ status: 200, body: { state: 'cancelled' } });
    const again = await act(parcel.id, 'cancel', key);
    expect(again).toMatchObject({ status: 200, body: first.body });
    expect(isReplay(again)).toBe(true);
    expect(await act(parcel.id, 'cancel', randomUUID())).toMatchObject({
      status: 409,
      body: { code: 'invalid_transition' },
    });
    expect(await act(parcel.id, 'cancel', key, { reason: 'by_staff' })).toMatchObject({ status: 422 });
    await holds();
  });

  it('cancels once, however many cancel with it at once', async () => {
    const parcel = await createParcel(tenant, bank);
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 10 }, () => act(parcel.id, 'cancel', key)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers.filter((it) => !isReplay(it))).toHaveLength(1);
    for (const it of answers) expect(it.body).toEqual(answers[0]?.body);
    await holds();
  });

  it('replays what is harmless to repeat, too', async () => {
    const parcel = await createParcel(tenant, bank);
    const key = randomUUID();
    const later = { pickupBy: new Date(Date.parse(parcel.deadlines.pickupBy) + 3_600_000).toISOString() };
    const first = await act(parcel.id, 'extend', key, later);
    const again = await act(parcel.id, 'extend', key, later);
    expect(first).toMatchObject({ status: 200, body: { version: 3 } });
    expect(again).toMatchObject({ status: 200, body: first.body });
    expect(isReplay(again)).toBe(true);
    await holds();
  });

  it('is remembered only for effects: what was refused is decided afresh', async () => {
    const key = randomUUID();
    const first = await createParcel(tenant, bank, { externalIds: { order: 'kept-1' } });
    const body = parcelFor(bank, { externalIds: { order: 'kept-1' } });
    expect(await create(tenant, key, body)).toMatchObject({ status: 409 });
    const other = parcelFor(bank);
    const made = await create(tenant, key, other);
    expect(made).toMatchObject({ status: 201 });
    expect(Parcel.parse(made.body).id).not.toBe(first.id);
    await holds();
  });

  it('of another tenant is another key', async () => {
    const neighbour = await newTenant();
    const theirs = await newBank(neighbour, { doors: 1 });
    const key = randomUUID();
    const [ours, others] = [
      await create(tenant, key, parcelFor(bank)),
      await create(neighbour, key, parcelFor(theirs)),
    ];
    expect([ours.status, others.status]).toEqual([201, 201]);
    expect(isReplay(others)).toBe(false);
    expect(Parcel.parse(others.body).bankId).toBe(theirs.id);
    await invariantsHold({ tenants: [tenant, neighbour], banks: [bank, theirs], quiet: true });
  });

  it('guards sites, banks, API keys, endpoints, pings and commands alike', async () => {
    const twice = async (path: string, body: Record<string, unknown>) => {
      const idempotencyKey = randomUUID();
      const first = await tenant.api.request('POST', path, { idempotencyKey, body });
      const again = await tenant.api.request('POST', path, { idempotencyKey, body });
      expect([path, again.status, again.body, isReplay(again)]).toEqual([path, first.status, first.body, true]);
      return Made.parse(first.body).id;
    };
    const siteId = await twice('/v1/sites', { name: 'Twice', timeZone: 'UTC' });
    const layout = [{ door: '1', widthMm: 400, heightMm: 300, depthMm: 500, maxMassG: 1_000 }];
    await twice('/v1/banks', { siteId, name: 'Twice', layout });
    const apiKeyId = await twice('/v1/api-keys', { name: 'Twice', scopes: ['banks:read'] });
    await twice(`/v1/api-keys/${apiKeyId}/revoke`, {});
    const url = 'http://127.0.0.1:9/';
    const endpointId = await twice('/v1/webhook-endpoints', { url, eventTypes: ['bank.registered'] });
    await twice(`/v1/webhook-endpoints/${endpointId}/ping`, {});
    await twice(`/v1/webhook-endpoints/${endpointId}/try`, { eventType: 'bank.registered' });
    const door = bank.doors.at(-1)?.door;
    await twice('/v1/commands', { bankId: bank.id, door, reason: 'twice' });
    await bank.panel.door(String(door), { door: 'closed' });
    await holds();
  });
});

describe('an external id', () => {
  it('belongs to one transaction, which a second create is told', async () => {
    const order = `${newOrder()}#7/8`;
    const existing = await createParcel(tenant, bank, { externalIds: { order, invoice: newOrder() } });
    const again = await create(tenant, randomUUID(), parcelFor(bank, { externalIds: { order } }));
    expect(again).toMatchObject({ status: 409, body: { code: 'already_exists', existing: existing.id } });
    expect(Problem.parse(again.body).detail).toBe(`order ${order} already belongs to ${existing.id}`);
    await holds();
  });

  it('goes to one of two creates at once', async () => {
    const order = newOrder();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => create(tenant, randomUUID(), parcelFor(bank, { externalIds: { order } }))),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409]);
    const { id } = Made.parse(answers.find(({ status }) => status === 201)?.body);
    for (const { status, body } of answers)
      if (status === 409) expect(body).toMatchObject({ code: 'already_exists', existing: id });
    await holds();
  });
});
