import * as z from 'zod';
import * as field from '#events/fields.ts';
import { Ask } from '#shared/device/ask.ts';
import { verifierOf } from '#shared/device/verifier.ts';
import { BadgeGroup, hasBadge } from '#shared/domain/badge-group.ts';
import { positionOf } from '#shared/domain/bank.ts';
import type { Credential } from '#shared/domain/credential.ts';
import { bankKeyOf, groupValue } from '#shared/domain/derived.ts';
import { type Denial, doorOf, scanSteps, whyNot } from '#shared/domain/grants.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { epochMs, type Instant, instant, plusSeconds } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { live } from '#shared/live.ts';
import { type BankLink, openBankLink } from '#shared/outside/bank-link.ts';
import { sendCommand } from '#shared/outside/door-commands.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { readBankConsistent } from '#shared/store/banks.ts';
import { openCommands } from '#shared/store/commands.ts';
import { keys, ranges } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';
import { openTransactions } from '#shared/store/transactions.ts';

const Message = Ask.extend({ bankId: field.text, brokerTime: z.number() });

const Lock = z.object({ tenant: field.text, transactionId: field.text, credentialId: field.text });

/** A person stands at the door, and the bank waits five seconds for an answer: older questions are no longer asked. */
const askSeconds = 10;

/** Answers a bank that does not know a credential: its grants may still be on their way. */
export const askConsumer = (deps: HttpDeps & { link: BankLink; shadows: Shadows }) => {
  const transactions = openTransactions(deps);
  const commands = openCommands(deps.table);

  type Fitting = { transaction: Transaction; credential: Credential; denial: Denial | null };

  /** Of all that a verifier fits, what opens now; else one that says why not. A badge may be for several transactions. */
  const fitting = async (bankId: string, verifiers: string[], now: Instant): Promise<Fitting | undefined> => {
    let best: Fitting | undefined;
    const locks = verifiers.map((it) => deps.table.query(ranges.locks(bankId, it), { consistent: true }));
    for (const row of (await Promise.all(locks)).flatMap(({ rows }) => rows)) {
      const { tenant, transactionId, credentialId } = Lock.parse(row);
      const found = await transactions.readConsistent(tenant, transactionId, now);
      const credential = found?.transaction.credentials.find((it) => it.id === credentialId);
      if (!found || !credential || found.transaction.door === null) continue;
      best = { transaction: found.transaction, credential, denial: whyNot(found.transaction, credential, now) };
      if (best.denial === null) return best;
    }
    return best;
  };

  /** What was granted to groups that a badge is of, as if it were shown itself. */
  const ofGroups = async (bankId: string, verifier: string): Promise<string[]> => {
    const bank = await readBankConsistent(deps.table, bankId);
    if (bank === null) return [];
    const rootKeys = await deps.rootKeys();
    const { tenant, bankKey } = bank;
    const key = bankKeyOf(rootKeys, bankId, bankKey);
    const { rows } = await deps.table.query(ranges.partition(keys.badgeGroup(tenant, '').PK), { consistent: true });
    return rows
      .map((row) => BadgeGroup.parse(row))
      .filter((group) => hasBadge(rootKeys, group, key, verifier))
      .flatMap(({ group }) =>
        rootKeys.versions.map((version) => verifierOf(key, 'badge', groupValue(rootKeys, tenant, group, version))),
      );
  };

  const decide = async (message: z.infer<typeof Message>): Promise<{ door: string } | Denial> => {
    const { bankId, method, verifier, askId } = message;
    const now = instant(deps.clock());
    if (deps.clock() - message.brokerTime > askSeconds * 1000) return { reason: 'wrong_credential' };
    const groups = method === 'badge' ? await ofGroups(bankId, verifier) : [];
    const found = await fitting(bankId, [verifier, ...groups], now);
    if (found === undefined) return { reason: 'wrong_credential' };
    const { transaction, credential, denial } = found;
    if (denial !== null) return denial;
    // The bank would have to see the label, and does not know yet which.
    if (credential.step === 'deposit' && scanSteps(transaction).includes('deposit')) return { reason: 'scan_required' };
    const { tenant } = transaction;
    const door = doorOf(transaction, credential);
    if (door === null) return { reason: 'credential_revoked' };
    const actor = { type: 'bank' as const, id: bankId };
    try {
      const ordered = await commands.order(
        { tenant, bankId, door },
        {
          id: deps.newId('cmd'),
          reason: credential.group === undefined ? 'credential unknown to the bank' : `a badge of ${credential.group}`,
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
      // Its bank is opening it at this moment, for somebody else or for the same question.
      if (error instanceof Refusal && error.code === 'door_busy') return { reason: 'door_not_closed' };
      if (!(error instanceof Lost)) throw error;
    }
    return { door };
  };

  return async (message: z.infer<typeof Message>): Promise<void> => {
    const decided = await decide(message);
    const { askId } = message;
    if ('door' in decided) return deps.link.answer(message.bankId, { askId, granted: true, ...decided });
    const { reason, limitAt } = decided;
    await deps.link.answer(message.bankId, {
      askId,
      granted: false,
      reason,
      ...(limitAt !== undefined && { limitAt: epochMs(limitAt) }),
    });
  };
};

export const handler = consumer(Message, () =>
  askConsumer({ ...live(), link: openBankLink(), shadows: openShadows() }),
);
