import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { Import, ImportCounts, ImportState, importBytesMax } from '../domain/import.ts';
import { InstantText } from '../domain/time.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const Upload = z.object({
  method: z.literal('PUT'),
  url: field.text,
  /** To be sent along; with them a second upload is refused. */
  headers: z.record(field.text, field.text),
});

export const ImportView = Import.omit({ tenant: true, hash: true, counts: true })
  .extend({
    /** Of the rows: `pending` is what is still to be done. */
    counts: ImportCounts.extend({ pending: field.count }),
    /** Where the file goes. Only in the answer that made it, and null there once its time is over. */
    upload: Upload.nullish(),
  })
  .meta({ id: 'Import' });
export type ImportView = z.infer<typeof ImportView>;

export const ImportSummary = Import.pick({ id: true, name: true, mode: true, createdAt: true }).meta({
  id: 'ImportSummary',
});

export const ImportRowView = z
  .object({
    /** Counted from 1 below the header. */
    row: field.positive,
    outcome: z.enum(['created', 'already_exists', 'refused', 'invalid']),
    /** What was created, or has the row's external id already. */
    transactionId: field.textOrNull,
    /** Of a refusal: the problem that the create would have been answered. */
    code: field.textOrNull,
    reason: field.textOrNull,
    detail: field.textOrNull,
    /** What is wrong with the row: pointers as into the body of a create, whose path is the column's name. */
    errors: z.array(z.object({ pointer: field.text, detail: field.text })),
    /** Of what was created: for a day, and for a key that may create. */
    credentials: z.array(z.object({ id: field.text, value: field.text })).optional(),
    at: InstantText,
  })
  .meta({ id: 'ImportRow' });
export type ImportRowView = z.infer<typeof ImportRowView>;

const params = z.object({ importId: idParam });

export const createImport = {
  id: 'create-import',
  noun: 'imports',
  method: 'POST',
  path: '/v1/imports',
  summary: 'Ask for a link to upload a file of transactions',
  permission: 'transactions:write',
  body: once(() =>
    z.strictObject({
      name: z.string().min(1).max(120),
      /** Size of the file: the link takes just so many. */
      bytes: field.positive.max(importBytesMax),
    }),
  ),
  status: 201,
  response: () => ImportView,
  problems: ['idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listImports = {
  id: 'list-imports',
  noun: 'imports',
  method: 'GET',
  path: '/v1/imports',
  summary: 'List imports, the newest first',
  permission: 'transactions:read',
  query: once(() => z.strictObject({ state: ImportState.optional(), ...page })),
  status: 200,
  response: once(() => listOf(ImportSummary)),
  problems: [],
} as const satisfies Route;

export const getImport = {
  id: 'get-import',
  noun: 'imports',
  method: 'GET',
  path: '/v1/imports/{importId}',
  summary: 'See how far an import has come',
  permission: 'transactions:read',
  params,
  status: 200,
  response: () => ImportView,
  problems: [],
  etag: true,
} as const satisfies Route;

export const listImportRows = {
  id: 'list-import-rows',
  noun: 'imports',
  method: 'GET',
  path: '/v1/imports/{importId}/rows',
  summary: 'Read what came of each row, in order',
  permission: 'transactions:read',
  params,
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(ImportRowView)),
  problems: [],
} as const satisfies Route;
