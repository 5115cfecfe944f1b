import * as z from 'zod';
import { DoorGrants, type Grant } from '#shared/device/shadow.ts';
import { isTokenMethod } from '#shared/device/token.ts';
import { doorsPerShadow, shadowNames } from '#shared/device/topics.ts';
import { type Bank, positionOf } from '#shared/domain/bank.ts';
import { Compartment } from '#shared/domain/compartment.ts';
import { credentialVerifier } from '#shared/domain/derived.ts';
import { doorGrants } from '#shared/domain/grants.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { live } from '#shared/live.ts';
import { keepConfig } from '#shared/outside/bank-config.ts';
import { openShadows, type Patch, type Shadows } from '#shared/outside/shadows.ts';
import { readBank } from '#shared/store/banks.ts';
import { keys, ranges } from '#shared/store/rows.ts';
import { splitStored } from '#shared/store/transactions.ts';

const Concerned = z.object({ bankId: z.string(), door: z.string().nullable(), fromDoor: z.string().optional() });

/**
 * Whether the bank must be told: it shows another transaction's grants, ones made with another key, or ones from before
 * a change that the bank did not make itself. What it did itself it knows, and a write costs more than it would tell.
 */
const outdated = (shown: unknown, wanted: DoorGrants, transaction: Transaction): boolean => {
  const { data } = DoorGrants.safeParse(shown);
  if (data?.transactionId !== transaction.id) return true;
  const isShown = (it: Grant) => data.grants.some(({ id, verifier }) => id === it.id && verifier === it.verifier);
  return !wanted.grants.every(isShown) || transaction.credentials.some((it) => it.sinceVersion > data.version);
};

/** What `grants-<k>` has to change so that it says what is true now; null if it does already. */
export const grantsPatch = (
  desired: Record<string, unknown>,
  doors: { compartment: Compartment | undefined; door: string; transaction: Transaction | undefined }[],
  bank: Bank,
  rootKeys: RootKeys,
  nowMs: number,
): Patch | null => {
  const patch: Patch = {};
  for (const { door, compartment, transaction } of doors) {
    if (transaction) {
      const wanted = doorGrants(transaction, (it) =>
        credentialVerifier(rootKeys, { bankId: bank.id, bankKey: bank.bankKey }, it),
      );
      if (outdated(desired[door], wanted, transaction)) patch[door] = wanted;
    } else if (desired[door] !== undefined && (compartment?.until ?? 0) <= nowMs) {
      // Without a contents sensor the last credential opens again for a while, so what the bank has stays that long.
      patch[door] = null;
    }
  }
  if (Object.keys(patch).length === 0) return null;
  return { ...patch, rev: (typeof desired.rev === 'number' ? desired.rev : 0) + 1 };
};

/**
 * Keeps what a bank may decide alone as it is decided here. Woken by a transaction whose grants change, it looks at all
 * doors of the shadow as they are now, so that lost, late and repeated events make no difference. Grants that the bank
 * itself has used up open nothing more, and are cleared away with the next change.
 */
export const grantsReaction = (deps: Omit<HttpDeps, 'newId'> & { shadows: Shadows }) => {
  /** Whose tokens banks were told to take, as far as this function has seen to it. */
  const told = new Set<string>();
  /** A token opens where its issuer is known, so the key goes before it; that of a new root key as well. */
  const tellIssuers = async (bank: Bank, rootKeys: RootKeys, transactions: Iterable<Transaction>): Promise<void> => {
    const shown = [...transactions].flatMap((it) => it.credentials.filter(({ method }) => isTokenMethod(method)));
    const name = `${bank.id} ${rootKeys.versions.join(' ')}`;
    if (shown.length === 0 || told.has(name)) return;
    await keepConfig(deps.shadows, bank, rootKeys);
    told.add(name);
  };

  return async ({ tenant, data }: { tenant: string; data: Record<string, unknown> }): Promise<void> => {
    const { bankId, ...doors } = Concerned.parse(data);
    const bank = await readBank(deps.table, tenant, bankId);
    if (bank === null) throw new Error(`there is no bank ${bankId}`);
    const rootKeys = await deps.rootKeys();
    const positions = [doors.door, doors.fromDoor].flatMap((it) => (it ? [positionOf(bank, it)] : []));

    for (const name of new Set(positions.map(shadowNames.grants))) {
      const first = Number(name.split('-')[1]) * doorsPerShadow.grants;
      const labels = bank.layout.slice(first, first + doorsPerShadow.grants).map((it) => it.door);
      await deps.shadows.change(bankId, name, async (desired) => {
        // All of the bank in one query: eight rows by their keys are billed as eight reads of 4 KB.
        const { rows } = await deps.table.query(ranges.compartments(bankId), { consistent: true });
        const known = new Map(rows.map((row) => Compartment.parse(row)).map((it) => [it.door, it]));
        const compartments = labels.map((door) => known.get(door));
        const held = compartments.flatMap((it) => (it?.heldBy ? [it.heldBy] : []));
        const found = await deps.table.batchGet(
          held.map((id) => keys.transaction(tenant, id)),
          true,
        );
        const transactions = new Map(
          found.flatMap((row) => (row ? [splitStored(row).transaction] : [])).map((it) => [it.id, it]),
        );
        await tellIssuers(bank, rootKeys, transactions.values());
        const now = labels.map((door, nth) => ({
          door,
          compartment: compartments[nth],
          transaction: transactions.get(compartments[nth]?.heldBy ?? ''),
        }));
        return grantsPatch(desired, now, bank, rootKeys, deps.clock());
      });
    }
  };
};

export const handler = reaction(() => grantsReaction({ ...live(), shadows: openShadows() }));
