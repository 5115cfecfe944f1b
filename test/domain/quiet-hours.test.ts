import { describe, expect, it } from 'vitest';
import { defaultBankConfig } from '#shared/device/config.ts';
import { quietSince, quietUntil, waitsUntil } from '#shared/domain/quiet-hours.ts';
import { QuietHours } from '#shared/domain/workflow-terms.ts';

const at = (from: string, to: string, timeZone = 'Europe/Zurich') => ({
  quietHours: { from, to },
  config: { ...defaultBankConfig, timeZone },
});
const nightly = at('21:00', '07:00');

describe('quiet hours', () => {
  it.each([
    ['in the evening until the next morning', '2026-07-01T20:30:00.000Z', '2026-07-02T05:00:00.000Z'],
    ['after midnight until the same morning', '2026-07-02T00:15:42.500Z', '2026-07-02T05:00:00.000Z'],
    ['from their first minute on', '2026-07-01T19:00:00.000Z', '2026-07-02T05:00:00.000Z'],
    ['to their last', '2026-07-02T04:59:59.999Z', '2026-07-02T05:00:00.000Z'],
    ['in winter by the clocks of winter', '2026-01-01T23:00:00.000Z', '2026-01-02T06:00:00.000Z'],
    ['in the night that loses an hour', '2026-03-28T22:00:00.000Z', '2026-03-29T05:00:00.000Z'],
    ['in the night that has an hour twice', '2026-10-24T21:00:00.000Z', '2026-10-25T06:00:00.000Z'],
  ])('last %s', (_, now, end) => {
    expect(quietUntil(nightly, now)).toBe(end);
  });

  it.each([
    ['in the night that loses an hour', '2026-03-29T04:00:00.000Z', '2026-03-28T20:00:00.000Z'],
    ['in the night that has an hour twice', '2026-10-25T05:00:00.000Z', '2026-10-24T19:00:00.000Z'],
    ['in any other', '2026-07-02T04:59:59.999Z', '2026-07-01T19:00:00.000Z'],
  ])('have begun %s by the clocks of the evening before', (_, now, start) => {
    expect(quietSince(nightly, now)).toBe(start);
  });

  it.each([
    ['by day', nightly, '2026-07-01T12:00:00.000Z'],
    ['at their end', nightly, '2026-07-02T05:00:00.000Z'],
    ['just before they begin', nightly, '2026-07-01T18:59:59.999Z'],
    ['where there are none', { config: defaultBankConfig }, '2026-07-01T23:00:00.000Z'],
  ])('are not %s', (_, place, now) => {
    expect(quietUntil(place, now)).toBeNull();
    expect(quietSince(place, now)).toBeNull();
  });

  it('may lie within a day', () => {
    expect(quietUntil(at('12:00', '14:00'), '2026-07-01T11:00:00.000Z')).toBe('2026-07-01T12:00:00.000Z');
    expect(quietSince(at('12:00', '14:00'), '2026-07-01T11:00:00.000Z')).toBe('2026-07-01T10:00:00.000Z');
  });

  it('that end at a time that there is not that night end when it is skipped', () => {
    expect(quietUntil(at('23:00', '02:30'), '2026-03-29T00:00:00.000Z')).toBe('2026-03-29T01:00:00.000Z');
  });

  it('are those of the place, wherever that is', () => {
    expect(quietUntil(at('21:00', '07:00', 'Asia/Kathmandu'), '2026-07-01T18:00:00.000Z')).toBe(
      '2026-07-02T01:15:00.000Z',
    );
    expect(quietUntil(at('21:00', '07:00', 'America/New_York'), '2026-11-01T04:00:00.000Z')).toBe(
      '2026-11-01T12:00:00.000Z',
    );
  });

  it.each(['24:00', '7:00', '07:60', 'seven'])('are not said as %s', (from) => {
    expect(QuietHours().safeParse({ from, to: '08:00' }).success).toBe(false);
  });

  it('are no whole day', () => {
    expect(QuietHours().safeParse({ from: '07:00', to: '07:00' }).success).toBe(false);
    expect(QuietHours().parse('none')).toBe('none');
  });
});

describe('a message in quiet hours', () => {
  const now = '2026-07-01T22:00:00.000Z';
  const morning = '2026-07-02T05:00:00.000Z';
  const later = '2026-07-03T12:00:00.000Z';

  it('waits for their end', () => {
    expect(waitsUntil({ urgent: false }, later, nightly, now)).toBe(morning);
  });

  it('of something that is over already waits as well', () => {
    expect(waitsUntil({ urgent: false }, '2026-07-01T21:00:00.000Z', nightly, now)).toBe(morning);
  });

  it('does not wait when somebody waits for it, or their time would be over by then', () => {
    expect(waitsUntil({ urgent: true }, later, nightly, now)).toBeNull();
    expect(waitsUntil({ urgent: false }, morning, nightly, now)).toBeNull();
  });

  it('does not wait by day', () => {
    expect(waitsUntil({ urgent: false }, later, nightly, '2026-07-01T12:00:00.000Z')).toBeNull();
  });
});
