import type { ApiKey } from './api-key.ts';
import type { Asset } from './asset.ts';
import type { TenantPolicy } from './assignment-policy.ts';
import { policyVersion } from './assignment-policy.ts';
import type { BadgeGroup } from './badge-group.ts';
import type { Branding } from './branding.ts';
import { personalHash, type SubjectKind } from './chain.ts';
import type { ChainHead } from './chain-head.ts';
import type { Command } from './command.ts';
import { withoutBrought } from './credential.ts';
import type { Export } from './export.ts';
import type { ExportSchedule } from './export-schedule.ts';
import { changesGrants } from './grants.ts';
import type { Import } from './import.ts';
import type { Incident } from './incident.ts';
import type { Message } from './message.ts';
import type { MessageTemplate } from './message-template.ts';
import type { Reconciliation } from './reconciliation.ts';
import type { Site, Tenant } from './site.ts';
import type { StockUnit } from './stock.ts';
import type { Transaction } from './transaction.ts';
import type { WebhookEndpoint } from './webhook.ts';
import type { WorkflowTerms } from './workflow-terms.ts';

/** Every kind of thing that has events. Without a call or a spread, so that a bundle that needs none of it has none. */
export const subjects = {
  transaction: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({
      transactionId: it.id,
      workflow: it.workflow,
      state: it.state,
      bankId: it.bankId,
      door: it.door,
      externalIds: it.externalIds,
      livemode: it.livemode,
      ...(it.move && { toDoor: it.move.to }),
      ...(it.link && { link: it.link }),
      changesGrants: changesGrants(it),
    }),
    hidden: ['updatedAt', 'recipient', 'parties', 'delegates', 'salt', 'bankKey', 'label'],
    shown: ({ credentials, waiting, ...set }) => ({
      ...set,
      ...(credentials && { credentials: credentials.map(withoutBrought) }),
      ...(waiting !== undefined && {
        waiting: waiting?.access ? { ...waiting, access: waiting.access.map(withoutBrought) } : waiting,
      }),
    }),
    commitment: (it, set) =>
      set.recipient || set.parties || set.delegates
        ? {
            personalHash: personalHash(it.salt, {
              recipient: it.recipient,
              parties: it.parties,
              ...(it.delegates && { delegates: it.delegates }),
            }),
          }
        : {},
  } satisfies SubjectKind<Transaction>,
  command: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({
      commandId: it.id,
      bankId: it.bankId,
      door: it.door,
      livemode: it.livemode,
      transactionId: it.transactionId,
      state: it.state,
    }),
    hidden: ['updatedAt'],
  } satisfies SubjectKind<Command>,
  compartment: {
    subject: (it) => `${it.bankId}/${it.door}`,
    tenant: (it) => it.tenant,
    says: (it) => ({ bankId: it.bankId, door: it.door }),
    hidden: ['bankId', 'siteId', 'door'],
  } satisfies SubjectKind<ChainHead>,
  bank: {
    subject: (it) => it.bankId,
    tenant: (it) => it.tenant,
    says: (it) => ({ bankId: it.bankId, siteId: it.siteId }),
    hidden: ['bankId', 'siteId', 'door'],
  } satisfies SubjectKind<ChainHead>,
  site: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ siteId: it.id }),
  } satisfies SubjectKind<Site>,
  asset: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ assetId: it.id, bankId: it.bankId, door: it.door }),
  } satisfies SubjectKind<Asset>,
  stockUnit: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ stockUnitId: it.id, sku: it.sku, state: it.state, bankId: it.bankId, door: it.door }),
  } satisfies SubjectKind<StockUnit>,
  import: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ importId: it.id, state: it.state, mode: it.mode }),
  } satisfies SubjectKind<Import>,
  export: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ exportId: it.id, kind: it.kind, state: it.state, mode: it.mode }),
  } satisfies SubjectKind<Export>,
  exportSchedule: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ exportScheduleId: it.id, kind: it.kind, every: it.every, mode: it.mode }),
  } satisfies SubjectKind<ExportSchedule>,
  reconciliation: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ reconciliationId: it.id, state: it.state, mode: it.mode }),
  } satisfies SubjectKind<Reconciliation>,
  incident: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({
      incidentId: it.id,
      kind: it.kind,
      severity: it.severity,
      state: it.state,
      level: it.level,
      bankId: it.bankId,
      door: it.door,
      transactionId: it.transactionId,
      livemode: it.livemode,
    }),
  } satisfies SubjectKind<Incident>,
  tenant: {
    subject: (it) => it.id,
    tenant: (it) => it.id,
    says: (it) => ({ tenantId: it.id }),
  } satisfies SubjectKind<Tenant>,
  apiKey: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ apiKeyId: it.id }),
    hidden: ['keyHash'],
  } satisfies SubjectKind<ApiKey>,
  endpoint: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ endpointId: it.id }),
    hidden: ['secret', 'sealedHeaders'],
  } satisfies SubjectKind<WebhookEndpoint>,
  badgeGroup: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ badgeGroupId: it.id, group: it.group }),
    hidden: ['sealed'],
  } satisfies SubjectKind<BadgeGroup>,
  assignmentPolicy: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ assignmentPolicyId: it.id, policy: `${it.name}/${policyVersion(it.version)}` }),
  } satisfies SubjectKind<TenantPolicy>,
  workflowTerms: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ workflowTermsId: it.id, siteId: it.siteId }),
  } satisfies SubjectKind<WorkflowTerms>,
  branding: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ brandingId: it.id }),
  } satisfies SubjectKind<Branding>,
  /** Its row counts attempts; it has one event at the most. */
  message: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({
      messageId: it.id,
      transactionId: it.transactionId,
      bankId: it.bankId,
      livemode: it.livemode,
      kind: it.kind,
      to: it.to,
      credentialId: it.credentialId,
      reason: it.reason,
      attempts: it.attempts,
    }),
  } satisfies SubjectKind<Message & { hash: string }>,
  messageTemplate: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ messageTemplateId: it.id, kind: it.kind, locale: it.locale, channel: it.channel }),
  } satisfies SubjectKind<MessageTemplate>,
};
