import * as contract from '#shared/api/workflow-terms.ts';
import { apply } from '#shared/domain/decision.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { agreed, withChange } from '#shared/domain/terms.ts';
import { Workflow } from '#shared/domain/workflow.ts';
import type { WorkflowTerms } from '#shared/domain/workflow-terms.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { live } from '#shared/live.ts';
import { commitWorkflowTerms } from '#shared/store/commit.ts';
import { readTerms, type SaidTerms } from '#shared/store/policies.ts';
import { Lost } from '#shared/store/table.ts';

const answer = (said: WorkflowTerms, ofTenant: WorkflowTerms): Answer => {
  const narrower = said.siteId === null ? {} : said.workflows;
  const effective = Object.fromEntries(
    Workflow.options.map((name) => {
      const { deadlines, ...rest } = agreed(name, ofTenant.workflows[name], narrower[name]);
      return [name, { deadlineSeconds: deadlines, ...rest }];
    }),
  );
  const effectiveQuietHours = said.quietHours ?? ofTenant.quietHours ?? 'none';
  const effectiveOfflineSeconds = { ...ofTenant.offlineSeconds, ...said.offlineSeconds };
  return {
    body: contract.WorkflowTermsView.parse({ ...said, effective, effectiveOfflineSeconds, effectiveQuietHours }),
    etag: said.version,
  };
};

export const workflowTermsHandlers = (deps: HttpDeps): Handlers => {
  const find = async (tenant: string, scope: string): Promise<SaidTerms> => {
    const read = await readTerms(deps.table, tenant, scope === 'tenant' ? null : scope);
    if (!read.exists) throw new Refusal('not_found', `there is no site ${scope}`);
    return read;
  };

  return {
    [contract.getWorkflowTerms.id]: async ({ caller, params }: Call<typeof contract.getWorkflowTerms>) => {
      const { said, ofTenant } = await find(caller.tenant, params.scope);
      return answer(said, ofTenant);
    },

    [contract.updateWorkflowTerms.id]: async (call: Call<typeof contract.updateWorkflowTerms>) => {
      const { body, caller, params, now, circumstances, ifMatch } = call;
      const { said: before, ofTenant } = await find(caller.tenant, params.scope);
      if (ifMatch !== undefined && ifMatch !== before.version)
        throw new Refusal('precondition_failed', `the terms are at version ${before.version} now`);
      const workflows = withChange(before.workflows, body.workflows);
      const offlineSeconds = body.offlineSeconds === undefined ? before.offlineSeconds : (body.offlineSeconds ?? {});
      const quietHours = body.quietHours === undefined ? before.quietHours : body.quietHours;
      const set = { workflows, offlineSeconds, quietHours, updatedAt: now };
      const emission = { type: 'workflow_terms.updated' as const, set };
      const { after, writes } = commitWorkflowTerms(apply(before, [emission]), circumstances);
      try {
        await deps.table.write(writes);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        if (ifMatch !== undefined) throw new Refusal('precondition_failed', 'the terms were changed meanwhile');
        throw new Refusal('busy', 'somebody else changes the terms at this moment; try again', {
          retryAfterSeconds: 1,
        });
      }
      return answer(after, after.siteId === null ? after : ofTenant);
    },
  };
};

export const handler = endpoint([contract.getWorkflowTerms, contract.updateWorkflowTerms], () => {
  const deps = live();
  return { deps, handlers: workflowTermsHandlers(deps) };
});
