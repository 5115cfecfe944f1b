import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { firstApiVersion } from '#events/api-versions.ts';
import { catalogue } from '#events/catalogue.ts';
import { samples } from '#events/samples.ts';
import { listOf } from '#shared/api/shapes.ts';
import * as contract from '#shared/api/webhook-endpoints.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, instant } from '#shared/domain/time.ts';
import { type Delivery, eventIdOf, WebhookEndpoint } from '#shared/domain/webhook.ts';
import { headersOf } from '#shared/domain/webhook-headers.ts';
import { cursorsOf } from '#shared/lambda/cursor.ts';
import { firstIdAt } from '#shared/lambda/ids.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { deliveryWrite, healthWrite } from '#shared/store/deliveries.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';
import { webhookEndpointHandlers } from '../../functions/http/webhook-endpoints.ts';
import { memoryTable } from '../support/memory-table.ts';
import { secondVersion, whileThereIsASecondVersion } from '../support/second-version.ts';

const now = '2026-03-01T12:00:00.000Z';
const tenant = 'ten_1';

/** The handlers as `serve` calls them, with a request parsed and allowed. */
const calling = (allowLoopback = false) => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const sent: unknown[] = [];
  const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
  const handlers = webhookEndpointHandlers({
    table,
    rootKeys,
    newId,
    clock: () => epochMs(now),
    allowLoopback,
    slow: { send: async (message) => void sent.push(message) },
    keptDays: 30,
  });
  const call = async (
    id: string,
    more: { query?: Record<string, unknown> } & Record<string, unknown>,
  ): Promise<unknown> => {
    const handler = handlers[id];
    if (!handler) throw new Error(`there is no ${id}`);
    const circumstances = { actor: { type: 'api_key', id: 'key_1' }, now, newId };
    const cursors = cursorsOf(rootKeys, { tenant, route: id, params: {}, query: more.query ?? {} });
    const all = { params: {}, query: {}, caller: { tenant }, now, circumstances, cursors, record: () => [], ...more };
    return (await handler(all as never)).body;
  };
  const Views = listOf(contract.WebhookEndpointView);
  const View = contract.WebhookEndpointView;
  return {
    table,
    sent,
    update: async (endpointId: string, body: Record<string, unknown>, more: Record<string, unknown> = {}) =>
      View.parse(await call(contract.updateWebhookEndpoint.id, { params: { endpointId }, body, ...more })),
    rotate: async (endpointId: string, body: Record<string, unknown>) =>
      View.parse(
        await call(contract.rotateWebhookSecret.id, {
          params: { endpointId },
          body: contract.rotateWebhookSecret.body().parse(body),
        }),
      ),
    resend: async (endpointId: string, deliveryId: string) =>
      contract.DeliveryView.parse(
        await call(contract.resendDelivery.id, { params: { endpointId, deliveryId }, body: {} }),
      ),
    delivery: async (endpointId: string, deliveryId: string) =>
      contract.DeliveryView.parse(await call(contract.getDelivery.id, { params: { endpointId, deliveryId } })),
    recover: async (endpointId: string, body: Record<string, unknown>) =>
      contract.WebhookReplayView.parse(
        await call(contract.recoverDeliveries.id, {
          params: { endpointId },
          body: contract.recoverDeliveries.body().parse(body),
        }),
      ),
    replay: async (endpointId: string, body: Record<string, unknown>) =>
      contract.WebhookReplayView.parse(
        await call(contract.replayWebhookEndpoint.id, {
          params: { endpointId },
          body: contract.replayWebhookEndpoint.body().parse(body),
        }),
      ),
    progress: async (endpointId: string, replayId: string) =>
      contract.WebhookReplayView.parse(await call(contract.getWebhookReplay.id, { params: { endpointId, replayId } })),
    has: (endpointId: string, it: Partial<Delivery> & Pick<Delivery, 'eventId'>) => {
      const delivery: Delivery = {
        id: it.eventId.replace('evt_', 'dlv_'),
        tenant,
        endpointId,
        eventType: 'transaction.created',
        subject: 'txn_1',
        sequence: 1,
        state: 'dead',
        attempts: [],
        nextAttemptAt: null,
        turnAt: null,
        resent: [],
        createdAt: now,
        version: 3,
        ...it,
      };
      return table.write([deliveryWrite(delivery, 'absent')]);
    },
    events: () => table.rows().flatMap((row) => (row.SK.startsWith('C#') ? CommitRow.parse(row).events : [])),
    create: async (url: string, more: Record<string, unknown> = {}) =>
      contract.WebhookEndpointView.parse(
        await call(contract.createWebhookEndpoint.id, {
          body: contract.createWebhookEndpoint.body().parse({ url, ...more }),
        }),
      ),
    trial: async (endpointId: string, eventType: string) =>
      contract.TestedWebhookEndpointView.parse(
        await call(contract.tryWebhookEndpoint.id, { params: { endpointId }, body: { eventType } }),
      ),
    remove: (endpointId: string, more: Record<string, unknown> = {}) =>
      call(contract.deleteWebhookEndpoint.id, { params: { endpointId }, ...more }),
    deliveries: async (endpointId: string, query: Record<string, unknown>) =>
      listOf(contract.DeliveryView).parse(
        await call(contract.listDeliveries.id, {
          params: { endpointId },
          query: contract.listDeliveries.query().parse(query),
        }),
      ),
    list: async (query: { limit: number; cursor?: string }) =>
      Views.parse(await call(contract.listWebhookEndpoints.id, { query })),
    read: async (endpointId: string) =>
      contract.WebhookEndpointView.parse(await call(contract.getWebhookEndpoint.id, { params: { endpointId } })),
    fails: (endpointId: string) =>
      table.write([
        healthWrite(tenant, endpointId, {
          lastOutcome: 'failed',
          answeredAt: null,
          failingSince: now,
          updatedAt: now,
          version: 1,
        }),
      ]),
  };
};

