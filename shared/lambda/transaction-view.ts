import { projection } from '../api/shapes.ts';
import { CredentialView, TransactionView } from '../api/transactions.ts';
import type { Credential } from '../domain/credential.ts';
import { hasEnded } from '../domain/transaction.ts';
import type { Found } from '../store/transactions.ts';
import type { Answer } from './endpoint.ts';

export type Seen = Pick<Found, 'transaction' | 'applied'>;

/** Whether the bank has applied this state of the credential. Of a use it told us itself. */
const atBank = ({ transaction, applied }: Seen, it: Credential): boolean =>
  it.state === 'used' ||
  (applied !== null && (applied.version >= it.sinceVersion || (applied.gone && hasEnded(transaction.state))));

const shownTransaction = projection(TransactionView);
const shownCredential = projection(CredentialView);

/** What a caller sees of a transaction. */
export const transactionView = (found: Seen): TransactionView => {
  const { waiting } = found.transaction;
  return shownTransaction({
    ...found.transaction,
    ...(waiting && { waiting: { until: waiting.until, asked: waiting.asked } }),
    reservation: found.transaction.reservation ?? 'hard',
    credentials: found.transaction.credentials.map((it) => shownCredential({ ...it, atBank: atBank(found, it) })),
  });
};

/** A transaction as it is answered; `issued`: the credentials whose values are shown with it. */
export const transactionAnswer = (found: Seen, issued: readonly Credential[] = []): Answer => {
  const { id: transactionId, bankId, version } = found.transaction;
  return {
    body: transactionView(found),
    etag: version,
    ...(issued.length > 0
      ? {
          issued: {
            kind: 'credentials',
            bankId,
            transactionId,
            credentials: issued.map(({ id, method, step, attempt, digits, keyVersion }) => ({
              id,
              method,
              step,
              attempt,
              digits,
              keyVersion,
            })),
          },
        }
      : {}),
  };
};
