import * as z from 'zod';
import type { Claim } from '#shared/domain/claim.ts';
import { apply } from '#shared/domain/decision.ts';
import { Tenant } from '#shared/domain/site.ts';
import { instant } from '#shared/domain/time.ts';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { liveTable } from '#shared/live.ts';
import { type Certificates, openCertificates } from '#shared/outside/certificates.ts';
import { type Dismissal, openDismissal } from '#shared/outside/dismissal.ts';
import { claimWrite, readClaim } from '#shared/store/claims.ts';
import { type Circumstances, commitTenant } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import type { Table } from '#shared/store/table.ts';

const name = z.string().min(1).max(120);

/** `csr`: PKCS #10, PEM; the key of a claim is made where it will be used, and is not known here. */
const Issue = z.strictObject({ action: z.literal('issue'), tenantId: z.string(), name, csr: z.string().max(4096) });
const Revoke = z.strictObject({ action: z.literal('revoke'), claimId: z.string(), reason: name });

export const ClaimOrder = z.discriminatedUnion('action', [Issue, Revoke]);

export type ClaimAnswer = { claimId: string; certificatePem?: string; template: string };

export type ClaimDeps = {
  table: Table;
  newId: (prefix: string) => string;
  clock: () => number;
  certificates: Certificates & Pick<Dismissal, 'dismiss'>;
  template: string;
};

/**
 * A claim lets controllers of one tenant ask to be let in, and nothing else. It is registered before it is valid, and no
 * longer registered before it is no longer valid: at no time does an unknown one connect.
 */
export const claims = (deps: ClaimDeps) => {
  const { table, certificates, template } = deps;

  const circumstances = (): Circumstances => ({
    actor: { type: 'operator', id: 'iam' },
    now: instant(deps.clock()),
    newId: deps.newId,
  });

  const tenantOf = async (id: string): Promise<Tenant> => {
    const row = await table.get(keys.tenant(id), true);
    if (row === undefined) throw new Error(`there is no tenant ${id}`);
    return Tenant.parse(row);
  };

  const issue = async (order: z.infer<typeof Issue>): Promise<ClaimAnswer> => {
    const tenant = await tenantOf(order.tenantId);
    const certificate = await certificates.create(order.csr);
    const { id } = certificate;
    const now = instant(deps.clock());
    const claim: Claim = {
      id,
      tenant: tenant.id,
      name: order.name,
      createdAt: now,
      revokedAt: null,
      version: 1,
    };
    const data = { claimId: id, name: order.name };
    await table.write([
      claimWrite(claim),
      ...commitTenant(apply(tenant, [{ type: 'tenant.claim_issued', set: {}, data }]), circumstances()).writes,
    ]);
    await certificates.admit(certificate);
    log.info('claim issued', { tenantId: tenant.id, claimId: id });
    return { claimId: id, certificatePem: certificate.pem, template };
  };

  const revoke = async ({ claimId, reason }: z.infer<typeof Revoke>): Promise<ClaimAnswer> => {
    const claim = await readClaim(table, claimId);
    if (claim === null) throw new Error(`there is no claim ${claimId}`);
    if (claim.revokedAt === null) {
      const tenant = await tenantOf(claim.tenant);
      const data = { claimId, reason };
      await table.write([
        claimWrite({ ...claim, revokedAt: instant(deps.clock()), version: claim.version + 1 }),
        ...commitTenant(apply(tenant, [{ type: 'tenant.claim_revoked', set: {}, data }]), circumstances()).writes,
      ]);
    }
    await certificates.dismiss((await certificates.find(claimId)).arn);
    log.info('claim revoked', { claimId });
    return { claimId, template };
  };

  return (order: z.infer<typeof ClaimOrder>): Promise<ClaimAnswer> =>
    order.action === 'issue' ? issue(order) : revoke(order);
};

let act: ReturnType<typeof claims> | undefined;

/** Invoked by operators through IAM (`lambda:InvokeFunction`); no route leads here. */
export const handler = async (event: unknown): Promise<ClaimAnswer> => {
  act ??= claims({
    ...liveTable(),
    certificates: { ...openCertificates(env('CLAIM_POLICY_NAME')), ...openDismissal(env('CLAIM_POLICY_NAME')) },
    template: env('PROVISIONING_TEMPLATE_NAME'),
  });
  return act(ClaimOrder.parse(event));
};
