import type { ChainHead } from '../domain/chain-head.ts';
import type { Compartment } from '../domain/compartment.ts';
import { byHand, type Changed, Controller } from '../domain/controller.ts';
import { bankLogFrom, changedWrites, compartmentsFrom, isDoor, parseBank } from './banks.ts';
import { keys, ranges } from './rows.ts';
import type { Table, Write } from './table.ts';

export type FoundController = Changed & {
  /** Of the bank's own chain of events. */
  log: ChainHead;
};

type Found = Record<string, unknown> | undefined;

const found = (bankRow: Found, controllerRow: Found, logRow: Found): FoundController | null => {
  if (bankRow === undefined) return null;
  const bank = parseBank(bankRow);
  return {
    bank,
    controller: controllerRow === undefined ? byHand(bank) : Controller.parse(controllerRow),
    log: bankLogFrom(bank, logRow),
  };
};

/** A bank, its controller and the head of its events, as they surely are now, in one call. */
export const readController = async (table: Table, bankId: string): Promise<FoundController | null> => {
  const [bankRow, controllerRow, logRow] = await table.batchGet(
    [keys.bank(bankId), keys.controller(bankId), keys.bankLog(bankId)],
    true,
  );
  return found(bankRow, controllerRow, logRow);
};

/** The same with all its compartments, of which there may be more than one call takes by their keys. */
export const readControllerWithDoors = async (
  table: Table,
  bankId: string,
): Promise<(FoundController & { compartments: Compartment[] }) | null> => {
  const [{ rows }, logRow] = await Promise.all([
    table.query(ranges.bankWithController(bankId), { consistent: true }),
    table.get(keys.bankLog(bankId), true),
  ]);
  const bySortKey = (name: string): Found => rows.find(({ SK }) => SK === name);
  const it = found(bySortKey('B'), bySortKey(keys.controller(bankId).SK), logRow);
  return it && { ...it, compartments: compartmentsFrom(it.bank, rows.filter(isDoor)) };
};

/** Which bank of the tenant waits for a controller of this serial number. */
export const bankOfSerialNumber = async (
  table: Table,
  tenant: string,
  serialNumber: string,
): Promise<string | null> => {
  const row = await table.get(keys.serialNumber(tenant, serialNumber), true);
  return row === undefined ? null : String(row.bankId);
};

/** The controller's row, and what it is found by: a serial number is one bank's of its tenant. */
export const controllerWrites = (before: Controller, after: Controller): Write[] => {
  const { tenant, bankId } = after;
  const isSame = before.serialNumber === after.serialNumber;
  return [
    {
      kind: 'other',
      expects: before.version === 0 ? 'absent' : { version: before.version },
      put: { ...keys.controller(bankId), ...after },
    },
    ...(before.serialNumber === null || isSame
      ? []
      : [{ kind: 'other', expects: 'anything', remove: keys.serialNumber(tenant, before.serialNumber) } as const]),
    ...(after.serialNumber === null || isSame
      ? []
      : [
          {
            kind: 'unique',
            expects: 'absent',
            put: { ...keys.serialNumber(tenant, after.serialNumber), tenant, bankId },
          } as const,
        ]),
  ];
};

export const bothWrites = (before: Changed, after: Changed): Write[] => [
  ...changedWrites(before.bank, after.bank),
  ...controllerWrites(before.controller, after.controller),
];
