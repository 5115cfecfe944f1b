import type { SubjectChange } from '../domain/decision.ts';
import { Reconciliation } from '../domain/reconciliation.ts';
import type { Transaction } from '../domain/transaction.ts';
import { type Circumstances, commitReconciliation } from './commit.ts';
import { keys } from './rows.ts';
import { Lost, type Table } from './table.ts';
import { splitStored } from './transactions.ts';

/** DynamoDB's limit for rows of one read. */
const rowsPerRead = 100;

export const openReconciliations = (table: Table) => ({
  /** Null where this tenant has none of that id. */
  read: async (tenant: string, id: string, consistent = false): Promise<Reconciliation | null> => {
    const row = await table.get(keys.reconciliation(tenant, id), consistent);
    return row === undefined ? null : Reconciliation.parse(row);
  },

  /** Of two who find the same to do, one is told that it was done. */
  commit: async (
    change: SubjectChange<Reconciliation>,
    circumstances: Circumstances,
  ): Promise<Reconciliation | null> => {
    const { after, writes } = commitReconciliation(change, circumstances);
    try {
      await table.write(writes);
      return after;
    } catch (error) {
      if (error instanceof Lost) return null;
      throw error;
    }
  },

  /** The transactions that have these ids of a system, whenever they were created. */
  byOrderId: async (tenant: string, system: string, orderIds: readonly string[]): Promise<Map<string, Transaction>> => {
    const found = new Map<string, Transaction>();
    for (let from = 0; from < orderIds.length; from += rowsPerRead) {
      const group = orderIds.slice(from, from + rowsPerRead);
      const taken = await table.batchGet(group.map((orderId) => keys.externalId(tenant, system, orderId)));
      const ids = taken.flatMap((row) => (typeof row?.transactionId === 'string' ? [row.transactionId] : []));
      if (ids.length === 0) continue;
      const rows = await table.batchGet(ids.map((id) => keys.transaction(tenant, id)));
      for (const row of rows) {
        if (row === undefined) continue;
        const { transaction } = splitStored(row);
        const orderId = transaction.externalIds[system];
        if (orderId !== undefined) found.set(orderId, transaction);
      }
    }
    return found;
  },
});
