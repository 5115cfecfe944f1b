import { isDeepStrictEqual } from 'node:util';
import { DoorGrants, type Grant } from '../device/shadow.ts';
import { isTokenMethod } from '../device/token.ts';
import { doorsPerShadow } from '../device/topics.ts';
import type { Bank } from '../domain/bank.ts';
import type { Compartment } from '../domain/compartment.ts';
import { verifiersAt } from '../domain/derived.ts';
import { doorGrants } from '../domain/grants.ts';
import type { RootKeys } from '../domain/root-key.ts';
import type { Transaction } from '../domain/transaction.ts';
import { keepConfig } from './bank-config.ts';
import { keepTrue, type Patch, replacing, type Shadows } from './shadows.ts';

/** A door as it is recorded: its row, if it has one, and the transaction that holds it. */
export type DoorNow = { door: string; compartment: Compartment | undefined; transaction: Transaction | undefined };

/**
 * `changes`: for a bank that remembers what it did itself. Grants that it has used up open nothing more there, and are
 * cleared away with the next change, because a write costs more than it would tell. `exactly`: for one that may not.
 */
export type Telling = 'changes' | 'exactly';

/**
 * Whether the bank must be told: it shows another transaction's grants, ones made with another key, or ones from before
 * a change that the bank did not make itself.
 */
const outdated = (shown: unknown, wanted: DoorGrants, transaction: Transaction): boolean => {
  const { data } = DoorGrants.safeParse(shown);
  if (data?.transactionId !== transaction.id) return true;
  const isShown = (it: Grant) => data.grants.some(({ id, verifier }) => id === it.id && verifier === it.verifier);
  return !wanted.grants.every(isShown) || transaction.credentials.some((it) => it.sinceVersion > data.version);
};

/** What `grants-<k>` has to change so that it says what is true now; null if it does already. */
const grantsPatch = (
  desired: Record<string, unknown>,
  doors: DoorNow[],
  { bank, rootKeys, nowMs, telling }: { bank: Bank; rootKeys: RootKeys; nowMs: number; telling: Telling },
): Patch | null => {
  const patch: Patch = {};
  const verifierOf = verifiersAt(rootKeys, { bankId: bank.id, bankKey: bank.bankKey });
  for (const { door, compartment, transaction } of doors) {
    const shown = desired[door];
    if (transaction) {
      // What was kept of a label for a controller that was replaced since, this one could only find wrong.
      const isReadable = isDeepStrictEqual(transaction.bankKey, bank.bankKey);
      const known = isReadable ? transaction : { ...transaction, label: undefined };
      const wanted = doorGrants(known, verifierOf, door);
      const differs = telling === 'exactly' ? !isDeepStrictEqual(shown, wanted) : outdated(shown, wanted, transaction);
      if (differs) patch[door] = replacing(shown, wanted);
    } else if (shown !== undefined) {
      // Without a contents sensor the last credential opens again for a while, so what the bank has stays that long; one
      // that has forgotten its use would take it for new.
      if (telling === 'exactly' || (compartment?.until ?? 0) <= nowMs) patch[door] = null;
    }
  }
  if (Object.keys(patch).length === 0) return null;
  return { ...patch, rev: (typeof desired.rev === 'number' ? desired.rev : 0) + 1 };
};

export type GrantsDeps = {
  shadows: Shadows;
  /** What is recorded of these doors of the bank, as it surely is now. */
  doorsNow: (bank: Bank, doors: string[]) => Promise<DoorNow[]>;
  bankNow: (bankId: string) => Promise<Bank | null>;
  rootKeys: () => Promise<RootKeys>;
  clock: () => number;
};

/** Makes one `grants-<k>` of a bank say what is true of all its doors now. */
export const openGrants = (deps: GrantsDeps) => {
  /** Whose tokens banks were told to take, as far as this function has seen to it. */
  const told = new Set<string>();
  /** A token opens where its issuer is known, so the key goes before it; that of a new root key as well. */
  const tellIssuers = async (bank: Bank, rootKeys: RootKeys, doors: DoorNow[]): Promise<void> => {
    const shown = doors
      .flatMap((it) => it.transaction?.credentials ?? [])
      .filter(({ method }) => isTokenMethod(method));
    const name = `${bank.id} ${rootKeys.versions.join(' ')}`;
    if (shown.length === 0 || told.has(name)) return;
    await keepConfig(deps.shadows, bank.id, () => deps.bankNow(bank.id), rootKeys);
    told.add(name);
  };

  return async (bank: Bank, name: string, telling: Telling): Promise<void> => {
    const rootKeys = await deps.rootKeys();
    const first = Number(name.split('-')[1]) * doorsPerShadow.grants;
    const labels = bank.layout.slice(first, first + doorsPerShadow.grants).map((it) => it.door);
    await keepTrue(deps.shadows, bank.id, name, async (desired) => {
      const doors = await deps.doorsNow(bank, labels);
      await tellIssuers(bank, rootKeys, doors);
      return grantsPatch(desired, doors, { bank, rootKeys, nowMs: deps.clock(), telling });
    });
  };
};
