import * as z from 'zod';
import { once } from '../../events/once.ts';
import { Site, siteUpdate, TimeZone, whereabouts } from '../domain/site.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const SiteView = Site.omit({ tenant: true, hash: true }).meta({ id: 'Site' });

export const createSite = {
  id: 'create-site',
  noun: 'sites',
  method: 'POST',
  path: '/v1/sites',
  summary: 'Register a site',
  permission: 'banks:write',
  body: once(() =>
    z.strictObject({
      name: z.string().min(1).max(120),
      timeZone: TimeZone.default('UTC'),
      address: whereabouts.address.optional(),
      position: whereabouts.position.optional(),
      support: whereabouts.support.optional(),
    }),
  ),
  status: 201,
  response: () => SiteView,
  problems: ['idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listSites = {
  id: 'list-sites',
  noun: 'sites',
  method: 'GET',
  path: '/v1/sites',
  summary: 'List sites',
  permission: 'banks:read',
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(SiteView)),
  problems: [],
} as const satisfies Route;

export const getSite = {
  id: 'get-site',
  noun: 'sites',
  method: 'GET',
  path: '/v1/sites/{siteId}',
  summary: 'Read a site',
  permission: 'banks:read',
  params: z.object({ siteId: idParam }),
  status: 200,
  response: () => SiteView,
  problems: [],
  etag: true,
} as const satisfies Route;

export const updateSite = {
  id: 'update-site',
  noun: 'sites',
  method: 'PATCH',
  path: '/v1/sites/{siteId}',
  summary: 'Say where a site is, and whom people ask there',
  permission: 'banks:write',
  params: z.object({ siteId: idParam }),
  /** What is null is taken away. */
  body: once(() => z.strictObject(siteUpdate)),
  status: 200,
  response: () => SiteView,
  problems: ['precondition_failed'],
  etag: true,
} as const satisfies Route;
