import { describe, expect, it } from 'vitest';
import { Compartment, picture } from '../../device-sim/picture.ts';
import { largeBank } from '../../local/demo-layouts.ts';

const placed = (doors: readonly unknown[]) => {
  const drawn = picture(doors.map((it) => Compartment.parse(it)));
  return { ...drawn, places: drawn.doors.map(({ door, leftMm, bottomMm }) => [door, leftMm, bottomMm]) };
};

describe('the picture of a bank', () => {
  it('begins a column where a compartment does not stand above the one before it', () => {
    const { places, widthMm, heightMm } = placed([
      { door: 'A1', widthMm: 400, heightMm: 300, bottomMm: 100 },
      { door: 'A2', widthMm: 400, heightMm: 200, bottomMm: 420 },
      { door: 'B1', widthMm: 600, heightMm: 700, bottomMm: 100 },
    ]);
    expect(places).toEqual([
      ['A1', 20, 100],
      ['A2', 20, 420],
      ['B1', 440, 100],
    ]);
    expect({ widthMm, heightMm }).toEqual({ widthMm: 1060, heightMm: 820 });
  });

  it('stacks what nobody has said the height of, as high as people reach', () => {
    const { places } = placed(Array.from({ length: 7 }, (_, nth) => ({ door: String(nth + 1), heightMm: 400 })));
    expect(places).toEqual([
      ['1', 20, 100],
      ['2', 20, 520],
      ['3', 20, 940],
      ['4', 20, 1360],
      ['5', 480, 100],
      ['6', 480, 520],
      ['7', 480, 940],
    ]);
  });

  it('lays no door of a demo bank over another', () => {
    const { doors } = placed(largeBank);
    const overlap = (a: (typeof doors)[number], b: (typeof doors)[number]) =>
      a.leftMm < b.leftMm + b.widthMm &&
      b.leftMm < a.leftMm + a.widthMm &&
      a.bottomMm < b.bottomMm + b.heightMm &&
      b.bottomMm < a.bottomMm + a.heightMm;
    expect(doors.flatMap((a) => doors.filter((b) => a !== b && overlap(a, b)))).toEqual([]);
    expect(new Set(doors.map(({ leftMm }) => leftMm)).size).toBe(5);
  });
});
