import { reconciledRowsMax, type Theirs } from '../domain/reconciliation.ts';
import { type ColumnName, reconciliationColumns } from '../domain/reconciliation-columns.ts';
import { TransactionState } from '../domain/transaction.ts';
import { csvRows, Unreadable } from './csv-file.ts';

/** A row has five short cells; far more than that is another file. */
const rowBytesMax = 4_096;

const required: readonly ColumnName[] = ['orderId', 'amountMinor', 'currency'];

const isColumn = (name: string): name is ColumnName => Object.hasOwn(reconciliationColumns, name);

const columnsOf = (names: readonly string[]): ColumnName[] => {
  const columns = names.map((name, nth) => {
    // By its number: where the header is missing, the first row stands here.
    if (!isColumn(name))
      throw new Unreadable(
        `the header of column ${nth + 1} is none of ${Object.keys(reconciliationColumns).join(', ')}`,
      );
    return name;
  });
  const twice = columns.find((name, nth) => columns.indexOf(name) < nth);
  if (twice !== undefined) throw new Unreadable(`it has the column ${twice} twice`);
  for (const name of required) if (!columns.includes(name)) throw new Unreadable(`it lacks the column ${name}`);
  return columns;
};

const matching = (pattern: RegExp, text: string): string | null => (pattern.test(text) ? text : null);
const numbers = (pattern: RegExp, text: string): number | null => (pattern.test(text) ? Number(text) : null);

/** An order of the file; an empty cell says nothing, where that may be. */
const theirsOf = (row: number, columns: readonly ColumnName[], record: readonly string[]): Theirs => {
  const need = <Value>(name: ColumnName, read: (text: string) => Value | null): Value => {
    const value = read(record[columns.indexOf(name)] ?? '');
    if (value === null) throw new Unreadable(`${name} of row ${row} has to be ${reconciliationColumns[name]}`);
    return value;
  };
  const maybe = <Value>(name: ColumnName, read: (text: string) => Value | null): Value | null =>
    (record[columns.indexOf(name)] ?? '') === '' ? null : need(name, read);
  return {
    row,
    orderId: need('orderId', (text) => matching(/^[\x21-\x7e]{1,128}$/, text)),
    amountMinor: need('amountMinor', (text) => numbers(/^-?\d{1,15}$/, text)),
    currency: need('currency', (text) => matching(/^[A-Z]{3}$/, text)),
    state: maybe('state', (text) => TransactionState.safeParse(text).data ?? null),
    count: maybe('count', (text) => numbers(/^\d{1,6}$/, text)),
  };
};

/** The orders of a customer's file, or the first thing that is wrong with it, in words for whoever made it. */
export const readReconciliationFile = (
  bytes: Uint8Array,
): { problem: string } | { problem: null; orders: Theirs[] } => {
  try {
    const orders = csvRows(bytes, { rowBytesMax, rowsMax: reconciledRowsMax }, (names) => {
      const columns = columnsOf(names);
      return (cells, row) => theirsOf(row, columns, cells);
    });
    return { problem: null, orders };
  } catch (error) {
    if (error instanceof Unreadable) return { problem: error.message };
    throw error;
  }
};
