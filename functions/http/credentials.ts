import * as contract from '#shared/api/credentials.ts';
import * as access from '#shared/domain/access.ts';
import { appTokenOf } from '#shared/domain/derived.ts';
import { whyNot } from '#shared/domain/grants.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { refuseUnless, requireFields } from '#shared/lambda/problem.ts';
import { openChanges, withVerifier } from '#shared/lambda/transaction-changes.ts';
import { live } from '#shared/live.ts';

export const credentialHandlers = (deps: HttpDeps): Handlers => {
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
  };
};

export const handler = endpoint(
  Object.values(contract).filter((it) => typeof it === 'object' && 'method' in it && 'path' in it),
  () => {
    const deps = live();
    return { deps, handlers: credentialHandlers(deps) };
  },
);
