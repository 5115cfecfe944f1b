import { isDeepStrictEqual } from 'node:util';
import * as contract from '#shared/api/sites.ts';
import { apply, born } from '#shared/domain/decision.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { Site } from '#shared/domain/site.ts';
import { type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { live } from '#shared/live.ts';
import { decidedAnew } from '#shared/store/anew.ts';
import { commitSite } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';

const answer = (site: Site) => ({ body: contract.SiteView.parse(site), etag: site.version });

export const siteHandlers = (deps: HttpDeps): Handlers => ({
  [contract.createSite.id]: async ({ body, caller, now, circumstances, record }: Call<typeof contract.createSite>) => {
    const site: Site = { id: deps.newId('sit'), tenant: caller.tenant, ...body, createdAt: now, version: 1, hash: '' };
    const { after, writes } = commitSite(born(site, 'site.created'), circumstances);
    const made = answer(after);
    await deps.table.write([...writes, ...record(made)]);
    return made;
  },

  [contract.listSites.id]: (call: Call<typeof contract.listSites>) =>
    listAnswer(deps.table, keys.site(call.caller.tenant, '').PK, call, (row) => contract.SiteView.parse(row)),

  [contract.getSite.id]: async ({ caller, params }: Call<typeof contract.getSite>) => {
    const row = await deps.table.get(keys.site(caller.tenant, params.siteId));
    if (row === undefined) throw new Refusal('not_found', `there is no site ${params.siteId}`);
    return answer(Site.parse(row));
  },

  [contract.updateSite.id]: async (call: Call<typeof contract.updateSite>) => {
    const { body, caller, params, circumstances, ifMatch } = call;
    return decidedAnew('the site is being changed by others right now', async () => {
      const row = await deps.table.get(keys.site(caller.tenant, params.siteId), true);
      if (row === undefined) throw new Refusal('not_found', `there is no site ${params.siteId}`);
      const before = Site.parse(row);
      if (ifMatch !== undefined && ifMatch !== before.version)
        throw new Refusal('precondition_failed', `the site is at version ${before.version} now`);
      if (isDeepStrictEqual({ ...before, ...body }, before)) return answer(before);
      const { after, writes } = commitSite(apply(before, [{ type: 'site.updated', set: body }]), circumstances);
      await deps.table.write(writes);
      return answer(after);
    });
  },
});

export const handler = endpoint(
  [contract.createSite, contract.listSites, contract.getSite, contract.updateSite],
  () => {
    const deps = live();
    return { deps, handlers: siteHandlers(deps) };
  },
);
