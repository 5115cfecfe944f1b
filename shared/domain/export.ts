import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { KeyMode, type Scope } from './api-key.ts';
import { apply, born, type SubjectChange } from './decision.ts';
import { Push } from './export-push.ts';
import { IncidentState } from './incident.ts';
import { IncidentKind } from './incident-kinds.ts';
import type { FieldError } from './refusal.ts';
import { type Instant, InstantText, plusSeconds } from './time.ts';
import { TransactionState } from './transaction.ts';
import { DeliveryState } from './webhook.ts';
import { Workflow } from './workflow.ts';

/** Of a period. A longer one is two exports. */
export const exportDaysMax = 366;
/** For so long the file can be fetched; then it is deleted. */
export const exportFileDays = 7;
/** How long a link to the file is good for. Whoever needs another one asks again. */
export const exportLinkSeconds = 300;

export const ExportKind = z.enum(['transactions', 'events', 'deliveries', 'incidents']);
export type ExportKind = z.infer<typeof ExportKind>;

export const ExportFormat = z.enum(['csv', 'jsonl', 'parquet']);
export type ExportFormat = z.infer<typeof ExportFormat>;

/** All of what is given has to hold. */
export const ExportFilter = z.strictObject({
  bankId: field.text.min(1).max(200).optional(),
  workflow: Workflow.optional(),
  state: TransactionState.optional(),
  type: field.text.min(1).max(200).optional(),
  subject: field.text.min(1).max(200).optional(),
  endpointId: field.text.min(1).max(200).optional(),
  deliveryState: DeliveryState.optional(),
  incidentKind: IncidentKind.optional(),
  incidentState: IncidentState.optional(),
});
export type ExportFilter = z.infer<typeof ExportFilter>;

type KindOfExport = {
  /** What the API key needs besides those of exports: whoever may not read it may not export it. */
  scope: Scope;
  filters: readonly (keyof ExportFilter)[];
  /** Of a row: which moment has to lie in the period. */
  period: string;
  order: string;
};

/** What can be exported. */
export const exportKinds = {
  transactions: {
    scope: 'transactions:read',
    filters: ['bankId', 'workflow', 'state'],
    period: 'when the transaction was created',
    order: 'the newest first',
  },
  events: {
    scope: 'events:read',
    filters: ['type', 'subject'],
    period: 'when we learned of the event ([more of that](feed.md#a-period-of-it))',
    order: 'in the order of the feed',
  },
  deliveries: {
    scope: 'webhooks:read',
    filters: ['endpointId', 'deliveryState'],
    period: 'when the event was recorded that is delivered',
    order: 'endpoint by endpoint, the oldest first',
  },
  incidents: {
    scope: 'incidents:read',
    filters: ['bankId', 'incidentKind', 'incidentState'],
    period: 'when the incident was opened, which is when we learned of what opened it',
    order: 'the oldest first',
  },
} as const satisfies Record<ExportKind, KindOfExport>;

/** What is wrong with a period, by the fields of a body. */
export const periodErrors = ({ from, to }: { from: Instant; to: Instant }, now: Instant): FieldError[] => [
  ...(from < to ? [] : [{ pointer: '/to', detail: 'must be later than from' }]),
  ...(to <= now ? [] : [{ pointer: '/to', detail: `must not be in the future; now it is ${now}` }]),
  ...(to <= plusSeconds(from, exportDaysMax * 86_400)
    ? []
    : [{ pointer: '/to', detail: `must be at most ${exportDaysMax} days after from` }]),
];

/** Filters that are given and say nothing of this kind. */
export const foreignFilters = (kind: ExportKind, filter: object): string[] => {
  const own: readonly string[] = exportKinds[kind].filters;
  return Object.keys(filter).filter((name) => !own.includes(name));
};

/** What a key needs for the file: to see what is in it, and persons only with the scope that is theirs. */
export const scopesOf = ({ kind, personalData }: Pick<Export, 'kind' | 'personalData'>): Scope[] => [
  exportKinds[kind].scope,
  ...(personalData ? (['exports:personal'] as const) : []),
];

export const ExportState = z.enum(['running', 'done', 'failed']);

/** Rows of a period, written into a file. */
export const Export = z.object({
  id: field.text,
  tenant: field.text,
  kind: ExportKind,
  format: ExportFormat,
  /** From, inclusive, to, exclusive. */
  from: InstantText,
  to: InstantText,
  filter: ExportFilter,
  /** Whether the columns are in it that are about persons. */
  personalData: field.yesNo,
  state: ExportState,
  apiKeyId: field.text,
  /** The schedule that made it, if one did. */
  scheduleId: field.textOrNull.default(null),
  /** Of that key: a test key exports what is about simulated doors. */
  mode: KeyMode,
  /** The destination that its file is put into as well, by the name that the operator gave it. */
  pushTo: field.textOrNull.default(null),
  /** How that ended; while it is tried, a row of its own says how far it has come. */
  push: Push.nullable().default(null),
  /** Of the file, once it is there. */
  rows: field.count.nullable(),
  bytes: field.count.nullable(),
  fileUntil: field.momentOrNull,
  /** Why there will be none. */
  problem: field.textOrNull,
  createdAt: InstantText,
  endedAt: field.momentOrNull,
  version: field.positive,
  hash: field.text,
});
export type Export = z.infer<typeof Export>;

export const requested = (
  it: Omit<
    Export,
    'state' | 'rows' | 'bytes' | 'fileUntil' | 'problem' | 'push' | 'createdAt' | 'endedAt' | 'version' | 'hash'
  >,
  now: Instant,
): SubjectChange<Export> =>
  born(
    {
      ...it,
      state: 'running',
      rows: null,
      bytes: null,
      fileUntil: null,
      problem: null,
      push: null,
      createdAt: now,
      endedAt: null,
      version: 1,
      hash: '',
    },
    'export.created',
  );

export const exported = (
  it: Export,
  { rows, bytes }: { rows: number; bytes: number },
  now: Instant,
): SubjectChange<Export> => {
  const fileUntil = plusSeconds(now, exportFileDays * 86_400);
  return apply(it, [{ type: 'export.completed', set: { state: 'done', rows, bytes, fileUntil, endedAt: now } }]);
};

/** Its file is in the customer’s bucket, or will not be: nobody tries any more. */
export const pushed = (it: Export, push: Push): SubjectChange<Export> => {
  const { state, key, reason } = push;
  const destination = it.pushTo;
  return apply(it, [
    state === 'done'
      ? { type: 'export.pushed', set: { push }, data: { destination, key } }
      : { type: 'export.push_failed', set: { push }, data: { destination, reason } },
  ]);
};

/** It cannot go on, whoever tries; there is no file. */
export const abandoned = (it: Export, problem: string, now: Instant): SubjectChange<Export> =>
  apply(it, [{ type: 'export.failed', set: { state: 'failed', problem, endedAt: now }, data: { problem } }]);

/** The name under which a browser saves it. */
export const fileNameOf = ({ kind, from, to, format }: Pick<Export, 'kind' | 'from' | 'to' | 'format'>): string =>
  `${kind}-${from.slice(0, 10)}-${to.slice(0, 10)}.${format}`;

/** Its name in the bucket. */
export const exportKey = ({ tenant, id, format }: Pick<Export, 'tenant' | 'id' | 'format'>): string =>
  `${tenant}/${id}.${format}`;

/** As IANA has registered them; JSON Lines has no type of its own, and is known by this one. */
export const contentTypes: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
};
