import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant } from '#shared/domain/time.ts';
import { uptimeOf } from '#shared/domain/uptime.ts';

const at = (second: number): string => instant(second * 1000);
const outage = (from: number, to: number) => ({ startedAt: at(from), endedAt: at(to) });
const of = (from: number, to: number) => ({ from: at(from), to: at(to) });

describe('uptime', () => {
  it.each([
    ['without an outage is all of the period', [], [0, 100], { downSeconds: 0, outages: 0, share: 1 }],
    ['loses an outage', [[10, 30]], [0, 100], { downSeconds: 20, outages: 1, share: 0.8 }],
    ['loses of an outage only what lies within', [[-50, 10]], [0, 100], { downSeconds: 10, outages: 1, share: 0.9 }],
    ['ends with the period', [[90, 500]], [0, 100], { downSeconds: 10, outages: 1, share: 0.9 }],
    ['is none within one long outage', [[-5, 500]], [0, 100], { downSeconds: 100, outages: 1, share: 0 }],
    [
      'counts nothing before or after',
      [
        [-9, -1],
        [100, 105],
      ],
      [0, 100],
      { downSeconds: 0, outages: 0, share: 1 },
    ],
    [
      'counts each moment once',
      [
        [10, 30],
        [20, 40],
        [25, 28],
      ],
      [0, 100],
      { downSeconds: 30, outages: 3, share: 0.7 },
    ],
    ['of no time at all is nothing', [[0, 5]], [7, 7], { downSeconds: 0, outages: 0, share: null }],
    ['of a period turned round is nothing', [[0, 5]], [7, 3], { downSeconds: 0, outages: 0, share: null, seconds: 0 }],
  ] as const)('%s', (_, outages, [from, to], expected) => {
    expect(
      uptimeOf(
        outages.map(([start, end]) => outage(start, end)),
        of(from, to),
      ),
    ).toMatchObject(expected);
  });

  it('of two halves is that of the whole, second by second', () => {
    const second = fc.integer({ min: 0, max: 200 });
    const some = fc.array(fc.tuple(second, second).map(([a, b]) => outage(Math.min(a, b), Math.max(a, b))));
    fc.assert(
      fc.property(some, second, (outages, middle) => {
        const whole = uptimeOf(outages, of(0, 200));
        const halves = [uptimeOf(outages, of(0, middle)), uptimeOf(outages, of(middle, 200))];
        expect(halves.reduce((sum, it) => sum + it.downSeconds, 0)).toBe(whole.downSeconds);
        const covered = Array.from({ length: 200 }, (_, s) => s).filter((s) =>
          outages.some((it) => it.startedAt <= at(s) && at(s) < it.endedAt),
        );
        expect(whole.downSeconds).toBe(covered.length);
      }),
    );
  });
});
