import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import * as field from '#events/fields.ts';
import type { CreateTransaction } from '#shared/api/transactions.ts';
import { completed, failed, type Import, type ImportCounts, sumCounts } from '#shared/domain/import.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { instant } from '#shared/domain/time.ts';
import type { Caller } from '#shared/lambda/authenticate.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import type { Answer, HttpDeps } from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { importCaller, keyGone } from '#shared/lambda/import-caller.ts';
import { log } from '#shared/lambda/log.ts';
import { openCreation } from '#shared/lambda/transaction-create.ts';
import { live } from '#shared/live.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import { type ImportReport, openImports, type Part, reportOf, reportWrite } from '#shared/store/imports.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';

const Row = z.object({ row: field.whole, body: z.custom<CreateTransaction>() });
type Row = z.infer<typeof Row>;

/** Rows created at a time: they want different doors, mostly, and each waits for the table. */
const atOnce = 4;
/** After so long a call hands the rest to the next one: others wait for their turn, and the function has a minute. */
const turnMs = 20_000;
/** DynamoDB's limit for rows of one read. */
const keysPerRead = 100;

export type ImportDeps = HttpDeps & { queue: Queue };

const countsOf = (reports: readonly ImportReport[]): ImportCounts => {
  const counted = (outcome: ImportReport['outcome']) => reports.filter((it) => it.outcome === outcome).length;
  return {
    created: counted('created'),
    alreadyExists: counted('already_exists'),
    refused: counted('refused'),
  };
};

/**
 * Creates what an import is to create, part after part. Where it goes on is told by the table, not by the message: a part
 * without counts is not done, and a row without report was not created. So it may be woken twice, or die at any point.
 */
export const importReaction = (deps: ImportDeps) => {
  const { table, newId, clock, queue } = deps;
  const imports = openImports(table);
  const creation = openCreation(deps);

  /** Which transactions have the external ids of these rows already, whatever is free at their banks. */
  const existing = async (tenant: string, rows: readonly Row[]): Promise<Map<number, string>> => {
    const wanted = rows.flatMap(({ row, body }) =>
      Object.entries(body.externalIds).map(([system, id]) => ({ row, key: keys.externalId(tenant, system, id) })),
    );
    const found = new Map<number, string>();
    for (let from = 0; from < wanted.length; from += keysPerRead) {
      const group = wanted.slice(from, from + keysPerRead);
      const taken = await table.batchGet(group.map(({ key }) => key));
      for (const [nth, { row }] of group.entries()) {
        const { transactionId } = taken[nth] ?? {};
        if (typeof transactionId === 'string') found.set(row, transactionId);
      }
    }
    return found;
  };

  /** Of two who report the same row, the first is right. */
  const report = async (job: Import, it: ImportReport): Promise<void> => {
    try {
      await table.write([reportWrite(job, it)]);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  };

  const create = async (job: Import, caller: Caller, { row, body }: Row, taken: string | undefined): Promise<void> => {
    const now = instant(clock());
    if (taken !== undefined)
      return report(job, reportOf({ row, outcome: 'already_exists', transactionId: taken, at: now }));
    const circumstances = { actor: { type: 'api_key' as const, id: caller.apiKeyId }, now, newId };
    const record = (made: Answer) => [
      reportWrite(job, {
        ...reportOf({ row, outcome: 'created', transactionId: String(made.body.id), at: now }),
        ...(made.issued && { issued: made.issued }),
      }),
    ];
    try {
      await creation.create({ body, caller, now, circumstances, record });
    } catch (error) {
      // Another call has created it.
      if (error instanceof Lost && error.to('idempotency')) return;
      if (!(error instanceof Refusal) || error.code === 'busy') throw error;
      const { code, reason = null, message: detail, existing: other = null, errors = [] } = error;
      const outcome = code === 'already_exists' ? 'already_exists' : 'refused';
      await report(job, reportOf({ row, outcome, transactionId: other, code, reason, detail, errors, at: now }));
    }
  };

  /** `unfinished`: its turn is over. `elsewhere`: another call has just done it, and goes on by itself. */
  const carryOut = async (
    job: Import,
    caller: Caller,
    part: Part,
    until: number,
  ): Promise<'done' | 'unfinished' | 'elsewhere'> => {
    const rows = await imports.rowsOf(job, part, Row);
    if (rows === null) throw new Error(`another call has just done part ${part.nth} of ${job.id}, or its rows expired`);
    const known = new Set((await imports.reportsOf(job, part)).map(({ row }) => row));
    const open = rows.filter(({ row }) => !known.has(row));
    const taken = await existing(job.tenant, open);
    const failures: unknown[] = [];
    let tried = 0;
    // At least one group in each turn, or it would never end.
    while (tried < open.length && (tried === 0 || clock() < until)) {
      const group = open.slice(tried, tried + atOnce);
      tried += group.length;
      const done = await Promise.allSettled(group.map((it) => create(job, caller, it, taken.get(it.row))));
      failures.push(...done.flatMap((it) => (it.status === 'rejected' ? [it.reason] : [])));
    }
    // The others are done; these come again with the message.
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} rows of ${job.id} are not done`);
    if (tried < open.length) return 'unfinished';
    const counts = countsOf(await imports.reportsOf(job, part));
    return (await imports.partDone(job, part, counts, instant(clock()))) ? 'done' : 'elsewhere';
  };

  return async (event: Envelope): Promise<void> => {
    const { tenant, subject } = event;
    const until = clock() + turnMs;
    for (;;) {
      const found = await imports.read(tenant, subject, true);
      if (found?.job.state !== 'running')
        return log.info('nothing to import', { importId: subject, state: found?.job.state });
      const { job, parts } = found;
      const now = instant(clock());
      const circumstances = { actor: { type: 'system' as const, id: 'imports' }, now, newId };
      const counts = sumCounts(parts.flatMap((it) => it.counts ?? []));
      const part = parts.find((it) => it.counts === null);
      if (part === undefined) {
        await imports.commit(completed(job, counts, now), circumstances);
        return;
      }
      const caller = await importCaller(table, job);
      if (caller === null) {
        await imports.commit(failed(job, keyGone, counts, now), circumstances);
        return;
      }
      const outcome = await carryOut(job, caller, part, until);
      if (outcome === 'elsewhere') return;
      if (outcome === 'unfinished' || clock() >= until) return queue.send({ detail: event }, 0, tenant);
    }
  };
};

export const handler = reaction(() => importReaction({ ...live(), queue: openQueue(env('IMPORTS_QUEUE_URL')) }));
