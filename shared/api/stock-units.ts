import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { Sku, StockLevel, StockState, StockUnit } from '../domain/stock.ts';
import { InstantInput } from '../domain/time.ts';
import { ExternalIds, Item, Metadata } from '../domain/transaction.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const StockUnitView = StockUnit.omit({ tenant: true, hash: true })
  .extend({
    /** The sale that it is promised to, while that goes on. */
    promisedTo: field.textOrNull,
    /** It is not sold any more. */
    isPastBestBefore: field.yesNo,
  })
  .meta({ id: 'StockUnit' });
export type StockUnitView = z.infer<typeof StockUnitView>;

const Where = {
  bankId: z.string().min(1).max(64),
  /** Its door; left out, the best that fits. */
  door: z.string().min(1).max(8).optional(),
};

const Said = once(() => ({
  externalIds: ExternalIds,
  bestBefore: InstantInput().nullable(),
  metadata: Metadata,
}));

const params = z.object({ stockUnitId: idParam });
const base = { noun: 'stock-units', response: () => StockUnitView, etag: true } as const;

export const createStockUnit = {
  ...base,
  id: 'create-stock-unit',
  method: 'POST',
  path: '/v1/stock-units',
  summary: 'Register goods to be sold, and give them a door if a bank is named',
  permission: 'stock:write',
  body: once(() =>
    z
      .strictObject({
        sku: Sku,
        item: Item,
        externalIds: Said().externalIds.default({}),
        bestBefore: Said().bestBefore.default(null),
        metadata: Said().metadata.default({}),
        bankId: Where.bankId.optional(),
        door: Where.door,
      })
      .refine(({ bankId, door }) => door === undefined || bankId !== undefined, {
        path: ['door'],
        error: 'needs bankId: every bank has a door of that name',
      })
      .meta({ dependentRequired: { door: ['bankId'] } }),
  ),
  status: 201,
  problems: ['reservation_refused', 'idempotency_key_reused'],
} as const satisfies Route;

export const listStockUnits = {
  id: 'list-stock-units',
  noun: 'stock-units',
  method: 'GET',
  path: '/v1/stock-units',
  summary: 'List goods: what is in stock at a bank or of a kind, or all there ever was, the newest first',
  permission: 'stock:read',
  query: once(() =>
    z.strictObject({
      bankId: Where.bankId.optional(),
      sku: Sku.optional(),
      /** With `bankId` or `sku` those that have left the stock are not looked at. A page may be short and have a next. */
      state: StockState.optional(),
      ...page,
    }),
  ),
  status: 200,
  response: once(() => listOf(StockUnitView)),
  problems: [],
} as const satisfies Route;

export const getStockUnit = {
  ...base,
  id: 'get-stock-unit',
  method: 'GET',
  path: '/v1/stock-units/{stockUnitId}',
  summary: 'Read a unit of goods, and whom it is promised to',
  permission: 'stock:read',
  params,
  status: 200,
  problems: [],
} as const satisfies Route;

export const updateStockUnit = {
  ...base,
  id: 'update-stock-unit',
  method: 'PATCH',
  path: '/v1/stock-units/{stockUnitId}',
  summary: 'Change what is noted of a unit, and until when it is sold',
  permission: 'stock:write',
  params,
  body: once(() =>
    z
      .strictObject({
        externalIds: Said().externalIds.optional(),
        bestBefore: Said().bestBefore.optional(),
        metadata: Said().metadata.optional(),
      })
      .refine(
        (it) => Object.values(it).some((value) => value !== undefined),
        'name at least one of externalIds, bestBefore, metadata',
      )
      .meta({ anyOf: Object.keys(Said()).map((name) => ({ required: [name] })) }),
  ),
  status: 200,
  problems: ['conflict', 'precondition_failed'],
} as const satisfies Route;

const action = { ...base, method: 'POST', permission: 'stock:write', params, status: 200 } as const;

export const placeStockUnit = {
  ...action,
  id: 'place-stock-unit',
  path: '/v1/stock-units/{stockUnitId}/place',
  summary: 'Give a unit a door; it is in stock once its bank sees it inside',
  body: once(() => z.strictObject(Where)),
  problems: ['reservation_refused', 'conflict', 'precondition_failed', 'idempotency_key_reused'],
} as const satisfies Route;

export const withdrawStockUnit = {
  ...action,
  id: 'withdraw-stock-unit',
  path: '/v1/stock-units/{stockUnitId}/withdraw',
  summary: 'Sell a unit no more; its door is free once it is empty',
  body: once(() => z.strictObject({ reason: z.string().min(1).max(200) })),
  problems: ['conflict', 'precondition_failed', 'idempotency_key_reused'],
} as const satisfies Route;

export const listStockLevels = {
  id: 'list-stock-levels',
  noun: 'stock-units',
  method: 'GET',
  path: '/v1/banks/{bankId}/stock-levels',
  summary: 'Count what is in stock at a bank, kind by kind',
  permission: 'stock:read',
  params: z.object({ bankId: idParam }),
  status: 200,
  response: once(() => listOf(StockLevel.meta({ id: 'StockLevel' }))),
  problems: [],
} as const satisfies Route;
