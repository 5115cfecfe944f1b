import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { GetScheduleCommand, ListSchedulesCommand } from '@aws-sdk/client-scheduler';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { knownApiVersions, newestApiVersion } from '../../events/api-versions.ts';
import { Envelope } from '../../events/envelope.ts';
import { freePort } from '../../local/ports.ts';
import { listOf } from '../../shared/api/shapes.ts';
import { DeliveryView, WebhookEndpointView, WebhookReplayView } from '../../shared/api/webhook-endpoints.ts';
import { DeliverMessage } from '../../shared/domain/webhook.ts';
import { invariantsHold } from '../support/invariants.ts';
import { createParcel } from '../support/parcel.ts';
import { aws, eventually, newBank, newTenant, type Tenant } from '../support/stack.ts';

/** The shortest first wait of the test stack: 1 s, a fifth shorter by chance. */
const shortestWaitMs = 800;

/** The attempts that the test stack's waits (1,1,1,1) allow. */
const attemptsMax = 5;

type Request = { at: number; id: string; headers: Record<string, string>; body: string; event: Envelope };
type Answer = (response: ServerResponse, nth: number) => void;

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(code, headers).end();
  };

const atEnd: (() => void)[] = [];
afterEach(() => {
  for (const step of atEnd.splice(0)) step();
});

/** What an endpoint gets before all else; those here have taken it when they get into trouble. */
const welcome = 'webhook_endpoint.created';

