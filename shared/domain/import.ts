import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { KeyMode } from './api-key.ts';
import { apply, born, type SubjectChange } from './decision.ts';
import { type Instant, InstantText } from './time.ts';

/** Rows of one file. */
export const importRowsMax = 10_000;
/** Of the file: 800 bytes for each of so many rows. */
export const importBytesMax = 8 * 1024 * 1024;
/** How long the link of an upload is good for. */
export const uploadSeconds = 900;
/** What was uploaded is deleted after so many days: it holds personal data. */
export const uploadDays = 7;
/** How long the report of each row can be read. */
export const reportSeconds = 30 * 86_400;

/** `pending`: nothing was uploaded yet. `invalid`: something is wrong with the file, and nothing was created. */
export const ImportState = z.enum(['pending', 'validating', 'invalid', 'running', 'done', 'failed']);
export type ImportState = z.infer<typeof ImportState>;

/** What came of the rows of a file, or of a part of it. */
export const ImportCounts = z.object({
  created: field.count,
  alreadyExists: field.count,
  refused: field.count,
});
export type ImportCounts = z.infer<typeof ImportCounts>;

export const noCounts: ImportCounts = { created: 0, alreadyExists: 0, refused: 0 };

export const sumCounts = (counts: readonly ImportCounts[]): ImportCounts =>
  counts.reduce(
    (sum, it) => ({
      created: sum.created + it.created,
      alreadyExists: sum.alreadyExists + it.alreadyExists,
      refused: sum.refused + it.refused,
    }),
    noCounts,
  );

/** A file of transactions to be created: all of them on behalf of the API key that asked for it. */
export const Import = z.object({
  id: field.text,
  tenant: field.text,
  name: field.text,
  state: ImportState,
  apiKeyId: field.text,
  /** Of that key: what a test key imports is for test keys to see. */
  mode: KeyMode,
  /** Size of the file, as announced; the link takes no other. */
  bytes: field.positive,
  uploadBy: InstantText,
  /** Of the file, once it was read. */
  rows: field.count.nullable(),
  invalidRows: field.count,
  /** What is wrong with the file as a whole, or why the import cannot go on. */
  problem: field.textOrNull,
  /** Once it has ended. */
  counts: ImportCounts.nullable(),
  createdAt: InstantText,
  startedAt: field.momentOrNull,
  endedAt: field.momentOrNull,
  version: field.positive,
  hash: field.text,
});
export type Import = z.infer<typeof Import>;

/** What is not in a file yet: asked for, with room for the upload. */
export const asked = (
  it: Pick<Import, 'id' | 'tenant' | 'name' | 'apiKeyId' | 'mode' | 'bytes' | 'uploadBy'>,
  now: Instant,
): SubjectChange<Import> =>
  born(
    {
      ...it,
      state: 'pending',
      rows: null,
      invalidRows: 0,
      problem: null,
      counts: null,
      createdAt: now,
      startedAt: null,
      endedAt: null,
      version: 1,
      hash: '',
    },
    'import.created',
  );

/** The file has come. */
export const uploaded = (it: Import): SubjectChange<Import> =>
  apply(it, [{ type: 'import.uploaded', set: { state: 'validating' } }]);

/** Something is wrong with the file, or with some of its rows: nothing of it is created. */
export const rejected = (
  it: Import,
  { rows, invalidRows, problem }: Pick<Import, 'rows' | 'invalidRows' | 'problem'>,
  now: Instant,
): SubjectChange<Import> =>
  apply(it, [{ type: 'import.rejected', set: { state: 'invalid', rows, invalidRows, problem, endedAt: now } }]);

export const started = (it: Import, rows: number, now: Instant): SubjectChange<Import> =>
  apply(it, [{ type: 'import.started', set: { state: 'running', rows, startedAt: now } }]);

export const completed = (it: Import, counts: ImportCounts, now: Instant): SubjectChange<Import> =>
  apply(it, [{ type: 'import.completed', set: { state: 'done', counts, endedAt: now }, data: { counts } }]);

/** It cannot go on, whoever tries: what was created until then stays. */
export const failed = (it: Import, problem: string, counts: ImportCounts, now: Instant): SubjectChange<Import> =>
  apply(it, [{ type: 'import.failed', set: { state: 'failed', problem, counts, endedAt: now }, data: { problem } }]);
