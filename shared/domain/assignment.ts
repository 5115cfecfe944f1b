import { hash } from 'node:crypto';
import type { Bank, LayoutDoor } from './bank.ts';
import type { Compartment } from './compartment.ts';
import { offered } from './compartment.ts';
import type { ReservationReason } from './refusal.ts';
import type { Instant } from './time.ts';
import type { Item } from './transaction.ts';

/** The rules compartments are chosen by, named in every decision. */
export const assignmentPolicy = {
  name: 'best-fit/1',
  /** A floor higher than this is out of reach for many people: DIN 18040 sets 1,050 mm for grips; 1,700 mm is a shelf. */
  reachableMm: 1_700,
} as const;

export type Assignment =
  | { doors: Compartment[]; candidates: number; refused: null }
  | { doors: []; candidates: 0; refused: ReservationReason };

type Need = { dimensions: [number, number, number]; massG: number; thermalClass: string };

/** Items lie on one another along their shortest side: the box that is needed for all of them, shortest side first. */
const needOf = (items: Item[]): Need | null => {
  const classes = new Set(items.map((it) => it.thermalClass));
  const [thermalClass] = classes;
  if (thermalClass === undefined || classes.size > 1) return null;
  const boxes = items.map((it) => sorted(it.lengthMm, it.widthMm, it.heightMm));
  return {
    dimensions: sorted(
      boxes.reduce((sum, [shortest]) => sum + shortest, 0),
      Math.max(...boxes.map(([, middle]) => middle)),
      Math.max(...boxes.map(([, , longest]) => longest)),
    ),
    massG: items.reduce((sum, it) => sum + (it.massG ?? 0), 0),
    thermalClass,
  };
};

const sorted = (...sides: [number, number, number]): [number, number, number] => {
  const [a, b, c] = sides.toSorted((x, y) => x - y);
  return [a ?? 0, b ?? 0, c ?? 0];
};

const fits = (need: Need, it: LayoutDoor): boolean => {
  const inside = sorted(it.widthMm, it.heightMm, it.depthMm);
  return need.dimensions.every((side, n) => side <= (inside[n] ?? 0)) && need.massG <= it.maxMassG;
};

/** Whether these items would go into that compartment, whoever has it. */
export const goesInto = (items: Item[], built: LayoutDoor): boolean => {
  const need = needOf(items);
  return need !== null && need.thermalClass === built.thermalClass && fits(need, built);
};

export const volume = (it: LayoutDoor): number => it.widthMm * it.heightMm * it.depthMm;

/** Spreads callers over equal doors, the same caller always in the same order. */
const tieBreak = (transactionId: string, door: string): string => hash('sha256', `${transactionId}/${door}`);

/**
 * Which compartments can take these items, best first: the smallest that fits, ties in an order of the transaction's
 * own, so that many callers at once do not all want one door. Refuses with the first reason that explains it.
 */
export const assign = (
  items: Item[],
  transactionId: string,
  bank: Bank,
  compartments: Compartment[],
  now: Instant,
): Assignment => {
  const refuse = (refused: ReservationReason): Assignment => ({ doors: [], candidates: 0, refused });
  if (bank.lifecycle !== 'active') return refuse('bank_unavailable');

  const need = needOf(items);
  const ofClass = bank.layout.filter((it) => it.thermalClass === need?.thermalClass);
  if (need === null || ofClass.length === 0) return refuse('thermal_class_unavailable');
  const fitting = ofClass.filter((it) => fits(need, it));
  if (fitting.length === 0) return refuse('dimensions_exceeded');
  const reachable = fitting.filter((it) => it.bottomMm <= assignmentPolicy.reachableMm);
  if (reachable.length === 0) return refuse('no_accessible_compartment');

  const byDoor = new Map(compartments.filter((it) => offered(it, now)).map((it) => [it.door, it]));
  if (byDoor.size === 0) return refuse('bank_full');
  const ranked = reachable
    .flatMap((built) => {
      const compartment = byDoor.get(built.door);
      return compartment ? [{ compartment, volume: volume(built), tie: tieBreak(transactionId, built.door) }] : [];
    })
    .sort((a, b) => a.volume - b.volume || (a.tie < b.tie ? -1 : 1));
  if (ranked.length === 0) return refuse('no_fitting_compartment');
  return { doors: ranked.map((it) => it.compartment), candidates: ranked.length, refused: null };
};
