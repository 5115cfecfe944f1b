import { describe, expect, it } from 'vitest';
import { Refusal } from '#shared/domain/refusal.ts';
import { anew, decidedAnew, withoutEnd } from '#shared/store/anew.ts';
import { Lost } from '#shared/store/table.ts';

const lost = (kind: 'subject' | 'idempotency') =>
  new Lost([{ kind, key: { PK: 'TXN#1', SK: 'T' }, current: undefined }]);

/** Done by the nth try; each before it was overtaken. */
const overtaken = (times: number, error: Error = lost('subject')) => {
  let tries = 0;
  return async () => {
    tries += 1;
    if (tries <= times) throw error;
    return tries;
  };
};

describe('what is decided anew', () => {
  it('is done by the first who is not overtaken', async () => {
    expect(await anew(overtaken(7))).toBe(8);
    expect(await decidedAnew('much goes on', overtaken(7))).toBe(8);
    expect(await anew(overtaken(50), withoutEnd)).toBe(51);
  });

  it('is given up when others are always faster: a queue brings it again, a caller is told to', async () => {
    await expect(anew(overtaken(8))).rejects.toBeInstanceOf(Lost);
    const busy = new Refusal('busy', 'much goes on', { retryAfterSeconds: 1 });
    await expect(decidedAnew('much goes on', overtaken(8))).rejects.toEqual(busy);
  });

  it('is not tried again where the same request was answered meanwhile, nor after an outage', async () => {
    for (const error of [lost('idempotency'), new Error('the table is away')])
      for (const decide of [anew, (it: () => Promise<number>) => decidedAnew('much goes on', it)])
        await expect(decide(overtaken(1, error))).rejects.toBe(error);
  });
});
