import { ranges } from './rows.ts';
import type { Table } from './table.ts';

/** A page of a partition, in key order; `next` is the sort key to go on after. */
export const listPartition = async (
  table: Table,
  PK: string,
  options: { limit: number; after?: string | undefined; newestFirst?: boolean },
): Promise<{ rows: Record<string, unknown>[]; next: string | null }> => {
  const { limit, after, newestFirst = false } = options;
  const { rows, next } = await table.query(ranges.partition(PK), {
    limit,
    newestFirst,
    ...(after === undefined ? {} : { after: { PK, SK: after } }),
  });
  return { rows, next: next?.SK ?? null };
};