/** A customer's system that answers as it is told, and remembers what came. */
const newCustomer = async (answer: Answer = status(204)) => {
  const port = await freePort();
  const requests: Request[] = [];
  const welcomes: Request[] = [];
  let behave = answer;
  let stop = async (): Promise<void> => {};
  const start = async (): Promise<void> => {
    const server = createServer(async (request, response) => {
      const at = Date.now();
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, it]) => [name, String(it)]));
      const body = await text(request);
      const event = Envelope.parse(JSON.parse(body));
      const came = { at, id: headers['webhook-id'] ?? '', headers, body, event };
      if (event.type === welcome) status(204)(response, welcomes.push(came));
      else behave(response, requests.push(came));
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    stop = async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    };
    atEnd.push(() => {
      server.closeAllConnections();
      server.close();
    });
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}/hook`,
    requests,
    welcomes,
    types: () => requests.map((it) => it.event.type),
    answers: (next: Answer) => {
      behave = next;
    },
    goesDown: () => stop(),
    comesBack: start,
  };
};

const Endpoint = WebhookEndpointView;
const Created = Endpoint.extend({ secret: z.string() });
type Created = z.infer<typeof Created>;

const register = (tenant: Tenant, url: string, eventTypes: string[] = ['transaction.created']): Promise<Created> =>
  tenant.api.post('/v1/webhook-endpoints', { url, eventTypes }, Created);

const ping = (tenant: Tenant, { id }: { id: string }) =>
  tenant.api.post(`/v1/webhook-endpoints/${id}/ping`, {}, Endpoint);

const read = (tenant: Tenant, { id }: { id: string }) => tenant.api.get(`/v1/webhook-endpoints/${id}`, Endpoint);

const deliveries = async (tenant: Tenant, { id }: { id: string }) =>
  (await tenant.api.get(`/v1/webhook-endpoints/${id}/deliveries`, listOf(DeliveryView))).data.filter(
    ({ eventType }) => eventType !== welcome,
  );

/** Waits until the endpoint's one delivery has come to this end. */
const delivery = (tenant: Tenant, endpoint: { id: string }, state: 'delivered' | 'dead' | 'retrying') =>
  eventually(
    async () => {
      const [only, ...more] = await deliveries(tenant, endpoint);
      expect(more).toEqual([]);
      expect(only?.state).toBe(state);
      return DeliveryView.parse(only);
    },
    { what: `the delivery is ${state}`, within: 30_000 },
  );

/** What is asked for there to be sent again, when all of it is on its way. */
const whole = async (tenant: Tenant, { id }: { id: string }, path: string, body: Record<string, unknown>) => {
  const asked = await tenant.api.post(path, body, WebhookReplayView);
  return eventually(
    async () => {
      const shown = await tenant.api.get(`/v1/webhook-endpoints/${id}/replays/${asked.id}`, WebhookReplayView);
      expect(shown.state).not.toBe('running');
      return shown;
    },
    { what: 'all is sent again' },
  );
};

/** What lies between one attempt's answer and the next attempt, in ms, as the customer sees it. */
const gaps = (requests: Request[]): number[] =>
  requests.slice(1).map((it, nth) => it.at - (requests[nth]?.at ?? Number.NaN));

describe('what happens to a parcel', () => {
  it('reaches its owner signed, whole, in sequence without gaps, and no other tenant', async () => {
    const [tenant, other] = [await newTenant(), await newTenant()];
    const [customer, stranger, chooser] = [await newCustomer(), await newCustomer(), await newCustomer()];
    const endpoint = await register(tenant, customer.url, []);
    await register(other, stranger.url, []);
    await register(tenant, chooser.url, ['transaction.cancelled']);
    const bank = await newBank(tenant);

    const parcel = await createParcel(tenant, bank);
    const path = `/v1/transactions/${parcel.id}`;
    await tenant.api.post(`${path}/hold`, { reason: 'customs' }, z.unknown());
    await tenant.api.post(`${path}/lift-hold`, {}, z.unknown());
    await tenant.api.post(`${path}/cancel`, { reason: 'by_caller' }, z.unknown());

    const { data: events } = await tenant.api.get(`${path}/events`, listOf(Envelope));
    const ofParcel = () => customer.requests.filter((it) => it.event.subject === parcel.id);
    await eventually(() => expect(ofParcel()).toHaveLength(events.length), { what: 'every event has come' });

    const received = ofParcel().toSorted((a, b) => a.event.sequence - b.event.sequence);
    expect(received.map((it) => it.event.sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(received.map((it) => it.event)).toEqual(events);
    const webhook = new Webhook(endpoint.secret);
    for (const { headers, body, event } of customer.requests) {
      expect(webhook.verify(body, headers)).toEqual(event);
      expect(headers['webhook-id']).toBe(event.id);
    }
    await eventually(() => expect(chooser.types()).toEqual(['transaction.cancelled']));
    expect(stranger.requests.every((it) => it.event.tenant === other.id)).toBe(true);

    const shown = await eventually(async () => {
      const list = await deliveries(tenant, endpoint);
      expect(list.every((it) => it.state === 'delivered')).toBe(true);
      return list.filter((it) => it.subject === parcel.id);
    });
    // Newest first.
    expect(shown.map((it) => it.sequence)).toEqual([5, 4, 3, 2, 1]);
    expect(shown.every((it) => it.attempts.length === 1 && it.attempts[0]?.status === 204)).toBe(true);
  });
});

const change = (tenant: Tenant, { id }: { id: string }, body: Record<string, unknown>) =>
  tenant.api.request('PATCH', `/v1/webhook-endpoints/${id}`, { body });

const rotate = (tenant: Tenant, { id }: { id: string }, body: Record<string, unknown>) =>
  tenant.api.post(`/v1/webhook-endpoints/${id}/rotate-secret`, body, Endpoint);

/** Whoever has only the public key, with what Node brings. */
const isSignedBy = (publicKey: string | undefined, { headers, body }: Request): boolean => {
  const x = Buffer.from((publicKey ?? '').replace(/^whpk_/, ''), 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const content = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`);
  return (headers['webhook-signature'] ?? '')
    .split(' ')
    .flatMap((it) => (it.startsWith('v1a,') ? [Buffer.from(it.slice(4), 'base64')] : []))
    .some((signature) => verify(null, content, key, signature));
};

describe('a signing key', () => {
  it('is changed without a webhook that cannot be verified, from a secret to another and to a public key', async () => {
    const tenant = await newTenant();
    const customer = await newCustomer();
    const endpoint = await register(tenant, customer.url);
    const next = Created.parse(await rotate(tenant, endpoint, {}));
    expect(next.secret).not.toBe(endpoint.secret);
    await ping(tenant, endpoint);
    const [first] = await eventually(() => {
      expect(customer.requests).toHaveLength(1);
      return customer.requests;
    });
    // Whoever has not changed over yet, and whoever has.
    for (const { secret } of [endpoint, next])
      expect(new Webhook(secret).verify(first?.body ?? '', first?.headers ?? {})).toEqual(first?.event);

    const open = await rotate(tenant, endpoint, { signature: 'ed25519' });
    expect([open.signature, open.secret]).toEqual(['ed25519', undefined]);
    await ping(tenant, endpoint);
    await eventually(() => expect(customer.requests).toHaveLength(2));
    const second = customer.requests[1] as Request;
    expect(isSignedBy(open.publicKey, second)).toBe(true);
    expect(new Webhook(next.secret).verify(second.body, second.headers)).toEqual(second.event);
    expect(() => new Webhook(endpoint.secret).verify(second.body, second.headers)).toThrow();

    // One that may be known to others: it is good for nothing from now on.
    const last = await rotate(tenant, endpoint, { overlapSeconds: 0 });
    await ping(tenant, endpoint);
    await eventually(() => expect(customer.requests).toHaveLength(3));
    const third = customer.requests[2] as Request;
    expect([open, last].map(({ publicKey }) => isSignedBy(publicKey, third))).toEqual([false, true]);
  });
});

