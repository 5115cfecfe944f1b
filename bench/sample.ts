import type { LayoutDoor } from '../shared/domain/bank.ts';

/** Compartments that are all alike: whoever chooses among them has no reason to prefer one. */
export const layoutOf = (doors: number): LayoutDoor[] =>
  Array.from({ length: doors }, (_, position) => ({
    door: String(position + 1),
    widthMm: 440,
    heightMm: 300,
    depthMm: 500,
    maxMassG: 20_000,
    thermalClass: 'ambient',
    bottomMm: 100 + (position % 5) * 320,
  }));

/** Doors of the bank where nothing else is said, as in limits.md E7. */
export const usualDoors = 24;

/** What a shop orders a compartment for, as the README shows it. */
export const parcelFor = (bankId: string) => ({
  workflow: 'parcel',
  bankId,
  externalIds: { order: `BENCH-${crypto.randomUUID().slice(0, 13)}` },
  items: [{ description: 'A book', lengthMm: 220, widthMm: 150, heightMm: 40, massG: 600 }],
  recipient: { name: 'Robin Example', phone: '+41790000000', locale: 'en' },
});
