import { describe, expect, it } from 'vitest';
import { afterPush, notYetPushed, type PushReason, pushKey, pushReasons } from '../../shared/domain/export-push.ts';

const now = '2026-03-02T09:30:00.000Z';
const waits = [60, 300];
const refused = { reason: 'access_denied', said: 'AccessDenied' } as const;

describe('putting a file into a bucket of the customer’s', () => {
  it('is tried again after each wait, and has failed after the last one', () => {
    const first = afterPush(notYetPushed, refused, now, waits);
    expect(first).toMatchObject({ state: 'retrying', attempts: 1, at: now, nextAttemptAt: '2026-03-02T09:31:00.000Z' });
    const second = afterPush(first, refused, now, waits);
    expect(second).toMatchObject({ state: 'retrying', attempts: 2, nextAttemptAt: '2026-03-02T09:35:00.000Z' });
    expect(afterPush(second, refused, now, waits)).toEqual({
      ...{ state: 'failed', key: null, attempts: 3, at: now, nextAttemptAt: null },
      ...refused,
    });
  });

  it('says nothing more of what was in the way once the file is there', () => {
    const first = afterPush(notYetPushed, refused, now, waits);
    expect(afterPush(first, { key: 'a.csv' }, now, waits)).toEqual({
      ...{ state: 'done', key: 'a.csv', attempts: 2, at: now, reason: null, said: null, nextAttemptAt: null },
    });
  });

  it('is not tried again where no attempt would change the reason', () => {
    const reasons = Object.keys(pushReasons) as PushReason[];
    const failing = reasons.filter(
      (reason) => afterPush(notYetPushed, { reason, said: null }, now, waits).state === 'failed',
    );
    expect(failing).toEqual(['key_gone', 'file_gone']);
  });

  it.each([
    ['below the prefix', { mode: 'live' }, { prefix: 'in/books/', isShared: false }, 'in/books/'],
    ['apart from others that share the bucket', { mode: 'live' }, { prefix: '', isShared: true }, 'ten_1/'],
    ['apart from what counts, for a test key', { mode: 'test' }, { prefix: 'in/', isShared: true }, 'in/ten_1/test/'],
  ] as const)('names it after its period and export, %s', (_, { mode }, place, begin) => {
    const period = { from: '2026-02-01T00:00:00.000Z', to: '2026-03-01T00:00:00.000Z' };
    const job = { tenant: 'ten_1', id: 'exp_1', kind: 'transactions', format: 'csv', mode, ...period } as const;
    expect(pushKey(job, place)).toBe(`${begin}transactions-2026-02-01-2026-03-01-exp_1.csv`);
  });
});
