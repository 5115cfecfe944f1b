import { randomUUID } from 'node:crypto';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { Route } from '../shared/api/route.ts';

export type Request = {
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
  /** A new one unless the caller repeats itself. */
  idempotencyKey?: string;
};

/** A request as API Gateway hands it to the function. */
export const requestOf = (
  { method, path }: Pick<Route, 'method' | 'path'>,
  apiKey: string,
  { params = {}, query = {}, body, idempotencyKey = randomUUID() }: Request,
): APIGatewayProxyEventV2 => ({
  version: '2.0',
  routeKey: `${method} ${path}`,
  rawPath: path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? ''),
  rawQueryString: new URLSearchParams(query).toString(),
  headers: { authorization: `Bearer ${apiKey}`, 'idempotency-key': idempotencyKey, 'content-type': 'application/json' },
  pathParameters: params,
  queryStringParameters: query,
  isBase64Encoded: false,
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  requestContext: {
    accountId: '000000000000',
    apiId: 'bench',
    domainName: 'bench',
    domainPrefix: 'bench',
    http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'bench' },
    requestId: randomUUID(),
    routeKey: `${method} ${path}`,
    stage: '$default',
    time: '',
    timeEpoch: 0,
  },
});
