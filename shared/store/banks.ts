import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { OfflineSeconds } from '../device/config.ts';
import { type InLine, Need } from '../domain/assignment.ts';
import type { AssignmentPolicy } from '../domain/assignment-policy.ts';
import { Bank, LayoutDoor } from '../domain/bank.ts';
import { ChainHead } from '../domain/chain-head.ts';
import { Compartment, newCompartment } from '../domain/compartment.ts';
import { keys, ranges } from './rows.ts';
import type { Row, Table, Write } from './table.ts';

/**
 * A layout as stored: kinds of compartment once, then each door as `label:kind:bottomMm`. 120 doors would be 18 KB
 * spelled out; so they are 2 KB, and a bank's row stays within its 4 KB.
 */
const StoredLayout = z.object({ kinds: z.array(LayoutDoor.omit({ door: true, bottomMm: true })), doors: field.text });

const StoredBank = Bank.extend({ layout: StoredLayout });

const encodeLayout = (layout: LayoutDoor[]): z.infer<typeof StoredLayout> => {
  const kinds: z.infer<typeof StoredLayout>['kinds'] = [];
  const indexOf = ({ door, bottomMm, ...kind }: LayoutDoor): number => {
    const text = JSON.stringify(kind);
    const at = kinds.findIndex((it) => JSON.stringify(it) === text);
    return at >= 0 ? at : kinds.push(kind) - 1;
  };
  return { doors: layout.map((it) => `${it.door}:${indexOf(it)}:${it.bottomMm}`).join(','), kinds };
};

const decodeLayout = ({ kinds, doors }: z.infer<typeof StoredLayout>): LayoutDoor[] =>
  doors.split(',').map((text) => {
    const [door = '', kind = '', bottomMm = ''] = text.split(':');
    const built = kinds[Number(kind)];
    if (built === undefined) throw new Error(`door ${door} is of a kind that its bank does not have`);
    return { ...built, door, bottomMm: Number(bottomMm) };
  });

export const parseBank = (row: Record<string, unknown>): Bank => {
  const stored = StoredBank.parse(row);
  return { ...stored, layout: decodeLayout(stored.layout) };
};

const bankWrite = (bank: Bank, expects: Write['expects']): Write => ({
  kind: 'other',
  expects,
  put: { ...keys.bank(bank.id), ...bank, layout: encodeLayout(bank.layout) } as Row,
});

const listWrite = ({ id, tenant, siteId, name, lifecycle, createdAt }: Bank): Write => ({
  kind: 'other',
  expects: 'anything',
  put: { ...keys.bankOfTenant(tenant, id), id, siteId, name, lifecycle, createdAt },
});

/** A bank's rows when it is registered: itself, and its entry in the tenant's list. */
export const bankWrites = (bank: Bank): Write[] => [bankWrite(bank, 'absent'), listWrite(bank)];

/** Its controller has reported for the first time, so it takes part from now on. */
export const activatedWrites = (bank: Bank): Write[] => {
  const active: Bank = { ...bank, lifecycle: 'active', version: bank.version + 1 };
  return [bankWrite(active, { version: bank.version }), listWrite(active)];
};

/** The bank as it becomes by a change of the version before it. */
export const bankUpdate = (after: Bank): Write => bankWrite(after, { version: after.version - 1 });

/** The same, and what the tenant's list says of it. */
export const changedWrites = (before: Bank, after: Bank): Write[] => [
  bankUpdate(after),
  ...(after.lifecycle === before.lifecycle ? [] : [listWrite(after)]),
];

/** What holds for a bank because its tenant or its site says so. */
export type BankPolicies = {
  assignmentPolicy: AssignmentPolicy | undefined;
  terms: string | undefined;
  quietHours: Bank['quietHours'];
  agreedOfflineSeconds: OfflineSeconds;
};

/** The bank with these policies; null where it has them already. */
export const withPolicies = (bank: Bank, { agreedOfflineSeconds, ...policies }: BankPolicies): Bank | null => {
  const { assignmentPolicy, terms, quietHours, agreedOfflineSeconds: before = {} } = bank;
  const isTold = isDeepStrictEqual(before, agreedOfflineSeconds);
  if (isTold && isDeepStrictEqual({ assignmentPolicy, terms, quietHours }, policies)) return null;
  const config = isTold ? bank.config : { ...bank.config, rev: bank.config.rev + 1 };
  return { ...bank, ...policies, agreedOfflineSeconds, config, version: bank.version + 1 };
};

/** Ids of all banks of a tenant, or of one of its sites. */
export const bankIdsOf = async (table: Table, tenant: string, siteId: string | null): Promise<string[]> =>
  (await table.query(ranges.partition(keys.bankOfTenant(tenant, '').PK))).rows
    .filter((row) => siteId === null || row.siteId === siteId)
    .map(({ SK }) => String(SK));

