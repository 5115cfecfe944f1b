import { marshall } from '@aws-sdk/util-dynamodb';
import { describe, expect, it } from 'vitest';
import { Item, itemBytes } from '../../bench/item-size.ts';

const bytesOf = (row: Record<string, unknown>): number => itemBytes(Item.parse(marshall(row)));

describe('the size of an item', () => {
  it.each([
    { what: 'names and texts by their bytes', row: { PK: 'Zürich' }, bytes: 2 + 7 },
    { what: 'true, false and null by one', row: { a: true, b: false, c: null }, bytes: 3 + 3 },
    { what: 'a number by two digits a byte and one more', row: { n: 1_234_567 }, bytes: 1 + 5 },
    { what: 'a number without the zeros around it', row: { n: 1_000_000 }, bytes: 1 + 2 },
    { what: 'a sign by one', row: { n: -12 }, bytes: 1 + 3 },
    { what: 'a list by three and one for each member', row: { l: ['a', 'bc'] }, bytes: 1 + 3 + (1 + 1) + (2 + 1) },
    { what: 'a map the same way, with the names in it', row: { m: { ab: 'c' } }, bytes: 1 + 3 + (2 + 1 + 1) },
    { what: 'an empty one by three', row: { m: {}, l: [] }, bytes: 2 + 3 + 3 },
  ])('counts $what', ({ row, bytes }) => {
    expect(bytesOf(row)).toBe(bytes);
  });

  it('is refused where a row holds something we never write', () => {
    expect(Item.safeParse({ s: { SS: ['a'] } }).success).toBe(false);
  });
});
