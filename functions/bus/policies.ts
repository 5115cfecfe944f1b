import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import * as field from '#events/fields.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { liveTable } from '#shared/live.ts';
import { bankIdsOf, policyWrite, readBankConsistent } from '#shared/store/banks.ts';
import { readPolicies } from '#shared/store/policies.ts';
import { Lost, type Table } from '#shared/store/table.ts';

/** Banks written at a time: a tenant may have thousands, and the function ten seconds. */
const atOnce = 25;
/** A bank's row changes a few times in its life; whoever keeps losing waits for the queue to bring the event again. */
const triesMax = 5;

/** Of one site, where an event says so. */
const Concerned = z.object({ siteId: field.textOrNull.default(null) });

/**
 * Copies into the rows of a tenant's banks how their compartments are chosen and what is said of workflows, where
 * whoever creates a transaction finds it without a read of its own. A new bank gets what holds when it is registered.
 */
export const policyReaction = ({ table }: { table: Table }) => {
  const copy = async (tenant: string, bankId: string): Promise<void> => {
    for (let attempt = 0; attempt < triesMax; attempt += 1) {
      const bank = await readBankConsistent(table, bankId);
      if (bank === null) return;
      const write = policyWrite(bank, await readPolicies(table, tenant, bank.siteId));
      if (write === null) return;
      try {
        return await table.write([write]);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
      }
    }
    throw new Error(`the policies were not copied to ${bankId}`);
  };

  return async ({
    type,
    tenant,
    subject,
    data,
  }: Pick<Envelope, 'type' | 'tenant' | 'subject' | 'data'>): Promise<void> => {
    const bankIds =
      type === 'bank.registered' ? [subject] : await bankIdsOf(table, tenant, Concerned.parse(data).siteId);
    for (let first = 0; first < bankIds.length; first += atOnce)
      await Promise.all(bankIds.slice(first, first + atOnce).map((id) => copy(tenant, id)));
  };
};

export const handler = reaction(() => policyReaction(liveTable()));
