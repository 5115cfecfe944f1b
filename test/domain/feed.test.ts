import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { becameKnownAt, knownBefore, lateAfterSeconds, numberedWithin } from '#shared/domain/feed.ts';
import { epochMs, instant, plusSeconds } from '#shared/domain/time.ts';

const recordedAt = '2026-03-01T12:00:00.000Z';

/** A moment around another one, in ms; clocks differ by less than a minute, and an event may come very late. */
const numberedMs = fc.oneof(fc.integer({ min: -59_999, max: 60_000 }), fc.integer({ min: 0, max: 86_400_000 }));
const numberedAt = numberedMs.map((ms) => instant(epochMs(recordedAt) + ms));
const around = fc.integer({ min: -120_000, max: 120_000 }).map((ms) => instant(epochMs(recordedAt) + ms));

describe('when an event became known', () => {
  it.each([
    ['in a second', 1, recordedAt],
    ['before it was recorded, by another clock', -30, recordedAt],
    ['just in time', lateAfterSeconds, recordedAt],
    ['late', lateAfterSeconds + 0.001, plusSeconds(recordedAt, lateAfterSeconds + 0.001)],
  ])('of one that came into the feed %s', (_, seconds, known) => {
    expect(becameKnownAt({ recordedAt }, plusSeconds(recordedAt, seconds))).toBe(known);
  });

  it('is in a period only where the event was numbered within it, and what comes later is known later', () => {
    fc.assert(
      fc.property(numberedAt, around, around, (at, one, other) => {
        const [from, to] = one < other ? [one, other] : [other, one];
        const known = becameKnownAt({ recordedAt }, at);
        const numbered = numberedWithin({ from, to });
        if (known >= from && known < to) expect(at >= numbered.from && at < numbered.to).toBe(true);
        expect(known >= knownBefore(at)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