describe('creating a webhook endpoint', () => {
  it.each(['http://hooks.shop.com/', 'https://10.0.0.1/', 'https://localhost/', 'https://a:b@hooks.shop.com/'])(
    'at %s is refused, naming the field',
    async (url) => {
      const { create } = calling();
      const refusal = await create(url).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(Refusal);
      expect(refusal).toMatchObject({ code: 'invalid_request', errors: [{ pointer: '/url' }] });
    },
  );

  it('takes a public URL, and on the local stage a private one', async () => {
    expect(await calling().create('https://hooks.shop.com/')).toMatchObject({ state: 'active' });
    expect(await calling(true).create('http://127.0.0.1:3000/')).toMatchObject({ state: 'active' });
  });
});

describe('the version of events that an endpoint gets', () => {
  it('is the newest of when it was created, however many come later', async () => {
    const { create, read } = calling();
    const { id, apiVersion } = await create('https://hooks.shop.com/');
    expect(apiVersion).toBe(firstApiVersion);
    expect(await read(id)).toMatchObject({ apiVersion: firstApiVersion });
  });

  it('is the first where the endpoint was written before there were versions', async () => {
    const { create, read, table } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const { apiVersion: _, ...row } = (await table.get(keys.endpoint(tenant, id))) ?? {};
    const put = { ...row, ...keys.endpoint(tenant, id) };
    await table.write([{ kind: 'other', expects: 'anything', put }]);
    expect(await read(id)).toMatchObject({ apiVersion: firstApiVersion });
  });

  describe('once there is a second one', () => {
    whileThereIsASecondVersion();

    it('is that, or the one that is named, and can be changed, which is an event', async () => {
      const { create, update, events } = calling();
      expect(await create('https://hooks.shop.com/')).toMatchObject({ apiVersion: secondVersion });
      const { id, apiVersion } = await create('https://hooks.shop.com/', { apiVersion: firstApiVersion });
      expect(apiVersion).toBe(firstApiVersion);
      expect(await update(id, { apiVersion: secondVersion })).toMatchObject({ apiVersion: secondVersion, version: 2 });
      expect(events().at(-1)).toMatchObject({
        type: 'webhook_endpoint.updated',
        data: { changes: { apiVersion: secondVersion } },
      });
      expect(await update(id, { apiVersion: secondVersion })).toMatchObject({ version: 2 });
    });

    it.each([
      ['creation', contract.createWebhookEndpoint, { url: 'https://hooks.shop.com/' }],
      ['change', contract.updateWebhookEndpoint, {}],
    ])('is refused at a %s where there is none of that name, and those that there are are named', (_, route, more) => {
      const { error } = route.body().safeParse({ ...more, apiVersion: '2026-12-24' });
      expect(error?.issues).toMatchObject([
        { path: ['apiVersion'], message: `must be one of ${firstApiVersion}, ${secondVersion}` },
      ]);
    });
  });
});

