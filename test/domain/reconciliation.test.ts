import { describe, expect, it } from 'vitest';
import { comparison, type Difference, type Ours, oursOf, type Theirs } from '#shared/domain/reconciliation.ts';
import type { Transaction } from '#shared/domain/transaction.ts';

const there = (orderId: string, more: Partial<Theirs> = {}): Theirs => ({
  ...{ row: 1, orderId, amountMinor: 1_290, currency: 'CHF', state: null, count: null },
  ...more,
});
const here = (orderId: string, more: Partial<Ours> = {}): Ours => ({
  ...{ transactionId: `txn_${orderId}`, orderId, state: 'completed', count: 1, amountMinor: 1_290, currency: 'CHF' },
  ...more,
});

/** A file and the transactions of a period; what is `elsewhere` was created in another one. */
const compare = (file: Theirs[], period: (Ours | null)[], elsewhere: Ours[] = []) => {
  const it = comparison(file);
  const differences: Difference[] = [...it.begin(), ...period.flatMap((ours) => it.ours(ours))];
  for (const theirs of it.open())
    differences.push(...it.missing(theirs, elsewhere.find(({ orderId }) => orderId === theirs.orderId) ?? null));
  return {
    found: differences.map(({ kind, theirs, ours }) => [kind, theirs?.orderId ?? ours?.orderId]),
    ...it.result(),
  };
};

describe('a reconciliation', () => {
  it('finds nothing where both sides say the same', () => {
    const { found, totals } = compare([there('A'), there('B')], [here('B'), here('A')]);
    expect(found).toEqual([]);
    const side = { orders: 2, amountMinor: 2_580 };
    expect(totals).toEqual([{ currency: 'CHF', there: side, here: side }]);
  });

  it.each([
    ['amount_differs', { amountMinor: 1_289 }, {}],
    ['amount_differs', { amountMinor: 1 }, { amountMinor: null, currency: null }],
    ['currency_differs', { currency: 'EUR', amountMinor: 1 }, {}],
    ['state_differs', { state: 'completed' }, { state: 'expired' }],
    ['count_differs', { count: 2 }, { count: 3 }],
  ] as const)('says %s of %j and %j', (kind, theirs, ours) => {
    const { found, differences } = compare([there('A', theirs)], [here('A', ours)]);
    expect(found).toEqual([[kind, 'A']]);
    expect(differences).toMatchObject({ [kind]: 1 });
  });

  it('says each thing in which an order differs', () => {
    const { found } = compare([there('A', { amountMinor: 1, state: 'stored', count: 9 })], [here('A')]);
    expect(found.map(([kind]) => kind)).toEqual(['amount_differs', 'state_differs', 'count_differs']);
  });

  it('takes what has no amount for nothing, in any currency', () => {
    const free = here('A', { amountMinor: null, currency: null });
    expect(compare([there('A', { amountMinor: 0 })], [free])).toMatchObject({
      found: [],
      totals: [
        { currency: 'CHF', there: { orders: 1, amountMinor: 0 }, here: { orders: 0, amountMinor: 0 } },
        { currency: null, there: { orders: 0, amountMinor: 0 }, here: { orders: 1, amountMinor: 0 } },
      ],
    });
  });

  it('finds what one side lacks, and tells an order of another period from one that there is not', () => {
    const { found } = compare([there('A'), there('B'), there('C')], [here('A'), here('D')], [here('C')]);
    expect(found).toEqual([
      ['missing_there', 'D'],
      ['missing_here', 'B'],
      ['outside_period', 'C'],
    ]);
  });

  it('compares the first row of an order that the file has twice, and counts both', () => {
    const { found, totals } = compare([there('A'), there('A', { row: 2, amountMinor: 5 })], [here('A')]);
    expect(found).toEqual([['doubled_there', 'A']]);
    expect(totals).toEqual([
      { currency: 'CHF', there: { orders: 2, amountMinor: 1_295 }, here: { orders: 1, amountMinor: 1_290 } },
    ]);
  });

  it('counts transactions without an id of the system, and has them in no total', () => {
    expect(compare([], [null, null])).toMatchObject({ found: [], totals: [], withoutOrderId: 2 });
  });
});

describe('what a transaction costs in the end', () => {
  const charge = { currency: 'CHF', at: '2026-03-01T12:00:00.000Z', by: 'key_1' };
  const transaction = (more: Partial<Transaction>): Transaction =>
    ({
      id: 'txn_1',
      externalIds: { order: 'A' },
      state: 'completed',
      items: [{}, {}],
      payment: null,
      ...more,
    }) as Transaction;

  it('is its payment, and what was charged later, less refunds, in the currency of the payment', () => {
    const paid = transaction({
      payment: { amountMinor: 1_000, currency: 'CHF' },
      charges: [
        { ...charge, kind: 'extension', amountMinor: 200 },
        { ...charge, kind: 'refund', amountMinor: 50 },
        { ...charge, kind: 'surcharge', amountMinor: 999, currency: 'EUR' },
      ],
    });
    expect(oursOf(paid, 'order')).toEqual({
      ...{ transactionId: 'txn_1', orderId: 'A', state: 'completed', count: 2 },
      ...{ amountMinor: 1_150, currency: 'CHF' },
    });
  });

  it('is unknown where nothing was asked', () => {
    expect(oursOf(transaction({}), 'order')).toMatchObject({ amountMinor: null, currency: null });
  });

  it('is of no order where it has no id of the system', () => {
    expect(oursOf(transaction({}), 'shop')).toBeNull();
  });
});
