import { CsvError, parse } from 'csv-parse/sync';

/** What a file may be wrong in as a whole. */
export class Unreadable extends Error {}

const textOf = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Unreadable('it is not UTF-8; a spreadsheet offers "CSV UTF-8" when saving');
  }
};

/** In words of ours: the library quotes the cell, and that may be about a person. */
const csvErrors: { [code in CsvError['code']]?: string } = {
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: 'has more or fewer cells than the header',
  CSV_QUOTE_NOT_CLOSED: 'opens a quote that nothing closes',
  CSV_INVALID_CLOSING_QUOTE: 'goes on behind a closing quote',
  INVALID_OPENING_QUOTE: 'has a quote within a cell; double it, and quote the cell',
  CSV_MAX_RECORD_SIZE: 'is longer than a row may be',
};

/** What is read of a file at most: a row's bytes, and its rows below the header. */
export type CsvLimits = { rowBytesMax: number; rowsMax: number };

/**
 * The rows of a file below its header, which `reader` is told first. Each is made of its cells as it is read, so that no
 * more is in memory than what becomes of them; rows are counted from 1.
 */
export const csvRows = <Row>(
  bytes: Uint8Array,
  { rowBytesMax, rowsMax }: CsvLimits,
  reader: (names: string[]) => (cells: string[], row: number) => Row,
): Row[] => {
  const text = textOf(bytes);
  const rows: Row[] = [];
  let read: ((cells: string[], row: number) => Row) | undefined;
  const take = (cells: string[]): null => {
    if (read === undefined) read = reader(cells);
    else if (rows.length === rowsMax)
      throw new Unreadable(`it has more than ${rowsMax} rows; so many are taken at most`);
    else rows.push(read(cells, rows.length + 1));
    return null;
  };
  try {
    parse(text, { max_record_size: rowBytesMax, skip_empty_lines: true, on_record: take });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Unreadable(`line ${error.lines} ${csvErrors[error.code] ?? 'is not CSV by RFC 4180'}`);
  }
  if (read === undefined) reader([]);
  return rows;
};
