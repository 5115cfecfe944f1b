import * as contract from '#shared/api/api-keys.ts';
import { ApiKey } from '#shared/domain/api-key.ts';
import { apply, born } from '#shared/domain/decision.ts';
import { apiKeyText } from '#shared/domain/issued.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { sha256 } from '#shared/lambda/authenticate.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { live } from '#shared/live.ts';
import { commitApiKey } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';

const answer = (key: ApiKey): Answer => ({ body: contract.ApiKeyView.parse(key), etag: key.version });

export const apiKeyHandlers = (deps: HttpDeps): Handlers => ({
  [contract.createApiKey.id]: async (call: Call<typeof contract.createApiKey>) => {
    const { body, caller, now, circumstances, record } = call;
    const beyond = body.scopes.filter((scope) => !caller.scopes.includes(scope));
    if (beyond.length > 0)
      throw new Refusal('forbidden', `your own key lacks ${beyond.join(', ')}, so it cannot give it`);
    const rootKeys = await deps.rootKeys();
    const issued = { tenant: caller.tenant, id: deps.newId('key'), keyVersion: rootKeys.version };
    const key: ApiKey = {
      id: issued.id,
      tenant: caller.tenant,
      name: body.name,
      scopes: [...new Set(body.scopes)],
      // Whoever is bound can bind others to the same only.
      system: caller.system ?? body.system ?? null,
      keyHash: sha256(apiKeyText(rootKeys, issued)),
      createdAt: now,
      revokedAt: null,
      version: 1,
      hash: '',
    };
    const { after, writes } = commitApiKey(born(key, 'api_key.created'), circumstances);
    const made: Answer = { ...answer(after), issued: { kind: 'api-key', ...issued } };
    await deps.table.write([...writes, ...record(made)]);
    return made;
  },

  [contract.listApiKeys.id]: ({ caller, query }: Call<typeof contract.listApiKeys>) =>
    listAnswer(deps.table, keys.apiKey(caller.tenant, '').PK, query, (row) => contract.ApiKeyView.parse(row)),

  [contract.revokeApiKey.id]: async (call: Call<typeof contract.revokeApiKey>) => {
    const { caller, params, now, circumstances, record, ifMatch } = call;
    const row = await deps.table.get(keys.apiKey(caller.tenant, params.apiKeyId), true);
    if (row === undefined) throw new Refusal('not_found', `there is no API key ${params.apiKeyId}`);
    const key = ApiKey.parse(row);
    if (ifMatch !== undefined && ifMatch !== key.version)
      throw new Refusal('precondition_failed', `the API key is at version ${key.version} now`);
    // Revoked is what the caller wants it to be; saying so again is no error. Kept, so that the same request is replayed.
    if (key.revokedAt !== null) {
      const known = answer(key);
      await deps.table.write(record(known));
      return known;
    }
    const { after, writes } = commitApiKey(
      apply(key, [{ type: 'api_key.revoked', set: { revokedAt: now } }]),
      circumstances,
    );
    const made = answer(after);
    try {
      await deps.table.write([...writes, ...record(made)]);
    } catch (error) {
      if (error instanceof Lost && !error.to('idempotency'))
        throw new Refusal('conflict', 'the API key is being changed by somebody else; read it and try again');
      throw error;
    }
    return made;
  },
});

export const handler = endpoint([contract.createApiKey, contract.listApiKeys, contract.revokeApiKey], () => {
  const deps = live();
  return { deps, handlers: apiKeyHandlers(deps) };
});
