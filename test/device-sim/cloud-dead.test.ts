import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessMethod } from '../../shared/device/access.ts';
import type { DoorGrants, Grant } from '../../shared/device/shadow.ts';
import { appTokenOf, credentialValue, issuerKeysOf } from '../../shared/domain/derived.ts';
import { type RootKeys, rootKeysFrom } from '../../shared/domain/root-key.ts';
import { instant } from '../../shared/domain/time.ts';
import { bankId, grantOf, held, Rig, startedAt } from './rig.ts';

/*
 * The cloud is dead, and the bank knows the time: every valid credential opens its door, and nothing else opens any. What is
 * valid is said here by the window, the hold and the uses alone; the check does not know how a bank decides.
 */

const now = startedAt / 1000;
const rootKeys = rootKeysFrom({ version: 2, key: 'k'.repeat(32), older: { 1: 'j'.repeat(32) } });
const strangers = rootKeysFrom({ version: 2, key: 'x'.repeat(32), older: { 1: 'y'.repeat(32) } });

type Right = { method: AccessMethod; from: number; to: number; blocked: boolean; uses: number; keyVersion: number };
const right: fc.Arbitrary<Right> = fc.record({
  method: fc.constantFrom<AccessMethod>('pin', 'badge', 'barcode', 'operator', 'qr', 'app'),
  from: fc.integer({ min: -3_600, max: 900 }),
  to: fc.integer({ min: -300, max: 7_200 }),
  blocked: fc.integer({ min: 0, max: 4 }).map((it) => it === 0),
  uses: fc.integer({ min: 1, max: 5 }),
  keyVersion: fc.integer({ min: 1, max: 2 }),
});

const isToken = (method: AccessMethod): method is 'qr' | 'app' => method === 'qr' || method === 'app';

const signed = (keys: RootKeys, nth: number, { method, keyVersion }: Right, ms: number, bank = bankId): string => {
  const credential = { id: `crd_${nth}`, method, step: 'use' as const, attempt: 0, digits: 6, keyVersion };
  const place = { bankId: bank, transactionId: `txn_${nth}` };
  return method === 'app'
    ? appTokenOf(keys, place, credential, instant(ms)).value
    : (credentialValue(keys, place, credential) ?? '');
};

/** What the n-th person shows. */
const shownBy = (nth: number, it: Right, ms: number): string =>
  isToken(it.method) ? signed(rootKeys, nth, it, ms) : `${100_000 + nth}`;

const grantFor = (nth: number, { method, from, to, blocked, uses }: Right): Grant => {
  const { verifier, ...grant } = grantOf(`crd_${nth}`, 'use', `${100_000 + nth}`, {
    method,
    notBefore: now + from,
    notAfter: now + to,
    uses,
    ...(blocked && { blocked: 'on_hold' }),
  });
  return isToken(method) ? grant : { ...grant, verifier };
};

const bankWith = (rights: Right[]): Rig => {
  const doors = rights.map((it, nth): [string, DoorGrants] => [
    String(nth + 1),
    held(`txn_${nth}`, [grantFor(nth, it)]),
  ]);
  const rig = Rig.holding(Object.fromEntries(doors), { doors: rights.map((_, nth) => String(nth + 1)) });
  rig.setShadow('config', { ...rig.state.durable.config, rev: 3, issuerKeys: issuerKeysOf(rootKeys) });
  rig.put({ type: 'disconnected' });
  return rig;
};

const visits = fc.array(
  fc.record({ who: fc.nat(7), wait: fc.integer({ min: 0, max: 300 }), forged: fc.integer({ min: -4, max: 4 }) }),
  { minLength: 5, maxLength: 40 },
);

/** Shows something that nobody ought to be let in by. */
const forgery = (kind: number, nth: number, it: Right, ms: number): string => {
  if (!isToken(it.method)) return `${900_000 + kind * 1_000 + nth}`;
  if (kind === 1) return signed(strangers, nth, it, ms);
  if (kind === 2) return signed(rootKeys, nth, it, ms, 'bnk_other');
  if (kind === 3) return signed(rootKeys, nth + 50, it, ms);
  return signed(rootKeys, nth, it, ms).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
};

describe('with the cloud dead, a bank that knows the time', () => {
  it('opens for every valid credential and token, and for nothing else', () => {
    const counted = { valid: 0, opened: 0, invalid: 0, let: 0 };
    fc.assert(
      fc.property(fc.array(right, { minLength: 1, maxLength: 8 }), visits, (rights, all) => {
        const rig = bankWith(rights);
        const used = rights.map(() => 0);
        const spent = new Set<string>();
        for (const { who, wait, forged } of all) {
          rig.advance(wait);
          const nth = who % rights.length;
          const it = rights[nth];
          if (!it) throw new Error('there is one');
          const at = rig.time / 1000;
          // Neither within the second that a bank may be off, nor at a keypad that guesses have locked.
          const isClear = [it.from, it.to].every((edge) => Math.abs(at - now - edge) > 2);
          const isTyped = it.method === 'pin' || it.method === 'operator';
          if (!isClear || (forged > 0 && isTyped && rig.state.durable.keypad.guesses.length >= 4)) continue;
          const unlockedBefore = rig.unlocked.length;
          if (forged > 0) {
            counted.invalid += 1;
            const answer = rig.enter(forgery(forged, nth, it, rig.time), it.method);
            if (answer?.granted !== false || rig.unlocked.length > unlockedBefore) counted.let += 1;
            continue;
          }
          const value = shownBy(nth, it, rig.time);
          const isInTime = at >= now + it.from && at <= now + it.to;
          const isValid = isInTime && !it.blocked && (used[nth] ?? 0) < it.uses && !spent.has(value);
          const answer = rig.enter(value, it.method);
          counted[isValid ? 'valid' : 'invalid'] += 1;
          if (answer?.granted && answer.door === String(nth + 1)) counted[isValid ? 'opened' : 'let'] += 1;
          if (!answer?.granted) continue;
          rig.use(answer.door ?? '', 'filled');
          used[nth] = (used[nth] ?? 0) + 1;
          // An app's token opens once, and the same one is drawn for two minutes.
          if (it.method === 'app') spent.add(value);
        }
        expect(counted.opened).toBe(counted.valid);
        expect(counted.let).toBe(0);
      }),
      { numRuns: 300 },
    );
    process.stdout.write(
      `${counted.opened} of ${counted.valid} valid ones opened, ${counted.let} of ${counted.invalid} invalid ones did\n`,
    );
    expect(counted.valid).toBeGreaterThan(300);
    expect(counted.invalid).toBeGreaterThan(300);
  });
});
