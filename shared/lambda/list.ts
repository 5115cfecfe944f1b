import { listPartition } from '../store/lists.ts';
import type { Table } from '../store/table.ts';
import { cursorText, readCursor } from './cursor.ts';
import type { Answer } from './endpoint.ts';

/** The answer of a list route: a page of a partition, each row as callers see it. */
export const listAnswer = async (
  table: Table,
  PK: string,
  query: { limit: number; cursor?: string | undefined },
  view: (row: Record<string, unknown>) => unknown,
  options: { newestFirst?: boolean; keep?: (row: Record<string, unknown>) => boolean } = {},
): Promise<Answer> => {
  const { rows, next } = await listPartition(table, PK, {
    limit: query.limit,
    after: readCursor(query.cursor, PK),
    newestFirst: options.newestFirst ?? false,
  });
  return {
    body: {
      data: rows.filter(options.keep ?? (() => true)).map(view),
      nextCursor: next === null ? null : cursorText(PK, next),
    },
  };
};
