import type { Export, ExportKind } from '../domain/export.ts';
import { columnsOf } from '../domain/export-columns.ts';
import type { RootKeys } from '../domain/root-key.ts';
import { planOf } from '../domain/search.ts';
import { epochMs } from '../domain/time.ts';
import { Delivery } from '../domain/webhook.ts';
import { keys } from '../store/rows.ts';
import { openSearch } from '../store/search.ts';
import type { Table } from '../store/table.ts';
import type { PageSource } from './export-run.ts';
import { firstIdAt } from './ids.ts';
import { mayShow } from './sandbox.ts';

type Sources = { table: Table; rootKeys: () => Promise<RootKeys> };

/** DynamoDB's BatchGetItem takes 100 rows, and a transaction has two that a search reads. */
const transactionsPerPage = 50;

/** By the rows that lists are made of, so that nothing but the period is read. */
const transactionPages = ({ table, rootKeys }: Sources, job: Export): PageSource => {
  const search = openSearch(table);
  const { rowOf } = columnsOf('transactions', job.personalData);
  const { from, to } = job;
  const { bankId, workflow, state } = job.filter;
  const wanted = { from, to, bankId, workflow, state };
  return async (position) => {
    const keysNow = await rootKeys();
    const plan = planOf(keysNow, job.tenant, wanted);
    if (plan === null) return { rows: [], next: null };
    const { found, next } = await search.page(keysNow, job.tenant, plan, wanted, {
      limit: transactionsPerPage,
      after: position ?? undefined,
    });
    const shown = found.filter((it) => mayShow(job, it.transaction));
    return { rows: shown.map(({ transaction }) => rowOf(transaction)), next };
  };
};

/** Each with up to ten attempts that quote what was answered: at most some 1.5 MB. */
const deliveriesPerPage = 100;

/** A position is `<endpoint>`, whose first delivery comes next, or `<endpoint>|<event>`, after which it goes on. */
const deliveryPages = ({ table }: Sources, job: Export): PageSource => {
  const { rowOf } = columnsOf('deliveries', job.personalData);
  const { endpointId, deliveryState } = job.filter;

  const endpointAfter = async (id: string | null): Promise<string | null> => {
    if (endpointId !== undefined) return id === null ? endpointId : null;
    // Behind an endpoint lies its health, under the same id and more.
    const { PK } = keys.endpoint(job.tenant, '');
    const { rows } = await table.query({ PK, from: id === null ? ' ' : `${id}~`, to: '~' }, { limit: 1 });
    return rows[0] === undefined ? null : String(rows[0].SK);
  };

  return async (position) => {
    const [endpoint, after] = position?.split('|') ?? [(await endpointAfter(null)) ?? undefined];
    if (endpoint === undefined) return { rows: [], next: null };
    const { PK } = keys.delivery(job.tenant, endpoint, '');
    const range = { PK, from: firstIdAt('evt', epochMs(job.from)), to: firstIdAt('evt', epochMs(job.to)) };
    const { rows, next } = await table.query(range, {
      limit: deliveriesPerPage,
      ...(after !== undefined && { after: { PK, SK: after } }),
    });
    const found = rows
      .map((row) => Delivery.parse(row))
      .filter(({ state }) => deliveryState === undefined || state === deliveryState);
    return { rows: found.map(rowOf), next: next === null ? await endpointAfter(endpoint) : `${endpoint}|${next.SK}` };
  };
};

const sources: Record<ExportKind, (all: Sources, job: Export) => PageSource> = {
  transactions: transactionPages,
  deliveries: deliveryPages,
};

/** The pages of what is to be exported, as it is when each of them is read. */
export const pagesOf = (all: Sources, job: Export): PageSource => sources[job.kind](all, job);
