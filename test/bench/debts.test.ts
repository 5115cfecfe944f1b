import { describe, expect, it } from 'vitest';
import { isOwedAtMost } from '../../bench/debts.ts';

const create = (measured: number) => ({ what: 'CPU of a request: create', measured, budget: 1.3, unit: ' ×' });

describe('a budget that is owed', () => {
  it('may be kept, or exceeded as far as is known, and no further', () => {
    expect([1.3, 1.5, 1.65, 1.66].map((it) => isOwedAtMost(create(it)))).toEqual([true, true, true, false]);
  });

  it('is one by name: no other may be exceeded', () => {
    expect(isOwedAtMost({ ...create(1.31), what: 'CPU of a request: get' })).toBe(false);
  });
});
