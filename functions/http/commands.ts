import * as contract from '#shared/api/commands.ts';
import { positionOf } from '#shared/domain/bank.ts';
import type { Command } from '#shared/domain/command.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { plusSeconds } from '#shared/domain/time.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { log } from '#shared/lambda/log.ts';
import { mayShow, requireUsable } from '#shared/lambda/sandbox.ts';
import { live } from '#shared/live.ts';
import { sendCommand } from '#shared/outside/door-commands.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { openCommands } from '#shared/store/commands.ts';

const answer = (command: Command): Answer => ({ body: contract.CommandView.parse(command), etag: command.version });

export const commandHandlers = (deps: HttpDeps & { shadows: Shadows }): Handlers => {
  const commands = openCommands(deps.table);
  return {
    [contract.createCommand.id]: async (call: Call<typeof contract.createCommand>) => {
      const { body, caller, now, circumstances, record } = call;
      const ordered = await commands.order(
        { tenant: caller.tenant, bankId: body.bankId, door: body.door },
        {
          id: deps.newId('cmd'),
          reason: body.reason,
          notAfter: plusSeconds(now, body.validSeconds),
          credential: null,
        },
        circumstances,
        (command) => record(answer(command)),
        (bank) => requireUsable(caller, bank),
      );
      if (ordered === null) throw new Refusal('not_found', `there is no door ${body.door} at bank ${body.bankId}`);
      // A person is waiting, so it goes out at once. If that fails, its reaction sends it in two seconds.
      await sendCommand(deps.shadows, ordered.command, positionOf(ordered.bank, body.door)).catch((error: unknown) =>
        log.warn('command not sent yet', { commandId: ordered.command.id, error: String(error) }),
      );
      return answer(ordered.command);
    },

    [contract.getCommand.id]: async (call: Call<typeof contract.getCommand>) => {
      const command = await commands.read(call.caller.tenant, call.params.commandId, call.circumstances);
      if (command === null || !mayShow(call.caller, command))
        throw new Refusal('not_found', `there is no command ${call.params.commandId}`);
      return answer(command);
    },
  };
};

export const handler = endpoint([contract.createCommand, contract.getCommand], () => {
  const deps = { ...live(), shadows: openShadows() };
  return { deps, handlers: commandHandlers(deps) };
});