describe('a customer who was away for long', () => {
  it('has the endpoint opened again at another address, and gets all that it has missed, once', {
    timeout: 120_000,
  }, async () => {
    const tenant = await newTenant();
    const [gone, back] = [await newCustomer(status(410)), await newCustomer()];
    const endpoint = await register(tenant, gone.url, ['asset.retired']);
    const since = new Date().toISOString();
    await ping(tenant, endpoint);
    await eventually(async () =>
      expect(await read(tenant, endpoint)).toMatchObject({ state: 'disabled', disabledReason: 'gone' }),
    );
    const missed = await delivery(tenant, endpoint, 'dead');

    const refused = await tenant.api.request('POST', `/v1/webhook-endpoints/${endpoint.id}/recover`, {
      body: { since },
    });
    expect(refused).toMatchObject({ status: 409, body: { code: 'endpoint_disabled' } });
    expect(await change(tenant, endpoint, { url: back.url, state: 'active' })).toMatchObject({
      status: 200,
      body: { url: back.url, state: 'active', disabledReason: null },
    });
    const path = `/v1/webhook-endpoints/${endpoint.id}/recover`;
    expect(await whole(tenant, endpoint, path, { since })).toMatchObject({
      state: 'done',
      sent: 1,
      states: ['dead', 'retrying'],
    });
    const sent = await delivery(tenant, endpoint, 'delivered');
    expect(sent).toMatchObject({ id: missed.id, resent: [{ by: tenant.apiKeyId, after: 1 }] });
    expect(sent.attempts.map((it) => it.status)).toEqual([410, 204]);
    expect(back.requests.map((it) => it.id)).toEqual(gone.requests.map((it) => it.id));

    // And once more, because they lost it.
    const again = `/v1/webhook-endpoints/${endpoint.id}/deliveries/${sent.id}/resend`;
    expect(await tenant.api.post(again, {}, DeliveryView)).toMatchObject({ state: 'retrying' });
    await eventually(() => expect(back.requests).toHaveLength(2));
    await delivery(tenant, endpoint, 'delivered');
    const dead = await tenant.api.get(
      `/v1/webhook-endpoints/${endpoint.id}/deliveries?state=dead`,
      listOf(DeliveryView),
    );
    expect(dead.data).toEqual([]);
    await invariantsHold({ tenants: [tenant], banks: [], quiet: true });
  });
});

describe('a customer who began to listen late', () => {
  it('is sent all that happened since a time, of the types that are wanted, and what came before once more', async () => {
    const tenant = await newTenant();
    const since = new Date().toISOString();
    const names = ['First', 'Second', 'Third'];
    for (const name of names) await tenant.api.post('/v1/sites', { name }, z.unknown());
    const feed = async () =>
      (await tenant.api.get('/v1/events?type=site.created', z.object({ data: z.array(Envelope) }))).data;
    const events = await eventually(async () => {
      const there = await feed();
      expect(there.length).toBeGreaterThanOrEqual(names.length);
      return there.filter(({ recordedAt }) => recordedAt >= since);
    });
    const customer = await newCustomer();
    const endpoint = await register(tenant, customer.url, ['site.created', 'site.updated']);
    const path = `/v1/webhook-endpoints/${endpoint.id}/replay`;
    const body = { from: since, eventTypes: ['site.created'] };
    const wanted = events.map(({ id }) => id).toSorted();
    for (const times of [1, 2]) {
      expect(await whole(tenant, endpoint, path, body)).toMatchObject({ state: 'done', sent: wanted.length });
      const came = () => customer.requests.map(({ id }) => id).toSorted();
      await eventually(() => expect(came()).toEqual(Array(times).fill(wanted).flat().toSorted()));
      // Taken and recorded, or it would count as being on its way.
      await eventually(async () => {
        const list = await deliveries(tenant, endpoint);
        expect(list.map(({ state, resent }) => [state, resent.length])).toEqual(wanted.map(() => ['delivered', times]));
      });
    }
    await invariantsHold({ tenants: [tenant], banks: [], quiet: true });
  });
});

