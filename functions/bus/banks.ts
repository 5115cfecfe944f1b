import { shadowNames } from '#shared/device/topics.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { openThings, type Things } from '#shared/outside/things.ts';
import { readBank } from '#shared/store/banks.ts';
import { openTable, type Table } from '#shared/store/table.ts';

/** Gives a registered bank its IoT thing and its `config` shadow, and keeps both as the bank's row says. */
export const bankReaction =
  (deps: { table: Table; things: Things; shadows: Shadows }) =>
  async ({ tenant, subject }: { tenant: string; subject: string }): Promise<void> => {
    const bank = await readBank(deps.table, tenant, subject);
    if (bank === null) throw new Error(`there is no bank ${subject}`);
    await deps.things.ensure(bank.id, { tenant: bank.tenant, site: bank.siteId });
    await deps.shadows.change(bank.id, shadowNames.config, (desired) =>
      typeof desired.rev === 'number' && desired.rev >= bank.config.rev ? null : { ...bank.config },
    );
  };

export const handler = reaction(() =>
  bankReaction({
    table: openTable(env('TABLE_NAME')),
    things: openThings(env('THING_TYPE_NAME')),
    shadows: openShadows(),
  }),
);
