import type { Vendor } from '../api/vendors.ts';
import type { Bank } from '../domain/bank.ts';
import type { Issued } from '../domain/issued.ts';
import { Refusal } from '../domain/refusal.ts';
import { refusedUrl } from '../outside/customer-endpoint.ts';
import { lockBoardWrite } from '../store/lock-boards.ts';
import type { Write } from '../store/table.ts';
import { newMemory } from '../vendors/lock-board/memory.ts';
import { locksRefused } from '../vendors/lock-board/registration.ts';

/** What registering a bank writes for its vendor's adapter, and the secret that the vendor knows our calls by. */
export const registerVendor = (
  { url, locks }: Vendor,
  bank: Pick<Bank, 'id' | 'tenant' | 'layout' | 'bankKey'>,
  { allowLoopback, newId }: { allowLoopback: boolean; newId: (prefix: string) => string },
): { writes: Write[]; issued: Issued } => {
  const doors = bank.layout.map(({ door }) => door);
  const refused = refusedUrl(url, allowLoopback);
  const errors = [
    ...(refused === null ? [] : [{ pointer: '/vendor/url', detail: refused }]),
    ...locksRefused(locks, doors, '/vendor'),
  ];
  const [first] = errors;
  if (first)
    throw new Refusal('invalid_request', `the body is not valid: ${first.pointer} ${first.detail}`, { errors });
  const { id, tenant } = bank;
  const { keyVersion } = bank.bankKey;
  const memory = newMemory(newId('jnl'));
  return {
    writes: [lockBoardWrite(id, { tenant, url, locks, keyVersion, memory, version: 1 })],
    issued: { kind: 'webhook-secret', id, nth: 0, keyVersion },
  };
};
