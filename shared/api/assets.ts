import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { Asset, ReturnsTo } from '../domain/asset.ts';
import { ExternalId, Item, Metadata } from '../domain/transaction.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';
import { TransactionView } from './transactions.ts';

export const AssetView = Asset.omit({ tenant: true, hash: true })
  .extend({
    /** `home`: in its door and free · `reserved`, `lent`: by `transactionId` · `missing`: its door is empty and nobody has it. */
    state: z.enum(['home', 'reserved', 'lent', 'missing', 'retired']),
    transactionId: field.textOrNull,
  })
  .meta({ id: 'Asset' });
export type AssetView = z.infer<typeof AssetView>;

/** As listed: where it is now is said when it is read by itself. */
export const AssetSummary = AssetView.omit({ state: true, transactionId: true }).meta({ id: 'AssetSummary' });

export const createAsset = {
  id: 'create-asset',
  noun: 'assets',
  method: 'POST',
  path: '/v1/assets',
  summary: 'Register a thing that is lent, and give it a door',
  permission: 'assets:write',
  body: once(() =>
    z.strictObject({
      bankId: z.string().min(1).max(64),
      /** Its door; left out, the best that fits. */
      door: z.string().min(1).max(8).optional(),
      name: z.string().min(1).max(120),
      externalId: ExternalId.optional(),
      item: Item,
      /** `any_door`: while it is lent, it may be given another door to be brought back to (`move` of the loan). */
      returnsTo: ReturnsTo.default('own_door'),
      metadata: Metadata.default({}),
    }),
  ),
  status: 201,
  response: () => AssetView,
  problems: ['reservation_refused', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const listAssets = {
  id: 'list-assets',
  noun: 'assets',
  method: 'GET',
  path: '/v1/assets',
  summary: 'List assets',
  permission: 'assets:read',
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(AssetSummary)),
  problems: [],
} as const satisfies Route;

export const getAsset = {
  id: 'get-asset',
  noun: 'assets',
  method: 'GET',
  path: '/v1/assets/{assetId}',
  summary: 'Read an asset, and where it is',
  permission: 'assets:read',
  params: z.object({ assetId: idParam }),
  status: 200,
  response: () => AssetView,
  problems: [],
  etag: true,
} as const satisfies Route;

export const listAssetLoans = {
  id: 'list-asset-loans',
  noun: 'assets',
  method: 'GET',
  path: '/v1/assets/{assetId}/loans',
  summary: "Read an asset's history: whom it was lent to, newest first",
  permission: 'assets:read',
  params: z.object({ assetId: idParam }),
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(TransactionView)),
  problems: [],
} as const satisfies Route;

export const retireAsset = {
  id: 'retire-asset',
  noun: 'assets',
  method: 'POST',
  path: '/v1/assets/{assetId}/retire',
  summary: 'Lend it no more; its door is free once it is empty',
  permission: 'assets:write',
  params: z.object({ assetId: idParam }),
  body: once(() => z.strictObject({ reason: z.string().min(1).max(200) })),
  status: 200,
  response: () => AssetView,
  problems: ['conflict', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;
