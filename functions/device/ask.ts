import * as z from 'zod';
import { Ask } from '#shared/device/ask.ts';
import { positionOf } from '#shared/domain/bank.ts';
import { doorOf, whyNot } from '#shared/domain/grants.ts';
import { instant, plusSeconds } from '#shared/domain/time.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { live } from '#shared/live.ts';
import { type BankLink, openBankLink } from '#shared/outside/bank-link.ts';
import { sendCommand } from '#shared/outside/door-commands.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { openCommands } from '#shared/store/commands.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';
import { openTransactions } from '#shared/store/transactions.ts';

const Message = Ask.extend({ bankId: z.string(), brokerTime: z.number() });

const Lock = z.object({ tenant: z.string(), transactionId: z.string(), credentialId: z.string() });

/** A person stands at the door, and the bank waits five seconds for an answer: older questions are no longer asked. */
const askSeconds = 10;

/** Answers a bank that does not know a credential: its grants may still be on their way. */
export const askConsumer = (deps: HttpDeps & { link: BankLink; shadows: Shadows }) => {
  const transactions = openTransactions(deps);
  const commands = openCommands(deps.table);

  const decide = async (message: z.infer<typeof Message>): Promise<{ door: string } | { reason: string }> => {
    const { bankId, verifier, askId } = message;
    const now = instant(deps.clock());
    if (deps.clock() - message.brokerTime > askSeconds * 1000) return { reason: 'wrong_credential' };
    const row = await deps.table.get(keys.lock(bankId, verifier), true);
    if (row === undefined) return { reason: 'wrong_credential' };
    const { tenant, transactionId, credentialId } = Lock.parse(row);
    const found = await transactions.readConsistent(tenant, transactionId, now);
    const credential = found?.transaction.credentials.find((it) => it.id === credentialId);
    if (!found || !credential || found.transaction.door === null) return { reason: 'wrong_credential' };
    const reason = whyNot(found.transaction, credential, now);
    if (reason !== null) return { reason };
    const door = doorOf(found.transaction, credential);
    if (door === null) return { reason: 'credential_revoked' };

    const actor = { type: 'bank' as const, id: bankId };
    try {
      const ordered = await commands.order(
        { tenant, bankId, door },
        {
          id: deps.newId('cmd'),
          reason: 'credential unknown to the bank',
          notAfter: plusSeconds(now, askSeconds),
          credential: { id: credential.id, step: credential.step },
        },
        { actor, now, newId: deps.newId },
        // A question that comes twice opens once.
        () => [
          {
            kind: 'other',
            expects: 'absent',
            put: { PK: `ASK#${bankId}#${askId}`, SK: 'S', ttl: Math.ceil(deps.clock() / 1000) + 86_400 },
          },
        ],
      );
      if (ordered === null) return { reason: 'wrong_credential' };
      await sendCommand(deps.shadows, ordered.command, positionOf(ordered.bank, door));
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
    return { door };
  };

  return async (message: z.infer<typeof Message>): Promise<void> => {
    const decided = await decide(message);
    await deps.link.answer(message.bankId, { askId: message.askId, granted: 'door' in decided, ...decided });
  };
};

export const handler = consumer(Message, () =>
  askConsumer({ ...live(), link: openBankLink(), shadows: openShadows() }),
);
