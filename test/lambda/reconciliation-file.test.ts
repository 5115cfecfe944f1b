import { describe, expect, it } from 'vitest';
import { readReconciliationFile } from '#shared/lambda/reconciliation-file.ts';

const read = (...lines: string[]) => readReconciliationFile(new TextEncoder().encode(lines.join('\r\n')));

describe('a file of orders', () => {
  it('has its columns in any order, and may say nothing of state and count', () => {
    expect(read('currency,count,orderId,amountMinor,state', 'CHF,2,A-1,1290,stored', 'EUR,,"A,2",-5,')).toEqual({
      problem: null,
      orders: [
        { row: 1, orderId: 'A-1', amountMinor: 1_290, currency: 'CHF', state: 'stored', count: 2 },
        { row: 2, orderId: 'A,2', amountMinor: -5, currency: 'EUR', state: null, count: null },
      ],
    });
  });

  it('may have no orders', () => {
    expect(read('orderId,amountMinor,currency')).toEqual({ problem: null, orders: [] });
  });

  it.each([
    ['without a currency', ['orderId,amountMinor', 'A,1'], /lacks the column currency/],
    ['without a header', ['A,1,CHF'], /the header of column 1 is none of orderId/],
    ['with a column twice', ['orderId,orderId,amountMinor,currency'], /the column orderId twice/],
    ['with a fraction', ['orderId,amountMinor,currency', 'A,12.90,CHF'], /amountMinor of row 1 .* whole number/],
    ['without an id', ['orderId,amountMinor,currency', 'A,1,CHF', ',1,CHF'], /orderId of row 2/],
    ['with a currency of its own', ['orderId,amountMinor,currency', 'A,1,Fr.'], /currency of row 1 .* ISO 4217/],
    ['with an unknown state', ['orderId,amountMinor,currency,state', 'A,1,CHF,shipped'], /state of row 1 .* completed/],
    ['with a row too short', ['orderId,amountMinor,currency', 'A,1'], /line 2 has more or fewer cells/],
    [
      'with too many rows',
      ['orderId,amountMinor,currency', ...Array(100_001).fill('A,1,CHF')],
      /more than 100000 rows/,
    ],
  ])('%s is refused', (_, lines, problem) => {
    expect(read(...lines).problem).toMatch(problem);
  });

  it('is not quoted in what is said of it', () => {
    expect(read('orderId,amountMinor,currency', 'A,secret,CHF').problem).not.toContain('secret');
  });
});
