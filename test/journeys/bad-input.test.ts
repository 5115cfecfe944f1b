import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Answer, apiClient, Made } from '../../local/api-client.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { ApiKeyView } from '../../shared/api/api-keys.ts';
import { Problem } from '../../shared/api/problem.ts';
import { needsIdempotencyKey } from '../../shared/api/route.ts';
import { routes } from '../../shared/api/routes.ts';
import { openAuthentication } from '../../shared/lambda/authenticate.ts';
import { openTable } from '../../shared/store/table.ts';
import { invariantsHold } from '../support/invariants.ts';
import { anItem, createParcel, type Parcel, parcelFor, readParcel } from '../support/parcel.ts';
import { type Bank, newBank, newTenant, stack, type Tenant } from '../support/stack.ts';

let tenant: Tenant;
let bank: Bank;
let parcel: Parcel;

beforeAll(async () => {
  tenant = await newTenant();
  bank = await newBank(tenant, { doors: 4 });
  parcel = await createParcel(tenant, bank);
});

const holds = () => invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });

/** Bytes as they are, which the client would not send. */
const raw = async (method: string, path: string, body: string | null, headers: Record<string, string> = {}) => {
  const response = await fetch(`${stack.apiUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${tenant.apiKey}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
      ...headers,
    },
    ...(body !== null && { body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: z.unknown().parse(JSON.parse(text)) };
};

/** What every answer that says no has: the shape of RFC 9457, its own media type, and a request to ask us about. */
const problemOf = (answer: Answer): Problem => {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  const problem = Problem.parse(answer.body);
  expect(problem.status).toBe(answer.status);
  expect(problem.type).toBe(`urn:latchwork:problem:${problem.code}`);
  expect(problem.requestId).not.toBe('');
  expect(answer.headers.get('x-request-id')).toBe(problem.requestId);
  return problem;
};

describe('a body', () => {
  it.each([
    ['cut off', '{"workflow": "parcel"', /JSON/],
    ['no JSON', 'workflow=parcel', /JSON/],
    ['of JSON that is no object', '[1, 2]', /expected object/],
    ['that is null', 'null', /expected object/],
    ['that spells half of a character', String.raw`{ "metadata": { "note": "\ud83d" } }`, /half of a character/],
  ])('%s is answered with what is wrong', async (_, body, detail) => {
    const problem = problemOf(await raw('POST', '/v1/transactions', body));
    expect(problem).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ pointer: '' }] });
    expect(problem.detail).toMatch(detail);
  });

  it('of 40 KB is refused with the limit, also where nothing else is wrong', async () => {
    const body = { ...parcelFor(bank), metadata: { padding: 'x'.repeat(40 * 1024) } };
    const problem = problemOf(await tenant.api.request('POST', '/v1/transactions', { body }));
    expect(problem).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(problem.detail).toMatch(/has 4\d{4} bytes; at most 32768 are taken/);
  });

  it('of less than 32 KB that is right is taken', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 20 }, (_, nth) => [`key${nth}`, 'x'.repeat(500)]));
    await createParcel(tenant, bank, { metadata });
    await holds();
  });

  const items = [anItem];
  it.each([
    ['an unknown field', { colour: 'red' }, '/colour', /is not a field of this request/],
    ['an unknown field of an item', { items: [{ ...anItem, weightKg: 1 }] }, '/items/0/weightKg', /is not a field/],
    ['an unknown workflow', { workflow: 'teleport' }, '/workflow', /expected one of .*"parcel"/],
    ['no items', { items: [] }, '/items', /name at least one/],
    ['a text for a length', { items: [{ ...anItem, lengthMm: '300' }] }, '/items/0/lengthMm', /expected (number|int)/],
    ['half a millimetre', { items: [{ ...anItem, widthMm: 0.5 }] }, '/items/0/widthMm', /int/],
    ['a negative mass', { items: [{ ...anItem, massG: -1 }] }, '/items/0/massG', />0/],
    ['an array for a recipient', { recipient: [] }, '/recipient', /expected object/],
    ['a phone number of a country only', { recipient: { phone: '0791234567' } }, '/recipient/phone', /E\.164/],
    [
      'an email address with too much before the @',
      { recipient: { email: `${'a'.repeat(65)}@example.com` } },
      '/recipient/email',
      /64 characters/,
    ],
    ['no email address', { recipient: { email: 'ada at example' } }, '/recipient/email', /email/i],
    ['a system in capitals', { externalIds: { Order: 'A' } }, '/externalIds/Order', /lower-case letters/],
    ['an external id with a space', { externalIds: { order: 'A 1' } }, '/externalIds/order', /printable ASCII/],
    ['no time', { deadlines: { pickupBy: 'tomorrow' } }, '/deadlines/pickupBy', /ISO|RFC 3339|time/i],
    ['a time long past', { deadlines: { reserveUntil: '2020-01-01T00:00:00Z' } }, '/deadlines/reserveUntil', /past/],
    ['no bank', { bankId: undefined, items }, '/bankId', /is missing/],
  ])('with %s names the field and what it should be', async (_, wrong, pointer, detail) => {
    const answer = await tenant.api.request('POST', '/v1/transactions', { body: { ...parcelFor(bank), ...wrong } });
    const problem = problemOf(answer);
    expect(problem).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(problem.errors?.map((it) => it.pointer)).toEqual([pointer]);
    expect(problem.errors?.[0]?.detail).toMatch(detail);
    expect(problem.detail).toContain(pointer.split('/').at(-1));
  });

  it('with several mistakes names them all at once', async () => {
    const body = { ...parcelFor(bank), workflow: 'x', items: 'none', recipient: { phone: '1' } };
    const problem = problemOf(await tenant.api.request('POST', '/v1/transactions', { body }));
    expect(problem.errors?.map((it) => it.pointer).toSorted()).toEqual(['/items', '/recipient/phone', '/workflow']);
  });

  it('is checked on every route that takes one', async () => {
    const params: Record<string, string> = {
      transactionId: parcel.id,
      credentialId: parcel.credentials[0]?.id ?? '',
      bankId: bank.id,
      door: '1',
      apiKeyId: tenant.apiKeyId,
      kind: 'item_waits',
      locale: 'de',
      channel: 'sms',
    };
    // What repeats itself is no integrator of ours: what a vendor says beyond what we know is ignored.
    for (const route of routes.filter(({ body, repeats }) => body !== undefined && !repeats)) {
      const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? 'x');
      const answer = await tenant.api.request(route.method, path, { body: { colour: 'red' } });
      const problem = problemOf(answer);
      expect([route.id, problem.status, problem.errors?.map((it) => it.pointer)]).toEqual([
        route.id,
        400,
        expect.arrayContaining(['/colour']),
      ]);
    }
    await holds();
  });
});

describe('an idempotency key', () => {
  it('is asked for on every POST that does something, and nothing is done without', async () => {
    for (const route of routes.filter(needsIdempotencyKey)) {
      const path = route.path.replaceAll(/\{(\w+)\}/g, 'x');
      const response = await fetch(`${stack.apiUrl}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tenant.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({}),
      });
      const problem = problemOf({ status: response.status, headers: response.headers, body: await response.json() });
      expect([route.id, problem]).toMatchObject([
        route.id,
        {
          status: 400,
          errors: [{ pointer: '#header/Idempotency-Key', detail: expect.stringContaining('is missing') }],
        },
      ]);
    }
    await holds();
  });

  it.each([
    ['longer than 255 characters', 'x'.repeat(256)],
    ['with a space', 'two words'],
  ])('%s is refused', async (_, key) => {
    const answer = await raw('POST', '/v1/transactions', JSON.stringify(parcelFor(bank)), { 'idempotency-key': key });
    expect(problemOf(answer)).toMatchObject({ status: 400, errors: [{ pointer: '#header/Idempotency-Key' }] });
  });
});

