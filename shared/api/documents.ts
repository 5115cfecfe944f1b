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
