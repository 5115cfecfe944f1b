import * as z from 'zod';
import * as field from '#events/fields.ts';
import { shadowNames } from '#shared/device/topics.ts';
import { positionOf } from '#shared/domain/bank.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { live } from '#shared/live.ts';
import { openGrants } from '#shared/outside/grants.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import { readBankConsistent } from '#shared/store/banks.ts';
import { rekeyBank } from '#shared/store/rekeying.ts';
import { doorsReader } from '#shared/store/transactions.ts';

const Concerned = z.object({
  bankId: field.text,
  /** Left out: the controller of the bank was replaced. */
  door: field.textOrNull.optional(),
  fromDoor: field.maybeText,
  toDoor: field.maybeText,
});

/**
 * Keeps what a bank may decide alone as it is decided here. Woken by a transaction whose grants change, it looks at all
 * doors of the shadow as they are now, so that lost, late and repeated events make no difference. What the bank did
 * itself it knows. Where the controller was replaced, every credential of the bank is made anew, which wakes this for each.
 */
export const grantsReaction = (deps: HttpDeps & { shadows: Shadows }) => {
  const bankNow = (id: string) => readBankConsistent(deps.table, id);
  const showGrants = openGrants({ ...deps, doorsNow: doorsReader(deps.table), bankNow });
  return async ({ tenant, data }: { tenant: string; data: Record<string, unknown> }): Promise<void> => {
    const { bankId, ...doors } = Concerned.parse(data);
    if (doors.door === undefined) return rekeyBank(deps, tenant, bankId);
    const bank = await bankNow(bankId);
    if (bank?.tenant !== tenant) throw new Error(`there is no bank ${bankId}`);
    // The one that it is in comes last: whoever hears only half of it finds no door open, and not two.
    const others = [doors.fromDoor, doors.toDoor].filter((it) => it !== doors.door);
    const positions = [...others, doors.door].flatMap((it) => (it ? [positionOf(bank, it)] : []));
    for (const name of new Set(positions.map(shadowNames.grants))) await showGrants(bank, name, 'changes');
  };
};

export const handler = reaction(() => grantsReaction({ ...live(), shadows: openShadows() }));