type Found = Record<string, unknown> | undefined;

/** The head of a bank's own chain of events, out of its row. */
export const bankLogFrom = ({ tenant, id, siteId }: Bank, row: Found): ChainHead =>
  row === undefined ? { tenant, bankId: id, siteId, door: null, version: 0, hash: '' } : ChainHead.parse(row);

/** A bank and the head of its events as they surely are now, whoever it belongs to. */
export const readBankAndLog = async (table: Table, bankId: string): Promise<{ bank: Bank; log: ChainHead } | null> => {
  const [bankRow, logRow] = await table.batchGet([keys.bank(bankId), keys.bankLog(bankId)], true);
  if (bankRow === undefined) return null;
  const bank = parseBank(bankRow);
  return { bank, log: bankLogFrom(bank, logRow) };
};

/** A bank as it surely is now, whoever it belongs to. */
export const readBankConsistent = async (table: Table, bankId: string): Promise<Bank | null> => {
  const row = await table.get(keys.bank(bankId), true);
  return row === undefined ? null : parseBank(row);
};

export const readBank = async (table: Table, tenant: string, bankId: string): Promise<Bank | null> => {
  const row = await table.get(keys.bank(bankId));
  if (row === undefined) return null;
  const bank = parseBank(row);
  return bank.tenant === tenant ? bank : null;
};

type Place = { tenant: string; bankId: string; door: string };

const bankAndDoor = ({ tenant, door }: Place, bankRow: Found, doorRow: Found) => {
  if (bankRow === undefined) return null;
  const bank = parseBank(bankRow);
  if (bank.tenant !== tenant || !bank.layout.some((it) => it.door === door)) return null;
  return { bank, compartment: doorRow === undefined ? newCompartment(door) : Compartment.parse(doorRow) };
};

/** A bank and one of its compartments; null where this tenant has no such bank, or the bank no such door. */
export const readBankAndDoor = async (
  table: Table,
  tenant: string,
  bankId: string,
  door: string,
): Promise<{ bank: Bank; compartment: Compartment } | null> => {
  const [bankRow, doorRow] = await table.batchGet([keys.bank(bankId), keys.compartment(bankId, door)]);
  return bankAndDoor({ tenant, bankId, door }, bankRow, doorRow);
};

/** The same as it surely is now, with the row of the compartment's audit trail, in one call. */
export const readBankDoorAndLog = async (
  table: Table,
  { tenant, bankId, door }: Place,
): Promise<{ bank: Bank; compartment: Compartment; logRow: Found } | null> => {
  const [bankRow, doorRow, logRow] = await table.batchGet(
    [keys.bank(bankId), keys.compartment(bankId, door), keys.compartmentLog(bankId, door)],
    true,
  );
  const found = bankAndDoor({ tenant, bankId, door }, bankRow, doorRow);
  return found && { ...found, logRow };
};

/** All compartments of a bank, from the rows there are. */
export const compartmentsFrom = (bank: Bank, rows: Record<string, unknown>[]): Compartment[] => {
  const known = new Map(rows.map((row) => Compartment.parse(row)).map((it) => [it.door, it]));
  return bank.layout.map(({ door }) => known.get(door) ?? newCompartment(door));
};

export const isDoor = ({ SK }: Record<string, unknown>): boolean => String(SK).startsWith('D#');
const isWaiting = ({ SK }: Record<string, unknown>): boolean => String(SK).startsWith('BW#');

/** Somebody who waits for a door of a bank. `version` guards it against coming back once they are served. */
export const WaitingRow = z.object({ tenant: field.text, transactionId: field.text, need: Need, version: field.whole });
export type WaitingRow = z.infer<typeof WaitingRow>;

const inLine = (row: Record<string, unknown>): InLine => {
  const { transactionId, need } = WaitingRow.parse(row);
  return { id: transactionId, need };
};

/** A bank, who waits for it, first come first, and all its compartments, in one query. */
export const readBankWithDoors = async (
  table: Table,
  tenant: string,
  bankId: string,
  consistent: boolean,
): Promise<{ bank: Bank; waiting: InLine[]; compartments: Compartment[] } | null> => {
  const { rows } = await table.query(ranges.bankWithDoors(bankId), { consistent });
  const [first, ...others] = rows;
  if (first === undefined || first.SK !== 'B') return null;
  const bank = parseBank(first);
  if (bank.tenant !== tenant) return null;
  return {
    bank,
    waiting: others.filter(isWaiting).map(inLine),
    compartments: compartmentsFrom(bank, others.filter(isDoor)),
  };
};
