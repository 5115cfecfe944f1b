import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { SubjectChange } from '../domain/decision.ts';
import { Import, ImportCounts, reportSeconds, uploadDays } from '../domain/import.ts';
import type { Issued } from '../domain/issued.ts';
import { type Instant, InstantText, plusSeconds } from '../domain/time.ts';
import { type Circumstances, commitImport } from './commit.ts';
import { pack, packed } from './packed.ts';
import { keys, ranges } from './rows.ts';
import { Lost, type Table, type Write } from './table.ts';

/** A part of the rows, done as one: its reports are counted once, when the last of them is there. */
const Part = z.object({
  nth: field.whole,
  first: field.whole,
  last: field.whole,
  version: field.whole,
  counts: ImportCounts.nullable(),
});
export type Part = z.infer<typeof Part>;

const FieldErrors = z.array(z.object({ pointer: field.text, detail: field.text }));

export const ImportReport = z.object({
  row: field.positive,
  outcome: z.enum(['created', 'already_exists', 'refused', 'invalid']),
  transactionId: field.textOrNull,
  /** Of a refusal: as the create would have answered. */
  code: field.textOrNull,
  reason: field.textOrNull,
  detail: field.textOrNull,
  errors: FieldErrors,
  at: InstantText,
});
export type ImportReport = z.infer<typeof ImportReport>;

/** With what the values of the credentials are derived from, as the record of an idempotency key has it. */
const StoredReport = ImportReport.extend({ issued: z.custom<Issued>().optional() });
export type StoredReport = z.infer<typeof StoredReport>;

export const reportOf = (it: Pick<ImportReport, 'row' | 'outcome' | 'at'> & Partial<ImportReport>): ImportReport => ({
  transactionId: null,
  code: null,
  reason: null,
  detail: null,
  errors: [],
  ...it,
});

type Owner = Pick<Import, 'tenant' | 'id'>;

const ttlFrom = (at: Instant, seconds = reportSeconds): number =>
  Math.ceil(Date.parse(plusSeconds(at, seconds)) / 1000);

/**
 * What came of a row. There is one, from the same commit on in which the transaction is created: so it is the record
 * that it was, and a row that comes again is not created again.
 */
export const reportWrite = ({ tenant, id }: Owner, report: StoredReport): Write => ({
  kind: 'idempotency',
  expects: 'absent',
  put: { ...keys.importReport(tenant, id, report.row), ...report, ttl: ttlFrom(report.at) },
});

/** Rows of a part: what one call of a function does in seconds. */
const rowsPerPart = 100;
/** DynamoDB's limit for an item is 400 KB, after they were packed. */
const bytesPerPart = 300_000;
/** DynamoDB's limit for a transaction. */
const writesMost = 100;
const atOnce = 8;

const inGroups = async <T>(list: readonly T[], size: number, act: (group: T[]) => Promise<unknown>): Promise<void> => {
  for (let from = 0; from < list.length; from += size) await act(list.slice(from, from + size));
};

/** Rows in their order, as many together as make a part. */
const partsOf = <Row>(rows: readonly Row[]): Row[][] => {
  const parts: Row[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = Buffer.byteLength(JSON.stringify(row));
    const part = parts.at(-1);
    if (part === undefined || part.length >= rowsPerPart || bytes + size > bytesPerPart) {
      parts.push([row]);
      bytes = size;
    } else {
      part.push(row);
      bytes += size;
    }
  }
  return parts;
};

export const openImports = (table: Table) => {
  /** Written by another call of the same work is as good. */
  const unlessThere = async (writes: Write[]): Promise<void> => {
    try {
      await table.write(writes);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  };

  return {
    /** With its parts; one call to the table. Null where this tenant has none of that id. */
    read: async (tenant: string, id: string, consistent = false) => {
      const { rows } = await table.query(ranges.importWithParts(tenant, id), { consistent });
      const [first, ...parts] = rows;
      return first === undefined
        ? null
        : { job: Import.parse(first), parts: parts.map((it) => Part.parse(it)) satisfies Part[] };
    },

    /** Of two who find the same to do, one is told that it was done. */
    commit: async (change: SubjectChange<Import>, circumstances: Circumstances): Promise<Import | null> => {
      const { after, writes } = commitImport(change, circumstances);
      try {
        await table.write(writes);
        return after;
      } catch (error) {
        if (error instanceof Lost) return null;
        throw error;
      }
    },

    /** Keeps the rows that are to be created, in parts; doing it again changes nothing. */
    keepRows: async <Row extends { row: number }>({ tenant, id }: Owner, rows: readonly Row[], now: Instant) => {
      const ttl = ttlFrom(now);
      const writes = partsOf(rows).map((part, nth): Write[] => {
        const [first, last] = [part[0]?.row ?? 0, part.at(-1)?.row ?? 0];
        const row: Part = { nth, first, last, version: 1, counts: null };
        return [
          { kind: 'other', expects: 'absent', put: { ...keys.importPart(tenant, id, nth), ...row, ttl } },
          {
            kind: 'other',
            expects: 'anything',
            // As long as the file that they came from.
            put: { ...keys.importBodies(tenant, id, nth), rows: pack(part), ttl: ttlFrom(now, uploadDays * 86_400) },
          },
        ];
      });
      await inGroups(writes, atOnce, (group) => Promise.all(group.map(unlessThere)));
    },

    /** What is wrong with rows of which none is created. */
    keepInvalid: async ({ tenant, id }: Owner, reports: readonly ImportReport[]) => {
      const writes = reports.map((it) => ({ ...reportWrite({ tenant, id }, it), expects: 'anything' as const }));
      await inGroups(writes, writesMost, (group) => table.write(group));
    },

    /** The rows of a part; null once they are done. */
    rowsOf: async <Row extends z.ZodType>({ tenant, id }: Owner, { nth }: Part, Row: Row) => {
      const row = await table.get(keys.importBodies(tenant, id, nth), true);
      return row === undefined ? null : z.object({ rows: packed(z.array(Row)) }).parse(row).rows;
    },

    reportsOf: async (
      { tenant, id }: Owner,
      { first, last }: Pick<Part, 'first' | 'last'>,
    ): Promise<StoredReport[]> => {
      const { rows } = await table.query(ranges.importReports(tenant, id, first, last), { consistent: true });
      return rows.map((row) => StoredReport.parse(row));
    },

    /** A page of the reports; `after` is the last row that was seen. */
    reportsPage: async ({ tenant, id }: Owner, { after, limit }: { after: number; limit: number }) => {
      const { rows, next } = await table.query(ranges.importReports(tenant, id, after + 1), { limit });
      return { reports: rows.map((row) => StoredReport.parse(row)), more: next !== null };
    },

    /** Every row of it has its report; of two who say so, one does it. */
    partDone: async ({ tenant, id }: Owner, part: Part, counts: ImportCounts, now: Instant): Promise<boolean> => {
      const key = keys.importPart(tenant, id, part.nth);
      const after: Part = { ...part, version: part.version + 1, counts };
      try {
        await table.write([
          { kind: 'other', expects: { version: part.version }, put: { ...key, ...after, ttl: ttlFrom(now) } },
          { kind: 'other', expects: 'anything', remove: keys.importBodies(tenant, id, part.nth) },
        ]);
        return true;
      } catch (error) {
        if (error instanceof Lost) return false;
        throw error;
      }
    },
  };
};
export type Imports = ReturnType<typeof openImports>;
