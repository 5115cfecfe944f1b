import { describe, expect, it } from 'vitest';
import { Rig } from './rig.ts';

const range = { minC: 0, maxC: 8, afterSeconds: 600 };

const chilled = (): Rig => {
  const rig = Rig.online();
  rig.config({ thermalZones: [{ ...range, doors: ['1'] }] });
  return rig;
};
const told = (rig: Rig) => rig.journal.filter(({ type }) => type.startsWith('temperature.'));

describe('the temperature of a compartment', () => {
  it('is not told while it is within its range', () => {
    const rig = chilled();
    for (const temperatureC of [4, 0, 8]) rig.door('1', { temperatureC });
    rig.advance(3_600);
    expect(told(rig)).toEqual([]);
  });

  it('is told once it was out of it for longer than it may be, with since when and how far', () => {
    const rig = chilled();
    rig.door('1', { temperatureC: 9 });
    rig.advance(300);
    rig.door('1', { temperatureC: 12 });
    rig.advance(200);
    rig.door('1', { temperatureC: 10 });
    expect(told(rig)).toEqual([]);
    rig.advance(101);
    expect(told(rig)).toMatchObject([
      { type: 'temperature.left_range', door: '1', temperatureC: 10, extremeC: 12, minC: 0, maxC: 8 },
    ]);
    const [entry] = rig.entries('temperature.left_range');
    expect((entry?.at ?? 0) - (entry?.since ?? 0)).toBeGreaterThanOrEqual(600_000);
    rig.advance(7_200);
    expect(told(rig)).toHaveLength(1);
  });

  it('may be otherwise for as long as a door is loaded', () => {
    const rig = chilled();
    rig.door('1', { temperatureC: 15 });
    rig.advance(599);
    rig.door('1', { temperatureC: 7 });
    rig.advance(3_600);
    expect(told(rig)).toEqual([]);
    rig.door('1', { temperatureC: -1 });
    rig.advance(599);
    expect(told(rig)).toEqual([]);
  });

  it('is told to be back, with the reading that was furthest out', () => {
    const rig = chilled();
    rig.door('1', { temperatureC: -3 });
    rig.advance(601);
    rig.door('1', { temperatureC: -9 });
    rig.door('1', { temperatureC: 2 });
    expect(told(rig)).toMatchObject([
      { type: 'temperature.left_range', extremeC: -3 },
      { type: 'temperature.back_in_range', temperatureC: 2, extremeC: -9 },
    ]);
    const [left, back] = [rig.entries('temperature.left_range')[0], rig.entries('temperature.back_in_range')[0]];
    expect(back?.since).toBe(left?.since);
  });

  it('is still known to be out after a power cut, and is looked at when the power is back', () => {
    const rig = chilled();
    rig.door('1', { temperatureC: 20 });
    rig.advance(601);
    rig.power(false);
    rig.door('1', { temperatureC: 5 });
    rig.power(true);
    expect(told(rig).map(({ type }) => type)).toEqual(['temperature.left_range', 'temperature.back_in_range']);
  });

  it('is told as it is where nobody said what it should be', () => {
    const rig = chilled();
    rig.door('2', { temperatureC: 40 });
    expect(told(rig)).toMatchObject([{ type: 'temperature.read', door: '2', temperatureC: 40 }]);
  });
});

describe('the cover of the controller', () => {
  it('is told at once when somebody opens it, unless the bank is dark', () => {
    const rig = Rig.online();
    const before = rig.sent.length;
    rig.put({ type: 'tamper' });
    expect(rig.entries('tamper')).toHaveLength(1);
    expect(rig.sent.length).toBe(before + 1);
    rig.power(false);
    rig.put({ type: 'tamper' });
    expect(rig.entries('tamper')).toHaveLength(1);
  });
});

describe('a lock that does not catch', () => {
  it('is told when somebody pushes the door shut, and leaves it ajar', () => {
    const rig = Rig.online();
    rig.door('1', { door: 'open', force: true });
    rig.door('1', { lock: 'jammed', door: 'closed' });
    expect(rig.entries('lock.jammed')).toMatchObject([{ door: '1', after: { door: 'ajar', lock: 'jammed' } }]);
    expect(rig.entries('door.closed')).toEqual([]);
    rig.door('1', { lock: 'ok', door: 'closed' });
    expect(rig.known('1')).toMatchObject({ door: 'closed', lock: 'ok' });
  });

  it('leaves a door that was pushed shut in the dark ajar too', () => {
    const rig = Rig.online();
    rig.door('1', { door: 'open', force: true });
    rig.power(false);
    rig.door('1', { lock: 'jammed', door: 'closed' });
    rig.power(true);
    expect(rig.state.durable.doors['1']?.actual.door).toBe('ajar');
    expect(rig.entries('door.closed')).toEqual([]);
  });
});
