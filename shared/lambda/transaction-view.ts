import { projection } from '../api/shapes.ts';
import { CredentialView, TransactionView } from '../api/transactions.ts';
import type { Credential } from '../domain/credential.ts';
import { hasEnded, type Transaction } from '../domain/transaction.ts';
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
export const transactionView = (found: Seen): TransactionView =>
  shownTransaction({
    ...found.transaction,
    reservation: found.transaction.reservation ?? 'hard',
    credentials: found.transaction.credentials.map((it) => shownCredential({ ...it, atBank: atBank(found, it) })),
  });

/** The answer with a transaction; `issuedFrom`: the credentials whose values it shows. */
export const transactionAnswer = (found: Seen, issuedFrom: Transaction['credentials'] = []): Answer => ({
  body: transactionView(found),
  etag: found.transaction.version,
  ...(issuedFrom.length > 0
    ? {
        issued: {
          kind: 'pins',
          credentials: issuedFrom.map(({ id, attempt, digits, keyVersion }) => ({ id, attempt, digits, keyVersion })),
        },
      }
    : {}),
});
