import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changed, newCompartment } from '#shared/domain/compartment.ts';
import { giveWaySoftly } from '#shared/domain/lifecycle.ts';
import { mergeDoorEntry } from '#shared/domain/merge.ts';
import { anItem, bankOf, doorOf, freshFor, hours, minutes, reserved, startedAt } from '../domain/cloud-and-bank.ts';
import { inTurns } from '../support/turns.ts';
import { bankWithLine, doors } from '../support/waiting-table.ts';

const soft = { reservation: 'soft' };
const large = { items: [{ ...anItem, lengthMm: 500, widthMm: 400, heightMm: 400 }] };

describe('a hard request at a full bank', () => {
  it('has the oldest soft reservation give way, which is told why, and nobody knows its PINs any more', async () => {
    const bank = await bankWithLine(doors(3));
    const hard = await bank.create();
    bank.at(minutes(1));
    const older = await bank.create(soft);
    bank.at(minutes(2));
    const newer = await bank.create(soft);
    expect(older).toMatchObject({ state: 'reserved', reservation: 'soft' });
    expect(await bank.check()).toMatchObject({ outcome: 'reserved', door: older.door, candidates: 2 });
    const made = await bank.create();
    expect(made).toMatchObject({ state: 'reserved', reservation: 'hard', door: older.door });
    expect(made.assignment).toMatchObject({ candidates: 2, reason: 'a soft reservation gave way' });
    const gaveWay = await bank.read(older.id);
    expect(gaveWay).toMatchObject({ state: 'rejected', rejectReason: 'reclaimed', door: null, version: 3 });
    expect(gaveWay.credentials.map(({ state }) => state)).toEqual(['revoked', 'revoked']);
    expect(bank.rows().filter(({ SK }) => SK.startsWith('P#'))).toHaveLength(3 * 2);
    for (const { id } of [hard, newer]) expect(await bank.read(id)).toMatchObject({ state: 'reserved', version: 2 });
  });

  it('has it move instead, if it fits elsewhere, with the credentials that it has', async () => {
    const bank = await bankWithLine(bankOf([doorOf('1'), doorOf('2', { heightMm: 600 })]));
    const first = await bank.create();
    const moves = await bank.create(soft);
    expect(moves.door).toBe('2');
    await bank.cancel(first.id);
    expect(await bank.create(large)).toMatchObject({ state: 'reserved', door: '2' });
    const moved = await bank.read(moves.id);
    expect(moved).toMatchObject({ state: 'reserved', door: '1', version: 3 });
    expect(moved.credentials.map(({ id }) => id)).toEqual(moves.credentials.map(({ id }) => id));
    expect(bank.holders().map(([, id]) => id)).toContain(moves.id);
  });

  it('leaves it where it is, if it was cancelled before it was made', async () => {
    const bank = await bankWithLine(doors(1));
    const stays = await bank.create(soft);
    await bank.cancelAhead('shop', 'A-1');
    expect(await bank.create({ externalIds: { shop: 'A-1' } })).toMatchObject({ state: 'cancelled', door: null });
    expect(await bank.read(stays.id)).toMatchObject({ state: 'reserved', door: stays.door, version: 2 });
  });

  it('is preferred to waiting', async () => {
    const bank = await bankWithLine(doors(1));
    await bank.create(soft);
    expect(await bank.create({ waitUntil: hours(4) })).toMatchObject({ state: 'reserved' });
    expect(bank.line()).toEqual([]);
  });

  it('is refused where only hard ones are', async () => {
    const bank = await bankWithLine(doors(1));
    await bank.create();
    await expect(bank.create()).rejects.toMatchObject({ reason: 'bank_full' });
  });
});

describe('a soft reservation that is moved', () => {
  it('is soft at its new door as well, whoever moved it', async () => {
    const bank = await bankWithLine(bankOf([doorOf('1'), doorOf('2')]));
    const made = await bank.create(soft);
    const moved = await bank.move(made.id, {});
    expect(moved.door).not.toBe(made.door);
    await bank.create();
    expect(await bank.create()).toMatchObject({ state: 'reserved', door: moved.door });
    expect(await bank.read(made.id)).toMatchObject({ state: 'rejected', rejectReason: 'reclaimed' });
  });
});

describe('a soft request', () => {
  it('takes nothing from anybody', async () => {
    const bank = await bankWithLine(doors(1));
    await bank.create(soft);
    await expect(bank.create(soft)).rejects.toMatchObject({ reason: 'bank_full' });
    expect(await bank.check(soft)).toMatchObject({ outcome: 'refused', refusal: 'bank_full' });
  });
});

describe('a soft reservation whose depositor has begun', () => {
  const begun = { ...reserved('txn_1', '1', { reservation: 'soft' }), depositStartedAt: minutes(1) };

  it('stays', () => {
    expect(giveWaySoftly(begun, undefined, minutes(2))).toBeNull();
    expect(giveWaySoftly({ ...begun, depositStartedAt: null }, undefined, minutes(2))).not.toBeNull();
  });

  it('holds its door no longer softly, as soon as the journal says that it was opened', () => {
    const held = changed(newCompartment('1'), { heldBy: 'txn_1', soft: 1 }, false);
    const compartments = new Map([['1', held]]);
    const entry = {
      type: 'door.opened' as const,
      seq: 1,
      at: Date.parse(minutes(1)),
      door: '1',
      after: { door: 'open' as const, contents: 'empty' as const, lock: 'ok' as const },
      transactionId: 'txn_1',
      version: 2,
      cause: null,
    };
    const world = {
      bank: bankOf([doorOf('1')]),
      compartments,
      transactions: new Map([['txn_1', reserved('txn_1', '1', { reservation: 'soft' })]]),
      commands: new Map(),
      stockUnits: new Map(),
      arriving: new Map([['1', entry]]),
    };
    mergeDoorEntry(world, 'jnl_1', entry, freshFor('txn_1'), minutes(2));
    expect(compartments.get('1')).toMatchObject({ heldBy: 'txn_1', soft: undefined, wear: 1 });
  });
});

describe('in whatever order things happen at once', () => {
  it('one of two hard requests gets the one soft door, the other is told', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const bank = await bankWithLine(doors(1));
        const gives = await bank.create(soft);
        const table = inTurns(bank.table, s);
        const both = Promise.allSettled([bank.create({}, table), bank.create({}, table)]);
        await s.waitFor(both);
        const won = (await both).flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
        expect(won).toHaveLength(1);
        expect(bank.holders()).toEqual([['1', won[0]?.id]]);
        expect(await bank.read(gives.id)).toMatchObject({ state: 'rejected', version: 3 });
      }),
      { numRuns: 50 },
    ));

  it('its owner cancels while it is taken back: it ends once, and the door is the other’s', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const bank = await bankWithLine(doors(1));
        const gives = await bank.create(soft);
        bank.at(startedAt);
        const table = inTurns(bank.table, s);
        const both = Promise.allSettled([bank.create({}, table), bank.cancel(gives.id, table)]);
        await s.waitFor(both);
        const [made] = await both;
        // Overtaken at its last look, it is told to come back, and then there is a door.
        if (made.status === 'rejected') expect(made.reason).toMatchObject({ code: 'busy' });
        if (made.status === 'rejected') expect(await bank.create()).toMatchObject({ state: 'reserved' });
        expect(await bank.read(gives.id)).toMatchObject({ version: 3 });
        expect(['rejected', 'cancelled']).toContain((await bank.read(gives.id)).state);
      }),
      { numRuns: 50 },
    ));
});
