import { Claim } from '../domain/claim.ts';
import { keys } from './rows.ts';
import type { Table, Write } from './table.ts';

export const readClaim = async (table: Table, certificateId: string): Promise<Claim | null> => {
  const row = await table.get(keys.claim(certificateId), true);
  return row === undefined ? null : Claim.parse(row);
};

export const claimWrite = (claim: Claim): Write => ({
  kind: 'unique',
  expects: claim.version === 1 ? 'absent' : { version: claim.version - 1 },
  put: { ...keys.claim(claim.id), ...claim },
});
