import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { ExportFormat } from '../domain/export.ts';
import { Every, ExportSchedule } from '../domain/export-schedule.ts';
import { TimeZone } from '../domain/site.ts';
import { createExport, ownFilters, PushTo } from './exports.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const ExportScheduleView = ExportSchedule.omit({ tenant: true, hash: true }).meta({ id: 'ExportSchedule' });
export type ExportScheduleView = z.infer<typeof ExportScheduleView>;

const params = z.object({ exportScheduleId: idParam });

const rhythm = {
  every: Every,
  at: z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, 'a time of day, for example 06:00'),
  timeZone: TimeZone,
};

const Wanted = once(() => {
  const { kind, format, filter, personalData, pushTo } = createExport.body().shape;
  return { kind, format, filter, personalData, pushTo };
});

export const createExportSchedule = {
  id: 'create-export-schedule',
  noun: 'exports',
  method: 'POST',
  path: '/v1/export-schedules',
  summary: 'Have an export made after each day, week or month',
  permission: 'exports:write',
  body: once(() => {
    const { every, at, timeZone } = rhythm;
    return z
      .strictObject({
        name: z.string().min(1).max(120),
        ...Wanted(),
        every,
        at: at.default('06:00'),
        timeZone: timeZone.default('UTC'),
      })
      .meta({ allOf: ownFilters() });
  }),
  status: 201,
  response: () => ExportScheduleView,
  problems: ['idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listExportSchedules = {
  id: 'list-export-schedules',
  noun: 'exports',
  method: 'GET',
  path: '/v1/export-schedules',
  summary: 'List schedules of exports',
  permission: 'exports:read',
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(ExportScheduleView)),
  problems: [],
} as const satisfies Route;

export const getExportSchedule = {
  id: 'get-export-schedule',
  noun: 'exports',
  method: 'GET',
  path: '/v1/export-schedules/{exportScheduleId}',
  summary: 'Read a schedule of exports',
  permission: 'exports:read',
  params,
  status: 200,
  response: () => ExportScheduleView,
  problems: [],
  etag: true,
} as const satisfies Route;

export const updateExportSchedule = {
  id: 'update-export-schedule',
  noun: 'exports',
  method: 'PATCH',
  path: '/v1/export-schedules/{exportScheduleId}',
  summary: 'Change a schedule of exports; from then on it acts in the name of the key that changed it',
  permission: 'exports:write',
  params,
  body: once(() =>
    z.strictObject({
      name: z.string().min(1).max(120).optional(),
      format: ExportFormat.optional(),
      personalData: field.yesNo.optional(),
      pushTo: PushTo.nullable().optional(),
      every: rhythm.every.optional(),
      at: rhythm.at.optional(),
      timeZone: rhythm.timeZone.optional(),
    }),
  ),
  status: 200,
  response: () => ExportScheduleView,
  problems: ['precondition_failed'],
  etag: true,
} as const satisfies Route;

export const deleteExportSchedule = {
  id: 'delete-export-schedule',
  noun: 'exports',
  method: 'DELETE',
  path: '/v1/export-schedules/{exportScheduleId}',
  summary: 'Remove a schedule of exports; those that it has made stay',
  permission: 'exports:write',
  params,
  status: 200,
  response: once(() => z.object({ id: field.text, deletedAt: field.moment }).meta({ id: 'DeletedExportSchedule' })),
  problems: ['precondition_failed'],
} as const satisfies Route;
