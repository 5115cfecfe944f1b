import { describe, expect, it } from 'vitest';
import { isKeptOrNear } from '../../bench/leeway.ts';

const create = (measured: number) => ({ what: 'CPU of a request: create', measured, budget: 1.3, unit: ' ×' });

describe('a budget of CPU time', () => {
  it('may be exceeded as far as a bad minute of the machine explains, and no further', () => {
    expect([1.3, 1.35, 1.4, 1.41].map((it) => isKeptOrNear(create(it)))).toEqual([true, true, true, false]);
  });

  it('is one by name: no other may be exceeded', () => {
    expect(isKeptOrNear({ ...create(1.31), what: 'CPU of a request: get' })).toBe(false);
  });
});
