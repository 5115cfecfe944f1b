import type { Envelope } from '#events/envelope.ts';
import { contentTypes } from '#shared/domain/export.ts';
import {
  comparison,
  fileRejected,
  oursOf,
  type Reconciliation,
  type ReconciliationResult,
  reconciled,
  reconciledBytesMax,
  reconciledTransactionsMax,
  reconciliationFailed,
  reconciliationKey,
  type Theirs,
} from '#shared/domain/reconciliation.ts';
import { differenceColumns, reconciliationScopes } from '#shared/domain/reconciliation-columns.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { instant } from '#shared/domain/time.ts';
import { keyGone, mayStillAsk } from '#shared/lambda/asked-by.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { encoderOf } from '#shared/lambda/export-encoder.ts';
import { periodTransactions } from '#shared/lambda/export-pages.ts';
import { log } from '#shared/lambda/log.ts';
import { readReconciliationFile } from '#shared/lambda/reconciliation-file.ts';
import { mayShow } from '#shared/lambda/sandbox.ts';
import { live } from '#shared/live.ts';
import { type ExportFiles, openExportFiles, partBytes } from '#shared/outside/export-files.ts';
import { openUploads, type Uploads } from '#shared/outside/uploads.ts';
import { openReconciliations } from '#shared/store/reconciliations.ts';
import type { Table } from '#shared/store/table.ts';

/** Orders that are looked up together: as many as are in memory twice for a moment. */
const ordersAtOnce = 1_000;

export type ReconciliationDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  newId: (prefix: string) => string;
  clock: () => number;
  uploads: Pick<Uploads, 'read'>;
  files: Omit<ExportFiles, 'link' | 'size'>;
  /** Bytes in memory before they become a part of the list of differences. */
  partBytes: number;
  /** Of a period; more are refused. */
  transactionsMax: number;
};

/** More than one call can compare. */
class TooMany extends Error {}

/**
 * Compares the file of a reconciliation with what is recorded, all in one call: whoever comes a second time does it again,
 * under the same names, and of two results one counts.
 */
export const reconciliationReaction = (deps: ReconciliationDeps) => {
  const { table, clock, files } = deps;
  const reconciliations = openReconciliations(table);

  /** A file in parts; it is there once it is finished. */
  const openDifferences = async (key: string) => {
    const encoder = encoderOf('csv', differenceColumns);
    const uploadId = await files.begin(key, contentTypes.csv);
    const parts: string[] = [];
    const store = async (isLast: boolean): Promise<void> => {
      const tag = await files.part(key, uploadId, parts.length + 1, encoder.take(isLast));
      if (tag === null) throw new Error(`the file to be of ${key} is gone`);
      parts.push(tag);
    };
    return {
      add: async (rows: readonly (readonly unknown[])[]): Promise<void> => {
        encoder.add(rows);
        if (encoder.size() >= deps.partBytes) await store(false);
      },
      finish: async (): Promise<void> => {
        await store(true);
        if (!(await files.finish(key, uploadId, parts))) throw new Error(`the file of ${key} could not be finished`);
      },
    };
  };

  const compare = async (job: Reconciliation, orders: readonly Theirs[]): Promise<ReconciliationResult> => {
    const { tenant, system, from, to } = job;
    const found = comparison(orders);
    const list = await openDifferences(reconciliationKey(job));
    const say = (differences: ReturnType<typeof found.begin>) =>
      list.add(differences.map((it) => differenceColumns.map(({ of }) => of(it) ?? null)));

    await say(found.begin());
    const pages = periodTransactions(deps, job);
    let count = 0;
    for (let position: string | null = null; ; ) {
      const { transactions, next } = await pages(position);
      for (const it of transactions) await say(found.ours(oursOf(it, system)));
      count += transactions.length;
      if (count > deps.transactionsMax) throw new TooMany();
      if (next === null) break;
      position = next;
    }
    // Those of another period, and those of this one that search does not know yet.
    const open = found.open();
    for (let first = 0; first < open.length; first += ordersAtOnce) {
      const group = open.slice(first, first + ordersAtOnce);
      const byOrder = await reconciliations.byOrderId(
        tenant,
        system,
        group.map(({ orderId }) => orderId),
      );
      for (const theirs of group) {
        const transaction = byOrder.get(theirs.orderId);
        const ours = transaction === undefined || !mayShow(job, transaction) ? null : oursOf(transaction, system);
        const isInside = transaction !== undefined && from <= transaction.createdAt && transaction.createdAt < to;
        await say(ours !== null && isInside ? found.ours(ours) : found.missing(theirs, ours));
      }
    }
    await list.finish();
    return found.result();
  };

  return async ({ tenant, subject }: Envelope): Promise<void> => {
    const job = await reconciliations.read(tenant, subject, true);
    if (job?.state !== 'running')
      return log.info('nothing to compare', { reconciliationId: subject, state: job?.state });
    const end = async (change: (now: string) => Parameters<typeof reconciliations.commit>[0]): Promise<void> => {
      const now = instant(clock());
      const actor = { type: 'system' as const, id: 'reconciliations' };
      await reconciliations.commit(change(now), { actor, now, newId: deps.newId });
    };
    if (!(await mayStillAsk(table, job, reconciliationScopes)))
      return end((now) => reconciliationFailed(job, keyGone, now));
    const bytes = await deps.uploads.read(reconciliationKey(job), reconciledBytesMax);
    if (bytes === null) return end((now) => reconciliationFailed(job, 'the file is gone', now));
    const file =
      bytes.length === job.bytes
        ? readReconciliationFile(bytes)
        : { problem: `it has ${bytes.length} bytes, and ${job.bytes} were announced` };
    if (file.problem !== null) return end((now) => fileRejected(job, file.problem, now));
    try {
      const result = await compare(job, file.orders);
      await end((now) => reconciled(job, { rows: file.orders.length, result }, now));
    } catch (error) {
      if (!(error instanceof TooMany)) throw error;
      const why = `the period has more than ${deps.transactionsMax} transactions; take a shorter one`;
      await end((now) => reconciliationFailed(job, why, now));
    }
  };
};

export const handler = reaction(() =>
  reconciliationReaction({
    ...live(),
    uploads: openUploads(env('UPLOADS_BUCKET')),
    files: openExportFiles(env('EXPORTS_BUCKET')),
    partBytes,
    transactionsMax: reconciledTransactionsMax,
  }),
);
