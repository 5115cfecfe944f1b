import { describe, expect, it } from 'vitest';
import { count, ended, isGood, newTally, percentile, summary } from '../../traffic/tally.ts';

describe('the summary of a simulated day', () => {
  it.each([
    [[], 0.5, undefined],
    [[7], 0.99, 7],
    [[4, 1, 3, 2], 0.5, 2],
    [Array.from({ length: 100 }, (_, nth) => nth + 1), 0.95, 95],
    [Array.from({ length: 100 }, (_, nth) => nth + 1), 0.99, 99],
  ])('takes of %j the share %d by rank', (values, share, value) => {
    expect(percentile(values, share)).toBe(value);
  });

  it('says what came of each workflow, how long it took, and what went wrong', () => {
    const tally = newTally();
    ended(tally, { workflow: 'parcel' }, 'completed');
    ended(tally, { workflow: 'parcel' }, 'refused');
    ended(tally, { workflow: 'loan' }, 'cancelled');
    count(tally.refusals, 'bank_full');
    count(tally.faults, 'power cut');
    count(tally.faults, 'power cut');
    tally.latencies.create.push(80, 120);
    tally.doorCycles = 2;
    expect(isGood(tally)).toBe(true);
    expect(summary(tally)).toBe(`\
  transactions  begun  completed  cancelled  recalled  refused  unfinished
  loan              1          0          1         0        0           0
  parcel            2          1          0         0        1           0
  all               3          1          1         0        1           0

  milliseconds          n  p50  p95  p99
  create                2   80  120  120
  create → at the bank  0    –    –    –
  enter → open          0    –    –    –

  Door cycles           2
  Faults                power cut 2
  Refused by the API    bank_full 1
  Refused at the bank   none
  Without an answer     0 requests, sent again
  Latest beginning      0.0 s after its planned time`);
  });

  it('is not good when something did not come to its end, and says what', () => {
    const tally = newTally();
    ended(tally, { workflow: 'parcel' }, 'unfinished');
    tally.troubles.push('SIM-1: waited in vain');
    expect(isGood(tally)).toBe(false);
    expect(summary(tally)).toContain('✗ SIM-1: waited in vain');
  });
});
