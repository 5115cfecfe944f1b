import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { LinkId, LinkKind } from '../domain/link.ts';
import { LinkState } from '../domain/link-summary.ts';
import type { Route } from './route.ts';
import { TransactionView } from './transactions.ts';

export const LinkView = z
  .object({
    kind: LinkKind,
    id: LinkId,
    livemode: field.yesNo,
    /** How many parts there are to be. */
    of: field.whole,
    state: LinkState,
    /** Places that nobody has taken yet. */
    missing: z.array(field.whole),
    /** Parts that need somebody, and why: how they ended, or what flag they bear. */
    attention: z.array(z.object({ part: field.whole, transactionId: field.text, because: z.array(field.text) })),
    /** In the order of their places. */
    parts: z.array(TransactionView),
  })
  .meta({ id: 'Link' });
export type LinkView = z.infer<typeof LinkView>;

export const getLink = {
  id: 'get-link',
  noun: 'transactions',
  method: 'GET',
  path: '/v1/links/{kind}/{linkId}',
  summary: 'Read linked transactions as one',
  permission: 'transactions:read',
  params: z.object({ kind: LinkKind, linkId: LinkId }),
  query: once(() =>
    z.strictObject({
      /** Of a live key: `false` for what it linked at simulated banks. A test key is shown no other. */
      livemode: z.enum(['true', 'false']).optional(),
    }),
  ),
  status: 200,
  response: () => LinkView,
  problems: [],
} as const satisfies Route;
