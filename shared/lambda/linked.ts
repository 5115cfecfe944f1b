import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { getLink, LinkView } from '../api/links.ts';
import { summarize } from '../domain/link-summary.ts';
import { Refusal } from '../domain/refusal.ts';
import { ranges } from '../store/rows.ts';
import { openSearch } from '../store/search.ts';
import type { Transactions } from '../store/transactions.ts';
import type { Answer, Call, HttpDeps } from './endpoint.ts';
import { transactionView } from './transaction-view.ts';

const Place = z.object({ transactionId: field.text });

/** Linked transactions read as one: one call says which they are, one reads them. */
export const readLinked = (deps: HttpDeps, transactions: Transactions) => {
  const search = openSearch(deps.table);
  return async ({ caller, params, query, now }: Call<typeof getLink>): Promise<Answer> => {
    const { kind, linkId: id } = params;
    const livemode = caller.mode === 'live' && query.livemode !== 'false';
    const { rows } = await deps.table.query(ranges.link(caller.tenant, livemode, kind, id));
    const ids = rows.map((row) => Place.parse(row).transactionId);
    const found = await search.read(caller.tenant, ids, false);
    const settled = await Promise.all(found.map((it) => transactions.settled(it, now)));
    // What was just taken out, or put elsewhere, is no part any more.
    const parts = settled.flatMap((it) => {
      const { link } = it.transaction;
      return link?.kind === kind && link.id === id ? [{ seen: it, link }] : [];
    });
    if (parts.length === 0) throw new Refusal('not_found', `nothing is linked as ${kind} ${id}`);
    const of = Math.max(...parts.map(({ link }) => link.of));
    const summary = summarize(
      kind,
      parts.map(({ seen: { transaction }, link }) => ({ ...transaction, part: link.part })),
      of,
    );
    const view: LinkView = {
      kind,
      id,
      livemode,
      of,
      ...summary,
      parts: parts.toSorted((a, b) => a.link.part - b.link.part).map(({ seen }) => transactionView(seen)),
    };
    return { body: view };
  };
};
