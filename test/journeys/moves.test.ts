import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { CompartmentView } from '../../shared/api/banks.ts';
import type { TransactionView } from '../../shared/api/transactions.ts';
import { invariantsHold } from '../support/invariants.ts';
import { type People, peopleAt, pinOf } from '../support/people.ts';
import { type Bank, eventually, newBank, newTenant, ordinaryDoors, type Tenant } from '../support/stack.ts';

let tenant: Tenant;
let bank: Bank;
let people: People;

beforeAll(async () => {
  tenant = await newTenant();
  // In two shadows, so that a move goes from one to the other.
  bank = await newBank(tenant, { doors: ordinaryDoors(10) });
  people = peopleAt(tenant, bank);
});

const compartment = (door: string) => tenant.api.get(`/v1/banks/${bank.id}/compartments/${door}`, CompartmentView);
const holds = () => invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
const otherDoor = ({ door }: TransactionView, nth = 0): string =>
  ['1', '10', '5'].filter((it) => it !== door)[nth] ?? '';
/** Waits until it is told so of the move. */
const seen = (it: TransactionView, move: object | null): Promise<TransactionView> =>
  eventually(async () => {
    const now = await people.read(it);
    if (move === null) expect(now.move ?? null).toBeNull();
    else expect(now.move).toMatchObject(move);
    return now;
  });

/** A parcel that its courier has put in, and the one to whom it is sent has the PIN of. */
const delivered = async (): Promise<TransactionView> => {
  const parcel = await people.begin('parcel');
  await people.atBank(parcel);
  await people.putIn(parcel);
  await people.becomes(parcel, 'stored');
  return parcel;
};
const enter = (pin: string) => bank.panel.enter(pin);

describe('a parcel whose door has to be mended', () => {
  it('is carried to another by staff, with the network down, and collected there with the same PIN', async () => {
    const parcel = await delivered();
    const [from, to] = [parcel.door ?? '', otherDoor(parcel)];
    const move = await people.act(parcel, 'move', { door: to, reason: 'the hinge is loose' });
    expect(move).toMatchObject({
      state: 'stored',
      door: from,
      flags: ['moving'],
      move: { stage: 'planned', from, to, by: { type: 'api_key', id: tenant.apiKeyId } },
    });
    await people.atBank(parcel);
    await eventually(async () => {
      // Both doors know: the old one keeps the recipient out, the new one waits for the old.
      expect(await enter(pinOf(parcel, 'pickup'))).toMatchObject({ granted: false, reason: 'moving' });
      expect(await enter(pinOf(move, 'put_in'))).toMatchObject({ granted: false, reason: 'too_early' });
    });
    await bank.panel.link({ online: false });

    expect(await enter(pinOf(move, 'take_out'))).toMatchObject({ granted: true, door: from });
    // The phone rings; nothing was taken out.
    await bank.panel.door(from, { door: 'closed' });
    expect(await enter(pinOf(move, 'put_in'))).toMatchObject({ granted: false, reason: 'too_early' });
    expect(await enter(pinOf(move, 'take_out'))).toMatchObject({ granted: true, door: from });
    await bank.panel.clear(from);
    expect(await enter(pinOf(parcel, 'pickup'))).toMatchObject({ granted: false });
    expect(await enter(pinOf(move, 'put_in'))).toMatchObject({ granted: true, door: to });
    await bank.panel.fill(to);
    expect(await enter(pinOf(parcel, 'pickup'))).toMatchObject({ granted: true, door: to });
    await bank.panel.clear(to);

    await bank.panel.link({ online: true });
    const done = await people.becomes(parcel, 'completed');
    expect(done).toMatchObject({ door: to, flags: [], move: null });
    for (const door of [from, to])
      expect(await compartment(door)).toMatchObject({ heldBy: null, availability: 'available' });
    await holds();
  });
});

