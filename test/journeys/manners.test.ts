import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Answer, type ApiClient, apiClient, Made } from '../../local/api-client.ts';
import { ApiKeyView } from '../../shared/api/api-keys.ts';
import { Problem } from '../../shared/api/problem.ts';
import { eventually, newTenant, stack, type Tenant } from '../support/stack.ts';

let tenant: Tenant;

beforeAll(async () => {
  tenant = await newTenant();
});

describe('an API key with a limit of its own', () => {
  const limit = 20;
  let api: ApiClient;
  const newKey = async (from: Tenant['api'], body: Record<string, unknown>) =>
    from.post('/v1/api-keys', { name: 'Given away', scopes: ['banks:read', 'api-keys:write'], ...body }, ApiKeyView);
  const read = () => api.request('GET', '/v1/sites');
  const secondsLeft = ({ headers }: Answer): number =>
    Number(/;t=(\d+)$/.exec(headers.get('ratelimit') ?? '')?.[1] ?? Number.NaN);

  beforeAll(async () => {
    api = apiClient(stack.apiUrl, (await newKey(tenant.api, { requestsPerMinute: limit })).key);
  });

  it('is answered so often a minute, told at each answer what is left, then when to go on', {
    timeout: 90_000,
  }, async () => {
    // All of it within one minute of the clock.
    const first = await eventually(
      async () => {
        const answer = await api.request('GET', '/v1/banks');
        expect(secondsLeft(answer)).toBeGreaterThan(15);
        return answer;
      },
      { within: 20_000, what: 'a minute begins' },
    );
    expect(first).toMatchObject({ status: 200 });
    expect(first.headers.get('ratelimit-policy')).toBe('"default";q=20;w=60');

    // Eight at once: the engine starts a process for each, and a small machine does nothing else.
    const eight = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const own: Answer[] = [];
        for (let nth = 0; nth < 8; nth++) own.push(await read());
        return own;
      }),
    );
    const answers = eight.flat();
    const withStatus = (status: number) => answers.filter((it) => it.status === status);
    // Where so many functions want the last tokens at once, some are told to try again; and then it is over.
    expect(withStatus(200).length + withStatus(429).length + withStatus(503).length).toBe(answers.length);
    expect(withStatus(200).length).toBeLessThan(limit);
    expect(withStatus(200).length).toBeGreaterThan(limit / 2);
    const refused = await eventually(async () => {
      const answer = await read();
      expect(answer.status).toBe(429);
      return answer;
    });
    expect(Problem.parse(refused.body)).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(refused.headers.get('ratelimit')).toMatch(/^"default";r=0;t=\d+$/);
    expect(Number(refused.headers.get('retry-after'))).toBe(secondsLeft(refused));
    // Nobody else is held up by it.
    expect(await tenant.api.request('GET', '/v1/sites')).toMatchObject({ status: 200 });
  });

  it('makes keys with the same limit, or a smaller one', async () => {
    const parent = apiClient(stack.apiUrl, (await newKey(tenant.api, { requestsPerMinute: 100 })).key);
    expect(await newKey(parent, {})).toMatchObject({ requestsPerMinute: 100 });
    expect(await newKey(parent, { requestsPerMinute: 7 })).toMatchObject({ requestsPerMinute: 7 });
    const body = { name: 'Greedy', scopes: ['banks:read'], requestsPerMinute: 101 };
    expect(await parent.request('POST', '/v1/api-keys', { body })).toMatchObject({ status: 403 });
  });
});

describe('a cursor', () => {
  const page = z.object({ data: z.array(Made), nextCursor: z.string().nullable() });

  it('leads through the whole list, and nowhere once it was changed', async () => {
    const sites = await Promise.all(
      ['One', 'Two', 'Three', 'Four', 'Five'].map((name) => tenant.api.post('/v1/sites', { name }, Made)),
    );
    const found: string[] = [];
    let { data, nextCursor } = await tenant.api.get('/v1/sites?limit=2', page);
    const first = String(nextCursor);
    found.push(...data.map(({ id }) => id));
    while (nextCursor !== null) {
      ({ data, nextCursor } = await tenant.api.get(`/v1/sites?limit=2&cursor=${nextCursor}`, page));
      found.push(...data.map(({ id }) => id));
    }
    expect(found.toSorted()).toEqual(sites.map(({ id }) => id).toSorted());
    // It names no row of ours, and with any letter changed it is refused.
    const [letter] = first;
    const changed = `${letter === 'A' ? 'B' : 'A'}${first.slice(1)}`;
    const answer = await tenant.api.request('GET', `/v1/sites?limit=2&cursor=${changed}`);
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', errors: [{ pointer: '#query/cursor' }] },
    });
  });
});
