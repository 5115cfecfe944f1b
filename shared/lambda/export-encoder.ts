import type { RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import * as z from 'zod';
import type { ExportFormat } from '../domain/export.ts';
import type { Column, ColumnType, ExportRow } from '../domain/export-columns.ts';

/** What has to be known of a column for writing it. */
export type EncodedColumn = Pick<Column<never>, 'name' | 'type'>;

/**
 * Writes rows as bytes. What `take` gave may be stored and forgotten; with `state` of that moment another call goes on
 * as if it had been one, so that a file is made in turns and no part of it is needed twice.
 */
export type Encoder = {
  add: (rows: readonly ExportRow[]) => void;
  /** Bytes that `take` would give. */
  size: () => number;
  /** `isLast`: with what ends the file. */
  take: (isLast: boolean) => Uint8Array;
  /** Only right after `take`. */
  state: () => string;
};

const encoder = new TextEncoder();

/** Bytes of pieces of text that came one after another. */
const textBuffer = () => {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  return {
    add: (text: string) => {
      const piece = encoder.encode(text);
      pieces.push(piece);
      bytes += piece.length;
    },
    size: () => bytes,
    take: () => {
      const whole = Buffer.concat(pieces, bytes);
      pieces = [];
      bytes = 0;
      return whole;
    },
  };
};

/**
 * A spreadsheet takes a cell that begins so for a formula, and the full-width signs as well (OWASP, CSV injection). An
 * apostrophe before it makes it text. Where one stands there already another is put before, so that one can be taken away
 * again and the cell is what it was.
 */
const formula = /^'*[=+\-@\t\r\n＝＋－＠]/;
export const harmless = (text: string): string => (formula.test(text) ? `'${text}` : text);

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Numbers, moments and our own words cannot be formulas; a negative number has to stay one. */
const cell = (type: ColumnType, value: unknown): string => {
  if (value === null) return '';
  if (type === 'json') return quoted(JSON.stringify(value));
  return type === 'text' ? quoted(harmless(String(value))) : String(value);
};

const csv = (columns: readonly EncodedColumn[], before: string | null): Encoder => {
  const text = textBuffer();
  if (before === null) text.add(`${columns.map(({ name }) => name).join(',')}\r\n`);
  return {
    ...text,
    add: (rows) => {
      text.add(rows.map((row) => `${columns.map(({ type }, nth) => cell(type, row[nth])).join(',')}\r\n`).join(''));
    },
    state: () => '',
  };
};

const jsonl = (columns: readonly EncodedColumn[]): Encoder => {
  const text = textBuffer();
  return {
    ...text,
    add: (rows) => {
      const object = (row: ExportRow) => Object.fromEntries(columns.map(({ name }, nth) => [name, row[nth]]));
      text.add(rows.map((row) => `${JSON.stringify(object(row))}\n`).join(''));
    },
    state: () => '',
  };
};

/** How Parquet holds each; all of them may be null. */
const parquetTypes: Record<ColumnType, { element: Omit<SchemaElement, 'name'>; of: (value: unknown) => unknown }> = {
  text: { element: { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, of: String },
  json: { element: { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, of: (value) => JSON.stringify(value) },
  integer: { element: { type: 'INT64' }, of: (value) => BigInt(Number(value)) },
  boolean: { element: { type: 'BOOLEAN' }, of: (value) => value },
  moment: {
    element: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
    of: (value) => new Date(String(value)),
  },
};

/** Rows of a row group: what readers skip by, and what is in memory before it can be written. */
const groupRows = 2_500;

const Written = z.object({ offset: z.int(), groups: z.custom<RowGroup[]>() });

/** The library counts in bigints, which JSON has not; nothing else in it is a text of digits with an n. */
const asJson = (value: unknown): string =>
  JSON.stringify(value, (_, it: unknown) => (typeof it === 'bigint' ? `${it}n` : it));
const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, it: unknown) => (typeof it === 'string' && /^\d+n$/.test(it) ? BigInt(it.slice(0, -1)) : it));

const parquet = (columns: readonly EncodedColumn[], before: string | null): Encoder => {
  const schema: SchemaElement[] = [
    { name: 'export', num_children: columns.length },
    ...columns.map(({ name, type }) => ({
      name,
      repetition_type: 'OPTIONAL' as const,
      ...parquetTypes[type].element,
    })),
  ];
  let waiting: ExportRow[] = [];
  const bytes = new ByteWriter();
  // Without statistics and indexes, which it would keep until the end.
  const file = new ParquetWriter({ writer: bytes, schema, statistics: false, createdBy: 'latchwork' });
  if (before !== null) {
    const { offset, groups } = Written.parse(fromJson(before));
    file.row_groups = groups;
    file.num_rows = groups.reduce((sum, { num_rows }) => sum + num_rows, 0n);
    bytes.index = 0;
    bytes.offset = offset;
  }
  const writeGroup = (): void => {
    const rows = waiting;
    waiting = [];
    const columnData = columns.map(({ name, type }, nth) => ({
      name,
      data: rows.map((row) => (row[nth] === null ? null : parquetTypes[type].of(row[nth]))),
      offsetIndex: false,
    }));
    // Into memory: there is nothing to wait for.
    void file.write({ columnData, rowGroupSize: rows.length });
    file.pendingIndexes = [];
  };
  return {
    add: (rows) => {
      waiting.push(...rows);
      if (waiting.length >= groupRows) writeGroup();
    },
    // What waits is in no part yet.
    size: () => (waiting.length === 0 ? bytes.index : 0),
    take: (isLast) => {
      if (waiting.length > 0) writeGroup();
      if (isLast) void file.finish();
      const taken = bytes.getBytes().slice();
      bytes.index = 0;
      return taken;
    },
    state: () => asJson({ offset: bytes.offset, groups: file.row_groups }),
  };
};

/** `before`: the state that an encoder of the same columns left; null at the beginning of a file. */
export const encoderOf = (
  format: ExportFormat,
  columns: readonly EncodedColumn[],
  before: string | null = null,
): Encoder => ({ csv, jsonl, parquet })[format](columns, before);
