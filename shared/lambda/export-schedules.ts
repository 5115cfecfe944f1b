import { isDeepStrictEqual } from 'node:util';
import { destinationsOf, type ExportDestinations } from '../api/export-destinations.ts';
import * as contract from '../api/export-schedules.ts';
import { type ExportFilter, type ExportKind, foreignFilters, scopesOf } from '../domain/export.ts';
import { type ExportSchedule, rescheduled, scheduled, unscheduled } from '../domain/export-schedule.ts';
import { type FieldError, Refusal } from '../domain/refusal.ts';
import { decidedAnew } from '../store/anew.ts';
import { commitExportSchedule, commitExportScheduleEnd } from '../store/commit.ts';
import { openExportSchedules } from '../store/export-schedules.ts';
import { keys } from '../store/rows.ts';
import { requireFields, requireScopes } from './asking.ts';
import type { Answer, AnyCall, Call, Handlers, HttpDeps } from './endpoint.ts';
import { listAnswer } from './list.ts';

const answer = (it: ExportSchedule): Answer => ({ body: contract.ExportScheduleView.parse(it), etag: it.version });

export const filterErrors = (kind: ExportKind, filter: object): FieldError[] =>
  foreignFilters(kind, filter).map((name) => ({ pointer: `/filter/${name}`, detail: `is no filter of ${kind}` }));

/** An endpoint that the tenant never had. Its events tell of one that was deleted, too. */
export const endpointErrors = async (
  table: HttpDeps['table'],
  tenant: string,
  { endpointId }: ExportFilter,
): Promise<FieldError[]> => {
  if (endpointId === undefined) return [];
  const created = await table.get(keys.events(keys.endpointLog(tenant, endpointId), 1), true);
  return created === undefined
    ? [{ pointer: '/filter/endpointId', detail: `is no webhook endpoint of yours, and never was: ${endpointId}` }]
    : [];
};

/** Where a tenant may not have its files put, or not any more. */
export const pushToErrors = (all: ExportDestinations, tenant: string, pushTo: string | null): FieldError[] => {
  const names = destinationsOf(all, tenant).map(({ name }) => name);
  if (pushTo === null || names.includes(pushTo)) return [];
  const known = names.length > 0 ? `there are: ${names.join(', ')}` : 'the operator has set up none';
  return [{ pointer: '/pushTo', detail: `is no destination of yours; ${known}` }];
};

export type ExportScheduleDeps = HttpDeps & {
  /** Of all tenants. */
  destinations: ExportDestinations;
};

export const exportScheduleHandlers = (deps: ExportScheduleDeps): Handlers => {
  const { destinations } = deps;
  const schedules = openExportSchedules(deps);

  /** What a test key does not see is not there for it. */
  const find = async ({ caller }: AnyCall, id: string, consistent = false): Promise<ExportSchedule> => {
    const found = await schedules.read(caller.tenant, id, consistent);
    if (found === null || (caller.mode === 'test' && found.mode !== 'test'))
      throw new Refusal('not_found', `there is no export schedule ${id}`);
    return found;
  };

  /** Decides a change of it as it is now, and anew where another was faster. */
  const changing = (
    call: AnyCall & { params: { exportScheduleId: string } },
    act: (before: ExportSchedule) => Promise<Answer>,
  ): Promise<Answer> =>
    decidedAnew('the export schedule is being changed by others right now', async () => {
      const before = await find(call, call.params.exportScheduleId, true);
      if (call.ifMatch !== undefined && call.ifMatch !== before.version)
        throw new Refusal('precondition_failed', `the export schedule is at version ${before.version} now`);
      return act(before);
    });

  return {
    [contract.createExportSchedule.id]: async (call: Call<typeof contract.createExportSchedule>) => {
      const { body, caller, now, circumstances, record } = call;
      requireScopes(caller, scopesOf(body));
      requireFields([
        ...filterErrors(body.kind, body.filter),
        ...(await endpointErrors(deps.table, caller.tenant, body.filter)),
        ...pushToErrors(destinations, caller.tenant, body.pushTo),
      ]);
      const { tenant, apiKeyId, mode } = caller;
      const { after, writes } = commitExportSchedule(
        scheduled({ id: deps.newId('exs'), tenant, apiKeyId, mode, ...body }, now),
        circumstances,
      );
      const made = answer(after);
      await deps.table.write([...writes, ...record(made)]);
      return made;
    },

    [contract.listExportSchedules.id]: (call: Call<typeof contract.listExportSchedules>) =>
      listAnswer(
        deps.table,
        keys.exportSchedule(call.caller.tenant, '').PK,
        call,
        (row) => contract.ExportScheduleView.parse(row),
        { keep: ({ mode }) => call.caller.mode === 'live' || mode === 'test' },
      ),

    [contract.getExportSchedule.id]: async (call: Call<typeof contract.getExportSchedule>) =>
      answer(await find(call, call.params.exportScheduleId)),

    [contract.updateExportSchedule.id]: (call: Call<typeof contract.updateExportSchedule>) =>
      changing(call, async (before) => {
        const { body, caller, now, circumstances } = call;
        const set = { ...body, apiKeyId: caller.apiKeyId, mode: caller.mode };
        const wanted = { ...before, ...set };
        requireScopes(caller, scopesOf(wanted));
        requireFields(pushToErrors(destinations, caller.tenant, body.pushTo ?? null));
        if (isDeepStrictEqual(wanted, before)) return answer(before);
        const { after, writes } = commitExportSchedule(rescheduled(before, set, now), circumstances);
        await deps.table.write(writes);
        return answer(after);
      }),

    [contract.deleteExportSchedule.id]: (call: Call<typeof contract.deleteExportSchedule>) =>
      changing(call, async (before) => {
        await deps.table.write(commitExportScheduleEnd(unscheduled(before), call.circumstances).writes);
        return { body: { id: before.id, deletedAt: call.now } };
      }),
  };
};
