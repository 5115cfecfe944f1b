import * as z from 'zod';
import { once, type Route } from './route.ts';

export const getOpenapi = {
  id: 'get-openapi',
  noun: 'documents',
  method: 'GET',
  path: '/v1/openapi.json',
  summary: 'This document',
  permission: null,
  status: 200,
  response: once(() => z.record(z.string(), z.unknown())),
  problems: [],
} as const satisfies Route;
