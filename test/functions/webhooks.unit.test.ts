import { Webhook } from 'standardwebhooks';
import { beforeEach, describe, expect, it } from 'vitest';
import { firstApiVersion } from '#events/api-versions.ts';
import type { Envelope } from '#events/envelope.ts';
import { apply, born } from '#shared/domain/decision.ts';
import { webhookSecretText } from '#shared/domain/issued.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, instant, plusSeconds } from '#shared/domain/time.ts';
import { DeliverMessage, Delivery, EndpointHealth, WebhookEndpoint } from '#shared/domain/webhook.ts';
import { sealedHeaders } from '#shared/domain/webhook-headers.ts';
import type { Reply } from '#shared/outside/customer-endpoint.ts';
import { commitEndpoint, commitEndpointEnd } from '#shared/store/commit.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { healthWrite } from '#shared/store/deliveries.ts';
import { keys } from '#shared/store/rows.ts';
import { fanOut } from '../../functions/bus/webhooks.ts';
import { type Arrival, deliver } from '../../functions/queue/deliver.ts';
import { sweep } from '../../functions/schedule/sweep.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';
import { secondVersion, whileThereIsASecondVersion } from '../support/second-version.ts';

const tenant = 'ten_1';
const start = '2026-03-01T12:00:00.000Z';
const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

const anEndpoint = (id: string, more: Partial<WebhookEndpoint> = {}): WebhookEndpoint => ({
  id,
  tenant,
  url: `https://hooks.shop.com/${id}`,
  description: '',
  eventTypes: [],
  apiVersion: firstApiVersion,
  headerNames: [],
  sealedHeaders: null,
  attemptsPerMinute: null,
  state: 'active',
  disabledReason: null,
  secret: { keyVersion: 1, nth: 0, scheme: 'hmac' },
  previousSecret: null,
  createdAt: start,
  version: 1,
  hash: '',
  ...more,
});

const well: EndpointHealth = {
  lastOutcome: 'ok',
  answeredAt: start,
  failingSince: null,
  updatedAt: start,
  version: 1,
};

const shop = anEndpoint('whe_00000000000000000000000001');
const carrier = anEndpoint('whe_00000000000000000000000002');

const empty = <T>(): T[] => [];

/** The functions with a table, a clock, queues that keep what they get, and customers who answer as told. */
const world = () => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const it = {
    table: memoryTable(),
    now: epochMs(start),
    lanes: { deliver: empty<DeliverMessage>(), slow: empty<DeliverMessage>() },
    later: empty<{ name: string; at: string; message: DeliverMessage }>(),
    posts: empty<{ url: string; headers: Record<string, string>; body: string }>(),
    answer: (): Partial<Reply> | Promise<Partial<Reply>> => ({ status: 204 }),
    newId,
  };
  const lane = (name: keyof typeof it.lanes) => ({
    send: async (message: unknown) => {
      it.lanes[name].push(DeliverMessage.parse(message));
    },
    sendAll: async (messages: readonly unknown[]) => {
      it.lanes[name].push(...messages.map((message) => DeliverMessage.parse(message)));
    },
  });
  const slow = lane('slow');
  const clock = () => it.now;
  const fanAll = fanOut({ table: it.table, lanes: { deliver: lane('deliver'), slow }, clock });
  const handle = deliver({
    table: it.table,
    rootKeys: async () => rootKeys,
    endpoints: {
      post: async (url, headers, body) => {
        it.posts.push({ url, headers, body });
        return { status: null, error: null, retryAfter: null, durationMs: 12, ...(await it.answer()) };
      },
    },
    slow,
    later: {
      send: async (name, at, message) => {
        it.later.push({ name, at, message: DeliverMessage.parse(message) });
      },
    },
    waits: [5, 300],
    newId,
    random: () => 0.5,
    clock,
  });
  return {
    ...it,
    set: (change: Partial<Pick<typeof it, 'now' | 'answer'>>) => Object.assign(it, change),
    fanAll,
    fan: (event: Envelope) => fanAll(event.tenant)(event),
    handle: (message: DeliverMessage, arrival: Partial<Arrival> = {}) =>
      handle(message, { lane: 'deliver', redelivered: false, ...arrival }),
    /** They have answered before. */
    add: async (...endpoints: WebhookEndpoint[]) => {
      for (const endpoint of endpoints)
        await it.table.write([
          ...commitEndpoint(born(endpoint, 'webhook_endpoint.created'), {
            actor: { type: 'system', id: 'test' },
            now: start,
            newId,
          }).writes,
          healthWrite(tenant, endpoint.id, well),
        ]);
    },
    delivery: async (endpoint: WebhookEndpoint, event: Envelope) =>
      Delivery.parse(await it.table.get(keys.delivery(tenant, endpoint.id, event.id))),
    endpoint: async (endpoint: WebhookEndpoint) =>
      WebhookEndpoint.parse(await it.table.get(keys.endpoint(tenant, endpoint.id))),
  };
};

