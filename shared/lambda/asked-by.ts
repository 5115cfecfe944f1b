import { ApiKey, type Scope } from '../domain/api-key.ts';
import { keys } from '../store/rows.ts';
import type { Table } from '../store/table.ts';

/** Whether the API key that asked for something may still have it; it may have been revoked meanwhile. */
export const mayStillAsk = async (
  table: Table,
  { tenant, apiKeyId }: { tenant: string; apiKeyId: string },
  scopes: readonly Scope[],
): Promise<boolean> => {
  const row = await table.get(keys.apiKey(tenant, apiKeyId), true);
  const key = row === undefined ? null : ApiKey.parse(row);
  return key !== null && key.revokedAt === null && scopes.every((scope) => key.scopes.includes(scope));
};

/** Why what nobody may have any more is not done. */
export const keyGone = 'the API key that asked for it was revoked, or may no longer read what it asked for';
