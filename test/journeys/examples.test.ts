import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { latchwork } from '../../client/index.ts';
import type { Panel } from '../../local/panel.ts';
import { callbackTime, type Example, examples, presenceCode, replayedSince } from '../../shared/api/examples.ts';
import openapi from '../../shared/api/openapi.json' with { type: 'json' };
import { logOf } from '../../shared/store/deliveries.ts';
import { closed } from '../support/closed.ts';
import { takePicture } from '../support/invariants-picture.ts';
import { connectBank, eventually, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

/** Of the document that is served, not of the code it was made from. */
const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
ajv.addSchema({ $id: 'latchwork', ...closed(openapi) });
const pathOf = (...names: string[]): string =>
  names.map((name) => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
const answers = ({ route }: Example) => {
  const of = ['paths', route.path, route.method.toLowerCase(), 'responses', String(route.status)];
  const validate = ajv.compile({
    $ref: `latchwork#/${pathOf(...of, 'content', 'application/json', 'schema')}`,
  });
  return (body: unknown): unknown[] => (validate(body) ? [] : (validate.errors ?? []));
};

/** What the document calls it, and what it is called here. */
const real = new Map<string, string>();
const secrets = new Map<string, string>();

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Learns ids and secrets by laying the example's answer beside the one that came. */
const learn = (example: unknown, came: unknown): void => {
  if (typeof example === 'string' && typeof came === 'string' && /^[a-z]{3}_[0-9A-Z]{26}$/.test(example)) {
    // Things are made once; a list may show them in another order.
    if (!real.has(example)) real.set(example, came);
  }
  if (!isRecord(example) || !isRecord(came)) return;
  if (typeof came.id === 'string' && typeof came.value === 'string') secrets.set(came.id, came.value);
  for (const [name, value] of Object.entries(example)) learn(value, came[name]);
};

const translated = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value ?? null), (_, it) => (typeof it === 'string' ? (real.get(it) ?? it) : it));

let tenant: Tenant;
let panel: Panel;
let api: ReturnType<typeof latchwork>;

const Shown = z.object({
  door: z.string(),
  credentials: z.array(z.object({ id: z.string(), step: z.string(), state: z.string(), atBank: z.boolean() })),
});

/** Somebody enters the PIN of a step of the newest credential, once the bank knows it. */
const enter = async (transaction: string, step: string): Promise<string> => {
  const id = real.get(transaction);
  const { door, credentials } = await eventually(async () => {
    const shown = await tenant.api.get(`/v1/transactions/${id}`, Shown);
    expect(shown.credentials.every(({ atBank }) => atBank)).toBe(true);
    return shown;
  });
  const live = credentials.find((it) => it.step === step && it.state === 'active');
  expect(await panel.enter(secrets.get(live?.id ?? '') ?? '')).toMatchObject({ granted: true, door });
  return door;
};

const becomes = (transaction: string, state: string) =>
  eventually(async () => {
    const shown = await tenant.api.get(`/v1/transactions/${real.get(transaction)}`, z.object({ state: z.string() }));
    expect(shown.state).toBe(state);
  });

