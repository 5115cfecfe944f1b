import * as z from 'zod';
import type { Actor, Envelope } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { methods } from '../device/access.ts';
import type { ApiKey } from '../domain/api-key.ts';
import type { Asset } from '../domain/asset.ts';
import type { TenantPolicy } from '../domain/assignment-policy.ts';
import type { BadgeGroup } from '../domain/badge-group.ts';
import type { Branding } from '../domain/branding.ts';
import { envelopesOf, type SubjectKind } from '../domain/chain.ts';
import type { ChainHead } from '../domain/chain-head.ts';
import type { Command } from '../domain/command.ts';
import type { Credential } from '../domain/credential.ts';
import { runningDeadline } from '../domain/deadline.ts';
import type { CompartmentChange, SubjectChange } from '../domain/decision.ts';
import type { Export } from '../domain/export.ts';
import type { ExportSchedule } from '../domain/export-schedule.ts';
import type { Import } from '../domain/import.ts';
import type { Issued } from '../domain/issued.ts';
import type { MessageTemplate } from '../domain/message-template.ts';
import type { Reconciliation } from '../domain/reconciliation.ts';
import type { Site, Tenant } from '../domain/site.ts';
import { hasLeftStock, type StockUnit } from '../domain/stock.ts';
import { subjects } from '../domain/subjects.ts';
import type { Instant } from '../domain/time.ts';
import { instant, plusSeconds } from '../domain/time.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { WebhookEndpoint } from '../domain/webhook.ts';
import type { WorkflowTerms } from '../domain/workflow-terms.ts';
import { outageWrite } from './outages.ts';
import { pack } from './packed.ts';
import { dueAttributes, keys } from './rows.ts';
import type { Key, Row, Write } from './table.ts';

/** What everything in one commit shares. `newId` draws prefixed, sortable ids. */
export type Circumstances = { actor: Actor; now: Instant; newId: (prefix: string) => string };

/** A subject after its commit: numbered, and with the hash of its newest event. */
export type Committed<Subject> = { after: Subject; events: Envelope[]; writes: Write[] };

/** The subject's row and the row of this commit's events. */
export const subjectWrites = <Subject extends { version: number; hash: string }>(
  kind: SubjectKind<Subject>,
  change: SubjectChange<Subject>,
  key: Key,
  logPk: string,
  circumstances: Circumstances,
  more: (after: Subject) => Record<string, unknown> = () => ({}),
): Committed<Subject> => {
  if (change.emissions.length === 0) return { after: change.after, events: [], writes: [] };
  const { actor, now, newId } = circumstances;
  const events = envelopesOf(kind, change, { actor, now, newEventId: () => newId('evt') });
  const after = { ...change.after, hash: events.at(-1)?.hash ?? change.after.hash };
  const first = (change.before?.version ?? 0) + 1;
  return {
    after,
    events,
    writes: [
      {
        kind: 'subject',
        // A chain's head that was never written has version 0.
        expects: (change.before?.version ?? 0) === 0 ? 'absent' : { version: change.before?.version ?? 0 },
        put: { ...key, ...after, ...more(after) } as Row,
      },
      { kind: 'event', expects: 'absent', put: { ...keys.events(logPk, first), events: pack(events) } },
    ],
  };
};

/**
 * `compartment` is the compartment as this commit leaves it; it rides in the transaction's row so that the next change
 * needs no second read. `target`: likewise that
 * of the door that its item is to be moved to.
 */
export const commitTransaction = (
  change: SubjectChange<Transaction>,
  compartment: CompartmentChange['after'] | null,
  circumstances: Circumstances,
  target: CompartmentChange['after'] | null = null,
): Committed<Transaction> => {
  const { id, tenant } = change.after;
  const dated = { ...change, after: { ...change.after, updatedAt: circumstances.now } };
  const key = keys.transaction(tenant, id);
  return subjectWrites(subjects.transaction, dated, key, key.PK, circumstances, (after) => ({
    compartment,
    ...(target !== null && { target }),
    ...dueAttributes(id, runningDeadline(after)?.at ?? null),
  }));
};

export const commitCommand = (change: SubjectChange<Command>, circumstances: Circumstances): Committed<Command> => {
  const { id, tenant } = change.after;
  const dated = { ...change, after: { ...change.after, updatedAt: circumstances.now } };
  const key = keys.command(tenant, id);
  const waits = ['queued', 'sent', 'acknowledged'];
  return subjectWrites(subjects.command, dated, key, key.PK, circumstances, (after) =>
    dueAttributes(id, waits.includes(after.state) ? after.notAfter : null),
  );
};

