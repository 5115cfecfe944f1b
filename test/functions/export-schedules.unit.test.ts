import { beforeEach, describe, expect, it } from 'vitest';
import { ExportDestinations } from '#shared/api/export-destinations.ts';
import { createExportSchedule, deleteExportSchedule, updateExportSchedule } from '#shared/api/export-schedules.ts';
import { createExport, getExport } from '#shared/api/exports.ts';
import type { Route } from '#shared/api/route.ts';
import type { DueMessage } from '#shared/domain/due.ts';
import { Export, exported, pushed } from '#shared/domain/export.ts';
import { afterPush, notYetPushed } from '#shared/domain/export-push.ts';
import { ExportSchedule } from '#shared/domain/export-schedule.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { serve } from '#shared/lambda/endpoint.ts';
import { newId } from '#shared/lambda/ids.ts';
import { log } from '#shared/lambda/log.ts';
import { openExports } from '#shared/store/exports.ts';
import { keys } from '#shared/store/rows.ts';
import { requestOf } from '../../bench/gateway.ts';
import { deadlinesReaction } from '../../functions/bus/deadlines.ts';
import { exportHandlers } from '../../functions/http/exports.ts';
import { createTenant } from '../../functions/operator/create-tenant.ts';
import { deadlineConsumer } from '../../functions/queue/deadlines.ts';
import { sweep } from '../../functions/schedule/sweep.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

log.setLogLevel('SILENT');

const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const daily = { name: 'Days', kind: 'deliveries', format: 'csv', every: 'day', at: '06:00', timeZone: 'Europe/Zurich' };

const finance = { tenant: '*', name: 'finance', bucket: 'books', account: '111122223333' };
const ofSomebodyElse = { ...finance, tenant: `ten_${'0'.repeat(26)}`, name: 'secret' };
const destinations = ExportDestinations.parse([finance, ofSomebodyElse]);

let table: MemoryTable;
let nowMs: number;
let tenant: string;
let apiKey: string;
let sent: { name: string; at: string; message: DueMessage }[];

const deps = () => ({ table, newId, clock: () => nowMs, rootKeys });
const schedules = {
  send: async (name: string, at: string, message: unknown) =>
    void sent.push({ name, at, message: message as DueMessage }),
  forget: async () => undefined,
};

const ask = async (route: Route, more: { params?: Record<string, string>; body?: unknown } = {}) => {
  const files = { link: async () => 'https://example.com' };
  const handlers = exportHandlers({ ...deps(), files, keptDays: 30, destinations });
  const { statusCode, body = '' } = await serve([route], handlers, deps())(requestOf(route, apiKey, more), 'req_1');
  return { status: statusCode, body: JSON.parse(body) as Record<string, unknown> };
};
const asks = async (body: object = daily): Promise<string> => {
  const made = await ask(createExportSchedule, { body });
  expect([made.status, made.body]).toEqual([201, expect.anything()]);
  return String(made.body.id);
};
const scheduleIn = async (id: string) => ExportSchedule.parse(await table.get(keys.exportSchedule(tenant, id)));
const wakes = (id: string) => deadlineConsumer({ ...deps(), schedules })({ kind: 'export-schedule', tenant, id });
const hears = (type: string, id: string) => deadlinesReaction({ ...deps(), schedules })({ type, tenant, subject: id });
const sweeps = () =>
  sweep({
    ...deps(),
    slow: { send: async () => undefined },
    sending: { sms: { send: async () => undefined }, email: { send: async () => undefined } },
  })();
const exportsIn = (): Export[] =>
  table
    .rows()
    .filter(({ PK, SK }) => PK.startsWith('EXPORT#') && SK === 'J')
    .map((row) => Export.parse(row))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));

beforeEach(async () => {
  nowMs = Date.parse('2026-03-02T12:00:00.000Z');
  table = memoryTable();
  sent = [];
  const made = await createTenant(deps(), { name: 'Shop' });
  tenant = made.tenantId;
  apiKey = made.apiKey;
});

