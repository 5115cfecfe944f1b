import type { Envelope } from '../../events/envelope.ts';
import { epochMs, type Instant } from '../domain/time.ts';
import { type Delivery, deliveryKeptSeconds, type EndpointHealth, type EndpointPace } from '../domain/webhook.ts';
import type { WebhookReplay } from '../domain/webhook-replay.ts';
import { CommitRow } from './commit-row.ts';
import { dueAttributes, keys } from './rows.ts';
import type { Expectation, Table, Write } from './table.ts';

/** While it waits for a retry it is in the due index, so that the sweep finds what a lost message left behind. */
export const deliveryWrite = (it: Delivery, expects: Expectation): Write => ({
  kind: 'other',
  expects,
  put: {
    ...keys.delivery(it.tenant, it.endpointId, it.eventId),
    ...it,
    ttl: Math.ceil(epochMs(it.createdAt) / 1000) + deliveryKeptSeconds,
    ...dueAttributes(it.id, it.nextAttemptAt),
  },
});

/** Guarded by its version, so that an attempt that ends late does not undo what a later one found. */
export const healthWrite = (tenant: string, endpointId: string, it: EndpointHealth): Write => ({
  kind: 'other',
  expects: it.version === 1 ? 'absent' : { version: it.version - 1 },
  put: { ...keys.endpointHealth(tenant, endpointId), ...it },
});

/** Whoever books the same turn at the same time is told that it is taken. */
export const paceWrite = (tenant: string, endpointId: string, it: EndpointPace): Write => ({
  kind: 'other',
  expects: it.version === 1 ? 'absent' : { version: it.version - 1 },
  // What has not been booked for a day is as good as none.
  put: { ...keys.endpointPace(tenant, endpointId), ...it, ttl: Math.ceil(epochMs(it.nextTurnAt) / 1000) + 86_400 },
});

/** What is just being told when an endpoint is deleted becomes a delivery after that. */
const toldLateSeconds = 86_400;

/** By which the deliveries of an endpoint that was deleted are found, for as long as they are kept. */
export const endpointGoneWrite = (tenant: string, id: string, deletedAt: Instant): Write => ({
  kind: 'other',
  expects: 'anything',
  put: {
    ...keys.endpointGone(tenant, id),
    deletedAt,
    ttl: Math.ceil(epochMs(deletedAt) / 1000) + deliveryKeptSeconds + toldLateSeconds,
  },
});

/** Kept for as long as the deliveries that it makes. */
export const replayWrite = (it: WebhookReplay, expects: Expectation): Write => ({
  kind: 'other',
  expects,
  put: {
    ...keys.webhookReplay(it.tenant, it.endpointId, it.id),
    ...it,
    ttl: Math.ceil(epochMs(it.createdAt) / 1000) + deliveryKeptSeconds,
  },
});

/** Where the events of a subject lie, by the prefix of its id; test/journeys/examples.test.ts makes every kind. */
const logs: Record<string, (tenant: string, subject: string) => string> = {
  txn: (tenant, subject) => keys.transaction(tenant, subject).PK,
  cmd: (tenant, subject) => keys.command(tenant, subject).PK,
  bnk: (_, subject) => {
    const [bankId = '', door] = subject.split('/');
    return door === undefined ? keys.bankLog(bankId).PK : keys.compartmentLog(bankId, door).PK;
  },
  ast: keys.assetLog,
  stk: keys.stockUnitLog,
  bdg: keys.badgeGroupLog,
  apl: (tenant) => keys.policy(tenant).PK,
  wft: keys.workflowTermsLog,
  brd: keys.brandingLog,
  msg: keys.messageLog,
  mtp: keys.messageTemplateLog,
  imp: (tenant, subject) => keys.import(tenant, subject).PK,
  exp: (tenant, subject) => keys.export(tenant, subject).PK,
  exs: keys.exportScheduleLog,
  inc: keys.incidentLog,
  rec: (tenant, subject) => keys.reconciliation(tenant, subject).PK,
  ten: (_, subject) => keys.tenant(subject).PK,
  sit: keys.siteLog,
  key: keys.apiKeyLog,
  whe: keys.endpointLog,
};

export const logOf = (tenant: string, subject: string): string | null =>
  logs[subject.slice(0, 3)]?.(tenant, subject) ?? null;

/** The event of a delivery, from the audit trail of its subject; null when it is not there. */
export const readDeliveredEvent = async (
  table: Table,
  { tenant, subject, sequence, eventId }: Pick<Delivery, 'tenant' | 'subject' | 'sequence' | 'eventId'>,
): Promise<Envelope | null> => {
  const log = logOf(tenant, subject);
  if (log === null) return null;
  // A commit is filed under the sequence of its first event, so the one sought is in the last row up to its own.
  const { PK, SK } = keys.events(log, sequence);
  const { rows } = await table.query({ PK, from: 'C#', to: SK }, { newestFirst: true, limit: 1 });
  return rows.flatMap((row) => CommitRow.parse(row).events).find((it) => it.id === eventId) ?? null;
};