const happen: Record<NonNullable<Example['after']>, (it: Example) => Promise<void>> = {
  'the bank is online': async () => {
    const bank = z.object({ id: z.string(), name: z.string() });
    const [made] = (await tenant.api.get('/v1/banks', z.object({ data: z.array(bank) }))).data;
    const { id, name } = bank.parse(made);
    const layout = z.object({ layout: z.custom<Parameters<typeof connectBank>[1]['layout']>() });
    panel = (await connectBank(tenant, { id, name, ...(await tenant.api.get(`/v1/banks/${id}`, layout)) })).panel;
  },
  'the item is deposited': async ({ params: { transactionId = '' } }) => {
    await panel.fill(await enter(transactionId, 'deposit'));
    await becomes(transactionId, 'stored');
  },
  'the goods are put in': async ({ params: { stockUnitId = '' } }) => {
    const Unit = z.object({ bankId: z.string(), door: z.string(), state: z.string() });
    const read = () => tenant.api.get(`/v1/stock-units/${real.get(stockUnitId)}`, Unit);
    const { bankId, door } = await read();
    await tenant.api.post('/v1/commands', { bankId, door, reason: 'put the goods in' }, z.object({ id: z.string() }));
    await eventually(async () => expect((await panel.state()).doors[door]?.door).toBe('open'));
    await panel.fill(door);
    await eventually(async () => expect((await read()).state).toBe('in_stock'));
  },
  'the endpoint has answered': async ({ params: { endpointId = '' } }) => {
    const path = `/v1/webhook-endpoints/${real.get(endpointId)}/deliveries?eventType=webhook_endpoint.pinged`;
    const Page = z.object({ data: z.array(z.object({ state: z.string() })) });
    await eventually(async () =>
      expect((await tenant.api.get(path, Page)).data.map(({ state }) => state)).toEqual(['delivered']),
    );
  },
  'the renter stands before the bank again': async ({ params: { transactionId = '' } }) => {
    await panel.door(await enter(transactionId, 'use'), { door: 'closed' });
    await becomes(transactionId, 'in_use');
    real.set(presenceCode, (await panel.state()).presenceCode ?? '');
  },
  'the renter has closed the door': async () => {
    const { doors } = await eventually(async () => {
      const state = await panel.state();
      expect(Object.values(state.doors).map(({ door }) => door)).toContain('open');
      return state;
    });
    for (const [door, { door: position }] of Object.entries(doors))
      if (position === 'open') await panel.door(door, { door: 'closed' });
    // Whoever completes it before that is told would be told of a conflict.
    await eventually(async () => expect((await panel.state()).journal.unacknowledged).toBe(0));
  },
};

beforeAll(async () => {
  tenant = await newTenant();
  api = latchwork({ baseUrl: stack.apiUrl, apiKey: tenant.apiKey });
  real.set('https://shop.example/hooks', (await newReceiver()).url);
  real.set(callbackTime, String(Date.now()));
  real.set(replayedSince, new Date(Date.now() - 3_600_000).toISOString());
});

describe('the examples of the OpenAPI document, carried out', () => {
  // In the order of the document's story: each makes what the next ones name.
  it.each(examples.map((it) => [`${it.route.id}: ${it.summary}`, it] as const))('%s', async (_, example) => {
    const { route, params, query, body, answer, after } = example;
    if (after) await happen[after](example);
    // Which routes there are is known to the compiler, but not which of them this one is.
    const { data, error, response } = await api.request(
      route.method.toLowerCase() as 'get',
      route.path as '/v1/sites',
      {
        params: { path: translated(params), query: translated(query) },
        ...(body !== undefined && { body: translated(body) }),
      } as Record<string, unknown>,
    );
    expect([response.status, error]).toEqual([route.status, undefined]);
    expect(answers(example)(data)).toEqual([]);
    learn(answer, data);
    // It looks as it is shown: the same fields, in the same state.
    if (isRecord(answer) && isRecord(data)) {
      expect(Object.keys(data)).toEqual(expect.arrayContaining(Object.keys(answer)));
      if ('workflow' in answer) expect(data).toMatchObject({ state: answer.state, flags: answer.flags });
    }
  });

  it('leave events that are found again when they are to be sent again, whatever they are of', async () => {
    const { logs } = await takePicture([tenant], []);
    const lost = logs.flatMap(({ PK, commits }) =>
      commits
        .flatMap(({ events }) => events.map(({ envelope }) => envelope))
        .filter(({ subject }) => logOf(tenant.id, subject) !== PK)
        .map(({ type, subject }) => `${type} of ${subject} lies in ${PK}`),
    );
    expect(lost).toEqual([]);
    expect(new Set(logs.map(({ kind }) => kind)).size).toBeGreaterThanOrEqual(13);
  });
});
