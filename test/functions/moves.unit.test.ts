import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Asset } from '#shared/domain/asset.ts';
import { Compartment, changed } from '#shared/domain/compartment.ts';
import { StoredTransaction } from '#shared/domain/transaction.ts';
import { compartmentWrite } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import { anItem, bankOf, doorOf, hours, minutes } from '../domain/cloud-and-bank.ts';
import { inTurns } from '../support/turns.ts';
import { bankWithLine, doors } from '../support/waiting-table.ts';

type Bank = Awaited<ReturnType<typeof bankWithLine>>;

/** A parcel that lies behind the first of these doors, which is the best fit. */
const inside = async (count = 3): Promise<{ bank: Bank; id: string }> => {
  const bank = await bankWithLine(
    bankOf(Array.from({ length: count }, (_, nth) => doorOf(String(nth + 1), { heightMm: 200 + 50 * nth }))),
  );
  const { id } = await bank.create();
  bank.at(minutes(1));
  await bank.closes(id, 'deposit', '1', 'filled');
  bank.at(minutes(2));
  return { bank, id };
};
const compartment = async (bank: Bank, door: string): Promise<Compartment> =>
  Compartment.parse(await bank.table.get(keys.compartment('bnk_1', door), true));
const rowOf = async (bank: Bank, id: string): Promise<StoredTransaction> =>
  StoredTransaction.parse(await bank.table.get(keys.transaction('ten_1', id), true));

describe('a move of what is inside', () => {
  it('takes the best door that fits in one commit, with two PINs for whoever carries it', async () => {
    const { bank, id } = await inside();
    const moved = await bank.move(id, {});
    expect(moved).toMatchObject({
      state: 'stored',
      door: '1',
      flags: ['moving'],
      move: { stage: 'planned', from: '1', to: '2', by: { type: 'api_key', id: 'key_1' }, since: minutes(2) },
    });
    expect(bank.holders()).toEqual([
      ['1', id],
      ['2', id],
    ]);
    expect(bank.rows().filter(({ SK }) => SK.startsWith('P#'))).toHaveLength(4);
    expect((await rowOf(bank, id)).target).toMatchObject({ door: '2', heldBy: id });
  });

  it('is told by the doors: taken out, then moved, and picked up there', async () => {
    const { bank, id } = await inside();
    await bank.move(id, {});
    await bank.closes(id, 'take_out', '1', 'empty');
    expect(bank.holders()).toEqual([['2', id]]);
    expect(await rowOf(bank, id)).toMatchObject({ door: '2', compartment: { door: '2' }, move: { stage: 'carrying' } });
    expect((await rowOf(bank, id)).target).toBeUndefined();
    await bank.closes(id, 'put_in', '2', 'filled');
    expect(await bank.read(id)).toMatchObject({ state: 'stored', door: '2', flags: [], move: null });
    await bank.closes(id, 'pickup', '2', 'empty');
    expect(await bank.read(id)).toMatchObject({ state: 'completed' });
    expect(bank.holders()).toEqual([]);
    expect(bank.rows().filter(({ SK }) => SK.startsWith('P#'))).toEqual([]);
  });

  it('goes elsewhere if it is asked again, also back, though that door was opened a moment ago', async () => {
    const { bank, id } = await inside();
    await bank.move(id, { door: '2' });
    expect(await bank.move(id, { door: '3' })).toMatchObject({ door: '1', move: { to: '3' } });
    expect(bank.holders().map(([door]) => door)).toEqual(['1', '3']);
    await bank.closes(id, 'take_out', '1', 'empty');
    const before = await compartment(bank, '1');
    const recent = changed(before, { contents: 'unknown', until: Date.parse(hours(1)) }, false);
    await bank.table.write([compartmentWrite('bnk_1', { before, after: recent })]);
    expect(await bank.move(id, { door: '1' })).toMatchObject({ door: '1', move: { stage: 'carrying', to: '1' } });
    expect(bank.holders()).toEqual([['1', id]]);
  });

  it('says what it cannot', async () => {
    const { bank, id } = await inside(1);
    await expect(bank.move(id, {})).rejects.toMatchObject({ reason: 'bank_full' });
    await expect(bank.move(id, { door: '9' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(bank.cancelMove(id)).rejects.toMatchObject({ code: 'invalid_transition' });
    const large = { items: [{ ...anItem, heightMm: 249, widthMm: 249 }] };
    await expect(bank.update(id, large)).rejects.toThrow('the items are inside already');
    const { bank: other, id: rented } = await inside();
    const rental = await other.create({ workflow: 'rental' });
    await expect(other.move(rental.id, { moveBy: hours(9) })).rejects.toThrow('nothing is inside that takes time');
    await other.closes(rental.id, 'use', rental.door ?? '', 'filled');
    await expect(other.move(rental.id, {})).rejects.toThrow('cannot move a rental that is in_use');
    await expect(other.move(rented, { moveBy: minutes(1) })).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/moveBy' }],
    });
  });

  it('is called off though the new door has changed since it was read', async () => {
    const { bank, id } = await inside();
    await bank.move(id, {});
    const before = await compartment(bank, '2');
    await bank.table.write([compartmentWrite('bnk_1', { before, after: changed(before, { wear: 7 }, false) })]);
    expect(await bank.cancelMove(id)).toMatchObject({ flags: [], move: null, door: '1' });
    expect(await compartment(bank, '2')).toMatchObject({ heldBy: null, wear: 7, availability: 'available' });
    expect(bank.rows().filter(({ SK }) => SK.startsWith('P#'))).toHaveLength(2);
  });

  it('that nobody has begun in time is over for whoever reads it then', async () => {
    const { bank, id } = await inside();
    await bank.move(id, { moveBy: minutes(30) });
    bank.at(minutes(30));
    expect(await bank.read(id)).toMatchObject({ flags: [], move: null });
    expect(bank.holders()).toEqual([['1', id]]);
  });

  it('that was begun and not done is overdue, and can be ended by another', async () => {
    const { bank, id } = await inside();
    await bank.move(id, {});
    await bank.closes(id, 'take_out', '1', 'empty');
    bank.at(hours(2));
    expect(await bank.read(id)).toMatchObject({ flags: ['moving', 'overdue'], move: { stage: 'carrying' } });
    expect(await bank.move(id, { door: '3' })).toMatchObject({ flags: ['moving'], move: { to: '3' } });
    await bank.closes(id, 'put_in', '3', 'filled');
    expect(await bank.read(id)).toMatchObject({ door: '3', flags: [], move: null });
  });

  it('is called off by a cancellation, which leaves what is inside to staff', async () => {
    const { bank, id } = await inside();
    await bank.move(id, {});
    expect(await bank.cancel(id)).toMatchObject({ state: 'recall_due', move: null, door: '1' });
    expect(bank.holders()).toEqual([['1', id]]);
  });
});

describe('in whatever order things happen at once', () => {
  /** The doors that it has are the ones that it says. */
  const agree = async (bank: Bank, id: string): Promise<void> => {
    const { move, door, target = null } = await rowOf(bank, id);
    const its = move?.stage === 'planned' ? [door, move.to] : [door];
    expect(bank.holders().filter(([, holder]) => holder === id)).toEqual(its.map((each) => [each, id]));
    expect(target?.door).toBe(move?.stage === 'planned' ? move.to : undefined);
  };

  it('it is taken out while the move is called off: either it was not begun, or it is out', { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { bank, id } = await inside();
        await bank.move(id, {});
        const table = inTurns(bank.table, s);
        const both = Promise.allSettled([bank.cancelMove(id, table), bank.closes(id, 'take_out', '1', 'empty', table)]);
        await s.waitFor(both);
        const [called, told] = await both;
        expect(told.status).toBe('fulfilled');
        const after = await bank.read(id);
        expect(after.move).toMatchObject({ stage: 'carrying', to: called.status === 'fulfilled' ? '1' : '2' });
        await agree(bank, id);
      }),
      { numRuns: 40 },
    ),
  );

  it('two ask for it: one door is held besides its own', { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { bank, id } = await inside(4);
        const table = inTurns(bank.table, s);
        const both = Promise.allSettled([bank.move(id, { door: '2' }, table), bank.move(id, { door: '3' }, table)]);
        await s.waitFor(both);
        await both;
        await agree(bank, id);
      }),
      { numRuns: 40 },
    ),
  );
});