let w: ReturnType<typeof world>;
beforeEach(() => {
  w = world();
});

const anEvent = (more: Partial<Envelope> = {}): Envelope => ({
  specversion: '1.0',
  id: 'evt_01HZX0000000000000000000AB',
  source: 'latchwork',
  type: 'transaction.created',
  subject: 'txn_1',
  time: start,
  datacontenttype: 'application/json',
  tenant,
  sequence: 1,
  occurredAt: start,
  recordedAt: start,
  actor: { type: 'system', id: 'test' },
  schema: 1,
  data: { note: 'ä€😀' },
  prevHash: '',
  hash: '',
  ...more,
});

const healthOf = async (table: MemoryTable, endpoint: WebhookEndpoint): Promise<EndpointHealth | null> => {
  const row = await table.get(keys.endpointHealth(tenant, endpoint.id));
  return row === undefined ? null : EndpointHealth.parse(row);
};

/** The one message in a list. */
const only = <T>(list: T[]): T => {
  const [first] = list;
  if (first === undefined || list.length !== 1) throw new Error(`expected one, not ${list.length}`);
  return first;
};

describe('an event on the bus', () => {
  it('becomes a delivery for each endpoint that wants it, forgotten after 30 days', async () => {
    await w.add(shop, carrier, anEndpoint('whe_3', { eventTypes: ['transaction.completed'] }));
    await w.add(anEndpoint('whe_4', { state: 'disabled' }));
    const event = anEvent();
    await w.fan(event);
    expect(w.lanes.deliver.map((it) => it.endpointId)).toEqual([shop.id, carrier.id]);
    expect(w.lanes.deliver[0]?.event).toEqual(event);
    expect(await w.delivery(shop, event)).toMatchObject({
      id: 'dlv_01HZX0000000000000000000AB',
      state: 'pending',
      attempts: [],
    });
    const row = w.table.rows().find((it) => it.PK.startsWith('DLV#'));
    expect(row?.ttl).toBe(epochMs(start) / 1000 + 30 * 86_400);
  });

  it('costs one query, and one write per delivery', async () => {
    await w.add(shop, carrier);
    w.table.calls.length = 0;
    await w.fan(anEvent());
    expect(w.table.calls).toEqual(['query', 'write', 'write']);
  });

  it('shares that query with those that come with it, and not with what comes later', async () => {
    await w.add(shop);
    w.table.calls.length = 0;
    const events = [1, 2, 3].map((nth) => anEvent({ id: `evt_${nth}` }));
    await Promise.all(events.map(w.fanAll(tenant)));
    expect(w.table.calls).toEqual(['query', 'write', 'write', 'write']);
    expect(w.lanes.deliver.map(({ eventId }) => eventId)).toEqual(['evt_1', 'evt_2', 'evt_3']);
    await w.add(carrier);
    await w.fan(anEvent({ id: 'evt_4' }));
    expect(w.lanes.deliver.slice(3).map(({ endpointId }) => endpointId)).toEqual([shop.id, carrier.id]);
  });

  it('fails by itself: those that came with it are told', async () => {
    await w.add(shop);
    const { write } = w.table;
    w.table.write = async (writes) => {
      if (JSON.stringify(writes).includes('evt_2')) throw new Error('it was throttled');
      await write(writes);
    };
    const events = ['evt_1', 'evt_2'].map((id) => anEvent({ id }));
    const told = await Promise.allSettled(events.map(w.fanAll(tenant)));
    expect(told.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(w.lanes.deliver.map(({ eventId }) => eventId)).toEqual(['evt_1']);
  });

  it('seen again before it was sent is sent again, afterwards not', async () => {
    await w.add(shop);
    const event = anEvent();
    await w.fan(event);
    await w.fan(event);
    expect(w.lanes.deliver).toHaveLength(2);
    for (const message of w.lanes.deliver) await w.handle(message);
    expect(w.posts).toHaveLength(1);
    await w.fan(event);
    expect(w.lanes.deliver).toHaveLength(2);
  });

  it('goes to each of a thousand who want it', async () => {
    const many = Array.from({ length: 1_000 }, (_, nth) => anEndpoint(`whe_${String(nth).padStart(26, '0')}`));
    await w.add(...many);
    await w.fan(anEvent());
    expect(w.lanes.deliver.map(({ endpointId }) => endpointId)).toEqual(many.map(({ id }) => id));
  });

  it('goes to the slow lane of who failed or was slow', async () => {
    await w.add(shop, carrier);
    w.set({ answer: () => ({ status: 200, durationMs: 6_000 }) });
    await w.fan(anEvent());
    for (const message of w.lanes.deliver.splice(0)) if (message.endpointId === shop.id) await w.handle(message);
    await w.fan(anEvent({ id: 'evt_2' }));
    expect(w.lanes.slow.map((it) => it.endpointId)).toEqual([shop.id]);
    expect(w.lanes.deliver.map((it) => it.endpointId)).toEqual([carrier.id]);
  });
});

describe('a new endpoint', () => {
  it('is served in the slow lane until it has answered, which is seen', async () => {
    await w.add(shop);
    await w.table.write([{ kind: 'other', expects: 'anything', remove: keys.endpointHealth(tenant, shop.id) }]);
    const created = anEvent({ type: 'webhook_endpoint.created', subject: shop.id });
    await w.fan(created);
    await w.fan(anEvent({ id: 'evt_2' }));
    expect(w.lanes.deliver).toEqual([]);
    const [first] = w.lanes.slow;
    if (first) await w.handle(first, { lane: 'slow' });
    expect(await healthOf(w.table, shop)).toEqual(well);
    await w.fan(anEvent({ id: 'evt_3' }));
    expect(w.lanes.deliver.map(({ eventId }) => eventId)).toEqual(['evt_3']);
  });
});

describe('an attempt', () => {
  const begin = async (endpoint = shop, event = anEvent()): Promise<DeliverMessage> => {
    await w.add(endpoint);
    await w.fan(event);
    return only(w.lanes.deliver);
  };

  it('sends the envelope, signed so that its owner can verify it', async () => {
    const message = await begin();
    w.set({ now: Date.now() });
    await w.handle(message);
    const { url, headers, body } = only(w.posts);
    expect(url).toBe(shop.url);
    expect(headers['content-type']).toBe('application/json');
    const secret = webhookSecretText(rootKeys, { id: shop.id, nth: 0, keyVersion: 1 });
    expect(new Webhook(secret).verify(body, headers)).toEqual(anEvent());
    expect(headers['webhook-id']).toBe(anEvent().id);
    expect(headers['webhook-api-version']).toBe(firstApiVersion);
    expect(await w.delivery(shop, anEvent())).toMatchObject({
      state: 'delivered',
      attempts: [{ status: 204, error: null, durationMs: 12 }],
    });
    expect(w.later).toEqual([]);
  });

  it('brings the headers that its owner wants, but ours are ours', async () => {
    const headers = { 'x-shop-key': 'let-me-in' };
    const message = await begin({ ...shop, ...sealedHeaders(rootKeys, shop.id, headers) });
    await w.handle(message);
    expect(only(w.posts).headers).toMatchObject({
      ...headers,
      'content-type': 'application/json',
      'webhook-id': anEvent().id,
    });
  });

  it('of a trial sends the example, marked as a test', async () => {
    const sample = { transactionId: 'txn_example' };
    const data = { endpointId: shop.id, eventType: 'transaction.completed', sample, changes: {} };
    const message = await begin(shop, anEvent({ type: 'webhook_endpoint.tried', subject: shop.id, data }));
    await w.handle(message);
    expect(JSON.parse(only(w.posts).body)).toMatchObject({
      type: 'transaction.completed',
      test: true,
      subject: shop.id,
      data: sample,
    });
  });

  it('at an endpoint that takes so many a minute waits for its turn, and none is dropped', async () => {
    const paced = { ...shop, attemptsPerMinute: 20 };
    await w.add(paced);
    const events = [1, 2, 3, 4].map((nth) => anEvent({ id: `evt_01HZX000000000000000000${nth}` }));
    for (const event of events) await w.fan(event);
    for (const message of w.lanes.deliver) await w.handle(message);
    expect(w.posts).toHaveLength(1);
    expect(w.later.map(({ at }) => at)).toEqual([3, 6, 9].map((seconds) => plusSeconds(start, seconds)));
    expect(await w.delivery(paced, only(events.slice(3)))).toMatchObject({
      state: 'pending',
      attempts: [],
      nextAttemptAt: plusSeconds(start, 9),
    });
    // One that fails takes another turn for its next attempt, after all that were booked before.
    const [second, ...rest] = w.later.splice(0);
    w.set({ now: epochMs(plusSeconds(start, 3)), answer: () => ({ status: 500 }) });
    if (second) await w.handle(second.message, { lane: 'slow' });
    const retry = only(w.later.splice(0));
    expect(retry.at).toBe(plusSeconds(start, 8));
    w.set({ now: epochMs(retry.at), answer: () => ({ status: 204 }) });
    await w.handle(retry.message, { lane: 'slow' });
    rest.push(only(w.later.splice(0)));
    expect(rest.map(({ at }) => at)).toEqual([6, 9, 12].map((seconds) => plusSeconds(start, seconds)));
    expect(new Set(rest.map(({ name }) => name)).size).toBe(3);
    for (const { at, message } of rest) {
      w.set({ now: epochMs(at) });
      await w.handle(message, { lane: 'slow' });
    }
    expect(w.posts).toHaveLength(5);
    for (const event of events) expect((await w.delivery(paced, event)).state).toBe('delivered');
  });

  it('to an endpoint that was deleted is not made, and leaves nothing of it', async () => {
    const message = await begin();
    await w.fan(anEvent({ id: 'evt_2' }));
    const remove = async () => {
      const change = apply(await w.endpoint(shop), [{ type: 'webhook_endpoint.deleted', set: {} }]);
      const circumstances = { actor: { type: 'system' as const, id: 'test' }, now: start, newId: w.newId };
      await w.table.write(commitEndpointEnd(change, circumstances).writes);
    };
    w.set({
      answer: async () => {
        await remove();
        return { status: 500 };
      },
    });
    await w.handle(message);
    expect(await healthOf(w.table, shop)).toBeNull();
    const retry = only(w.later.splice(0));
    w.set({ now: epochMs(retry.at) });
    for (const it of [retry.message, ...w.lanes.deliver.slice(1)]) await w.handle(it, { lane: 'slow' });
    expect(w.posts).toHaveLength(1);
    expect((await w.delivery(shop, anEvent())).state).toBe('dead');
    expect((await w.delivery(shop, anEvent({ id: 'evt_2' }))).state).toBe('dead');
    await w.fan(anEvent({ id: 'evt_3' }));
    expect(w.lanes.deliver).toHaveLength(2);
  });

  it('costs one read and one write while all is well', async () => {
    const message = await begin();
    w.table.calls.length = 0;
    await w.handle(message);
    expect(w.table.calls).toEqual(['batchGet', 'write']);
  });

  it('that failed is made again when its time has come, and then no more', async () => {
    const message = await begin();
    w.set({ answer: () => ({ status: 500, error: 'oops' }) });
    await w.handle(message);
    const first = only(w.later.splice(0));
    expect(first).toMatchObject({ at: '2026-03-01T12:00:05.000Z', message: { version: 2, event: anEvent() } });
    expect(first.name).toBe('dlv_01HZX0000000000000000000AB-00000000000000000000000001-2');
    expect(first.name.length).toBeLessThanOrEqual(64);
    const row = await w.table.get(keys.delivery(tenant, shop.id, anEvent().id));
    expect(row).toMatchObject({ state: 'retrying', dueAt: first.at, duePk: expect.stringMatching(/^DUE#/) });
    expect(await healthOf(w.table, shop)).toMatchObject({ lastOutcome: 'failed', failingSince: start });

    w.set({ now: epochMs(first.at) });
    await w.handle(first.message, { lane: 'slow' });
    const second = only(w.later.splice(0));
    w.set({ now: epochMs(second.at), answer: () => ({ status: 200 }) });
    await w.handle(second.message, { lane: 'slow' });
    expect(w.posts).toHaveLength(3);
    expect(new Set(w.posts.map((it) => it.headers['webhook-id'])).size).toBe(1);
    expect((await w.delivery(shop, anEvent())).state).toBe('delivered');
    expect(await w.table.get(keys.delivery(tenant, shop.id, anEvent().id))).not.toHaveProperty('duePk');
    expect(await healthOf(w.table, shop)).toMatchObject({ lastOutcome: 'ok', failingSince: null });
    for (const late of [message, first.message, second.message]) await w.handle(late, { redelivered: true });
    expect(w.posts).toHaveLength(3);
    expect(w.later).toEqual([]);
  });

  it('after the last wait leaves the delivery visibly dead', async () => {
    const message = await begin();
    w.set({ answer: () => ({ error: 'the connection was refused' }) });
    await w.handle(message);
    for (let next = w.later.pop(); next; next = w.later.pop()) {
      w.set({ now: epochMs(next.at) });
      await w.handle(next.message, { lane: 'slow' });
    }
    const dead = await w.delivery(shop, anEvent());
    expect(dead).toMatchObject({ state: 'dead', nextAttemptAt: null });
    expect(dead.attempts.map((it) => it.error)).toEqual(Array(3).fill('the connection was refused'));
  });

  it('that comes early waits for the rest of its time', async () => {
    const message = await begin();
    w.set({ answer: () => ({ status: 500 }) });
    await w.handle(message);
    const next = only(w.later.splice(0));
    w.set({ now: epochMs(next.at) - 1 });
    await w.handle(next.message, { lane: 'slow' });
    expect(w.posts).toHaveLength(1);
    expect(only(w.later)).toEqual(next);
  });

  it('that was made is followed by the next one also when its function died in between', async () => {
    const message = await begin();
    w.set({ answer: () => ({ status: 500 }) });
    await w.handle(message);
    const next = only(w.later.splice(0));
    // The same message, since it was never taken from the queue.
    await w.handle(message, { redelivered: true });
    expect(only(w.later)).toEqual(next);
    expect(w.posts).toHaveLength(1);
  });

  it('made twice at once is recorded once', async () => {
    const message = await begin();
    const both = Promise.withResolvers<void>();
    w.set({
      answer: async () => {
        if (w.posts.length === 2) both.resolve();
        await both.promise;
        return { status: 500 };
      },
    });
    await Promise.all([w.handle(message), w.handle(message)]);
    expect((await w.delivery(shop, anEvent())).attempts).toHaveLength(1);
    expect(w.later).toHaveLength(1);
  });

  it('reads the event itself when the message has none', async () => {
    await w.add(shop);
    const created = only(w.table.rows().filter((row) => row.SK.startsWith('C#')));
    const event = only(CommitRow.parse(created).events);
    await w.fan(event);
    const { event: _, ...message } = only(w.lanes.deliver);
    await w.handle(message);
    expect(JSON.parse(only(w.posts).body)).toEqual(event);
  });

  it('is not made in the fast lane once the endpoint has failed in the meantime', async () => {
    const first = await begin();
    await w.fan(anEvent({ id: 'evt_2' }));
    const second = w.lanes.deliver[1];
    w.set({ answer: () => ({ error: 'no answer within 15 s', durationMs: 15_000 }) });
    await w.handle(first);
    if (second) await w.handle(second);
    expect(w.posts).toHaveLength(1);
    expect(w.lanes.slow).toEqual([second]);
    await w.handle(only(w.lanes.slow), { lane: 'slow' });
    expect(w.posts).toHaveLength(2);
  });

  it('at an endpoint that was disabled meanwhile is not made, and the delivery is dead', async () => {
    const message = await begin();
    const endpoint = await w.endpoint(shop);
    const disabled = apply(endpoint, [{ type: 'webhook_endpoint.disabled', set: { state: 'disabled' } }]);
    await w.table.write(
      commitEndpoint(disabled, { actor: { type: 'system', id: 'test' }, now: start, newId: w.newId }).writes,
    );
    await w.handle(message);
    expect(w.posts).toEqual([]);
    expect((await w.delivery(shop, anEvent())).state).toBe('dead');
  });

  it('answered by 410 disables the endpoint, with an event', async () => {
    const message = await begin();
    w.set({ answer: () => ({ status: 410, error: 'gone' }) });
    await w.handle(message);
    expect(await w.endpoint(shop)).toMatchObject({ state: 'disabled', disabledReason: 'gone', version: 2 });
    const commit = await w.table.get(keys.events(keys.endpointLog(tenant, shop.id), 2));
    expect(CommitRow.parse(commit).events).toMatchObject([
      { type: 'webhook_endpoint.disabled', sequence: 2, data: { endpointId: shop.id, reason: 'gone' } },
    ]);
    expect((await w.delivery(shop, anEvent())).state).toBe('dead');
  });

  it('that fails after five days of failures disables the endpoint, though it was changed at the same time', async () => {
    const message = await begin();
    w.set({ answer: () => ({ status: 500 }) });
    await w.handle(message);
    const fifthDay = epochMs(start) + 5 * 86_400_000;
    w.set({ now: fifthDay });
    await w.fan(anEvent({ id: 'evt_2' }));
    w.set({
      answer: async () => {
        const pinged = apply(await w.endpoint(shop), [{ type: 'webhook_endpoint.pinged', set: {} }]);
        await w.table.write(
          commitEndpoint(pinged, { actor: { type: 'system', id: 'test' }, now: instant(fifthDay), newId: w.newId })
            .writes,
        );
        return { status: 500 };
      },
    });
    await w.handle(only(w.lanes.slow), { lane: 'slow' });
    expect(await w.endpoint(shop)).toMatchObject({ state: 'disabled', disabledReason: 'failing', version: 3 });
  });

  it('does not disable an endpoint that another attempt has found well meanwhile', async () => {
    const message = await begin();
    w.set({ answer: () => ({ status: 500 }) });
    await w.handle(message);
    w.set({ now: epochMs(start) + 5 * 86_400_000 });
    await w.fan(anEvent({ id: 'evt_2' }));
    await w.fan(anEvent({ id: 'evt_3' }));
    const [second, third] = w.lanes.slow;
    if (!second || !third) throw new Error('two were sent');
    let nth = 0;
    w.set({
      answer: async () => {
        nth += 1;
        if (nth > 1) return { status: 200 };
        await w.handle(third, { lane: 'slow' });
        return { status: 500 };
      },
    });
    await w.handle(second, { lane: 'slow' });
    expect((await w.endpoint(shop)).state).toBe('active');
  });

  it('of a delivery that is forgotten does nothing', async () => {
    await w.add(shop);
    await w.handle({ tenant, endpointId: shop.id, eventId: 'evt_9', version: 1, event: anEvent({ id: 'evt_9' }) });
    expect(w.posts).toEqual([]);
  });
});

describe('once there is a second version of events', () => {
  whileThereIsASecondVersion();
  const ofNow = anEvent({ data: { remark: 'fragile' } });
  const bodies = () => w.posts.map(({ body }) => JSON.parse(body).data);
  const versions = () => w.posts.map(({ headers }) => headers['webhook-api-version']);

  it('an endpoint of before gets the shape of before, and a new one the new, each signed as it is sent', async () => {
    await w.add(shop, { ...carrier, apiVersion: secondVersion });
    w.set({ now: Date.now() });
    await w.fan(ofNow);
    for (const message of w.lanes.deliver) await w.handle(message);
    expect(bodies()).toEqual([{ note: 'fragile' }, { remark: 'fragile' }]);
    expect(versions()).toEqual([firstApiVersion, secondVersion]);
    for (const [nth, { id }] of [shop, carrier].entries()) {
      const { body = '', headers = {} } = w.posts[nth] ?? {};
      const secret = webhookSecretText(rootKeys, { id, nth: 0, keyVersion: 1 });
      expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    }
  });

  it('an endpoint that was written before there were versions is one of the first', async () => {
    await w.add(shop);
    const { apiVersion: _, ...row } = shop;
    const put = { ...keys.endpoint(tenant, shop.id), ...row };
    await w.table.write([{ kind: 'other', expects: 'anything', put }]);
    await w.fan(ofNow);
    await w.handle(only(w.lanes.deliver));
    expect([bodies(), versions()]).toEqual([[{ note: 'fragile' }], [firstApiVersion]]);
  });

  it('each attempt is in the shape that is wanted when it is made, also of what happened and was sent before', async () => {
    await w.add(shop);
    w.set({ answer: () => ({ status: 500 }) });
    await w.fan(ofNow);
    await w.handle(only(w.lanes.deliver));
    const put = { ...keys.endpoint(tenant, shop.id), ...(await w.endpoint(shop)), apiVersion: secondVersion };
    await w.table.write([{ kind: 'other', expects: 'anything', put }]);
    const retry = only(w.later);
    w.set({ now: epochMs(retry.at) });
    await w.handle(retry.message, { lane: 'slow' });
    expect([bodies(), versions()]).toEqual([
      [{ note: 'fragile' }, { remark: 'fragile' }],
      [firstApiVersion, secondVersion],
    ]);
    expect(new Set(w.posts.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('a trial is told in the shape of its endpoint as well', async () => {
    await w.add(shop);
    const data = { endpointId: shop.id, eventType: ofNow.type, sample: ofNow.data, changes: {} };
    await w.fan(anEvent({ type: 'webhook_endpoint.tried', subject: shop.id, data }));
    await w.handle(only(w.lanes.deliver));
    expect(JSON.parse(only(w.posts).body)).toMatchObject({ type: ofNow.type, test: true, data: { note: 'fragile' } });
  });
});

describe('the sweep', () => {
  const sweeping = (now: string, slow: DeliverMessage[]) =>
    sweep({
      table: w.table,
      rootKeys: async () => rootKeys,
      newId: w.newId,
      clock: () => epochMs(now),
      slow: {
        send: async (message) => {
          slow.push(DeliverMessage.parse(message));
        },
      },
      sending: { sms: { send: async () => undefined }, email: { send: async () => undefined } },
    })();

  it('asks for the attempt whose message was lost, a quarter of an hour after its time, once it is sure', async () => {
    await w.add(shop);
    const created = only(w.table.rows().filter((row) => row.SK.startsWith('C#')));
    const event = only(CommitRow.parse(created).events);
    await w.fan(event);
    w.set({ answer: () => ({ status: 500 }) });
    await w.handle(only(w.lanes.deliver));
    const lost = only(w.later.splice(0));

    const asked = empty<DeliverMessage>();
    expect(await sweeping(plusSeconds(lost.at, 800), asked)).toMatchObject({ deliveries: 0 });
    const later = plusSeconds(lost.at, 1_000);
    expect(await sweeping(later, asked)).toMatchObject({ deliveries: 1 });
    w.set({ now: epochMs(later), answer: () => ({ status: 204 }) });
    await w.handle(only(asked), { lane: 'slow' });
    expect((await w.delivery(shop, event)).state).toBe('delivered');
    expect(await sweeping(plusSeconds(later, 1_000), asked)).toMatchObject({ deliveries: 0 });
  });
});
