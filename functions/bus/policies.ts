import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import * as field from '#events/fields.ts';
import { setUpOf } from '#shared/domain/bank.ts';
import { apply } from '#shared/domain/decision.ts';
import { instant } from '#shared/domain/time.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { liveTable } from '#shared/live.ts';
import { anew } from '#shared/store/anew.ts';
import { bankIdsOf, bankUpdate, readBankAndLog, withPolicies } from '#shared/store/banks.ts';
import { commitBankLog } from '#shared/store/commit.ts';
import { readPolicies } from '#shared/store/policies.ts';

/** Banks written at a time: a tenant may have thousands, and the function ten seconds. */
const atOnce = 25;

/** Of one site, where an event says so. */
const Concerned = z.object({ siteId: field.textOrNull.default(null) });

/**
 * Copies into the rows of a tenant's banks how their compartments are chosen, what is said of workflows, where whoever
 * creates a transaction finds it without a read of its own, and for how long they open without the cloud. A new bank gets what holds when it is registered.
 */
export const policyReaction = ({ table, clock, newId }: Omit<HttpDeps, 'rootKeys'>) => {
  const copy = async (tenant: string, bankId: string): Promise<void> => {
    await anew(async () => {
      const read = await readBankAndLog(table, bankId);
      if (read === null) return;
      const { bank, log } = read;
      const after = withPolicies(bank, await readPolicies(table, tenant, bank.siteId));
      if (after === null) return;
      // What the bank itself has to know reaches it by its own event.
      const isNews = after.config.rev !== bank.config.rev;
      const told = apply(log, isNews ? [{ type: 'bank.updated', set: {}, data: setUpOf(after) }] : []);
      const circumstances = { actor: { type: 'system' as const, id: 'policies' }, now: instant(clock()), newId };
      await table.write([bankUpdate(after), ...commitBankLog(told, circumstances).writes]);
    });
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