describe('headers that a receiver wants', () => {
  it('are kept sealed, and only their names are shown, by answers and events', async () => {
    const { create, read, update, table, events } = calling();
    const headers = { Authorization: 'Bearer let-me-in', 'X-Shop': '7' };
    const { id, headerNames } = await create('https://hooks.shop.com/', { headers });
    expect(headerNames).toEqual(['authorization', 'x-shop']);
    expect(await read(id)).toMatchObject({ headerNames, version: 1 });
    // The same once more is no change.
    expect(await update(id, { headers })).toMatchObject({ version: 1 });
    expect(await update(id, { headers: { 'X-Shop': '8' } })).toMatchObject({ headerNames: ['x-shop'], version: 2 });
    const row = WebhookEndpoint.parse(await table.get(keys.endpoint(tenant, id)));
    expect(headersOf(rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} }), row)).toEqual({ 'x-shop': '8' });
    expect(JSON.stringify([table.rows(), events()])).not.toContain('let-me-in');
    expect(events().map(({ data }) => data.changes)).toEqual([
      expect.not.objectContaining({ sealedHeaders: expect.anything() }),
      { headerNames: ['x-shop'] },
    ]);
    expect(await update(id, { headers: {} })).toMatchObject({ headerNames: [], version: 3 });
  });

  it('are refused in their own words', () => {
    const body = { url: 'https://hooks.shop.com/', headers: { Host: 'elsewhere' } };
    const { error } = contract.createWebhookEndpoint.body().safeParse(body);
    expect(error?.issues).toMatchObject([{ path: ['headers'], message: 'must not set host, which is ours to say' }]);
  });
});

describe('a webhook endpoint that is tried', () => {
  it('is told an example of the type, recorded as a trial', async () => {
    const { create, trial, update, events } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const { eventId, deliveryId, ...shown } = await trial(id, 'bank.offline');
    expect(shown).toMatchObject({ id, version: 2 });
    const { id: told, type, data } = events().at(-1) ?? {};
    expect([eventId, eventIdOf(deliveryId)]).toEqual([told, told]);
    expect(type).toBe('webhook_endpoint.tried');
    expect(catalogue['webhook_endpoint.tried'].parse(data)).toMatchObject({
      endpointId: id,
      eventType: 'bank.offline',
      sample: samples['bank.offline'],
    });
    await update(id, { state: 'disabled' });
    await expect(trial(id, 'bank.offline')).rejects.toMatchObject({ code: 'endpoint_disabled' });
  });
});

