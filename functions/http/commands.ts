import * as contract from '#shared/api/commands.ts';
import type { Command } from '#shared/domain/command.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { plusSeconds } from '#shared/domain/time.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { phoneOpener, sender } from '#shared/lambda/open-by-phone.ts';
import { mayShow, requireUsable } from '#shared/lambda/sandbox.ts';
import { openChanges } from '#shared/lambda/transaction-changes.ts';
import { live } from '#shared/live.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { openCommands } from '#shared/store/commands.ts';

const answer = (command: Command): Answer => ({ body: contract.CommandView.parse(command), etag: command.version });

export const commandHandlers = (deps: HttpDeps & { shadows: Shadows }): Handlers => {
  const commands = openCommands(deps.table);
  const { find } = openChanges(deps);
  const send = sender(deps.shadows);
  const openByPhone = phoneOpener(deps);

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
      await send(ordered, body.door);
      return answer(ordered.command);
    },

    [contract.openByPhone.id]: async (call: Call<typeof contract.openByPhone>) => {
      const { body, params, circumstances, record } = call;
      const { transaction } = await find(call, params.transactionId);
      const credential = transaction.credentials.find(({ id }) => id === params.credentialId);
      if (credential === undefined) throw new Refusal('not_found', 'the transaction has no such credential');
      const whose = { transaction, credential };
      return answer(await openByPhone(whose, body.code, circumstances, (command) => record(answer(command))));
    },

    [contract.getCommand.id]: async (call: Call<typeof contract.getCommand>) => {
      const command = await commands.read(call.caller.tenant, call.params.commandId, call.circumstances);
      if (command === null || !mayShow(call.caller, command))
        throw new Refusal('not_found', `there is no command ${call.params.commandId}`);
      return answer(command);
    },
  };
};

export const handler = endpoint([contract.createCommand, contract.openByPhone, contract.getCommand], () => {
  const deps = { ...live(), shadows: openShadows() };
  return { deps, handlers: commandHandlers(deps) };
});
