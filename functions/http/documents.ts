import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import openapi from '#shared/api/openapi.json' with { type: 'json' };
import { Refusal } from '#shared/domain/refusal.ts';
import { log } from '#shared/lambda/log.ts';
import { problemOf } from '#shared/lambda/problem.ts';

/** The public documents, and our own answer to every path that is none of ours. */
export const handler = middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>().handler(async (event) => {
  const { requestId, http } = event.requestContext;
  const found = event.routeKey === 'GET /v1/openapi.json';
  log.info('request', { route: event.routeKey, status: found ? 200 : 404, requestId });
  if (found)
    return {
      statusCode: 200,
      headers: {
        'content-type': 'application/json',
        'cache-control': 'public, max-age=300',
        'x-request-id': requestId,
      },
      body: JSON.stringify(openapi),
    };
  const problem = problemOf(new Refusal('not_found', `there is no ${http.method} ${event.rawPath}`), requestId);
  return {
    statusCode: problem.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', 'x-request-id': requestId },
    body: JSON.stringify(problem),
  };
});
