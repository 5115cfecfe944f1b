import * as contract from '#shared/api/assignment-policies.ts';
import {
  type AssignmentPolicy,
  type AssignmentRules,
  defaultPolicy,
  policyIdOf,
  policyVersion,
  type TenantPolicy,
} from '#shared/domain/assignment-policy.ts';
import { apply } from '#shared/domain/decision.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { type PastDecision, pastDecision, replay } from '#shared/domain/replay.ts';
import {
  type Answer,
  type AnyCall,
  type Call,
  endpoint,
  type Handlers,
  type HttpDeps,
} from '#shared/lambda/endpoint.ts';
import { mayShow } from '#shared/lambda/sandbox.ts';
import { live } from '#shared/live.ts';
import { parseBank } from '#shared/store/banks.ts';
import { commitPolicy } from '#shared/store/commit.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { type PolicyVersion, policyVersions, readPolicy, readPolicyAndVersion } from '#shared/store/policies.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';

const view = ({ sequence, ...it }: PolicyVersion): contract.AssignmentPolicyView => ({
  ...it,
  version: policyVersion(sequence),
  policy: `${it.name}/${policyVersion(sequence)}`,
});

const builtIn = (tenant: string): contract.AssignmentPolicyView => {
  const { id, ...rules } = defaultPolicy;
  const [name = ''] = id.split('/');
  return { ...rules, id: policyIdOf(tenant), name, version: 1, policy: id, restores: null, changedAt: null, by: null };
};

type Replacement = AssignmentRules & Pick<TenantPolicy, 'name' | 'restores'>;

