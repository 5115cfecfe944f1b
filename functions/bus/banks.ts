import type { RootKeys } from '#shared/domain/root-key.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { live } from '#shared/live.ts';
import { keepConfig } from '#shared/outside/bank-config.ts';
import { certificateIdOf, type Dismissal, openDismissal } from '#shared/outside/dismissal.ts';
import { openSessions, type Sessions } from '#shared/outside/sessions.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { openThings, type Things } from '#shared/outside/things.ts';
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
  /** Nobody connects with a certificate that is not listed. One that lost its right while it was connected is cut off. */
  const dismissOthers = async (bankId: string, listed: readonly string[], isConnectedAnew: boolean): Promise<void> => {
    const attached = await deps.certificates.attachedTo(bankId);
    const others = attached.filter((arn) => !listed.includes(certificateIdOf(arn)));
    for (const arn of others) await deps.certificates.dismiss(arn, bankId);
    if (others.length > 0 && !isConnectedAnew) await deps.sessions.end(bankId);
  };

  return async ({ subject, type }: { subject: string; type: string }): Promise<void> => {
    const found = await readController(deps.table, subject);
    if (found === null) throw new Error(`there is no bank ${subject}`);
    const { bank, controller } = found;
    await deps.things.ensure(bank.id, { tenant: bank.tenant, site: bank.siteId });
    await keepConfig(deps.shadows, bank, await deps.rootKeys());
    if (controller.certificates !== null)
      await dismissOthers(
        bank.id,
        controller.certificates.map(({ id }) => id),
        type === 'bank.certificate_rotated',
      );
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
