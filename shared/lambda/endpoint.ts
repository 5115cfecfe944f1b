import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { needsIdempotencyKey, type Route } from '../api/route.ts';
import { hashOf } from '../domain/chain.ts';
import { type Issued, reveal, type Upload } from '../domain/issued.ts';
import { Refusal, refusals } from '../domain/refusal.ts';
import type { RootKeys } from '../domain/root-key.ts';
import type { Instant } from '../domain/time.ts';
import { instant } from '../domain/time.ts';
import { type Circumstances, type IdempotencyRecord, idempotencyWrite } from '../store/commit.ts';
import { packed } from '../store/packed.ts';
import { keys } from '../store/rows.ts';
import { Lost, type Table, type Write } from '../store/table.ts';
import { type Caller, openAuthentication } from './authenticate.ts';
import { type Cursors, cursorsOf } from './cursor.ts';
import { env } from './env.ts';
import { log } from './log.ts';
import { flushMetrics, metrics } from './metrics.ts';
import { internalProblem, parseRequest, problemOf } from './problem.ts';
import { openRateLimit, type RateLimit, unlimited } from './rate-limit.ts';

/** What an HTTP function works with. Built once per cold start; tests build their own. */
export type HttpDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  newId: (prefix: string) => string;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** Of a noun that issues credentials: where the API is, for links to the pages of those who have them. */
  publicUrl?: string;
  /** Of a noun that takes files: the link of an upload, null once its time is over. */
  uploadLink?: (it: Upload, nowMs: number) => Promise<Record<string, unknown> | null>;
};

/** An answer before its secrets are filled in. */
export type Answer = { body: Record<string, unknown>; etag?: number; issued?: Issued };

type Parsed<S> = S extends z.ZodType
  ? z.infer<S>
  : S extends () => z.ZodType
    ? z.infer<ReturnType<S>>
    : Record<string, never>;

/** What every call has, whatever its route. */
export type AnyCall = {
  caller: Caller;
  now: Instant;
  circumstances: Circumstances;
  /** Version the caller read, from `If-Match`; undefined when they do not care. */
  ifMatch: number | undefined;
  /** For a list: where this one goes on. */
  cursors: Cursors;
  /** For the commit of an effect: remembers its answer under the idempotency key, in the same transaction. */
  record: (answer: Answer) => Write[];
};

export type Call<R extends Route> = AnyCall & {
  params: Parsed<R['params']>;
  query: Parsed<R['query']>;
  body: Parsed<R['body']>;
};

export type Handlers = { [id: string]: (call: never) => Promise<Answer> };

/** Bodies are at most 32 KB (design.md section 8); the gateway would let 10 MB through. */
export const bodyBytesMax = 32 * 1024;

/** A route without parameters ignores what the gateway says of its path. */
const noParams = z.object({});

type Result = APIGatewayProxyStructuredResultV2 & { headers: Record<string, string> };

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Result => ({
  statusCode: status,
  headers: {
    'content-type': status >= 400 ? 'application/problem+json' : 'application/json',
    'cache-control': 'no-store',
    ...headers,
  },
  body: JSON.stringify(body),
});

const refused = (refusal: Refusal, requestId: string): Result =>
  json(refusals[refusal.code].status, problemOf(refusal, requestId), {
    ...(refusal.code === 'unauthorized' ? { 'www-authenticate': 'Bearer' } : {}),
    ...(refusal.retryAfterSeconds ? { 'retry-after': String(refusal.retryAfterSeconds) } : {}),
  });

/** Half a character, which JSON can spell but nobody can store, hash or show. Looked for only where one may be. */
const mayHoldSurrogate = /\\ud[89a-f]/i;
const wellFormed = (name: string, value: unknown): unknown => {
  if (name.isWellFormed() && (typeof value !== 'string' || value.isWellFormed())) return value;
  throw new Error('it spells half of a character (a lone surrogate)');
};