export const assignmentPolicyHandlers = (deps: HttpDeps): Handlers => {
  /** A version by its number, and what holds now. */
  const find = async (tenant: string, text: string) => {
    const version = /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : 0;
    const read = await readPolicyAndVersion(deps.table, tenant, version - 1);
    const found = version === 1 ? builtIn(tenant) : read.version && view(read.version);
    if (found === null) throw new Refusal('not_found', `there is no version ${text} of the assignment policy`);
    return { found, current: read.current };
  };

  const newest = async (tenant: string): Promise<contract.AssignmentPolicyView> => {
    const [version] = (await policyVersions(deps.table, tenant, { limit: 1 })).versions;
    return version === undefined ? builtIn(tenant) : view(version);
  };

  /** A new version with these rules, after the one that holds now. */
  const replace = async (
    { caller, now, circumstances, record, ifMatch }: AnyCall,
    before: TenantPolicy | null,
    type: 'assignment_policy.replaced' | 'assignment_policy.restored',
    rules: Replacement,
  ): Promise<Answer> => {
    const { tenant } = caller;
    const sequence = before?.version ?? 0;
    if (ifMatch !== undefined && ifMatch !== sequence)
      throw new Refusal('precondition_failed', `the assignment policy is at version ${policyVersion(sequence)} now`);
    const { criteria, reachableMm, takeLarger, name, restores } = rules;
    const id = policyIdOf(tenant);
    const set = { id, name, criteria, reachableMm, takeLarger, restores, changedAt: now };
    const { after, writes } = commitPolicy(
      apply(before ?? { ...set, tenant, version: 0, hash: '' }, [{ type, set }]),
      circumstances,
    );
    const made: Answer = {
      body: view({ ...set, sequence: after.version, by: circumstances.actor }),
      etag: after.version,
    };
    try {
      await deps.table.write([...writes, ...record(made)]);
    } catch (error) {
      if (error instanceof Lost && !error.to('idempotency'))
        throw new Refusal('conflict', 'the assignment policy is being changed by somebody else; read it and try again');
      throw error;
    }
    return made;
  };

  const policyAt = async (tenant: string, version: number): Promise<AssignmentPolicy> => {
    const { policy: id, criteria, reachableMm, takeLarger } = (await find(tenant, String(version))).found;
    return { id, criteria, reachableMm, takeLarger };
  };

  /** The decisions that these transactions have come to, as far as their events tell. */
  const decisionsOf = async (tenant: string, ids: readonly string[]): Promise<PastDecision[]> => {
    // The first commit, and where it waited that which served it: after its events `created` and `waitlisted`.
    const commits = await deps.table.batchGet(
      ids.flatMap((id) => [1, 3].map((sequence) => keys.events(keys.transaction(tenant, id).PK, sequence))),
    );
    return ids.flatMap((_, nth) => {
      const rows = commits.slice(2 * nth, 2 * nth + 2);
      return pastDecision(rows.flatMap((row) => (row ? CommitRow.parse(row).events : []))) ?? [];
    });
  };

  return {
    [contract.replayAssignments.id]: async ({ body, caller }: Call<typeof contract.replayAssignments>) => {
      const { version, rules, transactionIds } = body;
      const policy = rules ? { ...rules, id: 'the rules asked about' } : await policyAt(caller.tenant, version ?? 1);
      const ids = [...new Set(transactionIds)];
      const decisions = await decisionsOf(caller.tenant, ids);
      const bankIds = [...new Set(decisions.map(({ bankId }) => bankId))];
      const rows = await deps.table.batchGet(bankIds.map((id) => keys.bank(id)));
      const banks = new Map(rows.flatMap((row) => (row ? [parseBank(row)] : [])).map((it) => [it.id, it]));
      const data = decisions.flatMap((it): contract.AssignmentReplay['data'] => {
        const bank = banks.get(it.bankId);
        // What was decided of real doors is not there for a test key.
        if (bank === undefined || !mayShow(caller, { livemode: !bank.simulated })) return [];
        const { transactionId, bankId, decidedAt, chosen } = it;
        const wouldBe = replay(it, bank, policy);
        return [{ transactionId, bankId, decidedAt, chosen, wouldBe, differs: wouldBe.door !== chosen.door }];
      });
      const told = new Set(data.map(({ transactionId }) => transactionId));
      return { body: { policy: policy.id, data, unknown: ids.filter((id) => !told.has(id)) } };
    },

    [contract.listAssignmentPolicies.id]: async (call: Call<typeof contract.listAssignmentPolicies>) => {
      const { caller, query, cursors } = call;
      const from = await cursors.read();
      const before = from === undefined ? undefined : Number(from);
      const { versions, more } = await policyVersions(deps.table, caller.tenant, { before, limit: query.limit });
      const last = versions.at(-1)?.sequence;
      // The oldest is the one that nobody made; where the page is full, it comes with the next.
      const ends = !more && versions.length < query.limit;
      const next = await cursors.give(ends ? null : String(last ?? 0));
      return { body: { data: [...versions.map(view), ...(ends ? [builtIn(caller.tenant)] : [])], nextCursor: next } };
    },

    [contract.getAssignmentPolicy.id]: async (call: Call<typeof contract.getAssignmentPolicy>) => {
      const { caller, params } = call;
      const found =
        params.version === 'current' ? await newest(caller.tenant) : (await find(caller.tenant, params.version)).found;
      // Its entity tag counts its events, as everywhere; the built-in one has none.
      return { body: found, etag: found.version - 1 };
    },

    [contract.putAssignmentPolicy.id]: async (call: Call<typeof contract.putAssignmentPolicy>) =>
      replace(call, await readPolicy(deps.table, call.caller.tenant), 'assignment_policy.replaced', {
        ...call.body,
        restores: null,
      }),

    [contract.restoreAssignmentPolicy.id]: async (call: Call<typeof contract.restoreAssignmentPolicy>) => {
      const { found, current } = await find(call.caller.tenant, call.params.version);
      return replace(call, current, 'assignment_policy.restored', { ...found, restores: found.version });
    },
  };
};

export const handler = endpoint(
  [
    contract.listAssignmentPolicies,
    contract.getAssignmentPolicy,
    contract.putAssignmentPolicy,
    contract.restoreAssignmentPolicy,
    contract.replayAssignments,
  ],
  () => {
    const deps = live();
    return { deps, handlers: assignmentPolicyHandlers(deps) };
  },
);
