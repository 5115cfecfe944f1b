import { listPartition } from '../store/lists.ts';
import type { Key, Table } from '../store/table.ts';
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
    /** The rows of what is listed, where those of the list do not say whether it is wanted: one call more. */
    itself?: { key: (row: Record<string, unknown>) => Key; keep: (row: Record<string, unknown>) => boolean };
  } = {},
): Promise<Answer> => {
  const { rows, next } = await listPartition(table, PK, {
    limit: query.limit,
    after: await cursors.read(),
    newestFirst: options.newestFirst ?? false,
    ...(options.between && { between: options.between }),
  });
  const { keep = () => true, itself } = options;
  const kept = rows.filter(keep);
  const whole = itself === undefined ? [] : await table.batchGet(kept.map(itself.key));
  const wanted = itself === undefined ? kept : kept.filter((_, nth) => itself.keep(whole[nth] ?? {}));
  return {
    body: {
      data: wanted.map(view),
      nextCursor: await cursors.give(next),
    },
  };
};

/**
 * The same of what was asked for and takes its time, the newest first. A test key is shown what test keys asked for. How
 * far each has come changes, so that only its own row says it.
 */
export const jobsAnswer = (
  table: Table,
  places: { listed: (tenant: string, id: string) => Key; itself: (tenant: string, id: string) => Key },
  call: Pick<AnyCall, 'caller' | 'cursors'> & { query: { limit: number; state?: string | undefined } },
  view: (row: Record<string, unknown>) => unknown,
): Promise<Answer> => {
  const { tenant, mode } = call.caller;
  const { state } = call.query;
  return listAnswer(table, places.listed(tenant, '').PK, call, view, {
    newestFirst: true,
    keep: (row) => mode === 'live' || row.mode === 'test',
    ...(state !== undefined && {
      itself: { key: ({ id }) => places.itself(tenant, String(id)), keep: (row) => row.state === state },
    }),
  });
};
