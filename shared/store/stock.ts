import { type Bank, positionOf } from '../domain/bank.ts';
import { Compartment, newCompartment } from '../domain/compartment.ts';
import type { SubjectChange } from '../domain/decision.ts';
import { hasLeftStock, StockUnit } from '../domain/stock.ts';
import { subjects } from '../domain/subjects.ts';
import { parseBank, readBankWithDoors } from './banks.ts';
import { type Circumstances, type Committed, subjectWrites } from './commit.ts';
import { keys, ranges } from './rows.ts';
import type { Key, Table, Write } from './table.ts';

type Places = Pick<StockUnit, 'bankId' | 'door'>;

/** A page of units: all of a tenant with those that have left the stock, or what is in stock of a kind or at a bank. */
export const listStock = async (
  table: Table,
  tenant: string,
  { bankId, sku }: { bankId?: string | undefined; sku?: string | undefined },
  { limit, after }: { limit: number; after: string | undefined },
): Promise<{ units: StockUnit[]; next: string | null }> => {
  const inStock = bankId !== undefined || sku !== undefined;
  const range =
    bankId !== undefined
      ? ranges.stockAt(tenant, bankId, sku)
      : sku !== undefined
        ? ranges.stockOf(tenant, sku)
        : ranges.partition(keys.stockUnit(tenant, '').PK);
  const { rows, next } = await table.query(range, {
    limit,
    newestFirst: !inStock,
    ...(after === undefined ? {} : { after: { PK: range.PK, SK: after } }),
  });
  return { units: rows.map((row) => StockUnit.parse(row)), next: next?.SK ?? null };
};

const doorKey = ({ bankId, door }: Places) =>
  bankId === null || door === null ? null : keys.compartment(bankId, door);

/** The doors of units as they are now, in their order; null where one has none. */
export const readDoors = async (table: Table, units: readonly Places[]): Promise<(Compartment | null)[]> => {
  const wanted = units.flatMap((it) => doorKey(it) ?? []);
  const rows = wanted.length === 0 ? [] : await table.batchGet(wanted, true);
  let nth = -1;
  return units.map(({ door }) => {
    if (door === null) return null;
    nth += 1;
    const row = rows[nth];
    return row === undefined ? newCompartment(door) : Compartment.parse(row);
  });
};

/** A unit as it surely is now. */
export const readStockUnit = async (table: Table, tenant: string, id: string): Promise<StockUnit | null> => {
  const row = await table.get(keys.stockUnit(tenant, id), true);
  return row === undefined ? null : StockUnit.parse(row);
};

/** A unit with its door, for a sale at this bank; null where there is no such bank or unit of this tenant. */
export const readUnitAtBank = async (
  table: Table,
  tenant: string,
  bankId: string,
  unitId: string,
): Promise<{ bank: Bank | null; unit: StockUnit | null; compartment: Compartment | null }> => {
  const [bankRow, unitRow] = await table.batchGet([keys.bank(bankId), keys.stockUnit(tenant, unitId)], true);
  const bank = bankRow === undefined ? null : parseBank(bankRow);
  const unit = unitRow === undefined ? null : StockUnit.parse(unitRow);
  const isThere = unit?.door != null && bank !== null && positionOf(bank, unit.door) >= 0;
  const [compartment = null] = isThere ? await readDoors(table, [unit]) : [];
  return { bank: bank?.tenant === tenant ? bank : null, unit, compartment };
};

/** What is in stock at a bank, of one kind if it is named, with all its compartments. */
export const readStockAt = async (
  table: Table,
  tenant: string,
  bankId: string,
  { sku, consistent }: { sku?: string; consistent: boolean },
): Promise<{ bank: Bank; units: StockUnit[]; compartments: Compartment[] } | null> => {
  const [read, { rows }] = await Promise.all([
    readBankWithDoors(table, tenant, bankId, consistent),
    table.query(ranges.stockAt(tenant, bankId, sku), { consistent }),
  ]);
  return read && { ...read, units: rows.map((row) => StockUnit.parse(row)) };
};

/** Where copies of it lie for who looks for what is in stock; nowhere once it has left. */
const shelvesOf = (it: StockUnit | null): Key[] => {
  if (it === null || hasLeftStock(it)) return [];
  const { tenant, sku, id, bankId } = it;
  // What keeps for ever sorts last.
  const keeps = it.bestBefore ?? '~';
  return [
    keys.stockOf(tenant, sku, keeps, id),
    ...(bankId === null ? [] : [keys.stockAt(tenant, bankId, sku, keeps, id)]),
  ];
};

export const commitStockUnit = (
  change: SubjectChange<StockUnit>,
  circumstances: Circumstances,
): Committed<StockUnit> => {
  const { id, tenant } = change.after;
  const log = keys.stockUnitLog(tenant, id);
  const committed = subjectWrites(subjects.stockUnit, change, keys.stockUnit(tenant, id), log, circumstances);
  const shelves = shelvesOf(committed.after);
  const isLeft = ({ PK, SK }: Key) => !shelves.some((it) => it.PK === PK && it.SK === SK);
  // The unit's own row guards them.
  const copies: Write[] = [
    ...shelvesOf(change.before)
      .filter(isLeft)
      .map((remove): Write => ({ kind: 'other', expects: 'anything', remove })),
    ...shelves.map((key): Write => ({ kind: 'other', expects: 'anything', put: { ...key, ...committed.after } })),
  ];
  return { ...committed, writes: [...committed.writes, ...copies] };
};
