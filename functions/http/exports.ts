import { parseDestinations } from '#shared/api/export-destinations.ts';
import * as schedules from '#shared/api/export-schedules.ts';
import * as contract from '#shared/api/exports.ts';
import { projection } from '#shared/api/shapes.ts';
import {
  type Export,
  exportKey,
  exportLinkSeconds,
  fileNameOf,
  periodErrors,
  requested,
  scopesOf,
} from '#shared/domain/export.ts';
import { notYetPushed, type Push } from '#shared/domain/export-push.ts';
import { oldestKept } from '#shared/domain/feed.ts';
import { type FieldError, Refusal } from '#shared/domain/refusal.ts';
import { epochMs, type Instant, plusSeconds } from '#shared/domain/time.ts';
import { requireFields, requireScopes } from '#shared/lambda/asking.ts';
import { type Call, endpoint, type Handlers } from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import {
  type ExportScheduleDeps,
  endpointErrors,
  exportScheduleHandlers,
  filterErrors,
  pushToErrors,
} from '#shared/lambda/export-schedules.ts';
import { jobsAnswer } from '#shared/lambda/list.ts';
import { live } from '#shared/live.ts';
import { type ExportFiles, openExportFiles } from '#shared/outside/export-files.ts';
import { commitExport } from '#shared/store/commit.ts';
import { exportListed, openExports } from '#shared/store/exports.ts';
import { keys } from '#shared/store/rows.ts';

export type ExportDeps = ExportScheduleDeps & {
  files: Pick<ExportFiles, 'link'>;
  /** For how many days the feed keeps events. */
  keptDays: number;
};

const shown = projection(contract.ExportView);

type Asked = Pick<Export, 'kind' | 'from' | 'to' | 'filter'>;

const errorsOf = ({ kind, from, to, filter }: Asked, now: Instant, keptDays: number): FieldError[] => [
  ...periodErrors({ from, to }, now),
  ...(kind === 'events' && from < oldestKept(epochMs(now), keptDays)
    ? [
        {
          pointer: '/from',
          detail: `must not be earlier than ${oldestKept(epochMs(now), keptDays)}: events are kept in the feed for ${keptDays} days`,
        },
      ]
    : []),
  ...filterErrors(kind, filter),
];

/** While the file is being made, it waits; where there will be none, nothing is to be pushed. */
const pushOf = ({ pushTo, state, push }: Export, soFar: Push | null): Push | null =>
  pushTo === null || state === 'failed' ? null : (push ?? soFar ?? notYetPushed);

export const exportHandlers = (deps: ExportDeps): Handlers => {
  const exports = openExports(deps.table);

  const fileOf = async (job: Export, { caller, now }: Pick<Call<typeof contract.getExport>, 'caller' | 'now'>) => {
    const isThere = job.state === 'done' && job.fileUntil !== null && now < job.fileUntil;
    if (!isThere || scopesOf(job).some((scope) => !caller.scopes.includes(scope))) return null;
    const name = fileNameOf(job);
    const url = await deps.files.link(exportKey(job), name, now, exportLinkSeconds);
    return { name, url, until: plusSeconds(now, exportLinkSeconds) };
  };

  return {
    ...exportScheduleHandlers(deps),

    [contract.createExport.id]: async (call: Call<typeof contract.createExport>) => {
      const { body, caller, now, circumstances, record } = call;
      requireScopes(caller, scopesOf(body));
      const { tenant, apiKeyId, mode } = caller;
      requireFields([
        ...errorsOf(body, now, deps.keptDays),
        ...(await endpointErrors(deps.table, tenant, body.filter)),
        ...pushToErrors(deps.destinations, tenant, body.pushTo),
      ]);
      const id = deps.newId('exp');
      const { after, writes } = commitExport(
        requested({ id, tenant, apiKeyId, scheduleId: null, mode, ...body }, now),
        circumstances,
      );
      const made = { body: shown({ ...after, rows: 0, file: null, push: pushOf(after, null) }), etag: after.version };
      await deps.table.write([...writes, exportListed(after), ...record(made)]);
      return made;
    },

    [contract.listExports.id]: (call: Call<typeof contract.listExports>) =>
      jobsAnswer(deps.table, { listed: keys.exportOfTenant, itself: keys.export }, call, (row) =>
        contract.ExportSummary.parse(row),
      ),

    [contract.getExport.id]: async (call: Call<typeof contract.getExport>) => {
      const { caller, params } = call;
      const found = await exports.read(caller.tenant, params.exportId);
      if (found === null || (caller.mode === 'test' && found.job.mode !== 'test'))
        throw new Refusal('not_found', `there is no export ${params.exportId}`);
      const { job, progress, push } = found;
      const rows = job.rows ?? progress?.rows ?? 0;
      const file = await fileOf(job, call);
      return { body: shown({ ...job, rows, file, push: pushOf(job, push?.push ?? null) }), etag: job.version };
    },
  };
};

export const handler = endpoint(
  [
    contract.createExport,
    contract.listExports,
    contract.getExport,
    schedules.createExportSchedule,
    schedules.listExportSchedules,
    schedules.getExportSchedule,
    schedules.updateExportSchedule,
    schedules.deleteExportSchedule,
  ],
  () => {
    const deps = {
      ...live(),
      files: openExportFiles(env('EXPORTS_BUCKET')),
      keptDays: Number(env('FEED_DAYS')),
      destinations: parseDestinations(env('EXPORT_DESTINATIONS')),
    };
    return { deps, handlers: exportHandlers(deps) };
  },
);
