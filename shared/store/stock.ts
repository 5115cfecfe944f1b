import { type Bank, positionOf } from '../domain/bank.ts';
import { Compartment, newCompartment } from '../domain/compartment.ts';
import { StockUnit } from '../domain/stock.ts';
import { parseBank, readBankWithDoors } from './banks.ts';
import { keys, ranges } from './rows.ts';
import type { Table } from './table.ts';

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
