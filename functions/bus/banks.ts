import type { RootKeys } from '#shared/domain/root-key.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { live } from '#shared/live.ts';
import { keepConfig } from '#shared/outside/bank-config.ts';
import { certificateIdOf, type Dismissal, openDismissal } from '#shared/outside/dismissal.ts';
import { openSessions, type Sessions } from '#shared/outside/sessions.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { openThings, type Things } from '#shared/outside/things.ts';
import { readBankConsistent } from '#shared/store/banks.ts';
import { readController } from '#shared/store/controllers.ts';
import type { Table } from '#shared/store/table.ts';

export type BanksDeps = {
  table: Table;
  rootKeys: () => Promise<RootKeys>;
  things: Things;
  shadows: Shadows;
  certificates: Dismissal;
  sessions: Sessions;
};

/**
 * Keeps what lies outside of the table as a bank's rows say: its IoT thing, its `config` shadow, and who may connect as
 * it.
 */
export const bankReaction = (deps: BanksDeps) => {
  /**
   * Nobody connects with a certificate that is not listed; one that lost its right while it was connected is cut off. What
   * is attached is read first: everything is listed before it is attached, so whatever is seen there is listed by then.
   */
  const dismissOthers = async (bankId: string, isConnectedAnew: boolean): Promise<void> => {
    const attached = await deps.certificates.attachedTo(bankId);
    const listed = (await readController(deps.table, bankId))?.controller.certificates ?? null;
    if (listed === null) return;
    const others = attached.filter((arn) => !listed.some(({ id }) => id === certificateIdOf(arn)));
    for (const arn of others) await deps.certificates.dismiss(arn, bankId);
    if (others.length > 0 && !isConnectedAnew) await deps.sessions.end(bankId);
  };

  return async ({ tenant, subject, type }: { tenant: string; subject: string; type: string }): Promise<void> => {
    const bankNow = () => readBankConsistent(deps.table, subject);
    const bank = await bankNow();
    if (bank?.tenant !== tenant) throw new Error(`there is no bank ${subject}`);
    await deps.things.ensure(bank.id, { tenant: bank.tenant, site: bank.siteId });
    await keepConfig(deps.shadows, bank.id, bankNow, await deps.rootKeys());
    await dismissOthers(bank.id, type === 'bank.certificate_rotated');
  };
};

export const handler = reaction(() =>
  bankReaction({
    ...live(),
    things: openThings(env('THING_TYPE_NAME')),
    shadows: openShadows(),
    certificates: openDismissal(env('DEVICE_POLICY_NAME')),
    sessions: openSessions(),
  }),
);
