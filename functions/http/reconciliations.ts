import * as contract from '#shared/api/reconciliations.ts';
import { projection } from '#shared/api/shapes.ts';
import { exportLinkSeconds, periodErrors } from '#shared/domain/export.ts';
import { uploadSeconds } from '#shared/domain/import.ts';
import {
  differencesName,
  type Reconciliation,
  reconciliationAsked,
  reconciliationKey,
} from '#shared/domain/reconciliation.ts';
import { reconciliationScopes } from '#shared/domain/reconciliation-columns.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { type Instant, plusSeconds } from '#shared/domain/time.ts';
import { requireFields, requireScopes } from '#shared/lambda/asking.ts';
import { type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { jobsAnswer } from '#shared/lambda/list.ts';
import { uploadLink } from '#shared/lambda/upload-link.ts';
import { live } from '#shared/live.ts';
import { type ExportFiles, openExportFiles } from '#shared/outside/export-files.ts';
import { openUploads } from '#shared/outside/uploads.ts';
import { commitReconciliation } from '#shared/store/commit.ts';
import { openReconciliations } from '#shared/store/reconciliations.ts';
import { keys } from '#shared/store/rows.ts';

export type ReconciliationDeps = HttpDeps & { files: Pick<ExportFiles, 'link'> };

const shown = projection(contract.ReconciliationView);

export const reconciliationHandlers = (deps: ReconciliationDeps): Handlers => {
  const reconciliations = openReconciliations(deps.table);

  const fileOf = async (job: Reconciliation, now: Instant) => {
    if (job.state !== 'done' || job.fileUntil === null || now >= job.fileUntil) return null;
    const name = differencesName(job);
    const url = await deps.files.link(reconciliationKey(job), name, now, exportLinkSeconds);
    return { name, url, until: plusSeconds(now, exportLinkSeconds) };
  };

  return {
    [contract.createReconciliation.id]: async (call: Call<typeof contract.createReconciliation>) => {
      const { body, caller, now, circumstances, record } = call;
      requireScopes(caller, reconciliationScopes);
      requireFields(periodErrors(body, now));
      const id = deps.newId('rec');
      const { tenant, apiKeyId, mode } = caller;
      const uploadBy = plusSeconds(now, uploadSeconds);
      const { after, writes } = commitReconciliation(
        reconciliationAsked({ id, tenant, apiKeyId, mode, uploadBy, ...body }, now),
        circumstances,
      );
      const made = {
        body: shown({ ...after, file: null }),
        etag: after.version,
        issued: { kind: 'upload' as const, key: reconciliationKey(after), bytes: body.bytes, until: uploadBy },
      };
      const { name, system, from, to, createdAt } = after;
      const summary = { id, name, system, from, to, mode, createdAt };
      await deps.table.write([
        ...writes,
        { kind: 'other', expects: 'absent', put: { ...keys.reconciliationOfTenant(tenant, id), ...summary } },
        ...record(made),
      ]);
      return made;
    },

    [contract.listReconciliations.id]: (call: Call<typeof contract.listReconciliations>) =>
      jobsAnswer(deps.table, { listed: keys.reconciliationOfTenant, itself: keys.reconciliation }, call, (row) =>
        contract.ReconciliationSummary.parse(row),
      ),

    [contract.getReconciliation.id]: async (call: Call<typeof contract.getReconciliation>) => {
      const { caller, params, now } = call;
      const job = await reconciliations.read(caller.tenant, params.reconciliationId);
      if (job === null || (caller.mode === 'test' && job.mode !== 'test'))
        throw new Refusal('not_found', `there is no reconciliation ${params.reconciliationId}`);
      const mayRead = reconciliationScopes.every((scope) => caller.scopes.includes(scope));
      const found = mayRead ? { result: job.result, file: await fileOf(job, now) } : { result: null, file: null };
      return { body: shown({ ...job, ...found }), etag: job.version };
    },
  };
};

export const handler = endpoint(
  [contract.createReconciliation, contract.listReconciliations, contract.getReconciliation],
  () => {
    const deps = {
      ...live(),
      uploadLink: uploadLink(openUploads(env('UPLOADS_BUCKET'))),
      files: openExportFiles(env('EXPORTS_BUCKET')),
    };
    return { deps, handlers: reconciliationHandlers(deps) };
  },
);
