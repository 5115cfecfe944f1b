import * as z from 'zod';
import { Actor } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { policyFrom, TenantPolicy } from '../domain/assignment-policy.ts';
import { narrowed, termsText } from '../domain/terms.ts';
import { InstantText } from '../domain/time.ts';
import { unsaid, WorkflowTerms } from '../domain/workflow-terms.ts';
import type { BankPolicies } from './banks.ts';
import { CommitRow } from './commit-row.ts';
import { keys, ranges } from './rows.ts';
import type { Table } from './table.ts';

/** A tenant's policy, surely the newest; null while the built-in one holds. */
export const readPolicy = async (table: Table, tenant: string): Promise<TenantPolicy | null> => {
  const row = await table.get(keys.policy(tenant), true);
  return row === undefined ? null : TenantPolicy().parse(row);
};

/** What a tenant, or one of its sites, says of workflows, surely the newest. `exists`: there is such a site. */
export type SaidTerms = { said: WorkflowTerms; ofTenant: WorkflowTerms; exists: boolean };

export const readTerms = async (table: Table, tenant: string, siteId: string | null): Promise<SaidTerms> => {
  const wide = keys.workflowTerms(tenant, null);
  const narrow = siteId === null ? [] : [keys.workflowTerms(tenant, siteId), keys.site(tenant, siteId)];
  const [wideRow, narrowRow, siteRow] = await table.batchGet([wide, ...narrow], true);
  const ofTenant = wideRow === undefined ? unsaid(tenant, null) : WorkflowTerms.parse(wideRow);
  if (siteId === null) return { said: ofTenant, ofTenant, exists: true };
  const said = narrowRow === undefined ? unsaid(tenant, siteId) : WorkflowTerms.parse(narrowRow);
  return { said, ofTenant, exists: siteRow !== undefined };
};

/** As a bank keeps them: only where there are some. */
const quietHoursOf = (said: WorkflowTerms['quietHours']) => (said === null || said === 'none' ? undefined : said);

/** What holds for the banks of a site, as they keep it. */
export const readPolicies = async (table: Table, tenant: string, siteId: string): Promise<BankPolicies> => {
  const [policy, { said, ofTenant }] = await Promise.all([readPolicy(table, tenant), readTerms(table, tenant, siteId)]);
  return {
    assignmentPolicy: policy === null ? undefined : policyFrom(policy),
    terms: termsText(narrowed(ofTenant.workflows, said.workflows)),
    quietHours: quietHoursOf(said.quietHours ?? ofTenant.quietHours),
    agreedOfflineSeconds: { ...ofTenant.offlineSeconds, ...said.offlineSeconds },
  };
};

/** A version as its event tells it. */
const VersionEvent = z
  .object({
    subject: field.text,
    sequence: field.positive,
    recordedAt: InstantText,
    actor: Actor,
    data: z.object({
      changes: TenantPolicy().pick({ name: true, criteria: true, reachableMm: true, takeLarger: true, restores: true }),
    }),
  })
  .transform(({ subject, sequence, recordedAt, actor, data }) => ({
    ...data.changes,
    id: subject,
    sequence,
    changedAt: recordedAt,
    by: actor,
  }));
export type PolicyVersion = z.infer<typeof VersionEvent>;

/** The versions that a tenant has made, newest first, from before a sequence on. */
export const policyVersions = async (
  table: Table,
  tenant: string,
  { before, limit }: { before?: number | undefined; limit: number },
): Promise<{ versions: PolicyVersion[]; more: boolean }> => {
  const { PK } = keys.policy(tenant);
  const page = await table.query(ranges.events(PK), {
    limit,
    newestFirst: true,
    ...(before === undefined ? {} : { after: keys.events(PK, before) }),
  });
  const versions = page.rows.flatMap((row) => CommitRow.parse(row).events).map((it) => VersionEvent.parse(it));
  return { versions, more: page.next !== null };
};

/** What holds now and an older version, in one call. */
export const readPolicyAndVersion = async (
  table: Table,
  tenant: string,
  sequence: number,
): Promise<{ current: TenantPolicy | null; version: PolicyVersion | null }> => {
  const key = keys.policy(tenant);
  const [row, older] = await table.batchGet([key, keys.events(key.PK, sequence)], true);
  const [event] = older === undefined ? [] : CommitRow.parse(older).events;
  return {
    current: row === undefined ? null : TenantPolicy().parse(row),
    version: event === undefined ? null : VersionEvent.parse(event),
  };
};
