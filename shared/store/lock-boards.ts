import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import type { Bank } from '../domain/bank.ts';
import { Memory } from '../vendors/lock-board/memory.ts';
import type { Locks } from '../vendors/lock-board/registration.ts';
import { parseBank } from './banks.ts';
import { pack, packed } from './packed.ts';
import { keys } from './rows.ts';
import type { Key, Table, Write } from './table.ts';

/** Where a bank's doors are on its vendor's boards, and what the adapter remembers of them. */
export type LockBoardRow = {
  tenant: string;
  url: string;
  locks: Locks;
  /** Version of the root key that the secret is derived with, by which the vendor knows that a call is ours. */
  keyVersion: number;
  memory: Memory;
  version: number;
};

/** `door:board:lock`, comma-separated: 120 of them spelled out would be most of the row. */
const Stored = once(() =>
  z.object({
    tenant: field.text,
    url: field.text,
    locks: field.text.transform(
      (text): Locks =>
        Object.fromEntries(
          text.split(',').map((it) => {
            const [door = '', board = '', lock = ''] = it.split(':');
            return [door, { board, lock }];
          }),
        ),
    ),
    keyVersion: field.positive,
    memory: packed(Memory()),
    version: field.positive,
  }),
);

const stored = (locks: Locks): string =>
  Object.entries(locks)
    .map(([door, { board, lock }]) => `${door}:${board}:${lock}`)
    .join(',');

export const lockBoardWrite = (bankId: string, { locks, memory, ...row }: LockBoardRow): Write => ({
  kind: 'other',
  expects: row.version === 1 ? 'absent' : { version: row.version - 1 },
  put: { ...keys.vendor(bankId), ...row, locks: stored(locks), memory: pack(memory) },
});

export type FoundLockBoard = {
  bank: Bank;
  lockBoard: LockBoardRow;
  /** What else was asked for. */
  rows: (Record<string, unknown> | undefined)[];
};

/** A bank and its lock board as they surely are now, with other rows in the same call; null where it is no such bank. */
export const readLockBoard = async (
  table: Table,
  bankId: string,
  more: readonly Key[] = [],
): Promise<FoundLockBoard | null> => {
  const [row, bankRow, ...rows] = await table.batchGet([keys.vendor(bankId), keys.bank(bankId), ...more], true);
  if (row === undefined || bankRow === undefined) return null;
  return { bank: parseBank(bankRow), lockBoard: Stored().parse(row), rows };
};