export const commitApiKey = (change: SubjectChange<ApiKey>, circumstances: Circumstances): Committed<ApiKey> => {
  const { id, tenant } = change.after;
  return subjectWrites(subjects.apiKey, change, keys.apiKey(tenant, id), keys.apiKeyLog(tenant, id), circumstances);
};

export const commitSite = (change: SubjectChange<Site>, circumstances: Circumstances): Committed<Site> => {
  const { id, tenant } = change.after;
  return subjectWrites(subjects.site, change, keys.site(tenant, id), keys.siteLog(tenant, id), circumstances);
};

export const commitTenant = (change: SubjectChange<Tenant>, circumstances: Circumstances): Committed<Tenant> => {
  const key = keys.tenant(change.after.id);
  return subjectWrites(subjects.tenant, change, key, key.PK, circumstances);
};

export const commitPolicy = (
  change: SubjectChange<TenantPolicy>,
  circumstances: Circumstances,
): Committed<TenantPolicy> => {
  const key = keys.policy(change.after.tenant);
  return subjectWrites(subjects.assignmentPolicy, change, key, key.PK, circumstances);
};

export const commitWorkflowTerms = (
  change: SubjectChange<WorkflowTerms>,
  circumstances: Circumstances,
): Committed<WorkflowTerms> => {
  const { id, tenant, siteId } = change.after;
  const key = keys.workflowTerms(tenant, siteId);
  return subjectWrites(subjects.workflowTerms, change, key, keys.workflowTermsLog(tenant, id), circumstances);
};

export const commitBranding = (change: SubjectChange<Branding>, circumstances: Circumstances): Committed<Branding> => {
  const { id, tenant } = change.after;
  return subjectWrites(subjects.branding, change, keys.branding(tenant), keys.brandingLog(tenant, id), circumstances);
};

export const commitMessageTemplate = (
  change: SubjectChange<MessageTemplate>,
  circumstances: Circumstances,
): Committed<MessageTemplate> => {
  const { id, tenant } = change.after;
  const log = keys.messageTemplateLog(tenant, id);
  return subjectWrites(
    subjects.messageTemplate,
    change,
    keys.messageTemplate(tenant, change.after),
    log,
    circumstances,
  );
};

/** The template goes; its events stay. */
export const commitMessageTemplateEnd = (
  change: SubjectChange<MessageTemplate>,
  circumstances: Circumstances,
): Committed<MessageTemplate> => {
  const { tenant, version } = change.before ?? change.after;
  const committed = commitMessageTemplate(change, circumstances);
  return {
    ...committed,
    writes: [
      { kind: 'subject', expects: { version }, remove: keys.messageTemplate(tenant, change.after) },
      ...committed.writes.filter(({ kind }) => kind === 'event'),
    ],
  };
};

export const commitAsset = (change: SubjectChange<Asset>, circumstances: Circumstances): Committed<Asset> => {
  const { id, tenant } = change.after;
  return subjectWrites(subjects.asset, change, keys.asset(tenant, id), keys.assetLog(tenant, id), circumstances);
};

/** Where copies of it lie for who looks for what is in stock; nowhere once it has left. */
const shelvesOf = (it: StockUnit | null): Key[] => {
  if (it === null || hasLeftStock(it)) return [];
  const { tenant, sku, id, bankId } = it;
  // What keeps for ever sorts last.
  const keeps = it.bestBefore ?? '~';
  return [
    keys.stockOf(tenant, sku, keeps, id),
    ...(bankId === null ? [] : [keys.stockAt(tenant, bankId, sku, keeps, id)]),
  ];
};

export const commitStockUnit = (
  change: SubjectChange<StockUnit>,
  circumstances: Circumstances,
): Committed<StockUnit> => {
  const { id, tenant } = change.after;
  const log = keys.stockUnitLog(tenant, id);
  const committed = subjectWrites(subjects.stockUnit, change, keys.stockUnit(tenant, id), log, circumstances);
  const shelves = shelvesOf(committed.after);
  const isLeft = ({ PK, SK }: Key) => !shelves.some((it) => it.PK === PK && it.SK === SK);
  // The unit's own row guards them.
  const copies: Write[] = [
    ...shelvesOf(change.before)
      .filter(isLeft)
      .map((remove): Write => ({ kind: 'other', expects: 'anything', remove })),
    ...shelves.map((key): Write => ({ kind: 'other', expects: 'anything', put: { ...key, ...committed.after } })),
  ];
  return { ...committed, writes: [...committed.writes, ...copies] };
};

