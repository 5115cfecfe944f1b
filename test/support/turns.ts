import type fc from 'fast-check';
import type { Table } from '#shared/store/table.ts';

/** A table whose every call waits for its turn, in an order of the test's. */
export const inTurns = (table: Table, s: fc.Scheduler): Table => {
  const turn =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await s.schedule(Promise.resolve());
      return call(...args);
    };
  return {
    get: turn(table.get),
    batchGet: turn(table.batchGet),
    query: turn(table.query),
    due: turn(table.due),
    write: turn(table.write),
  };
};
