import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { listOf } from '#shared/api/shapes.ts';
import * as contract from '#shared/api/webhook-endpoints.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs } from '#shared/domain/time.ts';
import { cursorsOf } from '#shared/lambda/cursor.ts';
import { healthWrite } from '#shared/store/deliveries.ts';
import { webhookEndpointHandlers } from '../../functions/http/webhook-endpoints.ts';
import { memoryTable } from '../support/memory-table.ts';

const now = '2026-03-01T12:00:00.000Z';
const tenant = 'ten_1';

/** The handlers as `serve` calls them, with a request parsed and allowed. */
const calling = (allowLoopback = false) => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
  const handlers = webhookEndpointHandlers({
    table,
    rootKeys,
    newId,
    clock: () => epochMs(now),
    allowLoopback,
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
  return {
    table,
    create: async (url: string) =>
      contract.WebhookEndpointView.parse(
        await call(contract.createWebhookEndpoint.id, { body: { url, description: '', eventTypes: [] } }),
      ),
    list: async (query: { limit: number; cursor?: string }) =>
      Views.parse(await call(contract.listWebhookEndpoints.id, { query })),
    read: async (endpointId: string) =>
      contract.WebhookEndpointView.parse(await call(contract.getWebhookEndpoint.id, { params: { endpointId } })),
    fails: (endpointId: string) =>
      table.write([
        healthWrite(tenant, endpointId, { lastOutcome: 'failed', failingSince: now, updatedAt: now, version: 1 }),
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
