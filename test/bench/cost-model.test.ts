import { describe, expect, it } from 'vitest';
import {
  busEvent,
  costOf,
  floor,
  ingested,
  invocation,
  iotMessage,
  log,
  prices,
  queueMessage,
  read,
  shadowOperation,
  sum,
  times,
  totalOf,
  transactedWrite,
  unitsOf,
  write,
} from '../../bench/cost-model.ts';

describe('the floor', () => {
  it('is what limits.md E6 says, line by line', () => {
    expect(floor.map(({ what, units }) => [what, costOf(units).toFixed(2)])).toEqual([
      ['create', '5.02'],
      ['deposit', '3.05'],
      ['pickup', '3.05'],
      ['three webhooks', '1.10'],
    ]);
    expect(totalOf(floor).toFixed(2)).toBe('12.22');
  });
});

describe('a line of limits.md E7', () => {
  it.each([
    { line: 'a KB written in a transaction', units: transactedWrite(1024), usd: 1.25 },
    { line: 'a write by itself', units: write(300), usd: 0.625 },
    { line: 'a message of the journal, with its function', units: sum(ingested, invocation()), usd: 1.78 },
    { line: 'a message through a queue', units: queueMessage, usd: 1.2 },
    { line: 'a webhook sender of 150 ms', units: invocation(150), usd: 0.7 },
    { line: 'an acknowledgement: in and out', units: times(2, iotMessage()), usd: 2 },
    { line: 'a line of 800 bytes in the log', units: log(800), usd: 0.4 },
    { line: 'an entry on the bus', units: busEvent(1_000), usd: 1 },
  ])('costs what it says there: $line', ({ units, usd }) => {
    expect(costOf(units)).toBeCloseTo(usd, 2);
  });

  it('adds up to what a reaction costs there', () => {
    expect(costOf(sum(queueMessage, invocation(), read(1_500, true)))).toBeCloseTo(1.6, 1);
  });
});

describe('what is metered in steps', () => {
  it.each([
    { what: 'a row of 1 KB', units: write(1024), expected: { writes: 1 } },
    { what: 'one byte more', units: write(1025), expected: { writes: 2 } },
    { what: 'the same in a transaction', units: transactedWrite(1025), expected: { writes: 4 } },
    { what: 'nothing, read consistently', units: read(0, true), expected: { reads: 1 } },
    { what: 'nothing, read otherwise', units: read(0, false), expected: { reads: 0.5 } },
    { what: '5 KB read otherwise', units: read(5_000, false), expected: { reads: 1 } },
    { what: 'a shadow of 1.5 KB', units: shadowOperation(1_500), expected: { shadowOperations: 2 } },
    { what: 'a message of 6 KB', units: iotMessage(6_000), expected: { iotMessages: 2 } },
    { what: 'an event of 65 KB', units: busEvent(65 * 1024), expected: { busEvents: 2 } },
  ])('$what', ({ units, expected }) => {
    expect(units).toEqual(expected);
  });
});

it('adds and multiplies units without losing any', () => {
  const total = sum(times(3, { writes: 2, reads: 0.5 }), { reads: 1, iotRules: 1 });
  expect(total).toEqual({ writes: 6, reads: 2.5, iotRules: 1 });
  expect(unitsOf({ writes: 0, reads: 1 })).toEqual([['reads', 1]]);
});

it('says of every price what is counted and where it was read', () => {
  for (const { usd, unit, from } of Object.values(prices)) {
    expect(usd).toBeGreaterThan(0);
    expect(unit).not.toBe('');
    expect(from).not.toBe('');
  }
});
