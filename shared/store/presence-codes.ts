import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { nextFor } from '../device/denial.ts';
import { ChainHead } from '../domain/chain-head.ts';
import type { Credential } from '../domain/credential.ts';
import { apply } from '../domain/decision.ts';
import { Refusal } from '../domain/refusal.ts';
import { epochMs, type Instant } from '../domain/time.ts';
import type { Transaction } from '../domain/transaction.ts';
import { type Circumstances, commitBankLog } from './commit.ts';
import { keys } from './rows.ts';
import { Lost, type Table, type Write } from './table.ts';

/** How many wrong codes were sent for a credential in an hour. */
const Wrong = z.object({ wrong: field.count });

/**
 * Three of a million codes are right at a time, so whoever guesses for a day opens a given door with a chance below
 * 1 in 2,500: 24 × 5 × 3 / 10^6.
 */
const wrongMost = 5;

const hourMs = 3_600_000;

type Whose = { transaction: Pick<Transaction, 'id' | 'tenant' | 'bankId' | 'door'>; credential: Credential };

const rowOf = ({ transaction, credential }: Whose, now: Instant, wrong: number) => ({
  ...keys.presence(transaction.tenant, credential.id, now.slice(0, 13)),
  wrong,
  ttl: Math.ceil((epochMs(now) + hourMs) / 1000),
});

/** What the commit of an opening writes too: it is lost where too many wrong codes came before in that hour. */
export const presenceProven = (whose: Whose, now: Instant): Write => ({
  kind: 'other',
  expects: { lower: 'wrong', than: wrongMost },
  put: rowOf(whose, now, 0),
});

export const presenceLocked = (now: Instant): Refusal =>
  new Refusal('presence_unproved', `${wrongMost} wrong codes were sent for this credential within the hour`, {
    reason: 'presence_locked',
    retryAfterSeconds: Math.ceil((hourMs - (epochMs(now) % hourMs)) / 1000),
  });

const roundsMax = 4;

/** Counts a wrong code and keeps it in the trail of its bank; answers what to refuse it with. */
export const refusePresence = async (table: Table, whose: Whose, circumstances: Circumstances): Promise<Refusal> => {
  const { transaction, credential } = whose;
  const { now } = circumstances;
  const reason = 'wrong_presence_code';
  for (let round = 0; round < roundsMax; round += 1) {
    const wanted = [
      keys.presence(transaction.tenant, credential.id, now.slice(0, 13)),
      keys.bankLog(transaction.bankId),
    ];
    const [row, logRow] = await table.batchGet(wanted, true);
    const { wrong } = row ? Wrong.parse(row) : { wrong: 0 };
    if (wrong >= wrongMost) return presenceLocked(now);
    const denied = {
      door: transaction.door,
      method: credential.method,
      reason,
      next: nextFor(reason),
      transactionId: transaction.id,
      credentialId: credential.id,
    };
    const log = apply(ChainHead.parse(logRow), [{ type: 'access.phone_denied', set: {}, data: denied }]);
    try {
      await table.write([
        { kind: 'other', expects: { lower: 'wrong', than: wrong + 1 }, put: rowOf(whose, now, wrong + 1) },
        // What the caller asked for was not done, so it is no effect of theirs.
        ...commitBankLog(log, { ...circumstances, actor: { type: 'system', id: 'presence' } }).writes,
      ]);
      return new Refusal('presence_unproved', 'the panel of the bank does not show this code now', { reason });
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  }
  return new Refusal('busy', 'much happens at the bank at this very moment; try again', { retryAfterSeconds: 1 });
};
