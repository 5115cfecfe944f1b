import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { log } from './log.ts';

/** A public document, which changes with a deployment only. */
export const documentAnswer = (
  { routeKey, requestContext: { requestId } }: APIGatewayProxyEventV2,
  document: object,
): APIGatewayProxyStructuredResultV2 => {
  log.info('request', { route: routeKey, status: 200, requestId });
  return {
    statusCode: 200,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'public, max-age=300',
      'x-request-id': requestId,
    },
    body: JSON.stringify(document),
  };
};
