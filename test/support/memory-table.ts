import {
  type Expectation,
  type Key,
  Lost,
  type LostRow,
  type Row,
  type Table,
  type Write,
} from '#shared/store/table.ts';

const text = ({ PK, SK }: Key): string => `${PK}\n${SK}`;

const holds = (expects: Expectation, current: Row | undefined): boolean => {
  if (expects === 'anything') return true;
  if (expects === 'absent') return current === undefined;
  if ('absentOrExpiredBefore' in expects)
    return current === undefined || String(current.expiresAt) < expects.absentOrExpiredBefore;
  if ('version' in expects) return current?.version === expects.version;
  return current === undefined || Number(current[expects.lower]) < expects.than;
};

export type MemoryTable = Table & {
  rows: () => Row[];
  /** Calls made, by name: what a function costs. */
  calls: string[];
};

/** The table for tests of what a function does with it; what DynamoDB does is tried on the engine. */
export const memoryTable = (...rows: Row[]): MemoryTable => {
  const held = new Map(rows.map((row) => [text(row), row]));
  const calls: string[] = [];
  const copy = (row: Row | undefined) => structuredClone(row);
  return {
    calls,
    rows: () => [...held.values()].map((row) => structuredClone(row)),
    get: async (key) => {
      calls.push('get');
      return copy(held.get(text(key)));
    },
    batchGet: async (wanted) => {
      calls.push('batchGet');
      return wanted.map((key) => copy(held.get(text(key))));
    },
    query: async ({ PK, from, to }, { limit = Number.POSITIVE_INFINITY, after, newestFirst = false } = {}) => {
      calls.push('query');
      const found = [...held.values()]
        .filter((row) => row.PK === PK && row.SK >= from && row.SK <= to)
        .toSorted((a, b) => (a.SK < b.SK === newestFirst ? 1 : -1))
        .filter(
          (row) => after === undefined || after === null || (newestFirst ? row.SK < after.SK : row.SK > after.SK),
        );
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        rows: page.map((row) => structuredClone(row)),
        next: last !== undefined && page.length < found.length ? { PK, SK: last.SK } : null,
      };
    },
    due: async (shard, before, limit) => {
      calls.push('due');
      return [...held.values()]
        .filter((row) => row.duePk === shard && String(row.dueAt) < before)
        .slice(0, limit)
        .map(({ PK, SK }) => ({ PK, SK }));
    },
    write: async (writes: Write[]) => {
      calls.push('write');
      if (writes.length > 100) throw new Error(`DynamoDB takes 100 rows in a transaction, not ${writes.length}`);
      const lost = writes.flatMap((write): LostRow[] => {
        const { PK, SK } = 'put' in write ? write.put : write.remove;
        const current = held.get(text({ PK, SK }));
        return holds(write.expects, current) ? [] : [{ kind: write.kind, key: { PK, SK }, current: copy(current) }];
      });
      if (lost.length > 0) throw new Lost(lost);
      for (const write of writes) {
        if ('put' in write) held.set(text(write.put), structuredClone(write.put));
        else held.delete(text(write.remove));
      }
    },
  };
};