const bodyOf = (event: APIGatewayProxyEventV2): unknown => {
  const raw = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString('utf8') : (event.body ?? '');
  if (Buffer.byteLength(raw) > bodyBytesMax)
    throw new Refusal(
      'payload_too_large',
      `the body has ${Buffer.byteLength(raw)} bytes; at most ${bodyBytesMax} are taken`,
    );
  if (raw.trim() === '') return {};
  try {
    return JSON.parse(raw, mayHoldSurrogate.test(raw) ? wellFormed : undefined);
  } catch (error) {
    const detail = `is not JSON: ${error instanceof Error ? error.message : ''}`;
    throw new Refusal('invalid_request', `the body ${detail}`, { errors: [{ pointer: '', detail }] });
  }
};

/** The gateway joins what is given twice by a comma; together they would be taken for one value that nobody has sent. */
const queryOf = ({ rawQueryString, queryStringParameters }: APIGatewayProxyEventV2): Record<string, unknown> => {
  const names = [...new URLSearchParams(rawQueryString).keys()];
  const twice = names.find((name, nth) => names.indexOf(name) !== nth);
  if (twice === undefined) return queryStringParameters ?? {};
  const detail = 'is given more than once';
  const pointer = `#query/${twice}`;
  throw new Refusal('invalid_request', `the query is not valid: ${pointer} ${detail}`, {
    errors: [{ pointer, detail }],
  });
};

const idempotencyKeyOf = (event: APIGatewayProxyEventV2): string => {
  // RFC 8941 strings come in quotes; plain ones are as common.
  const key = event.headers['idempotency-key']?.replace(/^"(.*)"$/, '$1') ?? '';
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  const detail =
    key === ''
      ? 'is missing; send a new random value for each new effect'
      : 'must be 1 to 255 printable ASCII characters';
  throw new Refusal('invalid_request', `the header Idempotency-Key ${detail}`, {
    errors: [{ pointer: '#header/Idempotency-Key', detail }],
  });
};

const ifMatchOf = (event: APIGatewayProxyEventV2): number | undefined => {
  const header = event.headers['if-match'];
  if (header === undefined || header === '*') return undefined;
  const [, version] = /^"(\d{1,10})"$/.exec(header) ?? [];
  if (version === undefined) {
    const detail = 'must be an ETag that a read of this resource gave, in quotes';
    throw new Refusal('invalid_request', `If-Match ${detail}`, { errors: [{ pointer: '#header/If-Match', detail }] });
  }
  return Number(version);
};

const shownBy = async ({ body, issued }: Answer, deps: HttpDeps): Promise<Record<string, unknown>> => {
  if (issued === undefined) return body;
  if (issued.kind !== 'upload') return reveal(body, issued, await deps.rootKeys(), deps.publicUrl);
  return { ...body, upload: (await deps.uploadLink?.(issued, deps.clock())) ?? null };
};

const success = async (
  route: Route,
  status: number,
  answer: Answer,
  deps: HttpDeps,
  headers: Record<string, string> = {},
): Promise<Result> =>
  json(status, await shownBy(answer, deps), {
    ...(route.etag && answer.etag !== undefined ? { etag: `"${answer.etag}"` } : {}),
    ...headers,
  });

const Recorded = z.object({
  fingerprint: field.text,
  answer: packed(
    z.object({
      status: field.whole,
      body: z.record(field.text, z.unknown()),
      etag: field.whole.optional(),
      issued: z.custom<Issued>().optional(),
    }),
  ),
});

