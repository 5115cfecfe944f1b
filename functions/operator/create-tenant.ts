import * as z from 'zod';
import { type ApiKey, Scope } from '#shared/domain/api-key.ts';
import { born } from '#shared/domain/decision.ts';
import { apiKeyText } from '#shared/domain/issued.ts';
import type { Tenant } from '#shared/domain/site.ts';
import { instant } from '#shared/domain/time.ts';
import { sha256 } from '#shared/lambda/authenticate.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { log } from '#shared/lambda/log.ts';
import { live } from '#shared/live.ts';
import { type Circumstances, commitApiKey, commitTenant } from '#shared/store/commit.ts';

export const CreateTenant = z.strictObject({ name: z.string().min(1).max(120) });

/** A tenant and its first API key, with every scope. The key is in the answer and nowhere else. */
export const createTenant = async (
  deps: HttpDeps,
  input: z.infer<typeof CreateTenant>,
): Promise<{ tenantId: string; apiKeyId: string; apiKey: string }> => {
  const now = instant(deps.clock());
  const rootKeys = await deps.rootKeys();
  const circumstances: Circumstances = { actor: { type: 'operator', id: 'iam' }, now, newId: deps.newId };
  const tenant: Tenant = { id: deps.newId('ten'), name: input.name, createdAt: now, version: 1, hash: '' };
  const issued = { tenant: tenant.id, id: deps.newId('key'), keyVersion: rootKeys.version };
  const apiKey = apiKeyText(rootKeys, issued);
  const key: ApiKey = {
    id: issued.id,
    tenant: tenant.id,
    name: 'first key',
    system: null,
    scopes: [...Scope.options],
    keyHash: sha256(apiKey),
    createdAt: now,
    revokedAt: null,
    version: 1,
    hash: '',
  };
  await deps.table.write([
    ...commitTenant(born(tenant, 'tenant.created'), circumstances).writes,
    ...commitApiKey(born(key, 'api_key.created'), circumstances).writes,
  ]);
  log.info('tenant created', { tenantId: tenant.id });
  return { tenantId: tenant.id, apiKeyId: key.id, apiKey };
};

let deps: HttpDeps | undefined;

/** Invoked by operators through IAM (`lambda:InvokeFunction`); no route leads here. */
export const handler = async (event: unknown) => {
  deps ??= live();
  return createTenant(deps, CreateTenant.parse(event));
};
