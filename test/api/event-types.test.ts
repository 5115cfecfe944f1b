import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { listEvents } from '../../shared/api/events.ts';
import { createWebhookEndpoint, listDeliveries, tryWebhookEndpoint } from '../../shared/api/webhook-endpoints.ts';
import { parseRequest } from '../../shared/lambda/problem.ts';

const refusal = (schema: z.ZodType, value: unknown, where: 'query' | 'body') => {
  try {
    parseRequest(schema, value, where);
  } catch (error) {
    return error;
  }
  throw new Error('it was taken');
};

const hook = (eventTypes: unknown[]) => ({ url: 'https://hooks.shop.com/', eventTypes });

describe('an event type that there is not', () => {
  const wrong = 'transaction.complet';
  it.each([
    ['an endpoint', createWebhookEndpoint.body(), hook([wrong]), 'body', '/eventTypes/0'],
    ['a trial', tryWebhookEndpoint.body(), { eventType: wrong }, 'body', '/eventType'],
    ['the feed', listEvents.query(), { type: `bank.offline,${wrong}` }, 'query', '#query/type/1'],
    ['deliveries', listDeliveries.query(), { eventType: wrong }, 'query', '#query/eventType'],
  ] as const)('is answered to %s in short, with those that may be meant', (_, schema, value, where, pointer) => {
    const error = refusal(schema, value, where);
    const detail = expect.stringMatching(
      /^"transaction\.complet" is no event type; the nearest are transaction\.completed, .*, and GET \/v1\/asyncapi\.json lists all$/,
    );
    expect(error).toMatchObject({ code: 'invalid_request', errors: [{ pointer, detail }] });
    expect(JSON.stringify(error).length).toBeLessThan(500);
  });

  it('is shown in its beginning, and missing where it is missing', () => {
    const long = { eventType: 'x'.repeat(5_000) };
    expect(JSON.stringify(refusal(tryWebhookEndpoint.body(), long, 'body')).length).toBeLessThan(500);
    expect(refusal(tryWebhookEndpoint.body(), {}, 'body')).toMatchObject({ errors: [{ detail: 'is missing' }] });
    expect(refusal(createWebhookEndpoint.body(), hook([5]), 'body')).toMatchObject({
      errors: [{ detail: 'must be the name of an event type; GET /v1/asyncapi.json lists them' }],
    });
  });

  it('may stand for all of an entity where several are wanted, and not where one is', () => {
    expect(parseRequest(createWebhookEndpoint.body(), hook(['transaction.*']), 'body').eventTypes).toEqual([
      'transaction.*',
    ]);
    expect(refusal(createWebhookEndpoint.body(), hook(['parcel.*']), 'body')).toMatchObject({
      code: 'invalid_request',
    });
    expect(refusal(tryWebhookEndpoint.body(), { eventType: 'bank.*' }, 'body')).toMatchObject({
      code: 'invalid_request',
    });
  });
});
