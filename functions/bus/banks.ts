import type { RootKeys } from '#shared/domain/root-key.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { live } from '#shared/live.ts';
import { keepConfig } from '#shared/outside/bank-config.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { openThings, type Things } from '#shared/outside/things.ts';
import { readBank } from '#shared/store/banks.ts';
import type { Table } from '#shared/store/table.ts';

/** Gives a registered bank its IoT thing and its `config` shadow, and keeps both as the bank's row says. */
export const bankReaction =
  (deps: { table: Table; rootKeys: () => Promise<RootKeys>; things: Things; shadows: Shadows }) =>
  async ({ tenant, subject }: { tenant: string; subject: string }): Promise<void> => {
    const bank = await readBank(deps.table, tenant, subject);
    if (bank === null) throw new Error(`there is no bank ${subject}`);
    await deps.things.ensure(bank.id, { tenant: bank.tenant, site: bank.siteId });
    await keepConfig(deps.shadows, bank, await deps.rootKeys());
  };

export const handler = reaction(() =>
  bankReaction({
    ...live(),
    things: openThings(env('THING_TYPE_NAME')),
    shadows: openShadows(),
  }),
);
