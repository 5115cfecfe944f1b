import type { listTransactions } from '../api/transactions.ts';
import { hashOf } from '../domain/chain.ts';
import { isWanted, planOf } from '../domain/search.ts';
import type { Transaction } from '../domain/transaction.ts';
import { type FoundPage, openSearch } from '../store/search.ts';
import type { Transactions } from '../store/transactions.ts';
import { cursorText, readCursor } from './cursor.ts';
import type { Answer, Call, HttpDeps } from './endpoint.ts';
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

  return async ({ caller, query, now }: Call<typeof listTransactions>): Promise<Answer> => {
    const { limit, cursor, orderId, externalId, ...wanted } = query;
    const list = `transactions ${hashOf({ ...wanted, orderId, externalId })}`;
    const after = readCursor(cursor, list);
    const answer = (found: FoundPage['found'], next: string | null): Answer => ({
      body: { data: found.map(transactionView), nextCursor: next === null ? null : cursorText(list, next) },
    });

    const theirs = [orderId && `order:${orderId}`, externalId].flatMap((it) => it || []);
    if (theirs[0] !== undefined) {
      const found = await byTheirs(caller.tenant, theirs[0], wanted.door !== undefined);
      const settled = await Promise.all(
        found.map(async ({ doors, ...it }) => ({ ...(await transactions.settled(it, now)), doors })),
      );
      const fits = settled.filter((it) => theirs.every((asked) => bears(it.transaction, asked)));
      return answer(
        fits.filter((it) => isWanted(it, wanted)),
        null,
      );
    }
    const plan = planOf(await deps.rootKeys(), caller.tenant, wanted);
    if (plan === null) return answer([], null);
    const { found, next } = await search.page(caller.tenant, plan, wanted, { limit, after });
    return answer(found, next);
  };
};