describe('a webhook endpoint that is deleted', () => {
  it('is gone with all that was kept of it, but its events and deliveries', async () => {
    const { create, remove, read, list, fails, has, deliveries, table, events } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const { id: other } = await create('https://other.shop.com/');
    await fails(id);
    const eventId = firstIdAt('evt', epochMs(now)) + '0'.repeat(16);
    await has(id, { eventId });
    await expect(remove(id, { ifMatch: 7 })).rejects.toMatchObject({ code: 'precondition_failed' });
    expect(await remove(id)).toEqual({ id, deletedAt: now });
    await expect(read(id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(remove(id)).rejects.toMatchObject({ code: 'not_found' });
    expect((await list({ limit: 10 })).data.map((it) => it.id)).toEqual([other]);
    expect(table.rows().map(({ SK }) => SK)).not.toContain(`${id}#health`);
    expect(events().at(-1)).toMatchObject({ type: 'webhook_endpoint.deleted', subject: id, sequence: 2 });
    expect((await deliveries(id, {})).data).toMatchObject([{ eventId }]);
    // Nothing of that, which is another thing than nothing at all.
    expect((await deliveries(id, { state: 'delivered' })).data).toEqual([]);
    await expect(deliveries('whe_never', {})).rejects.toMatchObject({ code: 'not_found' });
    const until = epochMs(now) / 1000 + 31 * 86_400;
    expect(await table.get(keys.endpointGone(tenant, id))).toMatchObject({ deletedAt: now, ttl: Math.ceil(until) });
    expect(await table.get(keys.endpointGone(tenant, other))).toBeUndefined();
  });
});

describe('the list of deliveries', () => {
  const minutesAgo = (minutes: number) => instant(epochMs(now) - minutes * 60_000);

  it('shows those of a time, of a type, in a state', async () => {
    const { create, has, deliveries } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const eventId = (minutes: number) => firstIdAt('evt', epochMs(minutesAgo(minutes))) + 'A'.repeat(16);
    for (const minutes of [4, 3, 2, 1]) await has(id, { eventId: eventId(minutes) });
    await has(id, { eventId: eventId(0), eventType: 'bank.offline', state: 'delivered' });
    const ids = async (query: Record<string, unknown>) => (await deliveries(id, query)).data.map((it) => it.eventId);
    expect(await ids({ from: minutesAgo(3), to: minutesAgo(1) })).toEqual(
      [eventId(2), eventId(3)].toSorted().toReversed(),
    );
    expect(await ids({ from: minutesAgo(1) })).toEqual([eventId(0), eventId(1)]);
    expect(await ids({ to: minutesAgo(3) })).toEqual([eventId(4)]);
    expect(await ids({ from: minutesAgo(1), eventType: 'bank.offline' })).toEqual([eventId(0)]);
    expect(await ids({ state: 'delivered' })).toEqual([eventId(0)]);
  });

  it('knows no time that ends before it begins', () => {
    const query = { from: now, to: minutesAgo(1) };
    expect(contract.listDeliveries.query().safeParse(query).error?.issues).toMatchObject([{ path: ['to'] }]);
  });
});

describe('a delivery', () => {
  const eventId = firstIdAt('evt', epochMs(now)) + '0'.repeat(16);
  const id = eventId.replace('evt_', 'dlv_');

  it('is read by its id, in one call, also once its endpoint is gone', async () => {
    const { create, has, delivery, remove, table } = calling();
    const { id: endpointId } = await create('https://hooks.shop.com/');
    const attempts = [{ at: now, status: 500, error: 'out of order', durationMs: 12 }];
    await has(endpointId, { eventId, state: 'retrying', attempts, nextAttemptAt: now });
    table.calls.length = 0;
    const shown = { id, eventId, endpointId, state: 'retrying', attempts, nextAttemptAt: now };
    expect(await delivery(endpointId, id)).toMatchObject(shown);
    expect(table.calls).toEqual(['get']);
    await remove(endpointId);
    expect(await delivery(endpointId, id)).toMatchObject(shown);
  });

  it('is none of another endpoint, nor by another name', async () => {
    const { create, has, delivery } = calling();
    const { id: endpointId } = await create('https://hooks.shop.com/');
    const { id: other } = await create('https://hooks.shop.com/');
    await has(endpointId, { eventId });
    for (const [at, wrong] of [
      [other, id],
      [`${endpointId}#`, id],
      [endpointId, eventId],
      [endpointId, 'dlv_01'],
    ] as const)
      await expect(delivery(at, wrong)).rejects.toMatchObject({
        code: 'not_found',
        message: `there is no delivery ${wrong} to ${at}`,
      });
  });
});

describe('a webhook endpoint whose last attempt failed', () => {
  it('is shown as failing, alone and in the list', async () => {
    const { create, read, list, fails } = calling();
    const [well, sick] = [await create('https://well.shop.com/'), await create('https://sick.shop.com/')];
    await fails(sick.id);
    expect((await read(well.id)).state).toBe('active');
    expect((await read(sick.id)).state).toBe('failing');
    expect((await list({ limit: 10 })).data.map((it) => it.state)).toEqual(['active', 'failing']);
  });
});

describe('the list of webhook endpoints', () => {
  it.each([1, 2, 3, 4, 5, 100])('shows each endpoint once, with its own health, in pages of %i', async (limit) => {
    const { create, list, fails } = calling();
    const made: string[] = [];
    for (const nth of [1, 2, 3, 4, 5]) made.push((await create(`https://hooks${nth}.shop.com/`)).id);
    for (const id of made.filter((_, nth) => nth % 2 === 0)) await fails(id);
    const shown: [string, string][] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await list({ limit, ...(cursor && { cursor }) });
      expect(page.data.length).toBeLessThanOrEqual(limit);
      shown.push(...page.data.map((it): [string, string] => [it.id, it.state]));
      cursor = z.string().nullable().parse(page.nextCursor);
    }
    expect(shown).toEqual(made.map((id, nth) => [id, nth % 2 === 0 ? 'failing' : 'active']));
  });
});

describe('a webhook endpoint that is changed', () => {
  it('says what changed, and nothing where nothing did', async () => {
    const { create, update, events } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const url = 'https://hooks.shop.com/v2';
    expect(await update(id, { url, eventTypes: ['bank.offline', 'bank.offline'] })).toMatchObject({
      url,
      eventTypes: ['bank.offline'],
      version: 2,
    });
    expect(await update(id, { url })).toMatchObject({ version: 2 });
    expect(events().map(({ type, data }) => [type, data.changes])).toEqual([
      ['webhook_endpoint.created', expect.objectContaining({ url: 'https://hooks.shop.com/' })],
      ['webhook_endpoint.updated', { url, eventTypes: ['bank.offline'] }],
    ]);
  });

  it('leads to public addresses only, and is the one that the caller has read', async () => {
    const { create, update } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const refusal = (attempt: Promise<unknown>) => attempt.catch((error: unknown) => error);
    expect(await refusal(update(id, { url: 'https://169.254.169.254/' }))).toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/url' }],
    });
    expect(await refusal(update(id, { description: 'x' }, { ifMatch: 7 }))).toMatchObject({
      code: 'precondition_failed',
    });
  });

  it('is changed by all who change it at the same time, each knowing of those before', async () => {
    const { create, update, rotate, read, events } = calling();
    const { id } = await create('https://hooks.shop.com/');
    await Promise.all([
      update(id, { description: 'ours' }),
      rotate(id, { signature: 'ed25519' }),
      update(id, { state: 'disabled' }),
      update(id, { eventTypes: ['bank.offline'] }),
      rotate(id, {}),
    ]);
    expect(await read(id)).toMatchObject({
      description: 'ours',
      signature: 'ed25519',
      state: 'disabled',
      eventTypes: ['bank.offline'],
      version: 6,
    });
    expect(events().map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('is changed by one of two who want to change what they read, and the other is told', async () => {
    const { create, update } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const wanted = ['one', 'two'].map((description) => update(id, { description }, { ifMatch: 1 }));
    const both = await Promise.allSettled(wanted);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'precondition_failed' } });
  });

  it('is left alone after some tries by who is overtaken each time, and asked to come back', async () => {
    const { create, update, table } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const lost = { kind: 'subject' as const, key: keys.endpoint(tenant, id), current: undefined };
    table.write = async () => Promise.reject(new Lost([lost]));
    await expect(update(id, { description: 'x' })).rejects.toMatchObject({ code: 'busy', retryAfterSeconds: 1 });
  });

  it('stops and goes on, with a clean record', async () => {
    const { create, update, read, fails, events } = calling();
    const { id } = await create('https://hooks.shop.com/');
    await fails(id);
    expect(await update(id, { state: 'disabled' })).toMatchObject({ state: 'disabled', disabledReason: 'by_owner' });
    expect(await update(id, { state: 'active' })).toMatchObject({ state: 'active', disabledReason: null });
    expect((await read(id)).state).toBe('active');
    expect(events().map(({ type }) => type)).toEqual([
      'webhook_endpoint.created',
      'webhook_endpoint.disabled',
      'webhook_endpoint.enabled',
    ]);
  });

  it('gets another signing key, of the scheme that is wanted', async () => {
    const { create, rotate, read } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const rotated = await rotate(id, { signature: 'ed25519', overlapSeconds: 3_600 });
    expect(rotated).toMatchObject({
      signature: 'ed25519',
      publicKey: expect.stringMatching(/^whpk_/),
      previousSignsUntil: '2026-03-01T13:00:00.000Z',
    });
    expect(await read(id)).toEqual(rotated);
    expect(await rotate(id, { signature: 'hmac', overlapSeconds: 0 })).toMatchObject({
      signature: 'hmac',
      previousSignsUntil: null,
    });
  });
});

