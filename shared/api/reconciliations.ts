import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { Reconciliation, ReconciliationState, reconciledBytesMax } from '../domain/reconciliation.ts';
import { ExternalSystem } from '../domain/source.ts';
import { InstantInput } from '../domain/time.ts';
import { LinkedFile } from './exports.ts';
import { Upload } from './imports.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const ReconciliationView = Reconciliation.omit({ tenant: true, hash: true })
  .extend({
    /** Where the customer's file goes. Only in the answer that made it, and null there once its time is over. */
    upload: Upload.nullish(),
    /** The list of differences. Null until it is there, once it is deleted, and for a key that may not read what is in it. */
    file: LinkedFile.nullable(),
  })
  .meta({ id: 'Reconciliation' });
export type ReconciliationView = z.infer<typeof ReconciliationView>;

export const ReconciliationSummary = Reconciliation.pick({
  id: true,
  name: true,
  system: true,
  from: true,
  to: true,
  mode: true,
  createdAt: true,
}).meta({ id: 'ReconciliationSummary' });

export const createReconciliation = {
  id: 'create-reconciliation',
  noun: 'reconciliations',
  method: 'POST',
  path: '/v1/reconciliations',
  summary: 'Ask for a link to upload a file of orders, to be compared with the transactions of a period',
  permission: 'exports:write',
  body: once(() =>
    z.strictObject({
      name: z.string().min(1).max(120),
      /** When the transactions were created that are compared. */
      from: InstantInput(),
      /** Exclusive, and not in the future. */
      to: InstantInput(),
      /** Whose ids the file has: transactions have them as `externalIds.<system>`. */
      system: ExternalSystem.default('order'),
      /** Size of the file: the link takes just so many. */
      bytes: field.positive.max(reconciledBytesMax),
    }),
  ),
  status: 201,
  response: () => ReconciliationView,
  problems: ['idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listReconciliations = {
  id: 'list-reconciliations',
  noun: 'reconciliations',
  method: 'GET',
  path: '/v1/reconciliations',
  summary: 'List reconciliations, the newest first',
  permission: 'exports:read',
  query: once(() => z.strictObject({ state: ReconciliationState.optional(), ...page })),
  status: 200,
  response: once(() => listOf(ReconciliationSummary)),
  problems: [],
} as const satisfies Route;

export const getReconciliation = {
  id: 'get-reconciliation',
  noun: 'reconciliations',
  method: 'GET',
  path: '/v1/reconciliations/{reconciliationId}',
  summary: 'See what a reconciliation found, and fetch the list of differences',
  permission: 'exports:read',
  params: z.object({ reconciliationId: idParam }),
  status: 200,
  response: () => ReconciliationView,
  problems: [],
  etag: true,
} as const satisfies Route;
