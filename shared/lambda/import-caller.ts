import { ApiKey } from '../domain/api-key.ts';
import type { Import } from '../domain/import.ts';
import { keys } from '../store/rows.ts';
import type { Table } from '../store/table.ts';
import type { Caller } from './authenticate.ts';

/**
 * Whom an import acts for: the API key that asked for it, as it is now. Null once that key was revoked, or may no longer
 * create: then nobody acts for it.
 */
export const importCaller = async (
  table: Table,
  { tenant, apiKeyId }: Pick<Import, 'tenant' | 'apiKeyId'>,
): Promise<Caller | null> => {
  const row = await table.get(keys.apiKey(tenant, apiKeyId), true);
  const key = row === undefined ? null : ApiKey.parse(row);
  if (key === null || key.revokedAt !== null || !key.scopes.includes('transactions:write')) return null;
  const { mode, scopes, system, requestsPerMinute } = key;
  return { tenant, apiKeyId, mode, scopes, system, requestsPerMinute };
};

/** Why an import of nobody fails. */
export const keyGone = 'the API key that asked for it was revoked';
