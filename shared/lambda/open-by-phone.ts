import { isPresenceCode } from '../device/presence.ts';
import { type Bank, positionOf } from '../domain/bank.ts';
import type { Command } from '../domain/command.ts';
import type { Credential } from '../domain/credential.ts';
import { bankKeyOf } from '../domain/derived.ts';
import { doorOf, scanSteps, whyNot } from '../domain/grants.ts';
import { Refusal } from '../domain/refusal.ts';
import { epochMs, plusSeconds } from '../domain/time.ts';
import type { Transaction } from '../domain/transaction.ts';
import { sendCommand } from '../outside/door-commands.ts';
import type { Shadows } from '../outside/shadows.ts';
import { openCommands } from '../store/commands.ts';
import type { Circumstances } from '../store/commit.ts';
import { presenceLocked, presenceProven, refusePresence } from '../store/presence-codes.ts';
import { Lost, type Write } from '../store/table.ts';
import type { HttpDeps } from './endpoint.ts';
import { log } from './log.ts';
import { refuseUnless } from './problem.ts';

/** For so long the bank may still open: the person stands before it. */
export const openSeconds = 15;

/** A person is waiting, so it goes out at once. If that fails, its reaction sends it in two seconds. */
export const sender =
  (shadows: Shadows) =>
  ({ command, bank }: { command: Command; bank: Bank }, door: string): Promise<void> =>
    sendCommand(shadows, command, positionOf(bank, door)).catch((error: unknown) =>
      log.warn('command not sent yet', { commandId: command.id, error: String(error) }),
    );

/** Opens the door of a credential for whoever has read the code off the panel of its bank. `more`: writes of the same commit. */
export const phoneOpener = (deps: HttpDeps & { shadows: Shadows }) => {
  const commands = openCommands(deps.table);
  const send = sender(deps.shadows);
  return async (
    { transaction, credential }: { transaction: Transaction; credential: Credential },
    code: string,
    circumstances: Circumstances,
    more: (command: Command) => Write[],
  ): Promise<Command> => {
    const { now } = circumstances;
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
    if (!isPresenceCode(key, code, epochMs(now) / 1000)) throw await refusePresence(deps.table, whose, circumstances);
    const ordered = await commands
      .order(
        { tenant, bankId, door },
        {
          id: deps.newId('cmd'),
          reason: 'by phone, with the code of the panel',
          notAfter: plusSeconds(now, openSeconds),
          credential: { id: credential.id, step: credential.step },
        },
        circumstances,
        (command) => [...more(command), presenceProven(whose, now)],
      )
      .catch((error: unknown) => {
        throw error instanceof Lost && !error.to('idempotency') ? presenceLocked(now) : error;
      });
    if (ordered === null) throw new Refusal('not_found', `there is no door ${door} at bank ${bankId}`);
    await send(ordered, door);
    return ordered.command;
  };
};
