import type { listTransactions } from '../api/transactions.ts';
import { isWanted, planOf } from '../domain/search.ts';
import type { Transaction } from '../domain/transaction.ts';
import { type FoundPage, openSearch } from '../store/search.ts';
import type { Transactions } from '../store/transactions.ts';
import type { Answer, Call, HttpDeps } from './endpoint.ts';
import { mayShow } from './sandbox.ts';
import { transactionView } from './transaction-view.ts';

const bears = ({ externalIds }: Transaction, theirs: string): boolean =>
  Object.entries(externalIds).some((it) => it.join(':') === theirs);

/** A page of the transactions that are looked for, with two calls to the table (docs/finding-and-proving.md). */
export const findTransactions = (deps: HttpDeps, transactions: Transactions) => {
  const search = openSearch(deps.table);

  /** Ids of theirs are unique, and their rows lie there as soon as the transaction does. */
  const byTheirs = async (tenant: string, theirs: string, withDoors: boolean): Promise<FoundPage['found']> => {
    const [, system = '', external = ''] = /^([a-z][a-z0-9_]*):(.+)$/.exec(theirs) ?? [];
    const id = await transactions.idByExternal(tenant, system, external);
    return id === null ? [] : search.read(tenant, [id], withDoors);
  };

  return async ({ caller, query, now, cursors }: Call<typeof listTransactions>): Promise<Answer> => {
    const { limit, cursor: _, orderId, externalId, ...wanted } = query;
    const after = await cursors.read();
    const rootKeys = await deps.rootKeys();
    const answer = async (found: FoundPage['found'], next: string | null): Promise<Answer> => {
      const shown = found.filter(({ transaction }) => mayShow(caller, transaction));
      return { body: { data: shown.map(transactionView), nextCursor: await cursors.give(next) } };
    };

    const theirs = [orderId && `order:${orderId}`, externalId].flatMap((it) => it || []);
    if (theirs[0] !== undefined) {
      const found = await byTheirs(caller.tenant, theirs[0], wanted.door !== undefined);
      const settled = await Promise.all(
        found.map(async ({ doors, ...it }) => ({ ...(await transactions.settled(it, now)), doors })),
      );
      const fits = settled.filter((it) => theirs.every((asked) => bears(it.transaction, asked)));
      return answer(
        fits.filter((it) => isWanted(rootKeys, it, wanted)),
        null,
      );
    }
    const plan = planOf(rootKeys, caller.tenant, wanted);
    if (plan === null) return answer([], null);
    const { found, next } = await search.page(rootKeys, caller.tenant, plan, wanted, { limit, after });
    return answer(found, next);
  };
};
