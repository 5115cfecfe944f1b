import { projection } from '../api/shapes.ts';
import { CredentialView, TransactionView } from '../api/transactions.ts';
import type { Credential } from '../domain/credential.ts';
import { grantedDoors } from '../domain/grants.ts';
import { hasEnded } from '../domain/transaction.ts';
import type { Found } from '../store/transactions.ts';
import type { Answer } from './endpoint.ts';

export type Seen = Pick<Found, 'transaction' | 'applied'>;

/**
 * Whether the bank has applied this state of the credential: in every shadow that speaks of the transaction, and at every
 * door where its grants have to lie. What has let go of it opens nothing for it. Of a use the bank told us itself.
 */
const atBank = ({ transaction, applied }: Seen, it: Credential): boolean => {
  if (it.state === 'used') return true;
  const { move } = transaction;
  // The bank knows by itself that the item was taken out there: what it still has for that door opens nothing.
  const isLeft = (door: string) => move?.stage === 'carrying' && door === move.from;
  const told = Object.values(applied?.shadows ?? {});
  const shadows = told.filter(({ gone, doors }) => gone || !doors.every(isLeft));
  const isTrue = ({ version, gone }: (typeof shadows)[number]) => gone || version >= it.sinceVersion;
  const held = shadows.filter(({ gone }) => !gone).flatMap(({ doors }) => doors);
  return (
    shadows.length > 0 &&
    shadows.every(isTrue) &&
    (hasEnded(transaction.state) || grantedDoors(transaction).every((door) => held.includes(door)))
  );
};

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
  const { id: transactionId, tenant, bankId, version } = found.transaction;
  return {
    body: transactionView(found),
    etag: version,
    ...(issued.length > 0
      ? {
          issued: {
            kind: 'credentials',
            tenant,
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
