import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import openapi from '#shared/api/openapi.json' with { type: 'json' };
import { Refusal } from '#shared/domain/refusal.ts';
import { documentAnswer } from '#shared/lambda/document.ts';
import { log } from '#shared/lambda/log.ts';
import { problemOf } from '#shared/lambda/problem.ts';

/** The paths there are, each with its methods; a path that names a thing comes before one that takes any. */
const paths = Object.entries(openapi.paths)
  .map(([path, operations]) => ({
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    parameters: path.split('{').length - 1,
    methods: Object.keys(operations).map((method) => method.toUpperCase()),
  }))
  .toSorted((a, b) => a.parameters - b.parameters);

/** The public document of the API, and our own answer to every path and method that is none of ours. */
export const handler = middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>().handler(async (event) => {
  const { requestId, http } = event.requestContext;
  if (event.routeKey === 'GET /v1/openapi.json') return documentAnswer(event, openapi);
  const methods = paths.find(({ pattern }) => pattern.test(event.rawPath))?.methods.toSorted() ?? [];
  const what = `there is no ${http.method} ${event.rawPath}`;
  const refusal =
    methods.length === 0
      ? new Refusal('not_found', what)
      : new Refusal('method_not_allowed', `${what}; it knows ${methods.join(', ')}`);
  const problem = problemOf(refusal, requestId);
  log.info('request', { route: event.routeKey, status: problem.status, requestId });
  return {
    statusCode: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-request-id': requestId,
      ...(methods.length > 0 && { allow: methods.join(', ') }),
    },
    body: JSON.stringify(problem),
  };
});
