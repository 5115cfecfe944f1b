import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { EventType } from '#events/catalogue.ts';
import type { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import * as contract from '#shared/api/incidents.ts';
import type { Route } from '#shared/api/route.ts';
import { routes } from '#shared/api/routes.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { type Compartment, newCompartment } from '#shared/domain/compartment.ts';
import { Presence } from '#shared/domain/connectivity.ts';
import type { DueMessage } from '#shared/domain/due.ts';
import { Incident } from '#shared/domain/incident.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, type Instant, instant, plusSeconds } from '#shared/domain/time.ts';
import { serve } from '#shared/lambda/endpoint.ts';
import { newId } from '#shared/lambda/ids.ts';
import { log } from '#shared/lambda/log.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { pack } from '#shared/store/packed.ts';
import { keys } from '#shared/store/rows.ts';
import type { Row, Table } from '#shared/store/table.ts';
import { requestOf } from '../../bench/gateway.ts';
import { deadlinesReaction } from '../../functions/bus/deadlines.ts';
import { incidentReaction } from '../../functions/bus/incidents.ts';
import { signal } from '../../functions/bus/signals.ts';
import { incidentHandlers } from '../../functions/http/incidents.ts';
import { createTenant } from '../../functions/operator/create-tenant.ts';
import { deadlineConsumer } from '../../functions/queue/deadlines.ts';
import { sweep } from '../../functions/schedule/sweep.ts';
import { bankOf, doorOf, startedAt } from '../domain/cloud-and-bank.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

log.setLogLevel('SILENT');

const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

let table: MemoryTable;
let nowMs: number;
let tenant: string;
let apiKey: string;
let bank: Bank;
let sent: { name: string; at: string; message: DueMessage }[];

const deps = (on: Table = table) => ({ table: on, newId, clock: () => nowMs, rootKeys });
const now = (): Instant => instant(nowMs);
const later = (minutes: number): void => {
  nowMs += minutes * 60_000;
};

const put = (row: Row) => table.write([{ kind: 'other', expects: 'anything', put: row }]);
const doorIs = (more: Partial<Compartment>) =>
  put({ ...keys.compartment(bank.id, '1'), ...newCompartment('1'), ...more });
const isJammed = { outOfService: 'lock_jammed', lock: 'jammed' } as const;
const bankIs = (connectivity: Presence['connectivity']) =>
  put({
    ...keys.connectivity(bank.id),
    ...Presence.parse({
      ...{ connectivity, since: startedAt, knownSince: startedAt, heardAt: startedAt, drops: 1, version: 1 },
      link: { up: false, at: 1, versionNumber: 1, sessionIdentifier: 's1', reason: 'CONNECTION_LOST' },
    }),
  });

/** An event of now, of the tenant's bank or its first door. */
const event = (type: EventType, more: Partial<Envelope> = {}): Envelope => {
  const sample = sampleEvent(type);
  const data = {
    ...sample.data,
    ...('bankId' in sample.data && { bankId: bank.id }),
    ...('door' in sample.data && { door: '1' }),
  };
  const subject = type.startsWith('compartment.')
    ? `${bank.id}/1`
    : type.startsWith('bank.')
      ? bank.id
      : sample.subject;
  return { ...sample, id: newId('evt'), tenant, subject, occurredAt: now(), recordedAt: now(), data, ...more };
};
const hears = (it: Envelope, on: Table = table) => incidentReaction(deps(on))(it);

type Asked = Parameters<typeof requestOf>[2] & { headers?: Record<string, string> };
const ask = async (route: Route, { headers = {}, ...more }: Asked = {}) => {
  const request = requestOf(route, apiKey, more);
  Object.assign(request.headers, headers);
  const answer = await serve([route], incidentHandlers(deps()), deps())(request, 'req_1');
  return { status: answer.statusCode, body: JSON.parse(String(answer.body)) as Record<string, unknown> };
};
const Listed = z.object({ data: z.array(contract.IncidentSummary), nextCursor: z.string().nullable() });
const list = async (query: Record<string, string> = {}) =>
  Listed.parse((await ask(contract.listIncidents, { query })).body);
const only = async (): Promise<contract.IncidentView> => {
  const { data } = await list();
  expect(data).toHaveLength(1);
  return contract.IncidentView.parse(
    (await ask(contract.getIncident, { params: { incidentId: data[0]?.id ?? '' } })).body,
  );
};
const act = async (route: Route, body: unknown, headers = {}) => {
  const [first] = (await list()).data;
  return ask(route, { params: { incidentId: first?.id ?? '' }, body, headers });
};
const takes = () => act(contract.acknowledgeIncident, { owner: 'field-north' });
const resolves = () => act(contract.resolveIncident, { resolution: 'A new bolt' });
const closes = () => act(contract.closeIncident, {});

const told = (): string[] =>
  table
    .rows()
    .filter(({ PK, SK }) => PK.startsWith('INCIDENT#') && SK.startsWith('C#'))
    .flatMap((row) => CommitRow.parse(row).events.map(({ type }) => type));

beforeEach(async () => {
  nowMs = epochMs(startedAt);
  table = memoryTable();
  sent = [];
  const made = await createTenant(deps(), { name: 'Shop' });
  tenant = made.tenantId;
  apiKey = made.apiKey;
  bank = bankOf([doorOf('1')], { tenant });
  await table.write(bankWrites(bank));
});

describe('what goes wrong', () => {
  it('opens an incident, once however often its event comes', async () => {
    await doorIs(isJammed);
    const fact = event('compartment.lock_jammed');
    await Promise.all([hears(fact), hears(fact)]);
    later(5);
    await hears(fact);
    expect(await only()).toMatchObject({
      ...{ kind: 'lock_jammed', state: 'open', occurrences: 1, bankId: bank.id, door: '1', eventId: fact.id },
      ...{ openedAt: startedAt, causeHolds: true, causeOverAt: null, owner: null, livemode: true },
      todo: expect.stringContaining('Send somebody'),
    });
    expect(told()).toEqual(['incident.opened']);
  });

  it('is counted by the one that there is, and opens another one only when that is closed', async () => {
    const first = event('compartment.forced_open');
    await hears(first);
    later(1);
    const second = event('compartment.forced_open');
    await hears(second);
    await hears(second);
    expect(await only()).toMatchObject({ occurrences: 2, lastAt: now(), causeHolds: false });
    await takes();
    await resolves();
    expect((await closes()).status).toBe(200);
    // What was counted before comes again.
    await hears(second);
    expect((await list()).data).toHaveLength(1);
    later(1);
    await hears(event('compartment.forced_open'));
    expect((await list()).data.map(({ state, occurrences }) => [state, occurrences])).toEqual([
      ['open', 1],
      ['closed', 2],
    ]);
  });

  it('is apart for each door, and for each kind', async () => {
    await hears(event('compartment.forced_open'));
    await hears(event('compartment.contents_mismatched'));
    await hears(event('compartment.forced_open', { subject: `${bank.id}/2` }));
    expect((await list()).data).toHaveLength(3);
    expect((await list({ kind: 'forced_open' })).data).toHaveLength(2);
    expect((await list({ bankId: 'bnk_another' })).data).toEqual([]);
    expect((await list({ state: 'resolved' })).data).toEqual([]);
  });

  it('of two of the same at once opens one, and the other is counted', async () => {
    await Promise.all([hears(event('compartment.forced_open')), hears(event('compartment.forced_open'))]);
    expect((await only()).occurrences).toBe(2);
  });

  it('is one for all messages of a transaction that reached nobody', async () => {
    const { data } = sampleEvent('message.failed');
    await hears(event('message.failed', { subject: 'msg_1', data: { ...data, transactionId: 'txn_1' } }));
    await hears(event('message.failed', { subject: 'msg_2', data: { ...data, transactionId: 'txn_1' } }));
    later(1);
    await hears(event('message.failed', { subject: 'msg_3', data: { ...data, transactionId: 'txn_2' } }));
    const { data: found } = await list({ kind: 'nobody_told' });
    expect(found.map(({ transactionId, occurrences }) => [transactionId, occurrences])).toEqual([
      ['txn_2', 1],
      ['txn_1', 2],
    ]);
  });

  it('concerns who has the door, and is due when that is promised', async () => {
    const transactionId = 'txn_1';
    const pickupBy = plusSeconds(startedAt, 7_200);
    await put({
      ...keys.transaction(tenant, transactionId),
      ...{ id: transactionId, tenant, workflow: 'parcel', state: 'stored', version: 3, hash: 'h', siteId: bank.siteId },
      ...{
        bankId: bank.id,
        bankKey: bank.bankKey,
        door: '1',
        livemode: false,
        externalIds: {},
        source: null,
        items: [],
      },
      ...{ recipient: {}, parties: {}, salt: 's', payment: null, metadata: {}, pickupWithinSeconds: null },
      deadlines: { reserveUntil: startedAt, depositBy: startedAt, pickupBy },
      ...{ deadlineRev: 1, flags: [], holdReason: null, credentials: [], depositStartedAt: startedAt },
      ...{ depositedAt: startedAt, pickedUpAt: null, endedAt: null, expiredStage: null, cancelReason: null },
      ...{ recallCause: null, rejectReason: null, createdAt: startedAt, updatedAt: startedAt },
      assignment: { policy: 'best-fit/1', candidates: 1, reason: 'fits' },
    });
    await doorIs({ ...isJammed, heldBy: transactionId });
    await hears(event('compartment.lock_jammed'));
    expect(await only()).toMatchObject({ transactionId, resolveBy: pickupBy, livemode: false });
  });

  it('is nobody’s work where it is not', async () => {
    await hears(event('webhook_endpoint.disabled', { data: { endpointId: 'whe_1', reason: 'by_owner', changes: {} } }));
    await hears(event('bank.online'));
    expect((await list()).data).toEqual([]);
  });
});

describe('what is behind an incident', () => {
  it('keeps it from being closed until it is over, which is told once', async () => {
    await bankIs('offline');
    await hears(event('bank.offline'));
    await takes();
    await resolves();
    expect(await closes()).toMatchObject({ status: 409, body: { code: 'cause_holds' } });
    later(10);
    await bankIs('online');
    const over = event('bank.online');
    await hears(over);
    await hears(over);
    expect(await only()).toMatchObject({ state: 'resolved', causeHolds: false, causeOverAt: now() });
    expect(await closes()).toMatchObject({ status: 200, body: { state: 'closed' } });
    expect(told().slice(3)).toEqual(['incident.cause_ended', 'incident.closed']);
  });

  it('is seen by what is true now, also before the event that says so has come', async () => {
    await doorIs(isJammed);
    await hears(event('compartment.lock_jammed'));
    await takes();
    await resolves();
    await doorIs({});
    expect(await closes()).toMatchObject({ status: 200, body: { state: 'closed', causeHolds: false } });
    expect(told().slice(-2)).toEqual(['incident.cause_ended', 'incident.closed']);
  });

  it('is over already where its end came first', async () => {
    await doorIs({});
    await hears(event('compartment.returned_to_service'));
    await hears(event('compartment.lock_jammed'));
    expect(await only()).toMatchObject({ causeHolds: false, causeOverAt: now(), state: 'open' });
  });

  it('is what had failed, and not what else staff have the door out of service for', async () => {
    await doorIs({ ...isJammed, outOfService: 'cleaning' });
    await hears(event('compartment.lock_jammed'));
    await takes();
    await resolves();
    expect((await closes()).body.code).toBe('cause_holds');
    // A command has opened it.
    await doorIs({ outOfService: 'cleaning' });
    expect(await closes()).toMatchObject({ status: 200, body: { state: 'closed', causeHolds: false } });
  });

  it('goes on where it only seems to be over', async () => {
    await doorIs(isJammed);
    await hears(event('compartment.lock_jammed'));
    await hears(event('compartment.returned_to_service'));
    expect((await only()).causeHolds).toBe(true);
  });

  it('ends with the bank', async () => {
    await bankIs('offline');
    await hears(event('bank.offline'));
    await put({ ...keys.bank(bank.id), ...(await table.get(keys.bank(bank.id))), lifecycle: 'decommissioned' });
    await hears(event('bank.decommissioned'));
    expect((await only()).causeHolds).toBe(false);
  });
});

describe('people', () => {
  const report = (body: object) => ask(contract.reportIncident, { body: { summary: 'A pane is cracked', ...body } });

  it('are told that nobody can read a blank', async () => {
    await hears(event('compartment.forced_open'));
    expect(await act(contract.acknowledgeIncident, { owner: '   ' })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/owner', detail: 'is blank' }] },
    });
    expect((await ask(contract.reportIncident, { body: { summary: ' ' } })).status).toBe(400);
  });

  it('report what no event tells, of their own banks only', async () => {
    expect(await report({ bankId: bank.id, door: '1', severity: 'high' })).toMatchObject({
      status: 201,
      body: { kind: 'reported', severity: 'high', state: 'open', door: '1', subject: null },
    });
    const resolveBy = plusSeconds(now(), 600);
    expect((await report({ resolveBy })).body).toMatchObject({ resolveBy, acknowledgeBy: resolveBy, bankId: null });
    for (const [body, pointer] of [
      [{ bankId: 'bnk_of_another' }, '/bankId'],
      [{ bankId: bank.id, door: '9' }, '/door'],
      [{ door: '1' }, '/door'],
      [{ transactionId: 'txn_of_another' }, '/transactionId'],
      [{ resolveBy: now() }, '/resolveBy'],
    ] as const)
      expect(await report(body)).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
  });

  it('take it, record what they do, and resolve and close it', async () => {
    await report({});
    expect(await resolves()).toMatchObject({ status: 409, body: { code: 'invalid_transition' } });
    expect(await takes()).toMatchObject({ body: { state: 'acknowledged', owner: 'field-north', version: 2 } });
    await act(contract.assignIncident, { owner: 'glazier' });
    expect(await act(contract.noteIncident, { text: 'Taped over' })).toMatchObject({
      body: { state: 'in_progress', owner: 'glazier', steps: [{ text: 'Taped over' }] },
    });
    await resolves();
    expect(await act(contract.reopenIncident, { reason: 'loose' })).toMatchObject({ body: { state: 'in_progress' } });
    await resolves();
    expect(await closes()).toMatchObject({ body: { state: 'closed', closedAt: now(), version: 8 } });
    const [{ id = '' } = {}] = (await list()).data;
    const Events = z.object({
      data: z.array(z.object({ type: z.string(), sequence: z.number() })),
      nextCursor: z.string().nullable(),
    });
    const first = Events.parse(
      (await ask(contract.listIncidentEvents, { params: { incidentId: id }, query: { limit: '5' } })).body,
    );
    const rest = Events.parse(
      (
        await ask(contract.listIncidentEvents, {
          params: { incidentId: id },
          query: { limit: '5', cursor: first.nextCursor ?? '' },
        })
      ).body,
    );
    expect([...first.data, ...rest.data].map(({ type }) => type.slice(9))).toEqual([
      ...['opened', 'acknowledged', 'assigned', 'noted', 'resolved', 'reopened', 'resolved', 'closed'],
    ]);
    expect(rest.nextCursor).toBeNull();
  });

  it('read all that it is about at once, as far as their key may', async () => {
    await bankIs('offline');
    await doorIs(isJammed);
    const fact = event('compartment.lock_jammed');
    await put({ ...keys.events(keys.compartmentLog(bank.id, '1').PK, 1), events: pack([fact]) });
    await hears(fact);
    const { id: incidentId } = await only();
    const context = async () => (await ask(contract.getIncidentContext, { params: { incidentId } })).body;
    expect(await context()).toMatchObject({
      incident: { id: incidentId, kind: 'lock_jammed' },
      bank: { id: bank.id, name: bank.name, connectivity: 'offline' },
      compartment: { door: '1', outOfService: 'lock_jammed', lock: 'jammed', widthMm: expect.any(Number) },
      transaction: null,
      events: [{ id: fact.id }],
    });
    const key = table.rows().find(({ PK }) => PK === keys.apiKey(tenant, '').PK);
    if (key === undefined) throw new Error('there is a key');
    await put({ ...key, scopes: ['incidents:read'] });
    expect(await context()).toMatchObject({
      ...{ incident: { id: incidentId }, bank: null, compartment: null, transaction: null, events: null },
    });
  });

  it('change only what they have read, if they say so', async () => {
    await report({});
    await takes();
    const headers = { 'if-match': '"1"' };
    expect(await act(contract.assignIncident, { owner: 'glazier' }, headers)).toMatchObject({
      status: 412,
      body: { code: 'precondition_failed' },
    });
  });

  it('are told of one that there is not', async () => {
    for (const route of routes.filter(({ noun, params }) => noun === 'incidents' && params !== undefined)) {
      const body = { owner: 'x', text: 'x', resolution: 'x', reason: 'x' };
      const shape = route.body?.().shape ?? {};
      const own = Object.fromEntries(Object.entries(body).filter(([name]) => Object.hasOwn(shape, name)));
      expect([route.id, (await ask(route, { params: { incidentId: 'inc_of_another' }, body: own })).status]).toEqual([
        route.id,
        404,
      ]);
    }
  });

  it('and events that change the same at once are both heard', async () => {
    await hears(event('compartment.forced_open'));
    let isFirst = true;
    const racing: Table = {
      ...table,
      write: async (writes) => {
        if (isFirst) {
          isFirst = false;
          await takes();
        }
        return table.write(writes);
      },
    };
    await hears(event('compartment.forced_open'), racing);
    expect(await only()).toMatchObject({ state: 'acknowledged', occurrences: 2, version: 3 });
  });
});

