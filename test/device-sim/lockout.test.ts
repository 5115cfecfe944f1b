import { describe, expect, it } from 'vitest';
import { grantOf, held, Rig } from './rig.ts';

const rigWithPin = (options = {}) =>
  Rig.holding(
    { '1': held('txn_1', [grantOf('crd_1', 'use', '111111', { uses: 1000, notAfter: 4_000_000_000 })]) },
    options,
  );

/** Offline, so that a wrong PIN is wrong at once. */
const offline = (options = {}) => {
  const rig = rigWithPin(options);
  rig.put({ type: 'disconnected' });
  return rig;
};

const guess = (rig: Rig, times: number): (string | undefined)[] =>
  Array.from({ length: times }, () => rig.enter('000000')?.reason);

const wrong = (times: number) => Array.from({ length: times }, () => 'wrong_credential');

describe('guessing at a keypad', () => {
  it('is locked for longer and longer', () => {
    const rig = offline();
    expect(guess(rig, 6)).toEqual([...wrong(5), 'keypad_locked']);
    rig.advance(59);
    expect(guess(rig, 1)).toEqual(['keypad_locked']);
    rig.advance(1);
    expect(guess(rig, 6)).toEqual([...wrong(5), 'keypad_locked']);
    rig.advance(899);
    expect(guess(rig, 1)).toEqual(['keypad_locked']);
    rig.advance(1);
    expect(guess(rig, 11)).toEqual([...wrong(10), 'keypad_locked']);
    rig.advance(86_399 - 900 - 60);
    expect(guess(rig, 1)).toEqual(['keypad_locked']);
    rig.advance(86_400);
    expect(guess(rig, 6)).toEqual([...wrong(5), 'keypad_locked']);
  });

  it('locks out the right PIN too, but no badge', () => {
    const rig = Rig.holding({
      '1': held('txn_1', [grantOf('a', 'use', '111111'), grantOf('b', 'pickup', 'B1', { method: 'badge' })]),
    });
    rig.put({ type: 'disconnected' });
    guess(rig, 5);
    expect(rig.enter('111111')).toMatchObject({ granted: false, reason: 'keypad_locked' });
    expect(rig.enter('B1', 'badge')).toMatchObject({ granted: true });
  });

  it('is forgiven by a success as far as the waiting goes, not the day', () => {
    const rig = offline();
    const reasons: (string | undefined)[] = [];
    for (let round = 0; round < 6; round += 1) {
      reasons.push(...guess(rig, 4));
      rig.enter('111111');
      rig.door('1', { door: 'closed' });
    }
    expect(reasons.filter((reason) => reason === 'wrong_credential')).toHaveLength(20);
    expect(reasons.slice(20)).toEqual(['keypad_locked', 'keypad_locked', 'keypad_locked', 'keypad_locked']);
    rig.advance(86_400);
    expect(guess(rig, 1)).toEqual(wrong(1));
  });

  it('survives restarts and power cuts', () => {
    const rig = offline();
    guess(rig, 4);
    rig.restart();
    rig.put({ type: 'disconnected' });
    expect(guess(rig, 2)).toEqual([...wrong(1), 'keypad_locked']);
    rig.power(false);
    rig.power(true);
    rig.put({ type: 'connected' });
    expect(guess(rig, 1)).toEqual(['keypad_locked']);
  });

  it('counts the guess during which the power was cut', () => {
    const rig = rigWithPin();
    for (let n = 0; n < 5; n += 1) {
      expect(rig.enter('000000')).toBeUndefined();
      rig.power(false);
      expect(rig.lastAnswer).toMatchObject({ granted: false, message: 'The bank has no power.' });
      rig.power(true);
      rig.put({ type: 'connected' });
    }
    expect(rig.entries('access.denied')).toHaveLength(5);
    expect(guess(rig, 1)).toEqual(['keypad_locked']);
  });

  it('is not shortened by turning the clock', () => {
    const rig = rigWithPin({ batteryBackedClock: true });
    rig.config({ batteryBackedClock: true });
    rig.restart({ online: false });
    guess(rig, 5);
    rig.skewMs = 7 * 86_400_000;
    expect(guess(rig, 1)).toEqual(['keypad_locked']);
    rig.skewMs = 0;
    rig.put({ type: 'connected' });
    expect(guess(rig, 1)).toEqual(['keypad_locked']);
  });

  it('is not shortened when the cloud tells a bank that was off for days what time it is', () => {
    const rig = rigWithPin({ batteryBackedClock: true });
    rig.config({ batteryBackedClock: true });
    rig.power(false);
    rig.advance(5 * 86_400);
    rig.power(true);
    expect(guess(rig, 6)).toEqual([...wrong(5), 'keypad_locked']);
    rig.put({ type: 'connected' });
    expect(guess(rig, 1)).toEqual(['keypad_locked']);
    rig.advance(61);
    rig.put({ type: 'disconnected' });
    expect(guess(rig, 1)).toEqual(wrong(1));
  });

  it('follows the configuration', () => {
    const rig = rigWithPin();
    rig.config({ lockout: [{ failures: 2, lockSeconds: 10 }], guessesPerDay: 3 });
    rig.put({ type: 'disconnected' });
    expect(guess(rig, 3)).toEqual([...wrong(2), 'keypad_locked']);
    rig.advance(10);
    expect(guess(rig, 2)).toEqual([...wrong(1), 'keypad_locked']);
    rig.advance(3600);
    expect(guess(rig, 1)).toEqual(['keypad_locked']);
  });
});