describe('a loan', () => {
  const lent = async (more: Record<string, unknown>) => {
    const bank = await bankWithLine(doors(3));
    const asset = await bank.register('1', more);
    const loan = await bank.create({ workflow: 'loan', assetId: asset.id, items: [] });
    await bank.closes(loan.id, 'pickup', '1', 'empty');
    const home = async () => Asset.parse(await bank.table.get(keys.asset('ten_1', asset.id), true)).door;
    return { bank, asset, id: loan.id, home };
  };

  it('is brought back to another door, which is the asset’s from then on', async () => {
    const { bank, id, asset, home } = await lent({ returnsTo: 'any_door' });
    expect(await bank.move(id, { door: '3' })).toMatchObject({ state: 'in_use', door: '3', flags: [] });
    expect(await home()).toBe('3');
    expect(bank.holders()).toEqual([['3', id]]);
    await bank.closes(id, 'deposit', '3', 'filled');
    expect(await bank.read(id)).toMatchObject({ state: 'completed', flags: [] });
    expect(bank.holders()).toEqual([['3', asset.id]]);
  });

  it('comes back to its old door where the bank did not know: that is the asset’s again', async () => {
    const { bank, id, asset, home } = await lent({ returnsTo: 'any_door' });
    await bank.move(id, { door: '3' });
    await bank.closes(id, 'deposit', '1', 'filled');
    expect(await bank.read(id)).toMatchObject({ state: 'completed', door: '1', flags: ['late'] });
    expect(await home()).toBe('1');
    expect(bank.holders()).toEqual([['1', asset.id]]);
  });

  it('comes back to its own door where nothing else was said, and is not moved before it has begun', async () => {
    const { bank, id, asset } = await lent({});
    await expect(bank.move(id, {})).rejects.toThrow(`${asset.id} must be brought back to its own door, 1`);
    await bank.closes(id, 'deposit', '1', 'filled');
    const next = await bank.create({ workflow: 'loan', assetId: asset.id, items: [] });
    await expect(bank.move(next.id, {})).rejects.toThrow('what is lent lies in its door');
  });
});