describe('an API key', () => {
  it.each([
    ['no key', {}],
    ['another scheme', { authorization: 'Basic dGVzdDp0ZXN0' }],
    ['nothing like a key', { authorization: 'Bearer hello' }],
    ['a key of nobody', { authorization: `Bearer lw_live_${'0'.repeat(52)}_${'a'.repeat(43)}` }],
  ])('is wanted: %s is answered with how to send one', async (_, headers) => {
    for (const { permission, method, path } of routes) {
      if (permission === null) continue;
      const answer = await apiClient(stack.apiUrl).request(method, path.replaceAll(/\{(\w+)\}/g, 'x'), { headers });
      expect(problemOf(answer)).toMatchObject({ status: 401, code: 'unauthorized', detail: /Authorization: Bearer/ });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('with one letter changed is no key', async () => {
    const last = tenant.apiKey.at(-1) === 'A' ? 'B' : 'A';
    const api = apiClient(stack.apiUrl, tenant.apiKey.slice(0, -1) + last);
    expect(problemOf(await api.request('GET', '/v1/sites'))).toMatchObject({ status: 401 });
  });

  const newKey = async (name: string) => {
    const made = await tenant.api.post('/v1/api-keys', { name, scopes: ['banks:read'] }, ApiKeyView);
    return { ...made, key: z.string().parse(made.key) };
  };
  const revoke = ({ id }: { id: string }) => tenant.api.post(`/v1/api-keys/${id}/revoke`, {}, ApiKeyView);

  it('that was revoked before anybody used it is refused at once', async () => {
    const made = await newKey('Never used');
    expect(await revoke(made)).toMatchObject({ revokedAt: expect.any(String) });
    const answer = await apiClient(stack.apiUrl, made.key).request('GET', '/v1/banks');
    expect(problemOf(answer)).toMatchObject({ status: 401, code: 'unauthorized' });
  });

  it('that was in use is refused 60 seconds after it was revoked, by any function that knew it', async () => {
    const made = await newKey('In use');
    // The time of a function is what it is told: this one is told that it passes.
    const authenticate = openAuthentication(openTable(outputOf(stack.outputs, 'TableName'), clientOptions(stack)));
    const used = Date.now();
    const at = (ms: number) => authenticate(`Bearer ${made.key}`, used + ms);
    expect(await at(0)).toMatchObject({ tenant: tenant.id });
    await revoke(made);
    expect(await at(59_999)).toMatchObject({ tenant: tenant.id });
    await expect(at(60_000)).rejects.toMatchObject({ code: 'unauthorized' });
    await holds();
  });
});

describe('what there is not', () => {
  it.each([
    ['GET', '/v1/unheard-of'],
    ['GET', '/'],
    ['GET', '/v2/transactions'],
    ['POST', '/v1/transactions/txn_x/explode'],
  ])('is our own 404: %s %s', async (method, path) => {
    const problem = problemOf(await raw(method, path, method === 'GET' ? null : '{}'));
    expect(problem).toMatchObject({ status: 404, code: 'not_found', detail: `there is no ${method} ${path}` });
  });

  it.each([
    ['DELETE', '/v1/transactions', 'GET, POST'],
    ['PUT', '/v1/sites', 'GET, POST'],
    ['PATCH', '/v1/openapi.json', 'GET'],
    ['GET', '/v1/transactions/txn_x/cancel', 'POST'],
    // Not those of a transaction that were called so.
    ['DELETE', '/v1/transactions/check', 'POST'],
  ])('is a method that a path has not, and those are named that it has: %s %s', async (method, path, allow) => {
    const answer = await raw(method, path, method === 'GET' ? null : '{}');
    expect(problemOf(answer)).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect(answer.headers.get('allow')).toBe(allow);
  });

  it.each([
    '/v1/transactions/txn_00000000000000000000000000',
    '/v1/transactions/ext:order:nobody-has-this',
    '/v1/transactions/ext:order',
    `/v1/transactions/${'x'.repeat(200)}`,
    '/v1/transactions/A%23B',
    '/v1/commands/cmd_00000000000000000000000000',
    '/v1/banks/bnk_00000000000000000000000000',
    '/v1/sites/sit_00000000000000000000000000',
    '/v1/webhook-endpoints/whe_00000000000000000000000000',
    '/v1/webhook-endpoints/whe_00000000000000000000000000/deliveries',
  ])('is not found: %s', async (path) => {
    expect(problemOf(await tenant.api.request('GET', path))).toMatchObject({ status: 404, code: 'not_found' });
  });

  it('is a door that the bank has not, too', async () => {
    const answer = await tenant.api.request('GET', `/v1/banks/${bank.id}/compartments/99`);
    expect(problemOf(answer)).toMatchObject({ status: 404, detail: `there is no door 99 at bank ${bank.id}` });
  });

  it('is a site or a door that only a body names, too', async () => {
    const layout = [{ door: '1', widthMm: 440, heightMm: 300, depthMm: 500, maxMassG: 20_000 }];
    const noSite = await tenant.api.request('POST', '/v1/banks', {
      body: { siteId: 'sit_x', name: 'Nowhere', layout },
    });
    expect(problemOf(noSite)).toMatchObject({ status: 404, detail: 'there is no site sit_x' });
    const drill = { bankId: bank.id, door: '99', name: 'Drill', item: anItem };
    const noDoor = await tenant.api.request('POST', '/v1/assets', { body: drill });
    expect(problemOf(noDoor)).toMatchObject({ status: 404, detail: 'there is no door 99 at this bank' });
  });
});

describe('a list', () => {
  it.each([
    ['?limit=0', '#query/limit'],
    ['?limit=101', '#query/limit'],
    ['?limit=many', '#query/limit'],
    ['?colour=red', '#query/colour'],
    ['?limit=1&limit=2', '#query/limit'],
  ])('refuses %s and names it', async (query, pointer) => {
    const problem = problemOf(await tenant.api.request('GET', `/v1/sites${query}`));
    expect(problem).toMatchObject({ status: 400, errors: [{ pointer }] });
  });

  it.each(['nonsense', 'e30', 'WyJCQU5LUyN4IiwiYSJd', '%22'])(
    'refuses the cursor %s, which it never gave',
    async (it) => {
      const problem = problemOf(await tenant.api.request('GET', `/v1/sites?cursor=${it}`));
      expect(problem).toMatchObject({ status: 400, errors: [{ pointer: '#query/cursor' }] });
      expect(problem.detail).toBe('the cursor is not one that this list gave');
    },
  );

  it('refuses the cursor of another list', async () => {
    for (const name of ['One', 'Two']) await tenant.api.post('/v1/sites', { name }, Made);
    const { nextCursor } = await tenant.api.get('/v1/sites?limit=1', z.object({ nextCursor: z.string() }));
    expect(await tenant.api.request('GET', `/v1/sites?limit=1&cursor=${nextCursor}`)).toMatchObject({ status: 200 });
    expect(problemOf(await tenant.api.request('GET', `/v1/banks?cursor=${nextCursor}`))).toMatchObject({ status: 400 });
  });

  it.each([
    ['?door=1', '#query/door'],
    ['?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z', '#query/to'],
    ['?externalId=A-1', '#query/externalId'],
    ['?state=lost', '#query/state'],
    ['?recipient=', '#query/recipient'],
  ])('of transactions refuses %s and names it', async (query, pointer) => {
    const problem = problemOf(await tenant.api.request('GET', `/v1/transactions${query}`));
    expect(problem).toMatchObject({ status: 400, errors: [{ pointer }] });
  });
});

describe('an entity tag', () => {
  const act = (id: string, action: string, body: Record<string, unknown>, ifMatch: string) =>
    tenant.api.request('POST', `/v1/transactions/${id}/${action}`, { body, headers: { 'if-match': ifMatch } });
  const tagOf = async (id: string): Promise<string> => {
    const { headers } = await tenant.api.request('GET', `/v1/transactions/${id}`);
    return z.string().parse(headers.get('etag'));
  };
  const later = { pickupBy: new Date(Date.now() + 30 * 86_400_000).toISOString() };

  it.each([
    ['hold', { reason: 'a check' }],
    ['lift-hold', {}],
    ['extend', later],
    ['cancel', {}],
  ])('lets %s through that was read last, and gives the next', async (action, body) => {
    const before = await tagOf(parcel.id);
    const answer = await act(parcel.id, action, body, before);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).not.toBe(before);
    expect(answer.headers.get('etag')).toBe(await tagOf(parcel.id));
    await holds();
  });

  it('that is stale stops the change, and says where things are now', async () => {
    const other = await createParcel(tenant, bank);
    const tag = await tagOf(other.id);
    expect(await act(other.id, 'hold', { reason: 'a check' }, tag)).toMatchObject({ status: 200 });
    for (const [action, body] of [
      ['cancel', {}],
      ['extend', later],
      ['lift-hold', {}],
    ] as const) {
      const problem = problemOf(await act(other.id, action, body, tag));
      expect(problem).toMatchObject({
        status: 412,
        code: 'precondition_failed',
        detail: `the transaction is at version ${other.version + 1} now`,
      });
    }
    expect(await readParcel(tenant, other.id)).toMatchObject({ state: 'reserved', version: other.version + 1 });
    await holds();
  });

  it('lets one of two changes at once through', async () => {
    const other = await createParcel(tenant, bank);
    const tag = await tagOf(other.id);
    const answers = await Promise.all([
      act(other.id, 'hold', { reason: 'one' }, tag),
      act(other.id, 'cancel', {}, tag),
      act(other.id, 'extend', later, tag),
    ]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412, 412]);
    await holds();
  });

  it.each(['"x"', 'W/"3"', '3', '"3", "4"', '"99999999999"'])(
    'that was never given is refused: %s',
    async (ifMatch) => {
      const other = await readParcel(tenant, parcel.id);
      const problem = problemOf(await act(other.id, 'extend', later, ifMatch));
      expect(problem).toMatchObject({
        status: 400,
        code: 'invalid_request',
        detail: /If-Match must be an ETag/,
        errors: [{ pointer: '#header/If-Match' }],
      });
    },
  );

  it('of a compartment guards taking it out of service', async () => {
    const path = `/v1/banks/${bank.id}/compartments/1`;
    const { headers } = await tenant.api.request('GET', path);
    const patch = (outOfService: string | null) =>
      tenant.api.request('PATCH', path, {
        body: { outOfService },
        headers: { 'if-match': z.string().parse(headers.get('etag')) },
      });
    expect(await patch('being painted')).toMatchObject({ status: 200 });
    expect(problemOf(await patch(null))).toMatchObject({ status: 412, code: 'precondition_failed' });
    await holds();
  });
});