describe('a ping', () => {
  it('comes to its own endpoint alone, whatever that has subscribed to', async () => {
    const tenant = await newTenant();
    const [customer, other] = [await newCustomer(), await newCustomer()];
    const endpoint = await register(tenant, customer.url);
    const all = await register(tenant, other.url, []);
    await ping(tenant, endpoint);
    await delivery(tenant, endpoint, 'delivered');
    expect(customer.types()).toEqual(['webhook_endpoint.pinged']);
    expect((await deliveries(tenant, all)).map((it) => it.eventType)).not.toContain('webhook_endpoint.pinged');
    expect(other.types()).not.toContain('webhook_endpoint.pinged');
  });
});

describe('a new endpoint', () => {
  it('is told that it was created, whatever it has subscribed to, and shows that it has answered', async () => {
    const tenant = await newTenant();
    const [customer, other] = [await newCustomer(), await newCustomer()];
    const before = await register(tenant, other.url);
    const endpoint = await register(tenant, customer.url);
    expect([endpoint.answeredAt, endpoint.version]).toEqual([null, 1]);
    const { answeredAt } = await eventually(async () => {
      const shown = await read(tenant, endpoint);
      expect(shown.answeredAt).not.toBeNull();
      return shown;
    });
    expect(Date.parse(answeredAt ?? '')).toBeGreaterThanOrEqual(Date.parse(endpoint.createdAt));
    const [first] = customer.welcomes;
    expect(new Webhook(endpoint.secret).verify(first?.body ?? '', first?.headers ?? {})).toMatchObject({
      type: welcome,
      subject: endpoint.id,
    });
    expect(other.welcomes.map(({ event }) => event.subject)).toEqual([before.id]);
  });
});

describe('an endpoint as its owner wants it', () => {
  it('gets its headers, an example that says it is one, and no more a minute than it takes, until it is deleted', async () => {
    const tenant = await newTenant();
    const customer = await newCustomer();
    const wanted = { url: customer.url, eventTypes: ['asset.retired'], headers: { Authorization: 'Bearer let-me-in' } };
    const endpoint = await tenant.api.post('/v1/webhook-endpoints', { ...wanted, attemptsPerMinute: 30 }, Created);
    const ofToday = { apiVersion: newestApiVersion() };
    expect(endpoint).toMatchObject({ headerNames: ['authorization'], attemptsPerMinute: 30, ...ofToday });
    const path = `/v1/webhook-endpoints/${endpoint.id}`;
    expect(await change(tenant, endpoint, { apiVersion: '2020-01-01' })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/apiVersion', detail: `must be one of ${knownApiVersions().join(', ')}` }] },
    });
    expect(await change(tenant, endpoint, ofToday)).toMatchObject({ status: 200, body: { ...ofToday, version: 1 } });
    const askedAt = Date.now();
    await tenant.api.post(`${path}/try`, { eventType: 'asset.retired' }, Endpoint);
    for (let nth = 0; nth < 2; nth++) await ping(tenant, endpoint);
    await eventually(() => expect(customer.requests).toHaveLength(3));
    for (const { headers, body, event } of customer.requests) {
      expect(headers.authorization).toBe('Bearer let-me-in');
      expect(headers['webhook-api-version']).toBe(ofToday.apiVersion);
      expect(new Webhook(endpoint.secret).verify(body, headers)).toEqual(event);
    }
    const trial = customer.requests.find(({ event }) => event.test);
    expect(trial?.event).toMatchObject({ type: 'asset.retired', test: true, subject: endpoint.id });
    // Turns are 2 s apart. Each request may be late by itself, so that two come closer together, but none is early.
    for (const [nth, { at }] of customer.requests.entries()) expect(at - askedAt).toBeGreaterThanOrEqual(nth * 2_000);

    const since = new Date().toISOString();
    expect((await deliveries(tenant, endpoint)).map((it) => it.state)).toEqual(Array(3).fill('delivered'));
    const later = await tenant.api.get(`${path}/deliveries?from=${since}`, listOf(DeliveryView));
    expect(later.data).toEqual([]);

    customer.answers(status(503));
    await ping(tenant, endpoint);
    await eventually(() => expect(customer.requests.length).toBeGreaterThanOrEqual(4));
    expect(await tenant.api.request('DELETE', path)).toMatchObject({ status: 200, body: { id: endpoint.id } });
    expect(await tenant.api.request('GET', path)).toMatchObject({ status: 404 });
    await eventually(async () =>
      expect((await deliveries(tenant, endpoint)).map((it) => it.state).toSorted()).toEqual([
        'dead',
        ...Array(3).fill('delivered'),
      ]),
    );
    await invariantsHold({ tenants: [tenant], banks: [], quiet: true });
  });
});