describe('a delivery that its owner wants again', () => {
  const event = (nth: number) => firstIdAt('evt', epochMs(now) - 60_000 * nth) + '0'.repeat(16);
  const refusal = (attempt: Promise<unknown>) => attempt.catch((error: unknown) => error);

  it('is recorded as due and asked for', async () => {
    const { create, has, resend, sent } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const eventId = event(1);
    await has(id, { eventId, state: 'delivered' });
    const again = await resend(id, eventId.replace('evt_', 'dlv_'));
    expect(again).toMatchObject({ state: 'retrying', nextAttemptAt: now, resent: [{ by: 'key_1', after: 0 }] });
    expect(sent).toEqual([{ tenant, endpointId: id, eventId, version: 4 }]);
    expect(await refusal(resend(id, again.id))).toMatchObject({
      code: 'conflict',
      message: 'it is being sent at this very moment',
    });
  });

  it('may wait for another attempt, but not for its turn', async () => {
    const { create, has, resend, sent } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const soon = instant(epochMs(now) + 60_000);
    const [waiting, inLine] = [event(1), event(2)];
    await has(id, { eventId: waiting, state: 'retrying', nextAttemptAt: soon });
    await has(id, { eventId: inLine, state: 'retrying', nextAttemptAt: soon, turnAt: soon });
    expect(await resend(id, waiting.replace('evt_', 'dlv_'))).toMatchObject({ nextAttemptAt: now });
    expect(sent).toEqual([{ tenant, endpointId: id, eventId: waiting, version: 4 }]);
    expect(await refusal(resend(id, inLine.replace('evt_', 'dlv_')))).toMatchObject({
      code: 'conflict',
      message: `it waits for its turn, which is at ${soon}`,
    });
  });

  it('is none that there is not, nor one of an endpoint that is disabled', async () => {
    const { create, has, resend, recover, update, sent } = calling();
    const { id } = await create('https://hooks.shop.com/');
    for (const wrong of ['dlv_01', 'evt_01', 'nonsense'])
      expect(await refusal(resend(id, wrong))).toMatchObject({
        code: 'not_found',
        message: `there is no delivery ${wrong} to ${id}`,
      });
    await has(id, { eventId: event(1) });
    await update(id, { state: 'disabled' });
    const delivery = event(1).replace('evt_', 'dlv_');
    for (const attempt of [resend(id, delivery), recover(id, { since: '2026-02-28T00:00:00Z' })])
      expect(await refusal(attempt)).toMatchObject({ code: 'endpoint_disabled' });
    expect(sent).toEqual([]);
  });
});

