import type { LayoutDoor } from './bank.ts';
import { type Compartment, newCompartment, offered } from './compartment.ts';
import type { Instant } from './time.ts';

/** Openings per step of what is kept of a compartment's wear. */
const wearStep = 500;
const wearMax = 35;

/**
 * What a decision saw of a bank's compartments, a letter for each in the order of the layout: `-` was not to be had,
 * any other was free and is its wear in steps of 500 openings, 0 to 9, then a to z and more. 120 doors are 120 letters,
 * which compress to a few dozen bytes in the row of the decision's events.
 */
export const seenText = (
  layout: readonly Pick<LayoutDoor, 'door'>[],
  compartments: readonly Compartment[],
  now: Instant,
): string => {
  const free = new Map(compartments.filter((it) => offered(it, now)).map((it) => [it.door, it.wear ?? 0]));
  return layout
    .map(({ door }) => {
      const wear = free.get(door);
      return wear === undefined ? '-' : Math.min(wearMax, Math.floor(wear / wearStep)).toString(wearMax + 1);
    })
    .join('');
};

/** The compartments that were free then, as far as a decision needs to know them. */
export const seenCompartments = (layout: readonly Pick<LayoutDoor, 'door'>[], seen: string): Compartment[] =>
  layout.flatMap(({ door }, nth) => {
    const letter = seen[nth] ?? '-';
    return letter === '-' ? [] : [{ ...newCompartment(door), wear: Number.parseInt(letter, wearMax + 1) * wearStep }];
  });