export const commitImport = (change: SubjectChange<Import>, circumstances: Circumstances): Committed<Import> => {
  const { id, tenant } = change.after;
  const key = keys.import(tenant, id);
  return subjectWrites(subjects.import, change, key, key.PK, circumstances);
};

export const commitExport = (change: SubjectChange<Export>, circumstances: Circumstances): Committed<Export> => {
  const { id, tenant } = change.after;
  const key = keys.export(tenant, id);
  return subjectWrites(subjects.export, change, key, key.PK, circumstances);
};

export const commitExportSchedule = (
  change: SubjectChange<ExportSchedule>,
  circumstances: Circumstances,
): Committed<ExportSchedule> => {
  const { id, tenant } = change.after;
  const key = keys.exportSchedule(tenant, id);
  return subjectWrites(
    subjects.exportSchedule,
    change,
    key,
    keys.exportScheduleLog(tenant, id),
    circumstances,
    ({ nextRunAt }) => dueAttributes(id, nextRunAt),
  );
};

/** Its row goes, and its events stay. */
export const commitExportScheduleEnd = (
  change: SubjectChange<ExportSchedule>,
  circumstances: Circumstances,
): Committed<ExportSchedule> => {
  const { id, tenant, version } = change.before ?? change.after;
  const committed = commitExportSchedule(change, circumstances);
  return {
    ...committed,
    writes: [
      { kind: 'subject', expects: { version }, remove: keys.exportSchedule(tenant, id) },
      ...committed.writes.filter(({ kind }) => kind === 'event'),
    ],
  };
};

export const commitReconciliation = (
  change: SubjectChange<Reconciliation>,
  circumstances: Circumstances,
): Committed<Reconciliation> => {
  const { id, tenant } = change.after;
  const key = keys.reconciliation(tenant, id);
  return subjectWrites(subjects.reconciliation, change, key, key.PK, circumstances);
};

export const commitEndpoint = (
  change: SubjectChange<WebhookEndpoint>,
  circumstances: Circumstances,
): Committed<WebhookEndpoint> => {
  const { id, tenant } = change.after;
  const log = keys.endpointLog(tenant, id);
  return subjectWrites(subjects.endpoint, change, keys.endpoint(tenant, id), log, circumstances);
};

/** The endpoint goes, and with it how it answered and what was booked; its events stay, and so do its deliveries. */
export const commitEndpointEnd = (
  change: SubjectChange<WebhookEndpoint>,
  circumstances: Circumstances,
): Committed<WebhookEndpoint> => {
  const { id, tenant, version } = change.before ?? change.after;
  const committed = commitEndpoint(change, circumstances);
  const isEvent = ({ kind }: Write) => kind === 'event';
  const besides = [keys.endpointHealth(tenant, id), keys.endpointPace(tenant, id)];
  return {
    ...committed,
    writes: [
      { kind: 'subject', expects: { version }, remove: keys.endpoint(tenant, id) },
      ...besides.map((remove): Write => ({ kind: 'other', expects: 'anything', remove })),
      ...committed.writes.filter(isEvent),
    ],
  };
};

export const commitBadgeGroup = (
  change: SubjectChange<BadgeGroup>,
  circumstances: Circumstances,
): Committed<BadgeGroup> => {
  const { id, tenant, group } = change.after;
  const log = keys.badgeGroupLog(tenant, id);
  return subjectWrites(subjects.badgeGroup, change, keys.badgeGroup(tenant, group), log, circumstances);
};

export const commitBankLog = (change: SubjectChange<ChainHead>, circumstances: Circumstances): Committed<ChainHead> => {
  const key = keys.bankLog(change.after.bankId);
  return subjectWrites(subjects.bank, change, key, key.PK, circumstances);
};

export const commitCompartmentLog = (
  change: SubjectChange<ChainHead>,
  circumstances: Circumstances,
): Committed<ChainHead> => {
  const key = keys.compartmentLog(change.after.bankId, change.after.door ?? '');
  return subjectWrites(subjects.compartment, change, key, key.PK, circumstances);
};

