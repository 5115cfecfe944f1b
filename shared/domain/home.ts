import { assign, goesInto } from './assignment.ts';
import type { Bank } from './bank.ts';
import type { Compartment } from './compartment.ts';
import { Refusal } from './refusal.ts';
import type { Instant } from './time.ts';
import type { Item, Transaction } from './transaction.ts';

/*
 * Some things have a door of their own between the transactions that are about them: an asset, which is lent again and
 * again, and goods in stock, until they are sold. Such a door is held by the thing, or by the transaction it is promised to.
 */

/** Whether whoever holds a compartment is such a thing, not a transaction. */
export const isAtHome = (holder: string | null): boolean => /^(ast|stk)_/.test(holder ?? '');

/** The thing whose the door of a transaction is before and after it, if any. */
export const homeOf = ({ assetId, stockUnitId }: Pick<Transaction, 'assetId' | 'stockUnitId'>): string | null =>
  assetId ?? stockUnitId ?? null;

/** The doors that it may have for its own, best first: the one that is asked for, or all that fit. */
export const homesFor = (
  item: Item,
  id: string,
  { bank, compartments, door }: { bank: Bank; compartments: Compartment[]; door: string | undefined },
  now: Instant,
): Compartment[] => {
  const built = bank.layout.find((it) => it.door === door);
  if (door !== undefined && built === undefined)
    throw new Refusal('not_found', `there is no door ${door} at this bank`);
  if (built && !goesInto([item], built))
    throw new Refusal('reservation_refused', `it does not fit into door ${built.door}`, {
      reason: 'dimensions_exceeded',
    });
  const among = compartments.filter((it) => door === undefined || it.door === door);
  const found = assign([item], id, bank, among, now);
  if (found.refused !== null)
    throw new Refusal('reservation_refused', 'no door that fits is free for it', { reason: found.refused });
  return found.doors;
};
