import type { Bank } from '../domain/bank.ts';
import { Command } from '../domain/command.ts';
import { type CommandDecision, order, timeOutIfDue } from '../domain/commanding.ts';
import type { Compartment } from '../domain/compartment.ts';
import type { SubjectChange } from '../domain/decision.ts';
import { Refusal } from '../domain/refusal.ts';
import { readBankAndDoor } from './banks.ts';
import { type Circumstances, commitCommand, compartmentWrite } from './commit.ts';
import { keys } from './rows.ts';
import { Lost, type Table, type Write } from './table.ts';

const readCommand = async (table: Table, tenant: string, id: string, consistent = false): Promise<Command | null> => {
  const row = await table.get(keys.command(tenant, id), consistent);
  return row === undefined ? null : Command.parse(row);
};

const attemptsMax = 4;

export const openCommands = (table: Table) => {
  /** Saves a change of a command, deciding again if it was overtaken; null when there is nothing to do (any more). */
  const change = async (
    command: Command,
    circumstances: Circumstances,
    decide: (command: Command) => SubjectChange<Command> | null,
  ): Promise<Command> => {
    let current = command;
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const decision = decide(current);
      if (decision === null) return current;
      const { after, writes } = commitCommand(decision, circumstances);
      try {
        await table.write(writes);
        return after;
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        const read = await readCommand(table, current.tenant, current.id, true);
        if (read === null) throw error;
        current = read;
      }
    }
    throw new Refusal('busy', 'the command is being changed by others right now', { retryAfterSeconds: 1 });
  };

  return {
    change,
    readConsistent: (tenant: string, id: string) => readCommand(table, tenant, id, true),

    /** As it is now: one that nobody answered in time is recorded as timed out when it is read. */
    read: async (tenant: string, id: string, circumstances: Circumstances): Promise<Command | null> => {
      const command = await readCommand(table, tenant, id);
      return (
        command &&
        change(command, { ...circumstances, actor: { type: 'system', id: 'deadline' } }, (it) =>
          timeOutIfDue(it, circumstances.now),
        )
      );
    },

    /** Orders a door to be opened. `more`: writes of the same commit; `allow` throws where it must not. Null where this tenant has no such door. */
    order: async (
      at: { tenant: string; bankId: string; door: string },
      input: Pick<Command, 'id' | 'reason' | 'notAfter' | 'credential'>,
      circumstances: Circumstances,
      more: (command: Command) => Write[],
      allow: (bank: Bank) => void = () => undefined,
    ): Promise<{ command: Command; bank: Bank; compartment: Compartment } | null> => {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const found = await readBankAndDoor(table, at.tenant, at.bankId, at.door);
        if (found === null) return null;
        const { bank, compartment } = found;
        allow(bank);
        const previous =
          compartment.commandId === null ? null : await readCommand(table, at.tenant, compartment.commandId, true);
        const decision: CommandDecision = order(bank, compartment, previous, input, circumstances.now);
        const command = commitCommand(decision.command, circumstances);
        try {
          await table.write([
            ...command.writes,
            ...(decision.superseded ? commitCommand(decision.superseded, circumstances).writes : []),
            compartmentWrite(bank.id, decision.compartment),
            ...more(command.after),
          ]);
          return { command: command.after, bank, compartment: decision.compartment.after };
        } catch (error) {
          if (!(error instanceof Lost) || error.to('idempotency') || error.to('other')) throw error;
        }
      }
      throw new Refusal('busy', 'the door is in use at this very moment; try again', { retryAfterSeconds: 1 });
    },
  };
};