describe('a customer in trouble', () => {
  it.each<[string, Answer, { status: number | null; error: string | null }]>([
    ['500', (response) => response.writeHead(500).end('out of memory'), { status: 500, error: 'out of memory' }],
    [
      'a redirect',
      status(307, { location: 'http://127.0.0.1/elsewhere' }),
      { status: 307, error: 'redirects are not followed' },
    ],
    [
      'silence and a closed connection',
      (response) => response.destroy(),
      { status: null, error: 'the connection was closed before an answer came' },
    ],
  ])(
    'who answers %s until the endpoint is seen to fail, and is then well, gets the event, no attempt early',
    async (_, trouble, why) => {
      const tenant = await newTenant();
      const customer = await newCustomer(trouble);
      const endpoint = await register(tenant, customer.url);
      await ping(tenant, endpoint);
      await eventually(async () => expect((await read(tenant, endpoint)).state).toBe('failing'));
      await eventually(() => expect(customer.requests.length).toBeGreaterThanOrEqual(2));
      customer.answers(status(200));
      const { attempts, nextAttemptAt } = await delivery(tenant, endpoint, 'delivered');
      expect(nextAttemptAt).toBeNull();
      const outcomes = attempts.map(({ status, error }) => ({ status, error }));
      expect(outcomes.pop()).toEqual({ status: 200, error: null });
      expect(outcomes).toEqual(outcomes.map(() => why));
      expect(outcomes.length).toBeGreaterThanOrEqual(2);
      expect(new Set(customer.requests.map((it) => it.id)).size).toBe(1);
      for (const gap of gaps(customer.requests)) expect(gap).toBeGreaterThanOrEqual(shortestWaitMs);
      expect((await read(tenant, endpoint)).state).toBe('active');
    },
  );

  it('who is down and comes back gets everything', async () => {
    const tenant = await newTenant();
    const customer = await newCustomer();
    const endpoint = await register(tenant, customer.url);
    await customer.goesDown();
    for (let nth = 0; nth < 5; nth++) await ping(tenant, endpoint);
    await eventually(async () => {
      const list = await deliveries(tenant, endpoint);
      expect(list.map((it) => it.state)).toEqual(Array(5).fill('retrying'));
    });
    await customer.comesBack();
    await eventually(
      async () => {
        const list = await deliveries(tenant, endpoint);
        expect(list.map((it) => it.state)).toEqual(Array(5).fill('delivered'));
      },
      { within: 30_000 },
    );
    expect(new Set(customer.requests.map((it) => it.event.sequence))).toEqual(new Set([2, 3, 4, 5, 6]));
  });

  it('who never gets well sees the delivery dead, with every attempt, none of them early', async () => {
    const tenant = await newTenant();
    const customer = await newCustomer(status(503));
    const endpoint = await register(tenant, customer.url);
    await ping(tenant, endpoint);
    const { attempts, nextAttemptAt } = await delivery(tenant, endpoint, 'dead');
    expect(nextAttemptAt).toBeNull();
    expect(attempts).toHaveLength(attemptsMax);
    expect(customer.requests).toHaveLength(attemptsMax);
    for (const gap of gaps(customer.requests)) expect(gap).toBeGreaterThanOrEqual(shortestWaitMs);
    expect((await read(tenant, endpoint)).state).toBe('failing');
  });

  it('who asks to be left alone for a while is left alone', async () => {
    const tenant = await newTenant();
    const customer = await newCustomer((response, nth) =>
      status(nth === 1 ? 429 : 204, { 'retry-after': '4' })(response, nth),
    );
    const endpoint = await register(tenant, customer.url);
    await ping(tenant, endpoint);
    await delivery(tenant, endpoint, 'delivered');
    expect(gaps(customer.requests)).toHaveLength(1);
    expect(gaps(customer.requests)[0]).toBeGreaterThanOrEqual(4_000);
  });

  it('who takes more than 5 s delays nobody else, and is not failing', async () => {
    const tenant = await newTenant();
    const quick = await newCustomer();
    // Answers when the other has got all of theirs: whoever waited for it first would wait until it is given up.
    const slow = await newCustomer((response) => {
      const askedAt = Date.now();
      const timer = setInterval(() => {
        if (quick.requests.length < 3 || Date.now() < askedAt + 5_200) return;
        clearInterval(timer);
        response.writeHead(204).end();
      }, 50);
      response.once('close', () => clearInterval(timer));
    });
    const [slowEndpoint, quickEndpoint] = [await register(tenant, slow.url), await register(tenant, quick.url)];
    for (let nth = 0; nth < 3; nth++) {
      await ping(tenant, slowEndpoint);
      await ping(tenant, quickEndpoint);
    }
    await eventually(
      async () => {
        const list = await deliveries(tenant, slowEndpoint);
        expect(list.map((it) => [it.state, it.attempts.length])).toEqual(Array(3).fill(['delivered', 1]));
      },
      { within: 30_000 },
    );
    expect(quick.requests).toHaveLength(3);
    expect((await read(tenant, slowEndpoint)).state).toBe('active');
  });

  it('who asks for more than the quarter of an hour that a queue can wait is scheduled', async () => {
    const tenant = await newTenant();
    const customer = await newCustomer(status(503, { 'retry-after': '1000' }));
    const endpoint = await register(tenant, customer.url);
    await ping(tenant, endpoint);
    const { id, nextAttemptAt, attempts } = await delivery(tenant, endpoint, 'retrying');
    const at = Date.parse(nextAttemptAt ?? '');
    expect(at).toBeGreaterThanOrEqual(Date.parse(attempts[0]?.at ?? '') + 1_000_000);

    const Name = `${id}-${endpoint.id.slice(-26)}-2`;
    const schedule = await eventually(async () => {
      const { Schedules = [] } = await aws.scheduler.send(new ListSchedulesCommand({ NamePrefix: Name }));
      const { GroupName } = z.object({ GroupName: z.string() }).parse(Schedules[0]);
      return aws.scheduler.send(new GetScheduleCommand({ Name, GroupName }));
    });
    // In whole seconds, and not before.
    const [, planned] = /^at\((.+)\)$/.exec(schedule.ScheduleExpression ?? '') ?? [];
    expect(Date.parse(`${planned}Z`) - at).toBeGreaterThanOrEqual(0);
    expect(Date.parse(`${planned}Z`) - at).toBeLessThan(1_000);

    const message = DeliverMessage.parse(JSON.parse(schedule.Target?.Input ?? '{}'));
    expect(message).toMatchObject({ tenant: tenant.id, endpointId: endpoint.id, version: 2 });
    expect(message.event?.type).toBe('webhook_endpoint.pinged');
    expect(customer.requests).toHaveLength(1);

    // Well again, and not willing to wait.
    customer.answers(status(204));
    const path = `/v1/webhook-endpoints/${endpoint.id}/deliveries/${id}/resend`;
    expect(await tenant.api.post(path, {}, DeliveryView)).toMatchObject({
      resent: [{ by: tenant.apiKeyId, after: 1 }],
    });
    const sent = await delivery(tenant, endpoint, 'delivered');
    expect(sent.attempts.map((it) => it.status)).toEqual([503, 204]);
  });

  it('who is gone says so once, is disabled, and whoever else listens is told', async () => {
    const tenant = await newTenant();
    const [gone, watcher] = [await newCustomer(status(410)), await newCustomer()];
    const endpoint = await register(tenant, gone.url);
    await register(tenant, watcher.url, ['webhook_endpoint.disabled']);
    await ping(tenant, endpoint);
    await eventually(async () =>
      expect(await read(tenant, endpoint)).toMatchObject({ state: 'disabled', disabledReason: 'gone' }),
    );
    await eventually(() => expect(watcher.types()).toEqual(['webhook_endpoint.disabled']));
    expect(watcher.requests[0]?.event).toMatchObject({
      subject: endpoint.id,
      data: { endpointId: endpoint.id, reason: 'gone', changes: { state: 'disabled', disabledReason: 'gone' } },
    });
    await eventually(async () => {
      const states = new Set((await deliveries(tenant, endpoint)).map((it) => it.state));
      expect(states).toEqual(new Set(['dead']));
    });
    const refused = await tenant.api.request('POST', `/v1/webhook-endpoints/${endpoint.id}/ping`, { body: {} });
    expect(refused).toMatchObject({ status: 409, body: { code: 'endpoint_disabled' } });
  });
});
