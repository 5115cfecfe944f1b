import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { DoorEntry } from '../device/journal.ts';
import type { Compartment } from './compartment.ts';
import type { Emission, SubjectChange } from './decision.ts';
import { apply } from './decision.ts';
import { Refusal } from './refusal.ts';
import { type Instant, InstantText } from './time.ts';
import { ExternalIds, Item, Metadata } from './transaction.ts';

/** What a seller calls goods of one kind. Without `#`, which stands between the parts of our keys. */
export const Sku = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\x21\x22\x24-\x7e]+$/, 'printable ASCII without spaces and #');

/**
 * `registered`: without a door · `placed`: has a door, and is not inside yet · `in_stock`: lies in its door ·
 * `missing`: its door was found empty, and nobody bought it · `sold` and `withdrawn` are ends.
 */
export const StockState = z.enum(['registered', 'placed', 'in_stock', 'missing', 'sold', 'withdrawn']);
export type StockState = z.infer<typeof StockState>;

/**
 * A good that waits in a compartment to be sold. It has its door from when it is placed there until it is sold or
 * withdrawn; while it is promised to a buyer, their sale holds the door.
 */
export const StockUnit = z.object({
  id: field.text,
  tenant: field.text,
  sku: Sku,
  state: StockState,
  externalIds: ExternalIds,
  /** Its measures, and what distinguishes this piece from others of its kind. */
  item: Item,
  /** Not sold from then on. */
  bestBefore: field.momentOrNull,
  metadata: Metadata,
  bankId: field.textOrNull,
  siteId: field.textOrNull,
  door: field.textOrNull,
  stockedAt: field.momentOrNull,
  /** The sale that it went with. */
  soldBy: field.textOrNull,
  withdrawnBecause: field.textOrNull,
  createdAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type StockUnit = z.infer<typeof StockUnit>;

/** Whether that is the id of one. */
export const isStockUnit = (id: string): boolean => id.startsWith('stk_');

/** It has its door no more, and is counted no more. */
export const hasLeftStock = ({ state }: Pick<StockUnit, 'state'>): boolean => state === 'sold' || state === 'withdrawn';

export const isPastBestBefore = ({ bestBefore }: Pick<StockUnit, 'bestBefore'>, now: Instant): boolean =>
  bestBefore !== null && bestBefore <= now;

/** A door for it. */
export const place = (it: StockUnit, at: Pick<StockUnit, 'bankId' | 'siteId' | 'door'>): Emission<StockUnit> => {
  if (it.state !== 'registered')
    throw new Refusal('conflict', `a unit that is ${it.state} cannot be placed; register another`);
  return { type: 'stock_unit.placed', set: { state: 'placed', ...at } };
};

/** What a door entry that is the newest says of the unit whose door it is; nothing where it says nothing new. */
export const seen = (it: StockUnit, entry: DoorEntry, at: Instant): Emission<StockUnit> | null => {
  const { door, contents } = entry.after;
  if (door !== 'closed') return null;
  if (it.state === 'in_stock')
    return contents === 'empty' ? { type: 'stock_unit.missing', set: { state: 'missing' } } : null;
  if (it.state !== 'placed' && it.state !== 'missing') return null;
  // Without a sensor, whoever had it opened to put it in is taken to have done so.
  const isIn = contents === 'filled' || (contents === 'unknown' && entry.cause !== null);
  return isIn ? { type: 'stock_unit.stocked', set: { state: 'in_stock', stockedAt: at } } : null;
};

/** It went with a sale. */
export const sold = (transactionId: string): Emission<StockUnit> => ({
  type: 'stock_unit.sold',
  set: { state: 'sold', soldBy: transactionId },
  data: { transactionId },
});

export const withdrawn = (reason: string): Emission<StockUnit> => ({
  type: 'stock_unit.withdrawn',
  set: { state: 'withdrawn', withdrawnBecause: reason },
  data: { reason },
});

/** Staff take it out of the stock. Refused while it is promised to somebody: that has to be ended first. */
export const withdraw = (it: StockUnit, compartment: Compartment | null, reason: string): SubjectChange<StockUnit> => {
  if (hasLeftStock(it)) throw new Refusal('conflict', `it is ${it.state} already`);
  const promisedTo = compartment === null || compartment.heldBy === it.id ? null : compartment.heldBy;
  if (promisedTo !== null)
    throw new Refusal('conflict', `it is promised to ${promisedTo}; cancel or recall that`, { existing: promisedTo });
  return apply(it, [withdrawn(reason)]);
};

/** A unit and its compartment. */
export type InDoor = { unit: StockUnit; compartment: Compartment };

/** Why a unit cannot be sold now; null if it can. */
export const unsellable = (
  { unit, compartment }: { unit: StockUnit; compartment: Compartment | null },
  now: Instant,
) => {
  const out = (detail: string, existing?: string | null) =>
    new Refusal('reservation_refused', detail, { reason: 'out_of_stock', ...(existing && { existing }) });
  if (unit.state !== 'in_stock') return out(`the unit is ${unit.state}`, unit.soldBy);
  if (compartment === null || compartment.heldBy !== unit.id)
    return out(`the unit is promised to ${compartment?.heldBy}`, compartment?.heldBy);
  if (isPastBestBefore(unit, now))
    return new Refusal('reservation_refused', `its best-before date, ${unit.bestBefore}, has passed`, {
      reason: 'best_before_passed',
    });
  if (compartment.contents === 'empty' || compartment.doorState !== 'closed')
    return out('somebody is at its door, or it lies there no more');
  if (compartment.lock === 'jammed' || compartment.outOfService !== null)
    return new Refusal('reservation_refused', 'its door is out of service', { reason: 'bank_unavailable' });
  return null;
};

/** Those of a kind that can be sold now, in the order in which they should go: what keeps shortest first. */
export const sellable = (units: StockUnit[], compartments: Compartment[], now: Instant): InDoor[] => {
  const byDoor = new Map(compartments.map((it) => [it.door, it]));
  const key = ({ bestBefore, stockedAt, id }: StockUnit) => `${bestBefore ?? '~'} ${stockedAt} ${id}`;
  return units
    .flatMap((unit) => {
      const compartment = byDoor.get(unit.door ?? '');
      return compartment && unsellable({ unit, compartment }, now) === null ? [{ unit, compartment }] : [];
    })
    .toSorted((a, b) => (key(a.unit) < key(b.unit) ? -1 : 1));
};

/** How many of a kind there are at a bank. */
export const StockLevel = z.object({
  sku: Sku,
  /** Can be sold now. */
  forSale: field.whole,
  /** Promised to a buyer. */
  promised: field.whole,
  placed: field.whole,
  missing: field.whole,
  pastBestBefore: field.whole,
});
export type StockLevel = z.infer<typeof StockLevel>;

export const levelsOf = (units: StockUnit[], compartments: Compartment[], now: Instant): StockLevel[] => {
  const byDoor = new Map(compartments.map((it) => [it.door, it]));
  const levels = new Map<string, StockLevel>();
  for (const unit of units) {
    const { sku, id, state } = unit;
    const level = levels.get(sku) ?? { sku, forSale: 0, promised: 0, placed: 0, missing: 0, pastBestBefore: 0 };
    const compartment = byDoor.get(unit.door ?? '') ?? null;
    levels.set(sku, level);
    if (state === 'placed' || state === 'missing') level[state] += 1;
    else if (compartment?.heldBy !== id) level.promised += 1;
    else if (isPastBestBefore(unit, now)) level.pastBestBefore += 1;
    else if (unsellable({ unit, compartment }, now) === null) level.forSale += 1;
  }
  return [...levels.values()];
};
