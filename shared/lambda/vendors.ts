import type { Vendor } from '../api/vendors.ts';
import type { Bank } from '../domain/bank.ts';
import type { Issued } from '../domain/issued.ts';
import { Refusal } from '../domain/refusal.ts';
import { lockBoardWrite } from '../store/lock-boards.ts';
import type { Write } from '../store/table.ts';
import { newMemory } from '../vendors/lock-board/memory.ts';
import { locksRefused } from '../vendors/lock-board/registration.ts';

/** Where a vendor may be called, and which lock is which door's; refused with all that is wrong, below the pointer `at`. */
export const requireLocks = async (
  { url, locks }: Pick<Vendor, 'url' | 'locks'>,
  { layout }: Pick<Bank, 'layout'>,
  { allowLoopback, at }: { allowLoopback: boolean; at: string },
): Promise<void> => {
  // What can tell addresses apart is large, and few of those who register a bank or start a function need it.
  const { refusedUrl } = await import('../outside/customer-endpoint.ts');
  const refused = refusedUrl(url, allowLoopback);
  const doors = layout.map(({ door }) => door);
  const errors = [
    ...(refused === null ? [] : [{ pointer: `${at}/url`, detail: refused }]),
    ...locksRefused(locks, doors, at),
  ];
  const [first] = errors;
  if (first)
    throw new Refusal('invalid_request', `the body is not valid: ${first.pointer} ${first.detail}`, { errors });
};

/** What registering a bank writes for its vendor's adapter, and the secret that the vendor knows our calls by. */
export const registerVendor = async (
  { url, locks }: Vendor,
  bank: Pick<Bank, 'id' | 'tenant' | 'layout' | 'bankKey'>,
  { allowLoopback, newId }: { allowLoopback: boolean; newId: (prefix: string) => string },
): Promise<{ writes: Write[]; issued: Issued }> => {
  await requireLocks({ url, locks }, bank, { allowLoopback, at: '/vendor' });
  const { id, tenant } = bank;
  const { keyVersion } = bank.bankKey;
  const memory = newMemory(newId('jnl'));
  return {
    writes: [lockBoardWrite(id, { tenant, url, locks, keyVersion, memory, version: 1 })],
    issued: { kind: 'webhook-secret', id, nth: 0, keyVersion },
  };
};