/**
 * The door row: the lock that two commits meet at if they want the same door. A reason that there is not is left out:
 * all the doors of a bank are read at once, so every byte is read a hundred times.
 */
export const compartmentWrite = (bankId: string, { before, after }: CompartmentChange): Write => {
  const { outOfService, ...rest } = after;
  return {
    kind: 'compartment',
    expects: before.version === 0 ? 'absent' : { version: before.version },
    put: { ...keys.compartment(bankId, before.door), ...rest, ...(outOfService !== null && { outOfService }) },
  };
};

/** A credential as its bank may ask for it. */
type Lockable = { credential: Pick<Credential, 'id' | 'method'>; verifier: string };

/** What the caller brings may fit several transactions of a bank; everything else only one. */
export const lockKey = (bankId: string, { credential, verifier }: Lockable): Key =>
  keys.lock(bankId, verifier, methods[credential.method].value === 'brought' ? credential.id : undefined);

/** The same, with the time that it was out of service if that is over: kept for as long as one may ask for it. */
export const compartmentWrites = (bankId: string, change: CompartmentChange, now: Instant): Write[] => {
  const { door, outOfService: reason, outOfServiceAt } = change.before;
  const write = compartmentWrite(bankId, change);
  if (reason === null || outOfServiceAt === undefined || change.after.outOfService !== null) return [write];
  return [write, outageWrite(bankId, { door, reason, startedAt: instant(outOfServiceAt), endedAt: now })];
};

/** PIN locks, unique among the live PINs of a bank, and the same for other credentials; a verifier is all that is kept. */
export const lockWrites = (
  bankId: string,
  owner: { tenant: string; transactionId: string },
  take: Lockable[],
  drop: Lockable[],
): Write[] => [
  ...take.map(
    (it): Write => ({
      kind: 'lock',
      expects: 'absent',
      put: { ...lockKey(bankId, it), ...owner, credentialId: it.credential.id },
    }),
  ),
  ...drop.map((it): Write => ({ kind: 'lock', expects: 'anything', remove: lockKey(bankId, it) })),
];

/** Seconds an idempotency key is remembered. */
export const idempotencySeconds = 86_400;

export type IdempotencyRecord = {
  tenant: string;
  key: string;
  /** SHA-256 over who asked for what. */
  fingerprint: string;
  status: number;
  /** The answer, without secrets: those are derived again when it is replayed. */
  body: Record<string, unknown>;
  etag?: number;
  issued?: Issued;
};

export const idempotencyWrite = ({ tenant, key, fingerprint, ...answer }: IdempotencyRecord, now: Instant): Write => {
  const expiresAt = plusSeconds(now, idempotencySeconds);
  return {
    kind: 'idempotency',
    expects: { absentOrExpiredBefore: now },
    put: {
      ...keys.idempotency(tenant, key),
      fingerprint,
      answer: pack(answer),
      expiresAt,
      // Garbage collection only; what has expired is ignored by its time. TTL counts in seconds.
      ttl: Math.ceil(Date.parse(expiresAt) / 1000),
    },
  };
};

/** A cancellation that came before its create: it waits under the external id, and wins. */
export const KeptCancellation = z.object({ cancelled: z.object({ reason: field.text, at: field.text }) });

/** Longer than messages of a system are late; then whoever uses the id anew means something else. */
const keptSeconds = 30 * 86_400;

export const keptCancellationWrite = (
  { tenant, system, id }: { tenant: string; system: string; id: string },
  reason: string,
  at: Instant,
): Write => ({
  kind: 'unique',
  expects: 'absent',
  put: {
    ...keys.externalId(tenant, system, id),
    transactionId: null,
    cancelled: { reason, at },
    version: 1,
    ttl: Math.ceil(Date.parse(at) / 1000) + keptSeconds,
  },
});

/** Claims its external ids; `kept`: the partitions where a cancellation waits for it. */
export const externalIdWrites = (it: Transaction, kept: readonly string[] = []): Write[] =>
  Object.entries(it.externalIds).map(([system, id]) => {
    const key = keys.externalId(it.tenant, system, id);
    return {
      kind: 'unique',
      expects: kept.includes(key.PK) ? { version: 1 } : 'absent',
      put: { ...key, transactionId: it.id },
    };
  });
