import { positionOf } from '#shared/domain/bank.ts';
import type { Command } from '#shared/domain/command.ts';
import { timeOutIfDue } from '#shared/domain/commanding.ts';
import { apply } from '#shared/domain/decision.ts';
import { instant } from '#shared/domain/time.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { liveTable } from '#shared/live.ts';
import { clearCommand, sendCommand } from '#shared/outside/door-commands.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { readBank } from '#shared/store/banks.ts';
import { openCommands } from '#shared/store/commands.ts';

/**
 * Comes two seconds after each event of a command (its queue delays): sends again what nobody answered, takes out of
 * the shadow what was answered or is over.
 */
export const commandReaction = (deps: Omit<HttpDeps, 'rootKeys'> & { shadows: Shadows }) => {
  const commands = openCommands(deps.table);
  return async ({ tenant, subject }: { tenant: string; subject: string }): Promise<void> => {
    const read = await commands.readConsistent(tenant, subject);
    if (read === null) throw new Error(`there is no command ${subject}`);
    const bank = await readBank(deps.table, tenant, read.bankId);
    if (bank === null) throw new Error(`there is no bank ${read.bankId}`);
    const position = positionOf(bank, read.door);

    const now = instant(deps.clock());
    const system = { actor: { type: 'system' as const, id: 'commands' }, now, newId: deps.newId };
    const sent = (it: Command) =>
      timeOutIfDue(it, now) ??
      (it.state === 'queued' ? apply(it, [{ type: 'command.sent' as const, set: { state: 'sent' as const } }]) : null);
    const command = await commands.change(read, system, sent);

    if (command.state === 'sent') await sendCommand(deps.shadows, command, position);
    else await clearCommand(deps.shadows, command, position);
  };
};

export const handler = reaction(() => commandReaction({ ...liveTable(), shadows: openShadows() }));
