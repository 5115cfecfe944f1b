import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { ApiKey, KeyMode, Scope, testScopes } from '../domain/api-key.ts';
import { ExternalSystem } from '../domain/source.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page, where } from './shapes.ts';

export const ApiKeyView = ApiKey.omit({ tenant: true, hash: true, keyHash: true })
  .extend({
    /** Only in the answer of the call that made it. */
    key: field.maybeText,
  })
  .meta({ id: 'ApiKey' });
export type ApiKeyView = z.infer<typeof ApiKeyView>;

export const createApiKey = {
  id: 'create-api-key',
  noun: 'api-keys',
  method: 'POST',
  path: '/v1/api-keys',
  summary: 'Make an API key, with no more scopes than your own',
  permission: 'api-keys:write',
  body: once(() =>
    z
      .strictObject({
        name: z.string().min(1).max(120),
        scopes: z.array(Scope).min(1),
        /** Binds it to a system: it can change only what that one owns. */
        system: ExternalSystem.optional(),
        /** `test`, for `lw_test_…`: acts on simulated banks only. Left out, that of your own key. */
        mode: KeyMode.optional(),
        /** A limit of its own, for a key that is given away; left out, that of your own key. */
        requestsPerMinute: field.positive.max(1_000_000).optional(),
      })
      .meta(
        where(
          { properties: { mode: { const: 'test' } }, required: ['mode'] },
          { properties: { scopes: { items: { enum: testScopes } } } },
        ),
      ),
  ),
  status: 201,
  response: () => ApiKeyView,
  problems: ['idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listApiKeys = {
  id: 'list-api-keys',
  noun: 'api-keys',
  method: 'GET',
  path: '/v1/api-keys',
  summary: 'List API keys',
  permission: 'api-keys:read',
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(ApiKeyView)),
  problems: [],
} as const satisfies Route;

export const revokeApiKey = {
  id: 'revoke-api-key',
  noun: 'api-keys',
  method: 'POST',
  path: '/v1/api-keys/{apiKeyId}/revoke',
  summary: 'Revoke an API key; it stops working within 60 seconds',
  permission: 'api-keys:write',
  params: z.object({ apiKeyId: idParam }),
  body: once(() => z.strictObject({})),
  status: 200,
  response: () => ApiKeyView,
  problems: ['idempotency_key_reused', 'precondition_failed', 'conflict'],
  etag: true,
} as const satisfies Route;