describe('an incident that nobody sees to', () => {
  const schedules = {
    send: async (name: string, at: string, message: unknown) =>
      void sent.push({ name, at, message: message as DueMessage }),
    forget: async () => undefined,
  };
  const wakes = (id: string) => deadlineConsumer({ ...deps(), schedules })({ kind: 'incident', tenant, id });
  const sweeps = () =>
    sweep({
      ...deps(),
      slow: { send: async () => undefined },
      sending: { sms: { send: async () => undefined }, email: { send: async () => undefined } },
    })();
  const escalations = () => told().filter((type) => type === 'incident.escalated').length;

  it('is escalated when its time has come, once for each level', async () => {
    await hears(event('compartment.forced_open'));
    const { id, acknowledgeBy } = await only();
    await deadlinesReaction({ ...deps(), schedules })({ type: 'incident.opened', tenant, subject: id });
    expect(sent).toEqual([
      {
        name: expect.stringContaining(`${id}-escalate-`),
        at: acknowledgeBy,
        message: { kind: 'incident', tenant, id },
      },
    ]);
    await wakes(id);
    expect(escalations()).toBe(0);
    nowMs = epochMs(acknowledgeBy);
    await Promise.all([wakes(id), wakes(id)]);
    await wakes(id);
    expect(await only()).toMatchObject({ level: 1, escalatedAt: acknowledgeBy, state: 'open' });
    expect(escalations()).toBe(1);
    // The next one, if still nobody takes it.
    expect(sent.at(-1)?.at).toBe(plusSeconds(acknowledgeBy, 1_800));
  });

  it('is found by the sweep where its schedule was lost, and left alone once it is resolved', async () => {
    await hears(event('compartment.forced_open'));
    later(17);
    expect(await sweeps()).toMatchObject({ incidents: 1 });
    expect(await sweeps()).toMatchObject({ incidents: 0 });
    await takes();
    await resolves();
    later(10_000);
    expect(await sweeps()).toMatchObject({ incidents: 0 });
    expect(escalations()).toBe(1);
  });

  it('is told to the people who run it, with what, where and what to do', async () => {
    const raised: { title: string; text: string }[] = [];
    const alerts = { raise: async (alert: { title: string; text: string }) => void raised.push(alert) };
    await signal({ alerts })(event('incident.escalated'));
    expect(raised).toHaveLength(1);
    expect(raised[0]?.text).toContain('Nobody has taken an incident in time, and it is at level 1 now (high)');
    expect(raised[0]?.text).toContain(`Where: tenant ${tenant}, incident inc_`);
    expect(raised[0]?.text).toContain('What to do: See that somebody has it. Send somebody to the lock');
  });

  it('is found among what is to be done until it is closed, and among all after that', async () => {
    await hears(event('compartment.forced_open'));
    await takes();
    const states = async (state: string) => (await list({ state })).data.map(({ version }) => version);
    expect([await states('acknowledged'), await states('open'), await states('closed')]).toEqual([[2], [], []]);
    await resolves();
    await closes();
    expect([await states('resolved'), await states('closed')]).toEqual([[], [4]]);
    expect(table.rows().filter(({ PK }) => PK === keys.incidentAtWork(tenant, '').PK)).toEqual([]);
  });

  it('is stored as it is promised to be read', async () => {
    await hears(event('compartment.forced_open'));
    const row = await table.get(keys.incident(tenant, (await only()).id));
    expect(() => Incident.parse(row)).not.toThrow();
  });
});
