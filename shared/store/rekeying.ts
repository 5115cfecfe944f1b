import { rekey } from '../domain/rekeying.ts';
import { instant } from '../domain/time.ts';
import { readBankWithDoors } from './banks.ts';
import { drawFresh, openTransactions, type TransactionDeps } from './transactions.ts';

/** Makes anew what opens at a bank, wherever it is still what a controller knew that was replaced. */
export const rekeyBank = async (
  deps: TransactionDeps & { clock: () => number },
  tenant: string,
  bankId: string,
): Promise<void> => {
  const found = await readBankWithDoors(deps.table, tenant, bankId, true);
  if (found === null) throw new Error(`there is no bank ${bankId}`);
  const { bankKey } = found.bank;
  const { version } = await deps.rootKeys();
  const transactions = openTransactions(deps);
  // While something is carried from one door to another, it has both.
  const ids = new Set(found.compartments.flatMap(({ heldBy }) => (heldBy?.startsWith('txn_') ? [heldBy] : [])));
  for (const id of ids) {
    const now = instant(deps.clock());
    const read = await transactions.readConsistent(tenant, id, now);
    if (read === null) continue;
    const circumstances = { actor: { type: 'system' as const, id: 'controller' }, now, newId: deps.newId };
    await transactions.change(read, circumstances, ({ transaction }) =>
      rekey(transaction, bankKey, drawFresh(version, deps.newId, transaction.credentials.length)),
    );
  }
};
