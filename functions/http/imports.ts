import * as contract from '#shared/api/imports.ts';
import { projection } from '#shared/api/shapes.ts';
import { asked, type Import, type ImportCounts, sumCounts, uploadSeconds } from '#shared/domain/import.ts';
import { reveal } from '#shared/domain/issued.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { plusSeconds } from '#shared/domain/time.ts';
import {
  type Answer,
  type AnyCall,
  type Call,
  endpoint,
  type Handlers,
  type HttpDeps,
} from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { jobsAnswer } from '#shared/lambda/list.ts';
import { uploadLink } from '#shared/lambda/upload-link.ts';
import { live } from '#shared/live.ts';
import { openUploads } from '#shared/outside/uploads.ts';
import { commitImport, idempotencySeconds } from '#shared/store/commit.ts';
import { openImports, type StoredReport } from '#shared/store/imports.ts';
import { keys } from '#shared/store/rows.ts';

const shown = projection(contract.ImportView);

const view = (job: Import, done: ImportCounts): contract.ImportView => {
  const counts = job.counts ?? done;
  const settled = counts.created + counts.alreadyExists + counts.refused + job.invalidRows;
  const isOver = job.endedAt !== null;
  return shown({ ...job, counts: { ...counts, pending: isOver ? 0 : (job.rows ?? 0) - settled } });
};

/** The name of the file in the bucket. */
const fileOf = ({ tenant, id }: Pick<Import, 'tenant' | 'id'>): string => `${tenant}/${id}.csv`;

/** What a test key imported is all that a test key sees. */
const requireShown = ({ caller }: AnyCall, it: Import | undefined, id: string): Import => {
  if (it === undefined || (caller.mode === 'test' && it.mode !== 'test'))
    throw new Refusal('not_found', `there is no import ${id}`);
  return it;
};

export const importHandlers = (deps: HttpDeps): Handlers => {
  const imports = openImports(deps.table);

  const find = async (call: AnyCall, id: string) => {
    const found = await imports.read(call.caller.tenant, id);
    const job = requireShown(call, found?.job, id);
    return { job, done: sumCounts((found?.parts ?? []).flatMap(({ counts }) => counts ?? [])) };
  };

  /** With the values of its credentials, for as long as a create would repeat them, and for whom it would. */
  const reported = async (call: AnyCall, { issued, ...report }: StoredReport): Promise<contract.ImportRowView> => {
    const isFresh = plusSeconds(report.at, idempotencySeconds) > call.now;
    if (issued?.kind !== 'credentials' || !isFresh || !call.caller.scopes.includes('transactions:write')) return report;
    const named = { credentials: issued.credentials.map(({ id }) => ({ id })) };
    return contract.ImportRowView.parse({ ...report, ...reveal(named, issued, await deps.rootKeys()) });
  };

  return {
    [contract.createImport.id]: async (call: Call<typeof contract.createImport>) => {
      const { body, caller, now, circumstances, record } = call;
      const id = deps.newId('imp');
      const { tenant, apiKeyId, mode } = caller;
      const uploadBy = plusSeconds(now, uploadSeconds);
      const { after, writes } = commitImport(
        asked({ id, tenant, apiKeyId, mode, uploadBy, ...body }, now),
        circumstances,
      );
      const made: Answer = {
        body: view(after, sumCounts([])),
        etag: after.version,
        issued: { kind: 'upload', key: fileOf(after), bytes: body.bytes, until: uploadBy },
      };
      const { name, createdAt } = after;
      await deps.table.write([
        ...writes,
        {
          kind: 'other',
          expects: 'absent',
          put: { ...keys.importOfTenant(tenant, id), id, name, mode, createdAt },
        },
        ...record(made),
      ]);
      return made;
    },

    [contract.listImports.id]: (call: Call<typeof contract.listImports>) =>
      jobsAnswer(deps.table, { listed: keys.importOfTenant, itself: keys.import }, call, (row) =>
        contract.ImportSummary.parse(row),
      ),

    [contract.getImport.id]: async (call: Call<typeof contract.getImport>) => {
      const { job, done } = await find(call, call.params.importId);
      return { body: view(job, done), etag: job.version };
    },

    [contract.listImportRows.id]: async (call: Call<typeof contract.listImportRows>) => {
      const { job } = await find(call, call.params.importId);
      const after = Number((await call.cursors.read()) ?? 0);
      const { reports, more } = await imports.reportsPage(job, { after, limit: call.query.limit });
      const data = await Promise.all(reports.map((it) => reported(call, it)));
      const last = data.at(-1)?.row;
      return { body: { data, nextCursor: await call.cursors.give(more && last ? String(last) : null) } };
    },
  };
};

export const handler = endpoint(
  [contract.createImport, contract.listImports, contract.getImport, contract.listImportRows],
  () => {
    const deps = { ...live(), uploadLink: uploadLink(openUploads(env('UPLOADS_BUCKET'))) };
    return { deps, handlers: importHandlers(deps) };
  },
);
