import { isDeepStrictEqual } from 'node:util';
import type { Envelope } from '#events/envelope.ts';
import { policyFrom } from '#shared/domain/assignment-policy.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { liveTable } from '#shared/live.ts';
import { bankIdsOf, policyWrite, readBankConsistent } from '#shared/store/banks.ts';
import { readPolicy } from '#shared/store/policies.ts';
import { Lost, type Table } from '#shared/store/table.ts';

/** Banks written at a time: a tenant may have thousands, and the function ten seconds. */
const atOnce = 25;
/** A bank's row changes a few times in its life; whoever keeps losing waits for the queue to bring the event again. */
const triesMax = 5;

/**
 * Copies a tenant's policy into the rows of its banks, where choosing a compartment finds it without a read of its own.
 * A new bank gets the one that holds when it is registered.
 */
export const policyReaction = ({ table }: { table: Table }) => {
  const copy = async (tenant: string, bankId: string): Promise<void> => {
    for (let attempt = 0; attempt < triesMax; attempt += 1) {
      const bank = await readBankConsistent(table, bankId);
      const policy = await readPolicy(table, tenant);
      if (bank === null || policy === null) return;
      const wanted = policyFrom(policy);
      if (isDeepStrictEqual(bank.assignmentPolicy, wanted)) return;
      try {
        return await table.write([policyWrite(bank, wanted)]);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
      }
    }
    throw new Error(`the policy was not copied to ${bankId}`);
  };

  return async ({ type, tenant, subject }: Pick<Envelope, 'type' | 'tenant' | 'subject'>): Promise<void> => {
    const bankIds = type === 'bank.registered' ? [subject] : await bankIdsOf(table, tenant);
    for (let first = 0; first < bankIds.length; first += atOnce)
      await Promise.all(bankIds.slice(first, first + atOnce).map((id) => copy(tenant, id)));
  };
};

export const handler = reaction(() => policyReaction(liveTable()));