/** Serves the routes of a noun: authenticates, parses, calls the handler, answers. Never throws. */
export const serve = (
  routes: readonly Route[],
  handlers: Handlers,
  deps: HttpDeps,
  rateLimit: RateLimit = unlimited,
) => {
  const authenticate = openAuthentication(deps.table);
  const byKey = new Map(routes.map((route) => [`${route.method} ${route.path}`, route]));

  const replayed = async (route: Route, recorded: Record<string, unknown>, fingerprint: string): Promise<Result> => {
    const { fingerprint: first, answer } = Recorded.parse(recorded);
    if (first !== fingerprint)
      throw new Refusal('idempotency_key_reused', 'this Idempotency-Key was used with another request; send a new one');
    return success(route, answer.status, answer, deps, { 'idempotent-replayed': 'true' });
  };

  const answer = async (event: APIGatewayProxyEventV2, headers: Record<string, string>): Promise<Result> => {
    const route = byKey.get(event.routeKey);
    const handler = route && handlers[route.id];
    if (!route || !handler)
      throw new Refusal('not_found', `there is no ${event.requestContext.http.method} ${event.rawPath}`);

    const nowMs = deps.clock();
    const now = instant(nowMs);
    const caller: Caller =
      route.permission === null
        ? { tenant: '', apiKeyId: '', mode: 'live', scopes: [], system: null, requestsPerMinute: null }
        : await authenticate(event.headers.authorization, nowMs);
    if (route.permission !== null) {
      const allowance = await rateLimit(caller, nowMs);
      Object.assign(headers, allowance.headers);
      if (allowance.refusal !== null) throw allowance.refusal;
    }
    if (route.permission !== null && !caller.scopes.includes(route.permission))
      throw new Refusal('forbidden', `this API key lacks the scope ${route.permission}`);

    const params = parseRequest(route.params ?? noParams, event.pathParameters ?? {}, 'path');
    const query = route.query ? parseRequest(route.query(), queryOf(event), 'query') : {};
    const sent = route.body ? bodyOf(event) : {};
    const key = needsIdempotencyKey(route) ? idempotencyKeyOf(event) : null;
    const ifMatch = ifMatchOf(event);
    const body = route.body ? parseRequest(route.body(), sent, 'body') : {};

    // What a live key was answered is not for a test key.
    const sandbox = caller.mode === 'test' ? ['test'] : [];
    const fingerprint = key === null ? '' : hashOf([route.id, params, sent, ...sandbox]);
    const record = (effect: Answer): Write[] => {
      if (key === null) return [];
      const kept: IdempotencyRecord = { tenant: caller.tenant, key, fingerprint, status: route.status, ...effect };
      return [idempotencyWrite(kept, now)];
    };
    const circumstances: Circumstances = { actor: { type: 'api_key', id: caller.apiKeyId }, now, newId: deps.newId };
    try {
      const cursors = cursorsOf(deps.rootKeys, { tenant: caller.tenant, route: route.id, params, query });
      const call = { params, query, body, caller, now, circumstances, ifMatch, cursors, record } as never;
      const made = await handler(call);
      return await success(route, route.status, made, deps);
    } catch (error) {
      if (key === null) throw error;
      const lost = error instanceof Lost ? error.to('idempotency') : undefined;
      if (lost?.current) return await replayed(route, lost.current, fingerprint);
      if (!(error instanceof Refusal)) throw error;
      // Before anything is refused: was this very request carried out already?
      const row = await deps.table.get(keys.idempotency(caller.tenant, key), true);
      if (row !== undefined && String(row.expiresAt) > now) return await replayed(route, row, fingerprint);
      throw error;
    }
  };

  const answerOrProblem = async (
    event: APIGatewayProxyEventV2,
    requestId: string,
    headers: Record<string, string>,
  ): Promise<Result> => {
    try {
      return await answer(event, headers);
    } catch (error) {
      if (error instanceof Refusal) {
        if (error.code === 'busy') log.warn('busy', { cause: String(error.cause) });
        return refused(error, requestId);
      }
      log.error('failed', error instanceof Error ? error : new Error(String(error)));
      metrics.addMetric('RequestFailed', 'Count', 1);
      return json(500, internalProblem(requestId));
    }
  };

  return async (event: APIGatewayProxyEventV2, requestId: string): Promise<Result> => {
    const headers: Record<string, string> = {};
    const made = await answerOrProblem(event, requestId, headers);
    Object.assign(made.headers, headers);
    return made;
  };
};

/** The Lambda handler of a noun: one log line per request, and the request's id in every answer. */
export const endpoint = (routes: readonly Route[], open: () => { handlers: Handlers; deps: HttpDeps }) => {
  let served: ReturnType<typeof serve> | undefined;
  return middy<APIGatewayProxyEventV2, Result, Error, Context>()
    .use({
      after: ({ event, response }) => {
        if (response) response.headers['x-request-id'] = event.requestContext.requestId;
        log.info('request', {
          route: event.routeKey,
          status: response?.statusCode,
          requestId: event.requestContext.requestId,
        });
        flushMetrics();
      },
    })
    .handler((event) => {
      if (served === undefined) {
        const { handlers, deps } = open();
        served = serve(routes, handlers, deps, openRateLimit(deps, Number(env('API_KEY_REQUESTS_PER_MINUTE'))));
      }
      return served(event, event.requestContext.requestId);
    });
};
