import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { apiClient } from '../../local/api-client.ts';
import { ApiKeyView } from '../../shared/api/api-keys.ts';
import { CompartmentView } from '../../shared/api/banks.ts';
import { CommandView } from '../../shared/api/commands.ts';
import { invariantsHold } from '../support/invariants.ts';
import {
  becomes,
  createParcel,
  deposit,
  doorOf,
  knownAtBank,
  Parcel,
  parcelFor,
  pickUp,
  pinFor,
  readParcel,
} from '../support/parcel.ts';
import { type Bank, eventually, newBank, newTenant, stack, type Tenant } from '../support/stack.ts';

const act = (tenant: Tenant, id: string, action: string, body: Record<string, unknown> = {}): Promise<Parcel> =>
  tenant.api.post(`/v1/transactions/${id}/${action}`, body, Parcel);

const compartmentOf = (tenant: Tenant, bank: Bank, door: string) =>
  tenant.api.get(`/v1/banks/${bank.id}/compartments/${door}`, CompartmentView);

const EventPage = z.object({ data: z.array(Envelope), nextCursor: z.string().nullable() });

const storedParcel = async (tenant: Tenant, bank: Bank): Promise<Parcel> => {
  const parcel = await createParcel(tenant, bank);
  await knownAtBank(tenant, parcel.id);
  await deposit(bank, parcel);
  await becomes(tenant, parcel.id, 'stored');
  await knownAtBank(tenant, parcel.id);
  return parcel;
};

describe('the sender changes their mind', () => {
  it('before the deposit: the compartment is free and the PINs are dead, at the bank too', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank);
    await knownAtBank(tenant, parcel.id);

    const cancelled = await act(tenant, parcel.id, 'cancel', { reason: 'by_caller' });
    expect(cancelled).toMatchObject({ state: 'cancelled', cancelReason: 'by_caller' });
    expect(cancelled.credentials.map((it) => it.state)).toEqual(['revoked', 'revoked']);
    expect(await compartmentOf(tenant, bank, doorOf(parcel))).toMatchObject({
      heldBy: null,
      availability: 'available',
    });

    await eventually(async () => {
      const { credentials } = await readParcel(tenant, parcel.id);
      expect(credentials.map((it) => it.atBank)).toEqual([true, true]);
    });
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({ granted: false });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it('after the deposit: staff take it out with a PIN of their own, nobody else can', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await storedParcel(tenant, bank);

    const cancelled = await act(tenant, parcel.id, 'cancel');
    expect(cancelled).toMatchObject({ state: 'recall_due', recallCause: 'cancelled' });
    await knownAtBank(tenant, parcel.id);
    expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({
      granted: false,
      reason: 'credential_revoked',
    });

    expect(await bank.panel.enter(pinFor(cancelled, 'recall'))).toMatchObject({ granted: true, door: doorOf(parcel) });
    await bank.panel.clear(doorOf(parcel));
    await becomes(tenant, parcel.id, 'recalled');
    expect(await compartmentOf(tenant, bank, doorOf(parcel))).toMatchObject({
      heldBy: null,
      availability: 'available',
    });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it('too late: what has ended cannot be cancelled, extended, held or resent, and says so', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank);
    await act(tenant, parcel.id, 'cancel');
    const later = new Date(Date.now() + 100 * 3_600_000).toISOString();
    for (const [action, body] of [
      ['cancel', {}],
      ['extend', { pickupBy: later }],
      ['hold', { reason: 'dispute' }],
      ['lift-hold', {}],
      [`credentials/${parcel.credentials[0]?.id}/resend`, {}],
    ] as const) {
      const { status, body: problem } = await tenant.api.request('POST', `/v1/transactions/${parcel.id}/${action}`, {
        body,
      });
      expect([action, status, problem]).toEqual([action, 409, expect.objectContaining({ code: 'invalid_transition' })]);
    }
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});

it('a hold keeps the recipient out and says why, until it is lifted', async () => {
  const tenant = await newTenant();
  const bank = await newBank(tenant, { doors: 1 });
  const parcel = await storedParcel(tenant, bank);

  expect(await act(tenant, parcel.id, 'hold', { reason: 'payment dispute' })).toMatchObject({
    flags: ['held'],
    holdReason: 'payment dispute',
  });
  await knownAtBank(tenant, parcel.id);
  expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ granted: false, reason: 'on_hold' });

  expect(await act(tenant, parcel.id, 'lift-hold')).toMatchObject({ flags: [], holdReason: null });
  await knownAtBank(tenant, parcel.id);
  await pickUp(bank, parcel);
  await becomes(tenant, parcel.id, 'completed');
  await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
});

