import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import asyncapi from '#shared/api/asyncapi.json' with { type: 'json' };
import { documentAnswer } from '#shared/lambda/document.ts';

/** The public document of events; a function of its own because of its size. */
export const handler = middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>().handler(async (event) =>
  documentAnswer(event, asyncapi),
);
