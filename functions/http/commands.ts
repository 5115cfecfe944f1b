import * as contract from '#shared/api/commands.ts';
import { isPresenceCode } from '#shared/device/presence.ts';
import { type Bank, positionOf } from '#shared/domain/bank.ts';
import type { Command } from '#shared/domain/command.ts';
import { bankKeyOf } from '#shared/domain/derived.ts';
import { doorOf, scanSteps, whyNot } from '#shared/domain/grants.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { log } from '#shared/lambda/log.ts';
import { refuseUnless } from '#shared/lambda/problem.ts';
import { mayShow, requireUsable } from '#shared/lambda/sandbox.ts';
import { openChanges } from '#shared/lambda/transaction-changes.ts';
import { live } from '#shared/live.ts';
import { sendCommand } from '#shared/outside/door-commands.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { openCommands } from '#shared/store/commands.ts';
import { presenceLocked, presenceProven, refusePresence } from '#shared/store/presence-codes.ts';
import { Lost } from '#shared/store/table.ts';

const answer = (command: Command): Answer => ({ body: contract.CommandView.parse(command), etag: command.version });

export const commandHandlers = (deps: HttpDeps & { shadows: Shadows }): Handlers => {
  const commands = openCommands(deps.table);
  const { find } = openChanges(deps);

  /** A person is waiting, so it goes out at once. If that fails, its reaction sends it in two seconds. */
  const send = ({ command, bank }: { command: Command; bank: Bank }, door: string): Promise<void> =>
    sendCommand(deps.shadows, command, positionOf(bank, door)).catch((error: unknown) =>
      log.warn('command not sent yet', { commandId: command.id, error: String(error) }),
    );

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
      const { body, now, params, circumstances, record } = call;
      const { transaction } = await find(call, params.transactionId);
      const credential = transaction.credentials.find(({ id }) => id === params.credentialId);
      if (credential === undefined) throw new Refusal('not_found', 'the transaction has no such credential');
      const denial = whyNot(transaction, credential, now);
      const door = doorOf(transaction, credential);
      if (denial !== null || door === null) {
        const { reason } = denial ?? { reason: 'credential_revoked' };
        throw new Refusal('invalid_transition', `it opens nothing now: ${reason}`, { reason });
      }
      const hasToBeScanned = scanSteps(transaction).includes(credential.step);
      refuseUnless(
        !hasToBeScanned,
        'invalid_transition',
        'its label has to be scanned, so it is opened at the bank itself',
      );
      // Its bank counts them, of those that are shown there.
      refuseUnless(credential.uses === undefined, 'invalid_transition', 'what is counted is opened at the bank itself');
      const { bankId, bankKey, tenant } = transaction;
      const key = bankKeyOf(await deps.rootKeys(), bankId, bankKey);
      const whose = { transaction, credential };
      if (!isPresenceCode(key, body.code, epochMs(now) / 1000))
        throw await refusePresence(deps.table, whose, circumstances);
      const ordered = await commands
        .order(
          { tenant, bankId, door },
          {
            id: deps.newId('cmd'),
            reason: 'by phone, with the code of the panel',
            notAfter: plusSeconds(now, contract.openSeconds),
            credential: { id: credential.id, step: credential.step },
          },
          circumstances,
          (command) => [...record(answer(command)), presenceProven(whose, now)],
        )
        .catch((error: unknown) => {
          throw error instanceof Lost && !error.to('idempotency') ? presenceLocked(now) : error;
        });
      if (ordered === null) throw new Refusal('not_found', `there is no door ${door} at bank ${bankId}`);
      await send(ordered, door);
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

export const handler = endpoint([contract.createCommand, contract.openByPhone, contract.getCommand], () => {
  const deps = { ...live(), shadows: openShadows() };
  return { deps, handlers: commandHandlers(deps) };
});
