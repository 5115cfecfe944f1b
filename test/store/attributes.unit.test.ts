import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Attributes, attributesOf, rowOf } from '../../shared/store/attributes.ts';

const { row } = fc.letrec<{ value: unknown; row: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    fc.maxSafeInteger(),
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie('value')),
    tie('row'),
  ),
  row: fc.dictionary(
    fc.string().filter((name) => name !== '__proto__'),
    tie('value'),
    { noNullPrototype: true },
  ),
}));

/** Bytes as base64, as the SDK writes them. */
const onTheWire = (it: unknown): unknown =>
  JSON.parse(
    JSON.stringify(it, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value)),
  );

describe('a row in the notation of DynamoDB', () => {
  it('is what the SDK itself makes of it, there and back', () => {
    fc.assert(
      fc.property(row, (it) => {
        const sent: Attributes = JSON.parse(JSON.stringify(attributesOf(it)));
        expect(sent).toEqual(onTheWire(marshall(it)));
        expect(rowOf(sent)).toEqual(unmarshall(marshall(it)));
        expect(rowOf(attributesOf(it))).toEqual(rowOf(sent));
      }),
    );
  });

  it('leaves out what is undefined, and nothing else that says nothing', () => {
    expect(rowOf(attributesOf({ a: undefined, b: null, c: '', d: { e: undefined, f: 0 } }))).toEqual({
      b: null,
      c: '',
      d: { f: 0 },
    });
  });

  it.each([
    ['a moment that was not written out', new Date(0)],
    ['no number', Number.NaN],
    ['a number that would lose digits', 2 ** 53],
    ['a hole in a list', [1, undefined]],
    ['a function', () => 1],
  ])('refuses %s', (_, value) => {
    expect(() => attributesOf({ value })).toThrow('a row cannot hold');
  });
});
