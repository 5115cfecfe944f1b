import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Every, exportIdOf, nextRunAfter, periodOf } from '#shared/domain/export-schedule.ts';
import { epochMs, instant } from '#shared/domain/time.ts';
import { madeAt } from '#shared/lambda/ids.ts';

const zurich = { at: '06:00', timeZone: 'Europe/Zurich' };

describe('a schedule', () => {
  it.each([
    // Winter, summer, and the nights between them.
    ['day', '2026-02-10T04:59:59.999Z', '2026-02-10T05:00:00.000Z'],
    ['day', '2026-02-10T05:00:00.000Z', '2026-02-11T05:00:00.000Z'],
    ['day', '2026-03-28T12:00:00.000Z', '2026-03-29T04:00:00.000Z'],
    ['day', '2026-10-24T12:00:00.000Z', '2026-10-25T05:00:00.000Z'],
    // The 2nd of March 2026 is a Monday.
    ['week', '2026-02-25T12:00:00.000Z', '2026-03-02T05:00:00.000Z'],
    ['week', '2026-03-02T05:00:00.000Z', '2026-03-09T05:00:00.000Z'],
    ['month', '2026-02-10T12:00:00.000Z', '2026-03-01T05:00:00.000Z'],
    ['month', '2025-12-01T05:00:00.000Z', '2026-01-01T05:00:00.000Z'],
  ] as const)('by %s that is looked at on %s runs at %s', (every, after, run) => {
    expect(nextRunAfter({ ...zurich, every }, after)).toBe(run);
  });

  it.each([
    ['day', '2026-02-11T05:00:00.000Z', '2026-02-09T23:00:00.000Z', '2026-02-10T23:00:00.000Z'],
    // A day of 23 hours, and one of 25.
    ['day', '2026-03-30T04:00:00.000Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    ['day', '2026-10-26T05:00:00.000Z', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
    ['week', '2026-03-02T05:00:00.000Z', '2026-02-22T23:00:00.000Z', '2026-03-01T23:00:00.000Z'],
    ['month', '2026-04-01T04:00:00.000Z', '2026-02-28T23:00:00.000Z', '2026-03-31T22:00:00.000Z'],
  ] as const)('by %s that runs at %s exports from %s to %s', (every, run, from, to) => {
    expect(periodOf({ ...zurich, every }, run)).toEqual({ from, to });
  });

  it('runs an hour later where its hour is skipped, and the first time where it comes twice', () => {
    const night = { every: 'day', at: '02:30', timeZone: 'Europe/Zurich' } as const;
    expect(nextRunAfter(night, '2026-03-28T12:00:00.000Z')).toBe('2026-03-29T01:30:00.000Z');
    expect(nextRunAfter(night, '2026-10-24T12:00:00.000Z')).toBe('2026-10-25T00:30:00.000Z');
    expect(nextRunAfter(night, '2026-10-25T00:30:00.000Z')).toBe('2026-10-26T01:30:00.000Z');
  });

  it('begins a day that has no midnight with its first moment', () => {
    // On the 6th of September 2026 the clocks of Chile go from 24:00 to 01:00.
    const santiago = { every: 'day', at: '06:00', timeZone: 'America/Santiago' } as const;
    const run = nextRunAfter(santiago, '2026-09-06T12:00:00.000Z');
    expect(periodOf(santiago, run)).toEqual({ from: '2026-09-06T04:00:00.000Z', to: '2026-09-07T03:00:00.000Z' });
  });

  it('leaves out no moment and exports none twice, in any zone, at any time', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Every.options),
        fc.constantFrom(
          'UTC',
          'Europe/Zurich',
          'America/Santiago',
          'Asia/Kathmandu',
          'Pacific/Apia',
          'Australia/Lord_Howe',
        ),
        fc.integer({ min: 0, max: 1_439 }),
        fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2030, 0) }),
        (every, timeZone, minutes, ms) => {
          const two = (value: number) => String(value).padStart(2, '0');
          const rhythm = { every, timeZone, at: `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}` };
          const run = nextRunAfter(rhythm, instant(ms));
          const next = nextRunAfter(rhythm, run);
          expect(run > instant(ms) && next > run).toBe(true);
          expect(periodOf(rhythm, next).from).toBe(periodOf(rhythm, run).to);
          expect(periodOf(rhythm, run).to <= run).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives the export of a run always the same id, which sorts by when it was due', () => {
    const run = { id: 'exs_1', nextRunAt: '2026-03-01T05:00:00.000Z' };
    expect(exportIdOf(run)).toMatch(/^exp_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(exportIdOf({ ...run })).toBe(exportIdOf(run));
    expect(madeAt(exportIdOf(run))).toBe(epochMs(run.nextRunAt));
    expect(exportIdOf({ ...run, id: 'exs_2' })).not.toBe(exportIdOf(run));
  });
});
