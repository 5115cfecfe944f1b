import { ranges } from './rows.ts';
import type { Table } from './table.ts';

/** A page of a partition, in key order; `next` is the sort key to go on after. */
export const listPartition = async (
  table: Table,
  PK: string,
  options: {
    limit: number;
    after?: string | undefined;
    newestFirst?: boolean;
    /** Only rows from one sort key to another. */
    between?: { from?: string; to?: string };
  },
): Promise<{ rows: Record<string, unknown>[]; next: string | null }> => {
  const { limit, after, newestFirst = false, between = {} } = options;
  const { rows, next } = await table.query(
    { ...ranges.partition(PK), ...between },
    {
      limit,
      newestFirst,
      ...(after === undefined ? {} : { after: { PK, SK: after } }),
    },
  );
  return { rows, next: next?.SK ?? null };
};