describe('a schedule of exports', () => {
  it('says when it runs first, and is woken then', async () => {
    const id = await asks();
    await hears('export_schedule.created', id);
    expect(sent).toEqual([
      {
        name: expect.stringContaining(id),
        at: '2026-03-03T05:00:00.000Z',
        message: { kind: 'export-schedule', tenant, id },
      },
    ]);
  });

  it('makes an export of the day that has ended, once, however often it is woken', async () => {
    const id = await asks();
    await wakes(id);
    expect(exportsIn()).toEqual([]);
    nowMs = Date.parse('2026-03-03T05:00:01.000Z');
    await wakes(id);
    await wakes(id);
    const [made, ...others] = exportsIn();
    expect(others).toEqual([]);
    expect(made).toMatchObject({
      ...{ kind: 'deliveries', format: 'csv', state: 'running', scheduleId: id },
      ...{ from: '2026-03-01T23:00:00.000Z', to: '2026-03-02T23:00:00.000Z' },
    });
    expect(await scheduleIn(id)).toMatchObject({ lastExportId: made?.id, nextRunAt: '2026-03-04T05:00:00.000Z' });
    const listed = await table.get(keys.exportOfTenant(tenant, made?.id ?? ''));
    expect(listed).toMatchObject({ kind: 'deliveries' });
  });

  it('makes one, though it is woken twice at the same time', async () => {
    const id = await asks();
    nowMs = Date.parse('2026-03-03T05:00:01.000Z');
    await Promise.all([wakes(id), wakes(id), sweeps()]);
    expect(exportsIn()).toHaveLength(1);
  });

  it('makes up for every day on which it was not woken', async () => {
    const id = await asks();
    nowMs = Date.parse('2026-03-05T08:00:00.000Z');
    await wakes(id);
    expect(exportsIn().map(({ from }) => from)).toEqual([
      '2026-03-01T23:00:00.000Z',
      '2026-03-02T23:00:00.000Z',
      '2026-03-03T23:00:00.000Z',
    ]);
  });

  it('is mended by the sweep where its wake-up was lost', async () => {
    const id = await asks();
    nowMs = Date.parse('2026-03-03T05:20:00.000Z');
    expect(await sweeps()).toMatchObject({ exports: 1 });
    expect(await sweeps()).toMatchObject({ exports: 0 });
    expect(exportsIn().map(({ scheduleId }) => scheduleId)).toEqual([id]);
  });

  it('runs at another time once it was changed, and finds nothing to do at the one before', async () => {
    const id = await asks();
    const params = { exportScheduleId: id };
    expect(await ask(updateExportSchedule, { params, body: { at: '14:00' } })).toMatchObject({
      status: 200,
      body: { version: 2, nextRunAt: '2026-03-02T13:00:00.000Z' },
    });
    expect(await ask(updateExportSchedule, { params, body: { at: '14:00' } })).toMatchObject({ body: { version: 2 } });
    nowMs = Date.parse('2026-03-02T13:00:00.000Z');
    await wakes(id);
    nowMs = Date.parse('2026-03-03T05:00:00.000Z');
    await wakes(id);
    expect(exportsIn().map(({ to }) => to)).toEqual(['2026-03-01T23:00:00.000Z']);
  });

  it('has its exports pushed where it says, from the next one on where that was changed', async () => {
    const id = await asks({ ...daily, pushTo: 'finance' });
    nowMs = Date.parse('2026-03-03T05:00:01.000Z');
    await wakes(id);
    const params = { exportScheduleId: id };
    expect(await ask(updateExportSchedule, { params, body: { pushTo: 'secret' } })).toMatchObject({ status: 400 });
    expect(await ask(updateExportSchedule, { params, body: { pushTo: null } })).toMatchObject({
      status: 200,
      body: { pushTo: null },
    });
    nowMs = Date.parse('2026-03-04T05:00:01.000Z');
    await wakes(id);
    expect(exportsIn().map(({ pushTo }) => pushTo)).toEqual(['finance', null]);
  });

  it('makes none once it was deleted, and those that it has made stay', async () => {
    const id = await asks();
    nowMs = Date.parse('2026-03-03T05:00:00.000Z');
    await wakes(id);
    const params = { exportScheduleId: id };
    expect(await ask(deleteExportSchedule, { params })).toMatchObject({ status: 200, body: { id } });
    nowMs = Date.parse('2026-03-04T05:20:00.000Z');
    await wakes(id);
    await hears('export_schedule.ran', id);
    expect(await sweeps()).toMatchObject({ exports: 0 });
    expect(exportsIn()).toHaveLength(1);
    expect(await ask(deleteExportSchedule, { params })).toMatchObject({ status: 404 });
  });

  it.each([
    ['a filter of another kind', { filter: { workflow: 'parcel' } }, /filter\/workflow is no filter of deliveries/],
    ['a destination of somebody else', { pushTo: 'secret' }, /\/pushTo is no destination of yours; there are: finance/],
    ['an endpoint that never was', { filter: { endpointId: 'whe_nope' } }, /filter\/endpointId is no webhook endpoint/],
    ['a time that is none', { at: '24:00' }, /\/at/],
    ['a time zone that is none', { timeZone: 'Zurich' }, /IANA/],
  ])('is refused with %s', async (_, wrong, detail) => {
    const { status, body } = await ask(createExportSchedule, { body: { ...daily, ...wrong } });
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringMatching(detail)]);
  });
});

