import * as z from 'zod';
import * as field from '#events/fields.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { failed, importBytesMax, noCounts, rejected, started, uploaded } from '#shared/domain/import.ts';
import { fileCame, isReconciliationId } from '#shared/domain/reconciliation.ts';
import { instant } from '#shared/domain/time.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { importCaller, keyGone } from '#shared/lambda/import-caller.ts';
import { type CheckedFile, checkFile } from '#shared/lambda/import-file.ts';
import { log } from '#shared/lambda/log.ts';
import { liveTable } from '#shared/live.ts';
import { openUploads, type Uploads } from '#shared/outside/uploads.ts';
import { parseBank } from '#shared/store/banks.ts';
import { openImports, reportOf } from '#shared/store/imports.ts';
import { openReconciliations } from '#shared/store/reconciliations.ts';
import { keys } from '#shared/store/rows.ts';

/** What S3 tells the bus of an object, as far as we need it. */
const Uploaded = z.object({ detail: z.object({ object: z.object({ key: field.text }) }) });
export type Uploaded = z.infer<typeof Uploaded>;

/** DynamoDB's limit for rows of one read. */
const banksPerRead = 100;

export type ImportFileDeps = Omit<HttpDeps, 'rootKeys'> & { uploads: Pick<Uploads, 'read'> };

/**
 * A file was uploaded: it is checked as a whole, and only if nothing is wrong with it are its rows handed on. Whatever
 * it does it may do twice: rows that are kept already stay as they are, and of two commits one counts.
 */
export const importFileConsumer = ({ table, newId, clock, uploads }: ImportFileDeps) => {
  const imports = openImports(table);
  const reconciliations = openReconciliations(table);

  const banksOf = async (ids: readonly string[]): Promise<Map<string, Bank>> => {
    const banks = new Map<string, Bank>();
    for (let from = 0; from < ids.length; from += banksPerRead) {
      const rows = await table.batchGet(ids.slice(from, from + banksPerRead).map(keys.bank));
      for (const row of rows) {
        if (row === undefined) continue;
        const bank = parseBank(row);
        banks.set(bank.id, bank);
      }
    }
    return banks;
  };

  /** A file of orders: its reaction reads and compares it. */
  const orders = async (tenant: string, id: string): Promise<void> => {
    const job = await reconciliations.read(tenant, id, true);
    if (job?.state !== 'pending')
      return log.info('no reconciliation waits for it', { reconciliationId: id, state: job?.state });
    const circumstances = { actor: { type: 'system' as const, id: 'imports' }, now: instant(clock()), newId };
    await reconciliations.commit(fileCame(job), circumstances);
  };

  return async ({ detail }: Uploaded): Promise<void> => {
    const { key } = detail.object;
    const [, tenant = '', id = ''] = /^([^/]+)\/([^/]+)\.csv$/.exec(key) ?? [];
    if (isReconciliationId(id)) return orders(tenant, id);
    const found = await imports.read(tenant, id, true);
    if (found === null) return log.warn('a file of no import', { key });
    const now = instant(clock());
    const circumstances = { actor: { type: 'system' as const, id: 'imports' }, now, newId };
    const job = found.job.state === 'pending' ? await imports.commit(uploaded(found.job), circumstances) : found.job;
    if (job === null) throw new Error(`${id} is being changed by others`);
    if (job.state !== 'validating') return log.info('it was checked already', { importId: id, state: job.state });

    const caller = await importCaller(table, job);
    const bytes = caller && (await uploads.read(key, importBytesMax));
    if (caller === null || bytes === null) {
      const why = caller === null ? keyGone : 'the file is gone';
      await imports.commit(failed(job, why, noCounts, now), circumstances);
      return;
    }
    const checked: CheckedFile =
      bytes.length === job.bytes
        ? await checkFile(bytes, caller, now, banksOf)
        : { problem: `it has ${bytes.length} bytes, and ${job.bytes} were announced` };
    if (checked.problem !== null) {
      const { problem } = checked;
      await imports.commit(rejected(job, { rows: null, invalidRows: 0, problem }, now), circumstances);
      return;
    }
    const { rows, invalid, count } = checked;
    if (invalid.length > 0) {
      await imports.keepInvalid(
        job,
        invalid.map(({ row, errors }) => reportOf({ row, outcome: 'invalid', errors, at: now })),
      );
      const invalidRows = invalid.length;
      await imports.commit(rejected(job, { rows: count, invalidRows, problem: null }, now), circumstances);
      return;
    }
    await imports.keepRows(job, rows, now);
    await imports.commit(started(job, count, now), circumstances);
  };
};

export const handler = consumer(Uploaded, () =>
  importFileConsumer({ ...liveTable(), uploads: openUploads(env('UPLOADS_BUCKET')) }),
);
