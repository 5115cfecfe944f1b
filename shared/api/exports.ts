import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { Export, ExportFilter, ExportFormat, ExportKind, ExportState, foreignFilters } from '../domain/export.ts';
import { Push } from '../domain/export-push.ts';
import { InstantInput, InstantText } from '../domain/time.ts';
import { WantedTypeInput } from './event-types.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page, where } from './shapes.ts';

export const LinkedFile = z.object({
  name: field.text,
  /** Signed for this answer: whoever has it may fetch the file until then. */
  url: field.text,
  until: InstantText,
});

/** A name that the operator has set up for the tenant. */
export const PushTo = z.string().min(1).max(40);

export const ExportView = Export.omit({ tenant: true, hash: true, rows: true })
  .extend({
    /** In the file, or written until now. */
    rows: field.count,
    /** Null until it is there, once it is deleted, and for a key that may not read what is in it. */
    file: LinkedFile.nullable(),
    /** What has become of putting the file there; null where it goes nowhere. */
    push: Push.nullable(),
  })
  .meta({ id: 'Export' });
export type ExportView = z.infer<typeof ExportView>;

export const ExportSummary = Export.pick({
  id: true,
  kind: true,
  format: true,
  from: true,
  to: true,
  mode: true,
  createdAt: true,
}).meta({ id: 'ExportSummary' });

const params = z.object({ exportId: idParam });

/** For the document: a kind has no filters of another one. */
export const ownFilters = () =>
  ExportKind.options.map((kind) =>
    where(
      { properties: { kind: { const: kind } }, required: ['kind'] },
      {
        properties: {
          filter: {
            properties: Object.fromEntries(
              Object.keys(ExportFilter.shape)
                .filter((name) => foreignFilters(kind, { [name]: '' }).length > 0)
                .map((name) => [name, false]),
            ),
          },
        },
      },
    ),
  );

export const createExport = {
  id: 'create-export',
  noun: 'exports',
  method: 'POST',
  path: '/v1/exports',
  summary: 'Have transactions, events, deliveries or incidents of a period written into a file',
  permission: 'exports:write',
  body: once(() =>
    z
      .strictObject({
        kind: ExportKind,
        format: ExportFormat,
        from: InstantInput(),
        /** Exclusive, and not in the future. Of events, `from` is not earlier than what the feed keeps. */
        to: InstantInput(),
        filter: ExportFilter.extend({ type: WantedTypeInput().optional() }).default({}),
        /** Also the columns that are about persons, for a key with the scope `exports:personal`. */
        personalData: field.yesNo.default(false),
        /** Which bucket the file is put into as well: the name of a destination that the operator has set up. */
        pushTo: PushTo.nullable().default(null),
      })
      .meta({ allOf: ownFilters() }),
  ),
  status: 201,
  response: () => ExportView,
  problems: ['idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listExports = {
  id: 'list-exports',
  noun: 'exports',
  method: 'GET',
  path: '/v1/exports',
  summary: 'List exports, the newest first',
  permission: 'exports:read',
  query: once(() => z.strictObject({ state: ExportState.optional(), ...page })),
  status: 200,
  response: once(() => listOf(ExportSummary)),
  problems: [],
} as const satisfies Route;

export const getExport = {
  id: 'get-export',
  noun: 'exports',
  method: 'GET',
  path: '/v1/exports/{exportId}',
  summary: 'See how far an export has come, and fetch its file',
  permission: 'exports:read',
  params,
  status: 200,
  response: () => ExportView,
  problems: [],
  etag: true,
} as const satisfies Route;
