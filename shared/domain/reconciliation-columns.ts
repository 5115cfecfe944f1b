import type { Scope } from './api-key.ts';
import type { Column } from './export-columns.ts';
import type { Difference } from './reconciliation.ts';
import { TransactionState } from './transaction.ts';

/** What a key needs besides those of exports: whoever may not read transactions may not compare them. */
export const reconciliationScopes: readonly Scope[] = ['transactions:read'];

/** The columns of a customer's file, and what each holds. The first three have to be there. */
export const reconciliationColumns = {
  orderId: 'the id of the order, at most 128 printable characters without spaces',
  amountMinor: 'a whole number of the smallest unit, for example 1290',
  currency: 'three capital letters, as in ISO 4217',
  state: `one of ${TransactionState.options.join(', ')}, or nothing`,
  count: 'how many items the order has, or nothing',
} as const;
export type ColumnName = keyof typeof reconciliationColumns;

/** The list of differences. New columns go behind the last one. */
export const differenceColumns: readonly Column<Difference>[] = [
  { name: 'difference', type: 'text', says: 'what differs', of: (it) => it.kind },
  { name: 'orderId', type: 'text', says: '', of: (it) => it.theirs?.orderId ?? it.ours?.orderId },
  { name: 'row', type: 'integer', says: 'of the file, counted from 1 below the header', of: (it) => it.theirs?.row },
  { name: 'transactionId', type: 'text', says: '', of: (it) => it.ours?.transactionId },
  { name: 'theirAmountMinor', type: 'integer', says: 'of the file', of: (it) => it.theirs?.amountMinor },
  { name: 'ourAmountMinor', type: 'integer', says: 'of the transaction', of: (it) => it.ours?.amountMinor },
  { name: 'theirCurrency', type: 'text', says: 'of the file', of: (it) => it.theirs?.currency },
  { name: 'ourCurrency', type: 'text', says: 'of the transaction', of: (it) => it.ours?.currency },
  { name: 'theirState', type: 'text', says: 'of the file, if it says so', of: (it) => it.theirs?.state },
  { name: 'ourState', type: 'text', says: 'of the transaction, when it was read', of: (it) => it.ours?.state },
  { name: 'theirCount', type: 'integer', says: 'items by the file, if it says so', of: (it) => it.theirs?.count },
  { name: 'ourCount', type: 'integer', says: 'items of the transaction', of: (it) => it.ours?.count },
];
