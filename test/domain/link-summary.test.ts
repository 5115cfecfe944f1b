import { describe, expect, it } from 'vitest';
import { Link, type LinkKind } from '#shared/domain/link.ts';
import { summarize } from '#shared/domain/link-summary.ts';
import type { Flag, TransactionState } from '#shared/domain/transaction.ts';

type Said = TransactionState | [TransactionState, Flag] | null;

/** Parts by their places; null where there is none yet. */
const of = (kind: LinkKind, ...parts: Said[]) =>
  summarize(
    kind,
    parts.flatMap((said, nth) => {
      if (said === null) return [];
      const [state, ...flags] = [said].flat() as [TransactionState, ...Flag[]];
      return [{ id: `txn_${nth + 1}`, part: nth + 1, state, flags }];
    }),
    parts.length,
  );

describe('linked transactions as one', () => {
  it.each<[string, LinkKind, Said[]]>([
    ['pending', 'order', ['created', 'reserved']],
    ['pending', 'order', ['reserved', null]],
    ['under_way', 'order', ['stored', 'reserved']],
    ['under_way', 'order', ['completed', 'reserved']],
    ['under_way', 'order', ['completed', null]],
    ['under_way', 'handover', ['stored', 'created']],
    ['under_way', 'handover', ['completed', 'stored']],
    ['under_way', 'handover', ['in_use', null]],
    ['in_transit', 'handover', ['completed', 'reserved']],
    ['in_transit', 'handover', ['completed', 'created']],
    ['in_transit', 'handover', ['completed', null]],
    ['in_transit', 'handover', ['completed', 'completed', 'reserved']],
    ['complete', 'order', ['completed', 'completed']],
    ['complete', 'handover', ['completed', 'completed']],
    ['cancelled', 'order', ['cancelled', 'cancelled']],
    ['incomplete', 'order', ['completed', 'cancelled']],
    ['incomplete', 'handover', ['completed', 'expired']],
    ['incomplete', 'order', ['recalled', 'rejected']],
    ['attention', 'order', ['stored', 'cancelled']],
    ['attention', 'order', ['cancelled', null]],
    ['attention', 'handover', ['recall_due', 'created']],
    ['attention', 'order', [['stored', 'held'], 'stored']],
    ['attention', 'order', [['in_use', 'overdue'], 'completed']],
    ['attention', 'order', ['completed', ['completed', 'disputed']]],
  ])('are %s as %s of %j', (state, kind, parts) => {
    expect(of(kind, ...parts).state).toBe(state);
  });

  it('are never complete while one is missing, and say which', () => {
    expect(of('order', 'completed', null, 'completed')).toEqual({ state: 'under_way', missing: [2], attention: [] });
  });

  it('say which part needs somebody, and why', () => {
    expect(of('order', 'completed', 'expired', ['recall_due', 'held']).attention).toEqual([
      { part: 2, transactionId: 'txn_2', because: ['expired'] },
      { part: 3, transactionId: 'txn_3', because: ['recall_due', 'held'] },
    ]);
  });

  it('count a part beyond the number that the others name', () => {
    const part = { state: 'completed' as const, flags: [] };
    expect(
      summarize(
        'order',
        [
          { ...part, id: 'txn_1', part: 1 },
          { ...part, id: 'txn_3', part: 3 },
        ],
        2,
      ),
    ).toMatchObject({
      state: 'under_way',
      missing: [2],
    });
  });
});

describe('a place in a link', () => {
  const link = { kind: 'order', id: 'A-1001', part: 1, of: 2 };
  it.each([
    [{ part: 3 }, 'part'],
    [{ part: 0 }, 'part'],
    [{ of: 1 }, 'of'],
    [{ of: 21 }, 'of'],
    [{ id: 'a/b' }, 'id'],
    [{ kind: 'pile' }, 'kind'],
  ])('is refused as %j', (wrong, field) => {
    const { error } = Link.safeParse({ ...link, ...wrong });
    expect(error?.issues.map(({ path }) => path[0])).toContain(field);
    expect(Link.safeParse(link).success).toBe(true);
  });
});