describe('a move that stops half-way', () => {
  it('is seen, and brought to an end by somebody else at another door', async () => {
    const parcel = await delivered();
    const [from, jammed, to] = [parcel.door ?? '', otherDoor(parcel), otherDoor(parcel, 1)];
    const move = await people.act(parcel, 'move', { door: jammed, reason: 'too high for the recipient' });
    await people.atBank(parcel);
    await eventually(async () => expect(await enter(pinOf(move, 'take_out'))).toMatchObject({ granted: true }));
    await bank.panel.clear(from);
    await seen(parcel, { stage: 'carrying', from, to: jammed });
    expect(await compartment(from)).toMatchObject({ heldBy: null, availability: 'available' });
    await expect(people.act(parcel, 'cancel-move', { reason: 'never mind' })).rejects.toThrow(
      `the item is out of door ${from}`,
    );

    await bank.panel.door(jammed, { lock: 'jammed' });
    await people.atBank(parcel);
    expect(await enter(pinOf(move, 'put_in'))).toMatchObject({ granted: false, reason: 'compartment_faulty' });
    const redirected = await people.act(parcel, 'move', { door: to, reason: 'that door does not open' });
    expect(redirected).toMatchObject({ door: to, move: { stage: 'carrying', to } });
    await people.atBank(parcel);
    await eventually(async () => expect(await enter(pinOf(move, 'put_in'))).toMatchObject({ granted: true, door: to }));
    await bank.panel.fill(to);
    const moved = await seen(parcel, null);
    expect(moved).toMatchObject({ state: 'stored', door: to, flags: [] });
    await people.atBank(parcel);
    await eventually(async () =>
      expect(await enter(pinOf(parcel, 'pickup'))).toMatchObject({ granted: true, door: to }),
    );
    await bank.panel.clear(to);
    await people.becomes(parcel, 'completed');
    // It is offered again once it has opened: the next ones need it.
    await bank.panel.door(jammed, { lock: 'ok' });
    await tenant.api.post(
      '/v1/commands',
      { bankId: bank.id, door: jammed, reason: 'mended' },
      z.object({ id: z.string() }),
    );
    await eventually(async () => expect((await bank.panel.state()).doors[jammed]?.door).toBe('open'));
    await bank.panel.clear(jammed);
    await eventually(async () => expect((await compartment(jammed)).availability).toBe('available'));
    await holds();
  });

  it('was never begun, and is over by itself: its recipient collects it where it was', async () => {
    const parcel = await delivered();
    const [from, to] = [parcel.door ?? '', otherDoor(parcel, 1)];
    const moveBy = new Date(Date.now() + 5_000).toISOString();
    await people.act(parcel, 'move', { door: to, reason: 'to make room', moveBy });
    await seen(parcel, null);
    expect(await compartment(to)).toMatchObject({ heldBy: null });
    await people.atBank(parcel);
    await people.takeOut(parcel);
    expect((await people.becomes(parcel, 'completed')).door).toBe(from);
    await holds();
  });

  it('was called off while its bank was offline, and carried out all the same: it is where it was put', async () => {
    const parcel = await delivered();
    const [from, to] = [parcel.door ?? '', otherDoor(parcel, 1)];
    const move = await people.act(parcel, 'move', { door: to, reason: 'to make room' });
    await people.atBank(parcel);
    await eventually(async () =>
      expect(await enter(pinOf(move, 'put_in'))).toMatchObject({ granted: false, reason: 'too_early' }),
    );
    await bank.panel.link({ online: false });
    await people.act(parcel, 'cancel-move', { reason: 'not needed any more' });
    expect(await enter(pinOf(move, 'take_out'))).toMatchObject({ granted: true, door: from });
    await bank.panel.clear(from);
    expect(await enter(pinOf(move, 'put_in'))).toMatchObject({ granted: true, door: to });
    await bank.panel.fill(to);
    await bank.panel.link({ online: true });
    const there = await eventually(async () => {
      const now = await people.read(parcel);
      expect(now).toMatchObject({ state: 'stored', door: to, flags: ['late'], move: null });
      return now;
    });
    await people.atBank(there);
    await eventually(async () =>
      expect(await enter(pinOf(parcel, 'pickup'))).toMatchObject({ granted: true, door: to }),
    );
    await bank.panel.clear(to);
    await people.becomes(parcel, 'completed');
    await holds();
  });
});
