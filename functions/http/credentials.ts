import * as contract from '#shared/api/credentials.ts';
import * as access from '#shared/domain/access.ts';
import { BadgeGroup, sealed } from '#shared/domain/badge-group.ts';
import { apply } from '#shared/domain/decision.ts';
import { appTokenOf } from '#shared/domain/derived.ts';
import { whyNot } from '#shared/domain/grants.ts';
import { pickupOf } from '#shared/domain/pickup.ts';
import { pickupLink, pickupTag } from '#shared/domain/pickup-link.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { refuseUnless, requireFields } from '#shared/lambda/problem.ts';
import { openChanges, withVerifier } from '#shared/lambda/transaction-changes.ts';
import { live, publicUrl } from '#shared/live.ts';
import { commitBadgeGroup } from '#shared/store/commit.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';

export const credentialHandlers = (deps: HttpDeps & { publicUrl: string }): Handlers => {
  const { find, change } = openChanges(deps);
  return {
    [contract.issueCredential.id]: async (call: Call<typeof contract.issueCredential>) => {
      const { source: _, ...asked } = call.body;
      const isOverride = asked.method === 'operator';
      requireFields(
        isOverride === (asked.reason !== undefined),
        '/reason',
        'is for an operator code, and needed for it',
      );
      const rootKeys = await deps.rootKeys();
      return change(call, call.params.transactionId, ({ transaction }, fresh) =>
        access.issue(transaction, withVerifier(rootKeys, transaction, asked, ''), fresh, call.now),
      );
    },

    [contract.resendCredential.id]: (call: Call<typeof contract.resendCredential>) =>
      change(call, call.params.transactionId, ({ transaction }, fresh) =>
        access.resend(transaction, call.params.credentialId, fresh),
      ),

    [contract.revokeCredential.id]: (call: Call<typeof contract.revokeCredential>) =>
      change(call, call.params.transactionId, ({ transaction }) =>
        access.revoke(transaction, call.params.credentialId),
      ),

    [contract.delegateCredential.id]: async (call: Call<typeof contract.delegateCredential>) => {
      const { to, keepsOwn, by, source: _, ...asked } = call.body;
      const rootKeys = await deps.rootKeys();
      return change(call, call.params.transactionId, ({ transaction }, fresh) => {
        const delegation = { to, keepsOwn, by, access: withVerifier(rootKeys, transaction, asked, '') };
        return access.delegate(transaction, call.params.credentialId, delegation, fresh, call.now);
      });
    },

    [contract.takeBackCredential.id]: (call: Call<typeof contract.takeBackCredential>) =>
      change(call, call.params.transactionId, ({ transaction }) =>
        access.takeBack(transaction, call.params.credentialId, call.body.by),
      ),

    [contract.replaceBadgeGroup.id]: async (call: Call<typeof contract.replaceBadgeGroup>) => {
      const { body, caller, now, circumstances, ifMatch, record } = call;
      const { group, badges } = body;
      const { tenant } = caller;
      const row = await deps.table.get(keys.badgeGroup(tenant, group), true);
      const before = row === undefined ? null : BadgeGroup.parse(row);
      if (ifMatch !== undefined && ifMatch !== before?.version)
        throw new Refusal('precondition_failed', `the group is at version ${before?.version ?? 0} now`);
      const numbers = sealed(await deps.rootKeys(), tenant, badges);
      const id = before?.id ?? deps.newId('bdg');
      const set = { id, group, badges: badges.length, sealed: numbers, changedAt: now };
      const nothing = { ...set, tenant, version: 0, hash: '' };
      const change = apply(before ?? nothing, [{ type: 'badge_group.replaced', set }]);
      const { after, writes } = commitBadgeGroup(change, circumstances);
      const made: Answer = { body: contract.BadgeGroupView.parse(after), etag: after.version };
      try {
        await deps.table.write([...writes, ...record(made)]);
      } catch (error) {
        if (error instanceof Lost && !error.to('idempotency'))
          throw new Refusal('conflict', 'the group is being changed by somebody else; read it and try again');
        throw error;
      }
      return made;
    },

    [contract.listBadgeGroups.id]: (call: Call<typeof contract.listBadgeGroups>) =>
      listAnswer(deps.table, keys.badgeGroup(call.caller.tenant, '').PK, call, (row) =>
        contract.BadgeGroupView.parse(row),
      ),

    [contract.getAppToken.id]: async (call: Call<typeof contract.getAppToken>) => {
      const { transactionId, credentialId } = call.params;
      const { transaction } = await find(call, transactionId);
      const credential = transaction.credentials.find(({ id }) => id === credentialId);
      if (credential === undefined) throw new Refusal('not_found', 'the transaction has no such credential');
      refuseUnless(credential.method === 'app', 'invalid_transition', `a ${credential.method} has no tokens to draw`);
      const denial = whyNot(transaction, credential, call.now);
      if (denial !== null)
        throw new Refusal('invalid_transition', `it opens nothing now: ${denial.reason}`, { reason: denial.reason });
      const place = { bankId: transaction.bankId, transactionId: transaction.id };
      return { body: { credentialId, ...appTokenOf(await deps.rootKeys(), place, credential, call.now) } };
    },

    [contract.getPickupLink.id]: async (call: Call<typeof contract.getPickupLink>) => {
      const { transactionId, credentialId } = call.params;
      const { transaction } = await find(call, transactionId);
      const credential = transaction.credentials.find(({ id }) => id === credentialId);
      if (credential === undefined) throw new Refusal('not_found', 'the transaction has no such credential');
      const isShown = pickupOf(transaction, pickupTag(credentialId), call.now) !== null;
      refuseUnless(isShown, 'invalid_transition', `a ${credential.state} ${credential.method} has no pickup page`);
      const place = { tenant: transaction.tenant, transactionId: transaction.id };
      return { body: { credentialId, link: pickupLink(await deps.rootKeys(), deps.publicUrl, place, credential) } };
    },
  };
};

export const handler = endpoint(
  Object.values(contract).filter((it) => typeof it === 'object' && 'method' in it && 'path' in it),
  () => {
    const deps = { ...live(), publicUrl: publicUrl() };
    return { deps, handlers: credentialHandlers(deps) };
  },
);
