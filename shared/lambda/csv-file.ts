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

/** Rows of a file, the header first. `rowBytesMax`: what a row may have. */
export const csvRecords = (bytes: Uint8Array, rowBytesMax: number): string[][] => {
  const text = textOf(bytes);
  try {
    return parse(text, { max_record_size: rowBytesMax, skip_empty_lines: true });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Unreadable(`line ${error.lines} ${csvErrors[error.code] ?? 'is not CSV by RFC 4180'}`);
  }
};
