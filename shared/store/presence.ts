import type { Bank } from '../domain/bank.ts';
import { ChainHead } from '../domain/chain-head.ts';
import { Presence, type PresenceChange } from '../domain/connectivity.ts';
import { apply } from '../domain/decision.ts';
import { parseBank } from './banks.ts';
import { type Circumstances, commitBankLog } from './commit.ts';
import { outageWrite } from './outages.ts';
import { keys } from './rows.ts';
import type { Row, Table } from './table.ts';

/** A bank, whether it is there, and the head of its chain. */
export type BankPresence = { bank: Bank; presence: Presence | null; log: ChainHead | null };

export const presenceFrom = (row: Record<string, unknown> | undefined): Presence | null =>
  row === undefined ? null : Presence.parse(row);

/** As it surely is now, whoever it belongs to; null where there is no such bank. */
export const readPresence = async (table: Table, bankId: string): Promise<BankPresence | null> => {
  const [bankRow, presenceRow, logRow] = await table.batchGet(
    [keys.bank(bankId), keys.connectivity(bankId), keys.bankLog(bankId)],
    true,
  );
  if (bankRow === undefined) return null;
  return {
    bank: parseBank(bankRow),
    presence: presenceFrom(presenceRow),
    log: logRow === undefined ? null : ChainHead.parse(logRow),
  };
};

/** A bank of the tenant, with whether it is there. */
export const readBankWithPresence = async (
  table: Table,
  tenant: string,
  bankId: string,
): Promise<Omit<BankPresence, 'log'> | null> => {
  const [bankRow, presenceRow] = await table.batchGet([keys.bank(bankId), keys.connectivity(bankId)]);
  const bank = bankRow === undefined ? null : parseBank(bankRow);
  return bank === null || bank.tenant !== tenant ? null : { bank, presence: presenceFrom(presenceRow) };
};

/** Throws `Lost` when somebody else was first: read again. */
export const savePresence = (
  table: Table,
  { bank, presence, log }: BankPresence,
  { after, emissions, outage }: PresenceChange,
  circumstances: Circumstances,
): Promise<void> => {
  const { id: bankId, tenant, siteId } = bank;
  const head = log ?? { tenant, bankId, siteId, door: null, version: 0, hash: '' };
  return table.write([
    {
      kind: 'other',
      expects: presence === null ? 'absent' : { version: presence.version },
      put: { ...keys.connectivity(bankId), ...after } as Row,
    },
    ...commitBankLog(apply(head, emissions), circumstances).writes,
    ...(outage === null ? [] : [outageWrite(bankId, outage)]),
  ]);
};
