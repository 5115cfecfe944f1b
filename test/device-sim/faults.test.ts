import { describe, expect, it } from 'vitest';
import { deliveries, noFaults, seeded } from '../../device-sim/faults.ts';

const many = (faults: typeof noFaults, seed = 1) => {
  const random = seeded(seed);
  return Array.from({ length: 2000 }, () => deliveries(faults, random));
};

describe('a bad link', () => {
  it('delivers every message at once and once while nothing is wrong', () => {
    expect(many(noFaults).every((copies) => copies.length === 1 && copies[0] === 0)).toBe(true);
  });

  it('loses, doubles and delays as many as it is told', () => {
    const copies = many({ drop: 0.25, duplicate: 0.5, delayMs: 100 });
    const lost = copies.filter(({ length }) => length === 0).length / copies.length;
    const twice = copies.filter(({ length }) => length === 2).length / copies.length;
    expect(lost).toBeCloseTo(0.25, 1);
    expect(twice).toBeCloseTo(0.75 * 0.5, 1);
    expect(Math.max(...copies.flat())).toBeLessThanOrEqual(100);
    expect(new Set(copies.flat()).size).toBeGreaterThan(90);
  });

  it('does the same again with the same seed', () => {
    const faults = { drop: 0.25, duplicate: 0.5, delayMs: 100 };
    expect(many(faults, 7)).toEqual(many(faults, 7));
    expect(many(faults, 7)).not.toEqual(many(faults, 8));
  });
});
