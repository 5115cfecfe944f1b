import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Receiver } from '../../local/receiver.ts';
import { CommandView } from '../../shared/api/commands.ts';
import { ExportView } from '../../shared/api/exports.ts';
import { IncidentContext, IncidentSummary, IncidentView } from '../../shared/api/incidents.ts';
import { EventView, listOf } from '../../shared/api/shapes.ts';
import { invariantsHold } from '../support/invariants.ts';
import { type Bank, eventually, newBank, newReceiver, newTenant, type Tenant } from '../support/stack.ts';

/* A lock jams: it becomes somebody's work, who sets it right, and may close it once the compartment is in service. */

const began = Date.now();

let tenant: Tenant;
let bank: Bank;
let door: string;
let receiver: Receiver;
let incident: z.infer<typeof IncidentSummary>;

beforeAll(async () => {
  tenant = await newTenant();
  receiver = await newReceiver();
  const wish = { url: receiver.url, eventTypes: ['incident.*'] };
  const { secret } = await tenant.api.post('/v1/webhook-endpoints', wish, z.object({ secret: z.string() }));
  receiver.verifyWith(secret);
  bank = await newBank(tenant, { doors: 2 });
  door = bank.doors[0]?.door ?? '';
});

const open = (reason: string) => tenant.api.post('/v1/commands', { bankId: bank.id, door, reason }, CommandView);
const list = (query = '') => tenant.api.get(`/v1/incidents${query}`, listOf(IncidentSummary));
const read = () => tenant.api.get(`/v1/incidents/${incident.id}`, IncidentView);
const act = (action: string, body: Record<string, unknown>) =>
  tenant.api.post(`/v1/incidents/${incident.id}/${action}`, body, IncidentView);

describe('a lock that jams', () => {
  it('becomes an incident, which nobody has yet', async () => {
    await bank.panel.door(door, { lock: 'jammed' });
    await open('it was not tried for days');
    incident = await eventually(async () => {
      const { data } = await list(`?bankId=${bank.id}&state=open`);
      expect(data).toHaveLength(1);
      return IncidentSummary.parse(data[0]);
    });
    expect(incident).toMatchObject({ kind: 'lock_jammed', door, owner: null, causeHolds: true, livemode: false });
  });

  it('is taken, worked on and resolved, and cannot be closed while the compartment is out of service', async () => {
    await act('acknowledge', { owner: 'field-north' });
    expect(await act('note', { text: 'The bolt was bent' })).toMatchObject({ state: 'in_progress' });
    await act('resolve', { resolution: 'A new bolt' });
    const refused = await tenant.api.request('POST', `/v1/incidents/${incident.id}/close`, { body: {} });
    expect(refused).toMatchObject({ status: 409, body: { code: 'cause_holds' } });
    const context = await tenant.api.get(`/v1/incidents/${incident.id}/context`, IncidentContext());
    expect(context).toMatchObject({
      bank: { id: bank.id, connectivity: 'online' },
      compartment: { door, availability: 'out_of_service', lock: 'jammed' },
    });
    expect(context.events?.map(({ type }) => type)).toContain('compartment.lock_jammed');
  });

  it('is closed when the lock was seen to open and close', async () => {
    await bank.panel.door(door, { lock: 'ok' });
    await open('the lock was mended');
    await eventually(async () => expect((await bank.panel.state()).doors[door]?.door).toBe('open'));
    await bank.panel.door(door, { door: 'closed' });
    await eventually(async () => expect(await read()).toMatchObject({ state: 'resolved', causeHolds: false }));
    expect(await act('close', {})).toMatchObject({ state: 'closed', owner: 'field-north' });
  });

  it('is told to the customer from the beginning to the end, as its own events say', async () => {
    const told = await tenant.api.get(`/v1/incidents/${incident.id}/events`, listOf(EventView()));
    const types = ['opened', 'acknowledged', 'noted', 'resolved', 'cause_ended', 'closed'];
    expect(told.data.map(({ type }) => type)).toEqual(types.map((type) => `incident.${type}`));
    await eventually(async () => {
      const received = receiver.received().map(({ body }) => EventView().parse(JSON.parse(body)).id);
      expect(received).toEqual(expect.arrayContaining(told.data.map(({ id }) => id)));
    });
  });
});

describe('an incident', () => {
  it('that nobody takes in time is escalated when its time has come', async () => {
    const body = {
      summary: 'A pane is cracked',
      bankId: bank.id,
      resolveBy: new Date(Date.now() + 2_000).toISOString(),
    };
    const reported = await tenant.api.post('/v1/incidents', body, IncidentView);
    await eventually(async () => {
      const now = await tenant.api.get(`/v1/incidents/${reported.id}`, IncidentView);
      expect(now).toMatchObject({ level: 1, state: 'open' });
      expect(now.escalatedAt && now.escalatedAt >= reported.resolveBy).toBe(true);
    });
  });

  it('is exported with all that was done about it', async () => {
    const asked = {
      ...{ kind: 'incidents', format: 'jsonl', filter: { incidentKind: 'lock_jammed' } },
      from: new Date(began - 3_600_000).toISOString(),
      to: new Date().toISOString(),
    };
    const { id } = await tenant.api.post('/v1/exports', asked, ExportView);
    const done = await eventually(async () => {
      const now = await tenant.api.get(`/v1/exports/${id}`, ExportView);
      expect(now.state).toBe('done');
      return now;
    });
    const rows = (await (await fetch(done.file?.url ?? '')).text()).trim().split('\n');
    expect(rows.map((row) => JSON.parse(row))).toMatchObject([
      { id: incident.id, state: 'closed', bankId: bank.id, door, steps: [{ text: 'The bolt was bent' }] },
    ]);
  });

  it('leaves the trail that everything leaves', () =>
    invariantsHold({ tenants: [tenant], banks: [bank], quiet: true }));
});
