import type { ApiKey } from './api-key.ts';
import type { Asset } from './asset.ts';
import type { TenantPolicy } from './assignment-policy.ts';
import { policyVersion } from './assignment-policy.ts';
import type { BadgeGroup } from './badge-group.ts';
import { personalHash, type SubjectKind } from './chain.ts';
import type { ChainHead } from './chain-head.ts';
import type { Command } from './command.ts';
import { withoutBrought } from './credential.ts';
import type { Export } from './export.ts';
import { changesGrants } from './grants.ts';
import type { Import } from './import.ts';
import type { Site, Tenant } from './site.ts';
import type { StockUnit } from './stock.ts';
import type { Transaction } from './transaction.ts';
import type { WebhookEndpoint } from './webhook.ts';
import type { WorkflowTerms } from './workflow-terms.ts';

const always = ['version', 'hash', 'tenant'] as const;

/** Every kind of thing that has events. */
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
    hidden: [...always, 'updatedAt', 'recipient', 'parties', 'delegates', 'salt', 'bankKey', 'label'],
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
    hidden: [...always, 'updatedAt'],
  } satisfies SubjectKind<Command>,
  compartment: {
    subject: (it) => `${it.bankId}/${it.door}`,
    tenant: (it) => it.tenant,
    says: (it) => ({ bankId: it.bankId, door: it.door }),
    hidden: [...always, 'bankId', 'siteId', 'door'],
  } satisfies SubjectKind<ChainHead>,
  bank: {
    subject: (it) => it.bankId,
    tenant: (it) => it.tenant,
    says: (it) => ({ bankId: it.bankId, siteId: it.siteId }),
    hidden: [...always, 'bankId', 'siteId', 'door'],
  } satisfies SubjectKind<ChainHead>,
  site: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ siteId: it.id }),
    hidden: always,
  } satisfies SubjectKind<Site>,
  asset: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ assetId: it.id, bankId: it.bankId, door: it.door }),
    hidden: always,
  } satisfies SubjectKind<Asset>,
  stockUnit: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ stockUnitId: it.id, sku: it.sku, state: it.state, bankId: it.bankId, door: it.door }),
    hidden: always,
  } satisfies SubjectKind<StockUnit>,
  import: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ importId: it.id, state: it.state, mode: it.mode }),
    hidden: always,
  } satisfies SubjectKind<Import>,
  export: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ exportId: it.id, kind: it.kind, state: it.state, mode: it.mode }),
    hidden: always,
  } satisfies SubjectKind<Export>,
  tenant: {
    subject: (it) => it.id,
    tenant: (it) => it.id,
    says: (it) => ({ tenantId: it.id }),
    hidden: ['version', 'hash'],
  } satisfies SubjectKind<Tenant>,
  apiKey: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ apiKeyId: it.id }),
    hidden: [...always, 'keyHash'],
  } satisfies SubjectKind<ApiKey>,
  endpoint: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ endpointId: it.id }),
    hidden: [...always, 'secret', 'sealedHeaders'],
  } satisfies SubjectKind<WebhookEndpoint>,
  badgeGroup: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ badgeGroupId: it.id, group: it.group }),
    hidden: [...always, 'sealed'],
  } satisfies SubjectKind<BadgeGroup>,
  assignmentPolicy: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ assignmentPolicyId: it.id, policy: `${it.name}/${policyVersion(it.version)}` }),
    hidden: always,
  } satisfies SubjectKind<TenantPolicy>,
  workflowTerms: {
    subject: (it) => it.id,
    tenant: (it) => it.tenant,
    says: (it) => ({ workflowTermsId: it.id, siteId: it.siteId }),
    hidden: always,
  } satisfies SubjectKind<WorkflowTerms>,
};
