import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { Made } from '../../local/api-client.ts';
import { CompartmentView } from '../../shared/api/banks.ts';
import { invariantsHold } from '../support/invariants.ts';
import { type LockBoardBank, newLockBoardBank } from '../support/lock-boards.ts';
import { becomes, createParcel, doorOf, pinFor } from '../support/parcel.ts';
import { eventually, newTenant, type Tenant } from '../support/stack.ts';

const Command = z.object({ id: z.string(), state: z.string(), notAfter: z.string() });

let tenant: Tenant;
let bank: LockBoardBank;

beforeAll(async () => {
  tenant = await newTenant();
  bank = await newLockBoardBank(tenant, { doors: 3 });
});

const compartment = (door: string) => tenant.api.get(`/v1/banks/${bank.id}/compartments/${door}`, CompartmentView);
const commandIs = (id: string, state: string) =>
  eventually(async () => expect(await tenant.api.get(`/v1/commands/${id}`, Command)).toMatchObject({ state }));
const order = (door: string) => tenant.api.post('/v1/commands', { bankId: bank.id, door, reason: 'cleaning' }, Made);

describe('a bank whose locks a vendor drives', () => {
  it('takes a parcel in and gives it out, by codes that are typed there', async () => {
    const parcel = await createParcel(tenant, bank);
    const door = doorOf(parcel);

    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({ granted: true, door });
    await bank.panel.fill(door);
    await becomes(tenant, parcel.id, 'stored');

    // The cloud tells the same again and late, and some of it not at all.
    await bank.fault({ duplicate: 1, delayMs: 200, blank: 0.2 });
    expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ granted: true, door });
    await bank.panel.clear(door);
    await bank.fault({ duplicate: 0, delayMs: 0, blank: 0 });
    await bank.snapshot();
    const completed = await becomes(tenant, parcel.id, 'completed');
    expect(completed.flags).toEqual([]);
    expect(completed.credentials.map((it) => it.state)).toEqual(['used', 'used']);

    const { data } = await tenant.api.get(
      `/v1/transactions/${parcel.id}/events`,
      z.object({ data: z.array(Envelope), nextCursor: z.null() }),
    );
    expect(data.map((it) => it.type).filter((it) => it !== 'transaction.updated')).toEqual([
      'transaction.created',
      'transaction.reserved',
      'transaction.deposited',
      'transaction.picked_up',
      'transaction.completed',
    ]);
    await eventually(async () =>
      expect(await compartment(door)).toMatchObject({ heldBy: null, doorState: 'closed', contents: 'empty' }),
    );
  });

  it('opens for staff, though its cloud fails at first', async () => {
    await bank.fault({ refuse: 1 });
    const { id } = await order('2');
    await commandIs(id, 'opened');
    await bank.panel.door('2', { door: 'closed' });
    await commandIs(id, 'closed');

    // The answer is lost; that it opened is told all the same, and it is not opened again.
    await bank.fault({ silent: 1 });
    const again = await order('2');
    await commandIs(again.id, 'opened');
    await bank.panel.door('2', { door: 'closed' });
    await commandIs(again.id, 'closed');
    const openings = (await bank.openings()).map(({ ref }) => ref);
    expect(openings.slice(-2)).toEqual([id, again.id]);
  });

  it('says that a door was forced', async () => {
    await bank.panel.door('3', { force: true });
    await eventually(async () => expect(await compartment('3')).toMatchObject({ doorState: 'open' }));
    await bank.panel.door('3', { door: 'closed' });
    await eventually(async () => expect(await compartment('3')).toMatchObject({ doorState: 'closed' }));
  });

  it('opened for its commands only, each once and in time, and keeps what holds of every bank', async () => {
    const openings = await bank.openings();
    for (const { door, at, ref } of openings.filter((it) => it.ref !== null)) {
      const shape = Command.extend({ bankId: z.string(), door: z.string() });
      const command = await tenant.api.get(`/v1/commands/${ref}`, shape);
      expect(command).toMatchObject({ bankId: bank.id, door });
      expect(at).toBeLessThan(Date.parse(command.notAfter));
    }
    const refs = openings.flatMap(({ ref }) => ref ?? []);
    expect(new Set(refs).size).toBe(refs.length);
    expect(openings.filter(({ ref }) => ref === null).map(({ door }) => door)).toEqual(['3']);
    await invariantsHold({ tenants: [tenant], banks: [], quiet: true });
  });
});
