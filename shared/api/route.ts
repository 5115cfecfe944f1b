import type * as z from 'zod';
import type { Scope } from '../domain/api-key.ts';
import type { RefusalCode } from '../domain/refusal.ts';

/** One noun, one function: `functions/http/<noun>.ts`. */
export type Noun =
  | 'transactions'
  | 'credentials'
  | 'commands'
  | 'api-keys'
  | 'sites'
  | 'banks'
  | 'lock-boards'
  | 'assets'
  | 'stock-units'
  | 'incidents'
  | 'imports'
  | 'exports'
  | 'reconciliations'
  | 'assignment-policies'
  | 'workflow-terms'
  | 'message-templates'
  | 'webhook-endpoints'
  | 'events'
  | 'documents'
  | 'event-documents';

/**
 * A route is a value: the handler's types, API Gateway's routes, OpenAPI and the permission check are made from it.
 * `id` is the operation's one name: route id, log field, metric, `operationId`.
 */
export type Route = {
  id: string;
  noun: Noun;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parameters in braces, as API Gateway and OpenAPI write them. */
  path: string;
  summary: string;
  /** The scope that the API key needs; null: public. */
  permission: Scope | null;
  params?: z.ZodObject;
  query?: () => z.ZodObject;
  body?: () => z.ZodObject;
  /** Of a success. */
  status: 200 | 201 | 202;
  response: () => z.ZodType;
  /** What it may refuse, besides what every route may (see `everyRoute`). */
  problems: readonly RefusalCode[];
  /** Answers and honours entity tags: on a read `ETag`, on a change `If-Match`. */
  etag?: true;
  /** A question that is too long for a query: a POST without any effect. */
  asks?: true;
  /** Whoever calls it repeats itself and knows no keys: what is said again changes nothing. */
  repeats?: true;
};

/** What any route with authentication may answer. */
export const everyRoute = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'not_found',
  'rate_limited',
  'busy',
] as const satisfies RefusalCode[];

/** Every POST creates or acts, so each needs an `Idempotency-Key`; but one that only asks, or may be repeated as it is. */
export const needsIdempotencyKey = (route: Route): boolean =>
  route.method === 'POST' && route.asks !== true && route.repeats !== true;
