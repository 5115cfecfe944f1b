import { hourOf } from '../domain/anchor.ts';
import type { Export, ExportFilter, ExportKind } from '../domain/export.ts';
import { columnsOf } from '../domain/export-columns.ts';
import { isFiltered, isWantedInFeed, mayBeGone, numberedWithin } from '../domain/feed.ts';
import { Incident } from '../domain/incident.ts';
import type { RootKeys } from '../domain/root-key.ts';
import { planOf } from '../domain/search.ts';
import { epochMs } from '../domain/time.ts';
import type { Transaction } from '../domain/transaction.ts';
import { Delivery } from '../domain/webhook.ts';
import { readPeriod } from '../store/feed.ts';
import { keys } from '../store/rows.ts';
import { openSearch } from '../store/search.ts';
import type { Table } from '../store/table.ts';
import { Gone, type PageSource } from './export-run.ts';
import { firstIdAt } from './ids.ts';
import { mayShow } from './sandbox.ts';

type Sources = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  clock: () => number;
  /** For how many days the feed keeps events. */
  keptDays: number;
};

/** DynamoDB's BatchGetItem takes 100 rows, and a transaction has two that a search reads. */
const transactionsPerPage = 50;

/**
 * The transactions of a period that a key may see, the newest first, a page at a time; `position` is null for the first,
 * and `next` after the last. By the rows that lists are made of, so that nothing but the period is read.
 */
export const periodTransactions = (
  { table, rootKeys }: Pick<Sources, 'table' | 'rootKeys'>,
  { tenant, mode, from, to }: Pick<Export, 'tenant' | 'mode' | 'from' | 'to'>,
  filter: Pick<ExportFilter, 'bankId' | 'workflow' | 'state'> = {},
) => {
  const search = openSearch(table);
  const { bankId, workflow, state } = filter;
  const wanted = { from, to, bankId, workflow, state };
  return async (position: string | null): Promise<{ transactions: Transaction[]; next: string | null }> => {
    const keysNow = await rootKeys();
    const plan = planOf(keysNow, tenant, wanted);
    if (plan === null) return { transactions: [], next: null };
    const { found, next } = await search.page(keysNow, tenant, plan, wanted, {
      limit: transactionsPerPage,
      after: position ?? undefined,
    });
    const transactions = found.map(({ transaction }) => transaction);
    return { transactions: transactions.filter((it) => mayShow({ mode }, it)), next };
  };
};

const transactionPages = (all: Sources, job: Export): PageSource => {
  const { rowOf } = columnsOf('transactions', job.personalData);
  const pages = periodTransactions(all, job, job.filter);
  return async (position) => {
    const { transactions, next } = await pages(position);
    return { rows: transactions.map(rowOf), next };
  };
};

/** At their largest, a few megabytes. */
const eventsPerPage = 200;

/** A position is `<position of the feed>|<when it was numbered>`. */
const eventPages = ({ table, clock, keptDays }: Sources, job: Export): PageSource => {
  const { rowOf } = columnsOf('events', job.personalData);
  const { type, subject } = job.filter;
  const filter = { types: type === undefined ? [] : [type], subject };
  return async (position) => {
    const [after, at] = position?.split('|') ?? [];
    const { events, place, isOver } = await readPeriod(table, job.tenant, job, {
      after: after === undefined ? null : Number(after),
      limit: eventsPerPage,
      isWanted: (it) => isWantedInFeed(it, filter),
      isNarrow: isFiltered(filter),
    });
    // Afterwards: what was there now had not been deleted before.
    if (mayBeGone(at ?? hourOf(epochMs(numberedWithin(job).from)), clock(), keptDays))
      throw new Gone(`events are kept for ${keptDays} days, and some of the period may be gone by now`);
    if (!isOver && place === null) throw new Error(`the feed of ${job.tenant} has a gap after ${position}`);
    return { rows: events.map(rowOf), next: isOver || place === null ? null : `${place.after}|${place.at}` };
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
    const range = { from: id === null ? ' ' : `${id}~`, to: '~' };
    const firstIn = async ({ PK }: { PK: string }): Promise<string[]> => {
      const { rows } = await table.query({ PK, ...range }, { limit: 1, consistent: true });
      return rows.map(({ SK }) => String(SK));
    };
    // One after the other: an endpoint that is deleted in between is found twice, and not missed.
    const there = await firstIn(keys.endpoint(job.tenant, ''));
    const gone = await firstIn(keys.endpointGone(job.tenant, ''));
    return [...there, ...gone].toSorted()[0] ?? null;
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

/** Each with up to 30 steps of 500 letters: at most some 2 MB. A position is the incident after which it goes on. */
const incidentsPerPage = 100;

const incidentPages = ({ table }: Sources, job: Export): PageSource => {
  const { rowOf } = columnsOf('incidents', job.personalData);
  const { bankId, incidentKind, incidentState } = job.filter;
  const isWanted = (it: Incident): boolean =>
    (bankId === undefined || it.bankId === bankId) &&
    (incidentKind === undefined || it.kind === incidentKind) &&
    (incidentState === undefined || it.state === incidentState);
  const { PK } = keys.incident(job.tenant, '');
  const range = { PK, from: firstIdAt('inc', epochMs(job.from)), to: firstIdAt('inc', epochMs(job.to)) };
  return async (position) => {
    const { rows, next } = await table.query(range, {
      limit: incidentsPerPage,
      ...(position !== null && { after: { PK, SK: position } }),
    });
    const found = rows.map((row) => Incident.parse(row)).filter(isWanted);
    return { rows: found.map(rowOf), next: next?.SK ?? null };
  };
};

const sources: Record<ExportKind, (all: Sources, job: Export) => PageSource> = {
  transactions: transactionPages,
  events: eventPages,
  deliveries: deliveryPages,
  incidents: incidentPages,
};

/** The pages of what is to be exported, as it is when each of them is read. */
export const pagesOf = (all: Sources, job: Export): PageSource => sources[job.kind](all, job);
