import { methods } from '../device/access.ts';
import type { BankKey } from './bank.ts';
import { type Credential, holdsLock } from './credential.ts';
import { apply } from './decision.ts';
import { type Fresh, newCredential } from './issuing.ts';
import type { TransactionDecision } from './lifecycle.ts';
import type { Transaction } from './transaction.ts';

/** Those that open, or will once their deadline is extended. */
const mayOpen = ({ state }: Credential): boolean => state === 'issued' || state === 'active' || state === 'expired';

/**
 * The controller of its bank was replaced. Whoever has the old one can work out every PIN that it knew, so each credential
 * is made anew, with the same window. Of what people brought only a hash under the old key is kept: that ends here. Null:
 * nothing to do.
 */
export const rekey = (it: Transaction, bankKey: BankKey, fresh: Fresh): TransactionDecision | null => {
  if (it.bankKey.generation === bankKey.generation) return null;
  const version = it.version + 1;
  const renewed = new Map<string, Credential>();
  const revoked: string[] = [];
  for (const old of it.credentials.filter(mayOpen)) {
    if (methods[old.method].value === 'brought') {
      revoked.push(old.id);
      continue;
    }
    const { id: _, keyVersion: __, attempt: ___, locked: ____, ...same } = old;
    const next = newCredential(old.step, fresh.credentialIds[renewed.size], fresh, { ...same, sinceVersion: version });
    renewed.set(old.id, next);
  }
  const idNow = (id: string): string => renewed.get(id)?.id ?? id;
  const followed = (c: Credential): Credential => ({
    ...c,
    ...(c.delegatedFrom !== undefined && { delegatedFrom: idNow(c.delegatedFrom) }),
    ...(c.suspendedWith !== undefined && { suspendedWith: idNow(c.suspendedWith) }),
  });
  const old = it.credentials.map((c): Credential => {
    if (renewed.has(c.id)) return { ...c, state: 'superseded', locked: false, sinceVersion: version };
    return revoked.includes(c.id)
      ? { ...c, state: 'revoked', locked: false, sinceVersion: version }
      : { ...c, locked: false };
  });
  const handedOn = new Set([...renewed.values()].map((c) => c.delegatedFrom));
  const take = [...renewed].map(([id, c]): Credential => {
    // Whoever handed it on has it again where the other's was revoked.
    const isHandedOn = handedOn.has(id) || (c.suspendedWith !== undefined && handedOn.has(c.suspendedWith));
    const { suspended: _, suspendedWith: __, ...resumed } = c;
    return followed(isHandedOn ? c : resumed);
  });
  const delegates = it.delegates && Object.fromEntries(Object.entries(it.delegates).map(([id, to]) => [idNow(id), to]));
  const reissued = [...renewed].map(([credentialId, { id }]) => ({ credentialId, by: id }));
  return {
    transaction: apply(it, [
      {
        type: 'transaction.credentials_reissued',
        set: { bankKey, credentials: [...old, ...take], ...(delegates && { delegates }) },
        data: { reissued, revoked },
      },
    ]),
    compartments: [],
    locks: { take, drop: it.credentials.filter(holdsLock) },
  };
};
