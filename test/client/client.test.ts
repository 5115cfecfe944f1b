import { describe, expect, it } from 'vitest';
import { LatchworkProblem, latchwork, orThrow } from '../../client/index.ts';

const site = { id: 'sit_1', name: 'Harbour', timeZone: 'UTC', createdAt: '2030-03-04T09:30:00.000Z', version: 1 };
const problem =
  (code: string, status: number, headers: Record<string, string> = {}) =>
  () =>
    Response.json(
      { type: `urn:latchwork:problem:${code}`, title: '', status, code, detail: 'so it is', requestId: 'r' },
      { status, headers: { 'content-type': 'application/problem+json', ...headers } },
    );
const made = () => Response.json(site, { status: 201 });
const lost = () => {
  throw new TypeError('fetch failed');
};

/** A client of a server that gives these answers one after the other, and what was asked. */
const facing = (answers: (() => Response)[], options: { longestWaitMs?: number } = { longestWaitMs: 1 }) => {
  const asked: { key: string | null; authorization: string | null; body: string }[] = [];
  const api = latchwork({
    baseUrl: 'http://api.example',
    apiKey: 'lw_live_x',
    ...options,
    fetch: async (request) => {
      const { headers } = request;
      asked.push({
        key: headers.get('idempotency-key'),
        authorization: headers.get('authorization'),
        body: await request.text(),
      });
      return (answers[asked.length - 1] ?? made)();
    },
  });
  return { asked, create: () => orThrow(api.POST('/v1/sites', { body: { name: 'Harbour' } })) };
};

describe('the client', () => {
  it('says who asks, and gives each POST a key of its own', async () => {
    const { asked, create } = facing([]);
    expect(await create()).toEqual(site);
    await create();
    expect(asked).toMatchObject([{ authorization: 'Bearer lw_live_x' }, { body: '{"name":"Harbour"}' }]);
    expect(new Set(asked.map(({ key }) => key)).size).toBe(2);
  });

  it('sends a key that it was given', async () => {
    const sent: (string | null)[] = [];
    const api = latchwork({
      baseUrl: 'http://api.example',
      fetch: async ({ headers }) => {
        sent.push(headers.get('idempotency-key'));
        return made();
      },
    });
    await api.POST('/v1/sites', { params: { header: { 'Idempotency-Key': 'mine' } }, body: { name: 'Harbour' } });
    expect(sent).toEqual(['mine']);
  });

  it.each([
    ['was lost', lost],
    ['met others', problem('busy', 503, { 'retry-after': '0' })],
    ['was one too many', problem('rate_limited', 429, { 'retry-after': '0' })],
  ])('sends again what %s, with the same key and body, so that it has its effect once', async (_, answer) => {
    const { asked, create } = facing([answer, answer]);
    expect(await create()).toEqual(site);
    expect(asked).toHaveLength(3);
    expect(new Set(asked.map(({ key, body }) => `${key} ${body}`)).size).toBe(1);
  });

  it('gives up after two repetitions, and says why', async () => {
    const { asked, create } = facing(Array.from({ length: 9 }, () => problem('busy', 503, { 'retry-after': '0' })));
    await expect(create()).rejects.toMatchObject({ code: 'busy' });
    expect(asked).toHaveLength(3);
    await expect(facing(Array.from({ length: 9 }, () => lost)).create()).rejects.toThrow('fetch failed');
  });

  it('does not wait for longer than it may', async () => {
    const { asked, create } = facing([problem('rate_limited', 429, { 'retry-after': '42' })], { longestWaitMs: 1_000 });
    await expect(create()).rejects.toMatchObject({ code: 'rate_limited' });
    expect(asked).toHaveLength(1);
  });

  it('throws a refusal as what it is, and does not repeat it', async () => {
    const { asked, create } = facing([problem('conflict', 409)]);
    const refusal = await create().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(LatchworkProblem);
    expect(refusal).toMatchObject({ code: 'conflict', problem: { status: 409 }, message: 'conflict: so it is' });
    expect(asked).toHaveLength(1);
  });
});