describe('an export', () => {
  it('says how far its push has come, from the beginning until it is there', async () => {
    const period = { from: '2026-03-01T00:00:00Z', to: '2026-03-02T00:00:00Z' };
    const made = await ask(createExport, { body: { kind: 'deliveries', format: 'csv', pushTo: 'finance', ...period } });
    expect(made).toMatchObject({ status: 201, body: { pushTo: 'finance', push: notYetPushed } });
    const params = { exportId: String(made.body.id) };
    const shown = async () => (await ask(getExport, { params })).body.push;

    const exports = openExports(table);
    const now = '2026-03-02T12:00:00.000Z';
    const circumstances = { actor: { type: 'system' as const, id: 'exports' }, now, newId };
    const job = async () => Export.parse(await table.get(keys.export(tenant, params.exportId)));
    await exports.end(exported(await job(), { rows: 1, bytes: 9 }, now), circumstances);
    expect(await shown()).toEqual(notYetPushed);
    const retrying = afterPush(notYetPushed, { reason: 'no_such_bucket', said: 'NoSuchBucket' }, now, [60]);
    await exports.keepPush(await job(), retrying, null);
    expect(await shown()).toEqual(retrying);
    const done = afterPush(retrying, { key: 'a.csv' }, now, [60]);
    await exports.end(pushed(await job(), done), circumstances, 'exportPush');
    expect(await shown()).toEqual(done);
  });

  it('is refused a destination that is not its tenant’s', async () => {
    const body = { kind: 'deliveries', format: 'csv', from: '2026-03-01T00:00:00Z', to: '2026-03-02T00:00:00Z' };
    const refused = await ask(createExport, { body: { ...body, pushTo: 'secret' } });
    expect([refused.status, JSON.stringify(refused.body)]).toEqual([
      400,
      expect.stringMatching(/\/pushTo is no destination of yours; there are: finance/),
    ]);
  });

  it('is refused an endpoint that its tenant never had, and has the deliveries of one that was deleted', async () => {
    const period = { from: '2026-03-01T00:00:00Z', to: '2026-03-02T00:00:00Z' };
    const asksFor = (endpointId: string) =>
      ask(createExport, { body: { kind: 'deliveries', format: 'csv', ...period, filter: { endpointId } } });
    const created = (owner: string, id: string) => ({
      ...{ kind: 'other' as const, expects: 'absent' as const },
      put: keys.events(keys.endpointLog(owner, id), 1),
    });
    await table.write([created(tenant, 'whe_gone'), created('ten_2', 'whe_theirs')]);
    for (const endpointId of ['whe_nope', 'whe_theirs']) {
      const { status, body } = await asksFor(endpointId);
      expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('is no webhook endpoint of yours')]);
    }
    expect(await asksFor('whe_gone')).toMatchObject({ status: 201 });
  });
});