describe('a time of which an endpoint wants all events again', () => {
  const refusal = (attempt: Promise<unknown>) => attempt.catch((error: unknown) => error);
  const hoursAgo = (hours: number) => instant(epochMs(now) - hours * 3_600_000);

  it('is recorded with the event that wakes who sends them, and can be looked at', async () => {
    const { create, replay, recover, progress, events } = calling();
    const { id } = await create('https://hooks.shop.com/');
    const eventTypes = ['bank.offline'];
    const asked = await replay(id, { from: hoursAgo(3), to: hoursAgo(1), eventTypes: [...eventTypes, ...eventTypes] });
    expect(asked).toMatchObject({
      state: 'running',
      from: hoursAgo(3),
      to: hoursAgo(1),
      eventTypes,
      states: [],
      sent: 0,
    });
    expect(await progress(id, asked.id)).toEqual(asked);
    expect(events().at(-1)).toMatchObject({ type: 'webhook_endpoint.replay_started', data: { replayId: asked.id } });
    expect(catalogue['webhook_endpoint.replay_started'].parse(events().at(-1)?.data)).toMatchObject({ eventTypes });
    const since = hoursAgo(2);
    expect(await recover(id, { since, until: '2031-01-01T00:00:00Z' })).toMatchObject({
      from: since,
      to: now,
      states: ['dead', 'retrying'],
    });
    expect(await refusal(progress('whe_of_another', asked.id))).toMatchObject({ code: 'not_found' });
  });

  it('is past, ends after it begins, and not before all that is kept', async () => {
    const { create, replay, recover } = calling();
    const { id } = await create('https://hooks.shop.com/');
    for (const [attempt, pointer] of [
      [replay(id, { from: now }), '/from'],
      [replay(id, { from: hoursAgo(1), to: hoursAgo(1) }), '/to'],
      [replay(id, { from: hoursAgo(30 * 24 + 1) }), '/from'],
      [recover(id, { since: '0001-01-01T00:00:00Z' }), '/since'],
      [recover(id, { since: hoursAgo(1), until: hoursAgo(2) }), '/until'],
    ] as const)
      expect(await refusal(attempt)).toMatchObject({ code: 'invalid_request', errors: [{ pointer }] });
  });

  it('is none of an endpoint that is disabled or not there', async () => {
    const { create, replay, update } = calling();
    const { id } = await create('https://hooks.shop.com/');
    await update(id, { state: 'disabled' });
    expect(await refusal(replay(id, { from: hoursAgo(1) }))).toMatchObject({ code: 'endpoint_disabled' });
    expect(await refusal(replay('whe_of_nobody', { from: hoursAgo(1) }))).toMatchObject({ code: 'not_found' });
  });
});