it('more time is given with later deadlines only, and reaches the bank', async () => {
  const tenant = await newTenant();
  const bank = await newBank(tenant, { doors: 1 });
  const parcel = await createParcel(tenant, bank);
  await knownAtBank(tenant, parcel.id);
  const depositBy = new Date(Date.parse(parcel.deadlines.depositBy) + 3_600_000).toISOString();

  const extended = await act(tenant, parcel.id, 'extend', { reserveUntil: depositBy, depositBy });
  expect(extended.deadlines).toMatchObject({ reserveUntil: depositBy, depositBy });
  expect(extended.credentials[0]?.notAfter).toBe(depositBy);
  await knownAtBank(tenant, parcel.id);

  const refused = await tenant.api.request('POST', `/v1/transactions/${parcel.id}/extend`, {
    body: { depositBy: parcel.deadlines.depositBy },
  });
  expect(refused).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', errors: [{ pointer: '/depositBy' }] },
  });
  await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
});

it('a PIN that is sent again is a new PIN, and the old one is dead', async () => {
  const tenant = await newTenant();
  const bank = await newBank(tenant, { doors: 1 });
  const parcel = await storedParcel(tenant, bank);
  const old = parcel.credentials.find((it) => it.step === 'pickup');

  const resent = await act(tenant, parcel.id, `credentials/${old?.id}/resend`);
  expect(resent.credentials.map((it) => [it.step, it.state])).toEqual([
    ['deposit', 'used'],
    ['pickup', 'superseded'],
    ['pickup', 'active'],
  ]);
  await knownAtBank(tenant, parcel.id);
  expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({
    granted: false,
    reason: 'wrong_credential',
  });
  await pickUp(bank, resent);
  await becomes(tenant, parcel.id, 'completed');
  await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
});

