import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { type AssignmentPolicy, type Criterion, defaultPolicy } from './assignment-policy.ts';
import type { Bank, LayoutDoor } from './bank.ts';
import type { Compartment } from './compartment.ts';
import { changed, offered, reclaimable } from './compartment.ts';
import type { ReservationReason } from './refusal.ts';
import { seenText } from './seen.ts';
import type { Instant } from './time.ts';
import type { Item, Transaction } from './transaction.ts';

export type Assignment =
  | { doors: Compartment[]; candidates: number; policy: string; reason: string; refused: null }
  | { doors: []; candidates: 0; policy: string; refused: ReservationReason };

/** The box that items need, shortest side first. */
export const Need = z.object({
  dimensions: z.tuple([z.number(), z.number(), z.number()]),
  massG: z.number(),
  thermalClass: field.text,
});
export type Need = z.infer<typeof Need>;

/** Items lie on one another along their shortest side: the box that is needed for all of them, shortest side first. */
export const needOf = (items: Item[]): Need | null => {
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

const sorted = (a: number, b: number, c: number): [number, number, number] => [
  Math.min(a, b, c),
  Math.max(Math.min(a, b), Math.min(Math.max(a, b), c)),
  Math.max(a, b, c),
];

const fits = (need: Need, it: LayoutDoor): boolean => {
  const inside = sorted(it.widthMm, it.heightMm, it.depthMm);
  return need.dimensions.every((side, n) => side <= (inside[n] ?? 0)) && need.massG <= it.maxMassG;
};

/** Whether these items would go into that compartment, whoever has it. */
export const goesInto = (items: Item[], built: LayoutDoor): boolean => {
  const need = needOf(items);
  return need !== null && need.thermalClass === built.thermalClass && fits(need, built);
};

/** A table's height: what one reaches without bending or stretching. */
const comfortableMm = 900;

type Measured = { built: LayoutDoor; compartment: Compartment };

export const volume = (it: LayoutDoor): number => it.widthMm * it.heightMm * it.depthMm;

/** cm³ of the inside. */
const sizeOf = (it: LayoutDoor): number => volume(it) / 1_000;

const measures: Record<Criterion, (it: Measured) => number> = {
  size: ({ built }) => sizeOf(built),
  wear: ({ compartment }) => compartment.wear ?? 0,
  height: ({ built }) => Math.abs(built.bottomMm - comfortableMm),
};

/** What is said of the chosen one, by the criterion that told it from the next best. */
const because: Record<Criterion | 'lot' | 'alone', string> = {
  size: 'the smallest that fits',
  wear: 'opened less than others that are as good',
  height: 'easier to reach than others that are as good',
  lot: 'by lot among those that are as good',
  alone: 'the only one that fits',
};

/** FNV-1a, 32 bits. */
const mixed = (text: string, start: number): number => {
  let state = start;
  for (let nth = 0; nth < text.length; nth += 1) state = Math.imul(state ^ text.charCodeAt(nth), 0x01000193);
  return state;
};

/**
 * Spreads callers over equal doors, the same caller always in the same order: a lot for each door. Nobody gains by guessing it, so
 * it need not be more than well mixed; the last steps are those of MurmurHash3, since labels differ in their last letter only.
 */
const lotsOf = (transactionId: string): ((door: string) => number) => {
  const own = mixed(transactionId, 0x811c9dc5);
  return (door) => {
    let lot = mixed(door, own);
    lot = Math.imul(lot ^ (lot >>> 16), 0x85ebca6b);
    lot = Math.imul(lot ^ (lot >>> 13), 0xc2b2ae35);
    return (lot ^ (lot >>> 16)) >>> 0;
  };
};

/** The policy that a bank's compartments are chosen by: its tenant's, of which its row holds a copy. */
export const policyOf = (bank: Pick<Bank, 'assignmentPolicy'>): AssignmentPolicy =>
  bank.assignmentPolicy ?? defaultPolicy;

/** The compartments of a bank that could take it if all were free, or the first reason why there is none. */
const suitable = (
  need: Need | null,
  bank: Pick<Bank, 'layout'>,
  policy: AssignmentPolicy,
): { doors: LayoutDoor[]; refused: ReservationReason | null } => {
  const ofClass = bank.layout.filter((it) => it.thermalClass === need?.thermalClass);
  if (need === null || ofClass.length === 0) return { doors: [], refused: 'thermal_class_unavailable' };
  const fitting = ofClass.filter((it) => fits(need, it));
  if (fitting.length === 0) return { doors: [], refused: 'dimensions_exceeded' };
  const reachable = fitting.filter((it) => it.bottomMm <= policy.reachableMm);
  return { doors: reachable, refused: reachable.length === 0 ? 'no_accessible_compartment' : null };
};

const smallestOnly = (doors: LayoutDoor[], policy: AssignmentPolicy): LayoutDoor[] => {
  if (policy.takeLarger) return doors;
  const step = policy.criteria.find(({ by }) => by === 'size')?.step ?? 1;
  const size = (it: LayoutDoor) => Math.floor(sizeOf(it) / step);
  const smallest = Math.min(...doors.map(size));
  return doors.filter((it) => size(it) === smallest);
};

/**
 * Which compartments can take these items, best first, ties in an order of the transaction's own, so that many callers
 * at once do not all want one door. Refuses with the first reason that explains it.
 */
export const assign = (
  items: Item[],
  transactionId: string,
  bank: Pick<Bank, 'lifecycle' | 'layout' | 'assignmentPolicy'>,
  compartments: Compartment[],
  now: Instant,
): Assignment => assignNeed(needOf(items), transactionId, bank, compartments, now);

export const assignNeed = (
  need: Need | null,
  transactionId: string,
  bank: Pick<Bank, 'lifecycle' | 'layout' | 'assignmentPolicy'>,
  compartments: Compartment[],
  now: Instant,
): Assignment => {
  const policy = policyOf(bank);
  const refuse = (refused: ReservationReason): Assignment => ({ doors: [], candidates: 0, policy: policy.id, refused });
  if (bank.lifecycle !== 'active') return refuse('bank_unavailable');
  const { doors, refused } = suitable(need, bank, policy);
  if (refused !== null) return refuse(refused);

  const byDoor = new Map(compartments.filter((it) => offered(it, now)).map((it) => [it.door, it]));
  if (byDoor.size === 0) return refuse('bank_full');
  const lotOf = lotsOf(transactionId);
  const ranked = smallestOnly(doors, policy)
    .flatMap((built) => {
      const compartment = byDoor.get(built.door);
      if (compartment === undefined) return [];
      const marks = policy.criteria.map(({ by, step }) => Math.floor(measures[by]({ built, compartment }) / step));
      return [{ compartment, marks, lot: lotOf(built.door) }];
    })
    .sort((a, b) => {
      const decisive = a.marks.findIndex((mark, nth) => mark !== b.marks[nth]);
      return decisive < 0 ? a.lot - b.lot : (a.marks[decisive] ?? 0) - (b.marks[decisive] ?? 0);
    });
  const [best, next] = ranked;
  if (best === undefined) return refuse('no_fitting_compartment');
  const decisive = next && policy.criteria.find((_, nth) => best.marks[nth] !== next.marks[nth]);
  return {
    doors: ranked.map((it) => it.compartment),
    candidates: ranked.length,
    policy: policy.id,
    reason: because[next === undefined ? 'alone' : (decisive?.by ?? 'lot')],
    refused: null,
  };
};

/** Somebody who waits for a door, in the order of their ids. */
export type InLine = { id: string; need: Need };

/** Who waits would get which door now: first come, first served, among those whom something fits. And what is left. */
export const serveLine = (
  line: readonly InLine[],
  bank: Pick<Bank, 'lifecycle' | 'layout' | 'assignmentPolicy'>,
  compartments: Compartment[],
  now: Instant,
): {
  served: { id: string; compartment: Compartment; assignment: Transaction['assignment'] & { seen: string } }[];
  left: Compartment[];
} => {
  const served = [];
  let left = compartments;
  for (const { id, need } of line) {
    const found = assignNeed(need, id, bank, left, now);
    const [compartment] = found.doors;
    if (found.refused !== null || compartment === undefined) continue;
    const { policy, candidates, reason } = found;
    const seen = seenText(bank.layout, left, now);
    served.push({ id, compartment, assignment: { policy, candidates, reason: `waited; ${reason}`, seen } });
    left = left.filter((it) => it.door !== compartment.door);
  }
  return { served, left };
};

/** Compartments whose soft reservations could give way to these items, the oldest reservation first. */
export const softDoors = (
  items: Item[],
  transactionId: string,
  bank: Pick<Bank, 'lifecycle' | 'layout' | 'assignmentPolicy'>,
  compartments: Compartment[],
  now: Instant,
): Compartment[] => {
  const soft = compartments.filter(reclaimable).toSorted((a, b) => (a.soft ?? 0) - (b.soft ?? 0));
  const asIfFree = soft.map((it) => changed(it, { heldBy: null }, false));
  const fitting = new Set(assign(items, transactionId, bank, asIfFree, now).doors.map(({ door }) => door));
  return soft.filter(({ door }) => fitting.has(door));
};

export const Alternative = z.object({
  what: z.enum(['larger_compartment', 'out_of_reach', 'other_thermal_class', 'once_free', 'smaller_items']),
  /** The compartments that it would open up. */
  doors: z.array(field.text),
});
export type Alternative = z.infer<typeof Alternative>;

type Obstacles = { ofClass: boolean; fits: boolean; reachable: boolean; free: boolean };

/** What stands in the way of a compartment, if it is just that. */
const alternativeRows: readonly [Alternative['what'], Obstacles][] = [
  // All is well, but the policy takes none that is larger than it must be.
  ['larger_compartment', { ofClass: true, fits: true, reachable: true, free: true }],
  ['once_free', { ofClass: true, fits: true, reachable: true, free: false }],
  ['out_of_reach', { ofClass: true, fits: true, reachable: false, free: true }],
  ['other_thermal_class', { ofClass: false, fits: true, reachable: true, free: true }],
  ['smaller_items', { ofClass: true, fits: false, reachable: true, free: true }],
];

/** The same for people. */
export const alternativeTexts: Record<Alternative['what'], string> = {
  larger_compartment: 'they are larger than the policy allows',
  once_free: 'once they are free: ask with `waitUntil`',
  out_of_reach: 'they are free, but higher than the policy lets people reach',
  other_thermal_class: 'they are free, but of another thermal class',
  smaller_items: 'they are free, but the items are too large or too heavy for them',
};

/** What would fit otherwise, where nothing that fits is free. */
export const alternatives = (
  items: Item[],
  bank: Pick<Bank, 'layout' | 'assignmentPolicy'>,
  compartments: Compartment[],
  now: Instant,
): Alternative[] => {
  const need = needOf(items);
  if (need === null) return [];
  const { reachableMm } = policyOf(bank);
  const free = new Set(compartments.filter((it) => offered(it, now)).map((it) => it.door));
  return alternativeRows.flatMap(([what, row]) => {
    const doors = bank.layout.filter(
      (it) =>
        (it.thermalClass === need.thermalClass) === row.ofClass &&
        fits(need, it) === row.fits &&
        it.bottomMm <= reachableMm === row.reachable &&
        free.has(it.door) === row.free,
    );
    return doors.length === 0 ? [] : [{ what, doors: doors.map(({ door }) => door) }];
  });
};
