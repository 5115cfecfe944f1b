import { type ColumnType, type ExportRow, exportColumns } from '../../shared/domain/export-columns.ts';

/** Those of transactions, persons included: the widest there are. */
export const columns = exportColumns.transactions;

/** Texts that somebody may have told us, and that a file has to bring through. */
const texts = [
  '=HYPERLINK("https://example.com")',
  '+41791234567',
  'O\'Neil, "Ada"',
  'two\r\nlines',
  'Zürich 東京 🗝',
  "'=quoted",
];

const sampleOf: Record<ColumnType, (nth: number, name: string) => unknown> = {
  text: (nth, name) => (nth % 5 === 0 ? (texts[(nth / 5) % texts.length] ?? null) : `${name} of row ${nth}`),
  integer: (nth) => nth * 7 - 3_000,
  boolean: (nth) => nth % 2 === 0,
  moment: (nth) => new Date(1_767_225_600_000 + nth * 977).toISOString(),
  json: (nth) => ({ order: `A-${nth}`, note: 'a "b", ü' }),
};

/** A row by its number; each column has nothing in another share of the rows. */
export const rowAt = (nth: number): ExportRow =>
  columns.map(({ name, type }, column) => ((nth + column) % 11 === 0 ? null : sampleOf[type](nth, name)));