describe('a door command', () => {
  it('opens the door once, and the record says who, why and what came of it', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 2 });
    const command = await tenant.api.post(
      '/v1/commands',
      { bankId: bank.id, door: '2', reason: 'cleaning' },
      CommandView,
    );
    expect(command).toMatchObject({ state: 'queued', door: '2', reason: 'cleaning', transactionId: null });

    await eventually(async () => expect((await bank.panel.state()).doors['2']?.door).toBe('open'));
    await bank.panel.door('2', { door: 'closed' });
    await eventually(async () => {
      expect((await tenant.api.get(`/v1/commands/${command.id}`, CommandView)).state).toBe('closed');
    });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it('waits for no other: while the bank is at one, a second is refused as door_busy', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const order = { bankId: bank.id, door: '1', reason: 'cleaning' };
    const first = await tenant.api.post('/v1/commands', order, CommandView);
    await eventually(async () => {
      expect((await tenant.api.get(`/v1/commands/${first.id}`, CommandView)).state).toMatch(/acknowledged|opened/);
    });
    expect(await tenant.api.request('POST', '/v1/commands', { body: order })).toMatchObject({
      status: 409,
      body: { code: 'door_busy', existing: first.id },
    });
    await bank.panel.door('1', { door: 'closed' });
    await eventually(async () => {
      expect((await tenant.api.get(`/v1/commands/${first.id}`, CommandView)).state).toBe('closed');
    });
    expect(await tenant.api.post('/v1/commands', order, CommandView)).toMatchObject({ state: 'queued' });
    await eventually(async () => expect((await bank.panel.state()).doors['1']?.door).toBe('open'));
    await bank.panel.door('1', { door: 'closed' });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it('takes the place of one that nobody has answered yet', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    await bank.panel.link({ online: false });
    const order = { bankId: bank.id, door: '1', reason: 'cleaning' };
    const first = await tenant.api.post('/v1/commands', order, CommandView);
    const second = await tenant.api.post('/v1/commands', order, CommandView);
    expect((await tenant.api.get(`/v1/commands/${first.id}`, CommandView)).state).toBe('superseded');
    await bank.panel.link({ online: true });
    await eventually(async () => expect((await bank.panel.state()).doors['1']?.door).toBe('open'));
    await bank.panel.door('1', { door: 'closed' });
    await eventually(async () => {
      expect((await tenant.api.get(`/v1/commands/${second.id}`, CommandView)).state).toBe('closed');
      expect((await tenant.api.get(`/v1/commands/${first.id}`, CommandView)).state).toBe('superseded');
    });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it('that lets staff take the item of a stored parcel out completes it, and names the command', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await storedParcel(tenant, bank);
    const command = await tenant.api.post(
      '/v1/commands',
      { bankId: bank.id, door: doorOf(parcel), reason: 'the recipient lost the PIN' },
      CommandView,
    );
    expect(command.transactionId).toBe(parcel.id);
    await eventually(async () => expect((await bank.panel.state()).doors[doorOf(parcel)]?.door).toBe('open'));
    await bank.panel.clear(doorOf(parcel));
    await becomes(tenant, parcel.id, 'completed');
    const { data } = await tenant.api.get(`/v1/transactions/${parcel.id}/events`, EventPage);
    expect(data.at(-1)?.data).toMatchObject({ evidence: { cause: { commandId: command.id } } });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});

it('what happened to a parcel is read in pages, in order, each event once', async () => {
  const tenant = await newTenant();
  const bank = await newBank(tenant, { doors: 1 });
  const parcel = await createParcel(tenant, bank);
  await act(tenant, parcel.id, 'hold', { reason: 'dispute' });
  await act(tenant, parcel.id, 'lift-hold');
  await act(tenant, parcel.id, 'cancel');

  const types: string[] = [];
  let cursor: string | null = null;
  do {
    const page: z.infer<typeof EventPage> = await tenant.api.get(
      `/v1/transactions/${parcel.id}/events?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`,
      EventPage,
    );
    expect(page.data.length).toBeLessThanOrEqual(2);
    types.push(...page.data.map((it) => `${it.sequence} ${it.type}`));
    cursor = page.nextCursor;
  } while (cursor !== null);
  expect(types).toEqual([
    '1 transaction.created',
    '2 transaction.reserved',
    '3 transaction.held',
    '4 transaction.hold_lifted',
    '5 transaction.cancelled',
  ]);
});

describe('a compartment', () => {
  it('that is out of service is not offered, until it is returned', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const path = `/v1/banks/${bank.id}/compartments/1`;
    expect(await tenant.api.patch(path, { outOfService: 'hinge broken' }, CompartmentView)).toMatchObject({
      availability: 'out_of_service',
      outOfService: 'hinge broken',
    });
    expect(await tenant.api.request('POST', '/v1/transactions', { body: parcelFor(bank) })).toMatchObject({
      status: 409,
      body: { code: 'reservation_refused', reason: 'bank_full' },
    });
    await tenant.api.patch(path, { outOfService: null }, CompartmentView);
    expect(await createParcel(tenant, bank)).toMatchObject({ door: '1' });
    await invariantsHold({ tenants: [tenant], banks: [bank] });
  });

  it('is not changed by somebody who read it before another did', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const path = `/v1/banks/${bank.id}/compartments/1`;
    const etag = z.string().parse((await tenant.api.request('GET', path)).headers.get('etag'));
    await tenant.api.patch(path, { outOfService: 'hinge broken' }, CompartmentView, { headers: { 'if-match': etag } });
    expect(
      await tenant.api.request('PATCH', path, { body: { outOfService: null }, headers: { 'if-match': etag } }),
    ).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    await invariantsHold({ tenants: [tenant], banks: [bank] });
  });

  it('is chosen by size, warmth and reach, the smallest first', async () => {
    const tenant = await newTenant();
    const built = { widthMm: 400, heightMm: 400, depthMm: 500, maxMassG: 10_000, bottomMm: 500 };
    const bank = await newBank(tenant, {
      doors: [
        { ...built, door: 'large', thermalClass: 'ambient', heightMm: 900 },
        { ...built, door: 'small', thermalClass: 'ambient' },
        { ...built, door: 'cold', thermalClass: 'refrigerated' },
        { ...built, door: 'high', thermalClass: 'frozen', bottomMm: 2_000 },
      ],
    });
    const item = { lengthMm: 450, widthMm: 350, heightMm: 300 };
    const order = (more: Record<string, unknown>) => createParcel(tenant, bank, { items: [{ ...item, ...more }] });
    expect(await order({})).toMatchObject({ door: 'small' });
    expect(await order({})).toMatchObject({ door: 'large' });
    expect(await order({ thermalClass: 'refrigerated' })).toMatchObject({ door: 'cold' });

    const refusal = async (more: Record<string, unknown>) => {
      const body = parcelFor(bank, { items: [{ ...item, ...more }] });
      return (await tenant.api.request('POST', '/v1/transactions', { body })).body;
    };
    expect(await refusal({ thermalClass: 'frozen' })).toMatchObject({ reason: 'no_accessible_compartment' });
    expect(await refusal({ thermalClass: 'heated' })).toMatchObject({ reason: 'thermal_class_unavailable' });
    expect(await refusal({ lengthMm: 1_000 })).toMatchObject({ reason: 'dimensions_exceeded' });
    expect(await refusal({ massG: 10_001 })).toMatchObject({ reason: 'dimensions_exceeded' });
    await invariantsHold({ tenants: [tenant], banks: [bank] });
  });
});

describe('an API key', () => {
  it('gives no more than its maker has, is listed without its secret, and is revoked', async () => {
    const tenant = await newTenant();
    const made = await tenant.api.post(
      '/v1/api-keys',
      { name: 'reader', scopes: ['transactions:read', 'api-keys:write'] },
      ApiKeyView,
    );
    const reader = apiClient(stack.apiUrl, made.key);
    expect(await reader.request('GET', '/v1/transactions?orderId=none')).toMatchObject({ status: 200 });
    expect(
      await reader.request('POST', '/v1/api-keys', { body: { name: 'more', scopes: ['commands:write'] } }),
    ).toMatchObject({ status: 403, body: { code: 'forbidden' } });

    const list = await tenant.api.request('GET', '/v1/api-keys');
    expect(JSON.stringify(list.body)).toContain(made.id);
    expect(JSON.stringify(list.body)).not.toContain(made.key);

    const revoked = await tenant.api.post(`/v1/api-keys/${made.id}/revoke`, {}, ApiKeyView);
    expect(revoked.revokedAt).not.toBeNull();
  });
});
