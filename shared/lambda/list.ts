import { listPartition } from '../store/lists.ts';
import type { Table } from '../store/table.ts';
import type { Answer, AnyCall } from './endpoint.ts';

/** The answer of a list route: a page of a partition, each row as callers see it. */
export const listAnswer = async (
  table: Table,
  PK: string,
  { query, cursors }: Pick<AnyCall, 'cursors'> & { query: { limit: number } },
  view: (row: Record<string, unknown>) => unknown,
  options: {
    newestFirst?: boolean;
    keep?: (row: Record<string, unknown>) => boolean;
    between?: { from?: string; to?: string };
  } = {},
): Promise<Answer> => {
  const { rows, next } = await listPartition(table, PK, {
    limit: query.limit,
    after: await cursors.read(),
    newestFirst: options.newestFirst ?? false,
    ...(options.between && { between: options.between }),
  });
  return {
    body: {
      data: rows.filter(options.keep ?? (() => true)).map(view),
      nextCursor: await cursors.give(next),
    },
  };
};
