import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import type { Route } from './route.ts';

export const getOpenapi = {
  id: 'get-openapi',
  noun: 'documents',
  method: 'GET',
  path: '/v1/openapi.json',
  summary: 'This document',
  permission: null,
  status: 200,
  response: once(() => z.record(field.text, z.unknown())),
  problems: [],
} as const satisfies Route;

export const getAsyncapi = {
  id: 'get-asyncapi',
  // The two documents together are more than a function may be.
  noun: 'event-documents',
  method: 'GET',
  path: '/v1/asyncapi.json',
  summary: 'Events, and what banks and the cloud tell each other, as AsyncAPI',
  permission: null,
  status: 200,
  response: once(() => z.record(field.text, z.unknown())),
  problems: [],
} as const satisfies Route;
