import { type ImportColumn, importColumn, importedBody } from '../api/import-columns.ts';
import { CreateTransaction } from '../api/transactions.ts';
import { goesInto } from '../domain/assignment.ts';
import type { Bank } from '../domain/bank.ts';
import { importBytesMax, importRowsMax } from '../domain/import.ts';
import { type FieldError, Refusal } from '../domain/refusal.ts';
import type { Instant } from '../domain/time.ts';
import type { Caller } from './authenticate.ts';
import { csvRows, Unreadable } from './csv-file.ts';
import { bodyBytesMax } from './endpoint.ts';
import { fieldErrors } from './problem.ts';
import { mayUse } from './sandbox.ts';
import { requireAgreed, requireSound } from './transaction-create.ts';

/** A row of a file as a create is asked for, counted from 1 below the header. */
export type ImportRow = { row: number; body: CreateTransaction };
export type InvalidRow = { row: number; errors: FieldError[] };

export type CheckedFile =
  | { problem: string }
  | { problem: null; rows: ImportRow[]; invalid: InvalidRow[]; count: number };

const columnsOf = (names: readonly string[]): ImportColumn[] => {
  const columns = names.map((name, nth) => {
    const column = importColumn(name);
    // By its number: where the header is missing, the first row stands here.
    if (column === null) throw new Unreadable(`the header of column ${nth + 1} is not one that an import has`);
    return column;
  });
  const twice = names.find((name, nth) => names.indexOf(name) < nth);
  if (twice !== undefined) throw new Unreadable(`it has the column ${twice} twice`);
  for (const name of ['workflow', 'bankId'])
    if (!names.includes(name)) throw new Unreadable(`it lacks the column ${name}`);
  if (!columns.some(({ path }) => path[0] === 'externalIds'))
    throw new Unreadable('it lacks a column externalIds.<system>: by its id a row is known when it comes again');
  return columns;
};

const read = (bytes: Uint8Array): { columns: ImportColumn[]; records: string[][] } => {
  if (bytes.length > importBytesMax) throw new Unreadable(`it has more than ${importBytesMax} bytes`);
  let columns: ImportColumn[] = [];
  const limits = { rowBytesMax: 2 * bodyBytesMax, rowsMax: importRowsMax };
  const records = csvRows(bytes, limits, (names) => {
    columns = columnsOf(names);
    return (cells) => cells;
  });
  if (records.length === 0) throw new Unreadable('it has no rows');
  return { columns, records };
};

type Said = { row: number; body: CreateTransaction; errors: FieldError[] };

/** The errors of a check that refuses, none of one that does not. */
const errorsOf = (check: () => void): FieldError[] => {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.errors ?? [{ pointer: '/source', detail: error.message }];
  }
};

/** What a row says by itself. */
const said = (columns: readonly ImportColumn[], cells: readonly string[], caller: Caller, now: Instant) => {
  const parsed = CreateTransaction().safeParse(importedBody(columns, cells));
  if (!parsed.success) return { errors: fieldErrors(parsed.error) };
  const body = parsed.data;
  if (Object.keys(body.externalIds).length === 0)
    return {
      errors: [{ pointer: '/externalIds', detail: 'is missing: by its id a row is known when it comes again' }],
    };
  const errors = errorsOf(() => requireSound({ body, caller, now }));
  return errors.length > 0 ? { errors } : { body, errors };
};

/** What a row says that its bank cannot do. */
const ofBank = (body: CreateTransaction, bank: Bank | undefined, caller: Caller, now: Instant): FieldError[] => {
  const { bankId, items, workflow } = body;
  if (bank === undefined || bank.tenant !== caller.tenant)
    return [{ pointer: '/bankId', detail: `there is no bank ${bankId}` }];
  if (!mayUse(caller, bank))
    return [{ pointer: '/bankId', detail: 'a test key acts on simulated banks only, and this is a real one' }];
  return workflow === 'loan' || bank.layout.some((door) => goesInto(items, door))
    ? errorsOf(() => requireAgreed({ body, now }, bank))
    : [{ pointer: '/items', detail: 'fit into no compartment of this bank' }];
};

/** The first row that bears each external id: another row with it says something twice. */
const repeats = (): ((it: Pick<Said, 'row' | 'body'>) => FieldError[]) => {
  const first = new Map<string, number>();
  return ({ row, body }) =>
    Object.entries(body.externalIds).flatMap(([system, id]) => {
      const before = first.get(`${system}:${id}`);
      if (before === undefined) first.set(`${system}:${id}`, row);
      return before === undefined ? [] : [{ pointer: `/externalIds/${system}`, detail: `row ${before} has the same` }];
    });
};

/**
 * Checks a whole file before anything of it is done: the file, each row as a create would check it, and all of them
 * together. What only time can tell, such as whether a compartment is free, is told by the create.
 */
export const checkFile = async (
  bytes: Uint8Array,
  caller: Caller,
  now: Instant,
  banksOf: (ids: readonly string[]) => Promise<Map<string, Bank>>,
): Promise<CheckedFile> => {
  try {
    const { columns, records } = read(bytes);
    const invalid: InvalidRow[] = [];
    const sound: ImportRow[] = [];
    for (const [nth, cells] of records.entries()) {
      const { body, errors } = said(columns, cells, caller, now);
      if (body === undefined) invalid.push({ row: nth + 1, errors });
      else sound.push({ row: nth + 1, body });
    }
    const banks = await banksOf([...new Set(sound.map(({ body }) => body.bankId))]);
    const repeated = repeats();
    const rows = sound.filter((it) => {
      const errors = [...ofBank(it.body, banks.get(it.body.bankId), caller, now), ...repeated(it)];
      if (errors.length > 0) invalid.push({ row: it.row, errors });
      return errors.length === 0;
    });
    return { problem: null, rows, invalid: invalid.toSorted((a, b) => a.row - b.row), count: records.length };
  } catch (error) {
    if (error instanceof Unreadable) return { problem: error.message };
    throw error;
  }
};
