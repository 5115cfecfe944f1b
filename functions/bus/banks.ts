import type { Bank } from '#shared/domain/bank.ts';
import { rekey } from '#shared/domain/rekeying.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { instant } from '#shared/domain/time.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { live } from '#shared/live.ts';
import { keepConfig } from '#shared/outside/bank-config.ts';
import { type Certificates, certificateIdOf, openCertificates } from '#shared/outside/certificates.ts';
import { openSessions, type Sessions } from '#shared/outside/sessions.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { openThings, type Things } from '#shared/outside/things.ts';
import { readControllerWithDoors } from '#shared/store/controllers.ts';
import type { Table } from '#shared/store/table.ts';
import { drawFresh, openTransactions } from '#shared/store/transactions.ts';

export type BanksDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  newId: (prefix: string) => string;
  /** Milliseconds since 1970. */
  clock: () => number;
  things: Things;
  shadows: Shadows;
  certificates: Pick<Certificates, 'attachedTo' | 'dismiss'>;
  sessions: Sessions;
};

/**
 * Keeps what lies outside of the table as a bank's rows say: its IoT thing, its `config` shadow, who may connect as it,
 * and that nothing opens by what a controller knew that was replaced.
 */
export const bankReaction = (deps: BanksDeps) => {
  const transactions = openTransactions(deps);

  /** Nobody connects with a certificate that is not listed. One that lost its right while it was connected is cut off. */
  const dismissOthers = async (bankId: string, listed: readonly string[], isConnectedAnew: boolean): Promise<void> => {
    const attached = await deps.certificates.attachedTo(bankId);
    const others = attached.filter((arn) => !listed.includes(certificateIdOf(arn)));
    for (const arn of others) await deps.certificates.dismiss(arn, bankId);
    if (others.length > 0 && !isConnectedAnew) await deps.sessions.end(bankId);
  };

  const rekeyAll = async ({ tenant, bankKey }: Bank, ids: readonly string[]): Promise<void> => {
    const { version } = await deps.rootKeys();
    for (const id of ids) {
      const now = instant(deps.clock());
      const found = await transactions.readConsistent(tenant, id, now);
      if (found === null) continue;
      const actor = { type: 'system' as const, id: 'controller' };
      await transactions.change(found, { actor, now, newId: deps.newId }, ({ transaction }) =>
        rekey(transaction, bankKey, drawFresh(version, deps.newId, transaction.credentials.length)),
      );
    }
  };

  return async ({ subject, type }: { subject: string; type: string }): Promise<void> => {
    const found = await readControllerWithDoors(deps.table, subject);
    if (found === null) throw new Error(`there is no bank ${subject}`);
    const { bank, controller, compartments } = found;
    await deps.things.ensure(bank.id, { tenant: bank.tenant, site: bank.siteId });
    await keepConfig(deps.shadows, bank, await deps.rootKeys());
    if (controller.certificates !== null)
      await dismissOthers(
        bank.id,
        controller.certificates.map(({ id }) => id),
        type === 'bank.certificate_rotated',
      );
    const held = new Set(compartments.flatMap(({ heldBy }) => (heldBy?.startsWith('txn_') ? [heldBy] : [])));
    if (bank.bankKey.generation > 1) await rekeyAll(bank, [...held]);
  };
};

export const handler = reaction(() =>
  bankReaction({
    ...live(),
    things: openThings(env('THING_TYPE_NAME')),
    shadows: openShadows(),
    certificates: openCertificates(env('DEVICE_POLICY_NAME')),
    sessions: openSessions(),
  }),
);
