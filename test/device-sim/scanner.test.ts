import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AccessMethod } from '../../shared/device/access.ts';
import { nextFor } from '../../shared/device/denial.ts';
import type { Grant } from '../../shared/device/shadow.ts';
import { readToken } from '../../shared/device/token.ts';
import { appTokenOf, credentialValue, issuerKeysOf } from '../../shared/domain/derived.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { instant } from '../../shared/domain/time.ts';
import { bankId, grantOf, held, Rig, startedAt } from './rig.ts';

const secret = (version: number, ...older: number[]) =>
  rootKeysFrom({
    version,
    key: String(version).repeat(32),
    older: Object.fromEntries(older.map((it) => [it, String(it).repeat(32)])),
  });
const rootKeys = secret(2, 1);
/** Of the same version, and not ours. */
const strangers = rootKeysFrom({ version: 2, key: 'x'.repeat(32), older: {} });
const now = startedAt / 1000;

const credential = (id: string, method: AccessMethod, keyVersion = 2, step: Grant['step'] = 'pickup') => ({
  id,
  method,
  step,
  attempt: 0,
  digits: 6,
  keyVersion,
});
const at = { bankId, transactionId: 'txn_1' };
const qr = (id = 'crd_q', keyVersion = 2, place = at, keys = rootKeys): string =>
  credentialValue(keys, place, credential(id, 'qr', keyVersion)) ?? '';
const app = (ms = startedAt, id = 'crd_a'): string =>
  appTokenOf(rootKeys, at, credential(id, 'app'), instant(ms)).value;

const tokenGrant = (id: string, method: 'qr' | 'app', over: Partial<Grant> = {}): Grant => {
  const { verifier: _, ...grant } = grantOf(id, 'pickup', '', { method, ...over });
  return grant;
};

/** A bank that takes our tokens, offline, and holds these grants for door 1. */
const holding = (...grants: Grant[]): Rig => {
  const rig = Rig.holding({ '1': held('txn_1', grants) });
  rig.setShadow('config', { ...rig.state.durable.config, rev: 7, issuerKeys: issuerKeysOf(rootKeys) });
  rig.put({ type: 'disconnected' });
  return rig;
};

describe('a token', () => {
  it('says what it is for in 150 letters, and to those only who know its issuer', () => {
    const text = qr();
    expect(text).toMatch(/^[A-Za-z0-9_-]{150}$/);
    expect(readToken(issuerKeysOf(rootKeys), text)).toMatchObject({ method: 'qr', step: 'pickup', keyVersion: 2 });
    expect(readToken(issuerKeysOf(secret(3)), text)).toBeNull();
    expect(readToken([], text)).toBeNull();
  });

  it('with any letter changed is none', () => {
    const text = qr();
    for (const place of [0, 1, 10, 40, 63, 64, 100, 149]) {
      const other = text.charAt(place) === 'A' ? 'B' : 'A';
      expect(readToken(issuerKeysOf(rootKeys), text.slice(0, place) + other + text.slice(place + 1))).toBeNull();
    }
  });

  it('is the same each time it is derived, and another for each credential', () => {
    expect(qr()).toBe(qr());
    expect(new Set([qr('a'), qr('b'), qr('a', 1), qr('a', 2, { ...at, bankId: 'bnk_2' })]).size).toBe(4);
  });

  it('is signed with a key that shows nothing of the root key, and two of them are told', () => {
    const keys = issuerKeysOf(secret(3, 2, 1));
    expect(keys.map(({ version }) => version)).toEqual([3, 2]);
    const seed = createHmac('sha256', '3'.repeat(32)).update('token-issuer').digest('base64url');
    expect(keys.map(({ key }) => key)).not.toContain(seed);
    expect(new Set(keys.map(({ key }) => key)).size).toBe(2);
  });
});

describe('a QR code at the scanner', () => {
  it('opens its door offline, and again until the item is taken', () => {
    const rig = holding(tokenGrant('crd_q', 'qr'));
    expect(rig.enter(qr(), 'qr')).toMatchObject({ granted: true, door: '1' });
    rig.use('1', 'filled');
    expect(rig.enter(qr(), 'qr')).toMatchObject({ granted: true, door: '1' });
    rig.use('1', 'empty');
    expect(rig.enter(qr(), 'qr')).toMatchObject({ granted: false, reason: 'credential_revoked' });
    expect(rig.entries('access.granted')).toMatchObject([
      { method: 'qr', cause: { grantId: 'crd_q', step: 'pickup' } },
      { method: 'qr' },
    ]);
  });

  it.each<[string, string, Partial<Grant>, string]>([
    ['before its time', qr(), { notBefore: now + 60 }, 'too_early'],
    ['after its time', qr(), { notAfter: now - 60 }, 'too_late'],
    ['while it is on hold', qr(), { blocked: 'on_hold' }, 'on_hold'],
    ['at another bank', qr('crd_q', 2, { ...at, bankId: 'bnk_other' }), {}, 'wrong_bank'],
    ['once another was sent', qr('crd_old'), {}, 'credential_revoked'],
    ['signed with a key of nobody', qr('crd_q', 2, at, strangers), {}, 'wrong_credential'],
    ['that is no code of ours', 'https://example.com', {}, 'wrong_credential'],
    ['for another transaction', qr('crd_q', 2, { ...at, transactionId: 'txn_2' }), {}, 'wrong_credential'],
    ['that is an app’s', app(), {}, 'wrong_credential'],
  ])('is refused %s', (_, value, over, reason) => {
    const rig = holding(tokenGrant('crd_q', 'qr', over), tokenGrant('crd_a', 'app'));
    const answer = rig.enter(value, 'qr');
    expect(answer).toMatchObject({ granted: false, reason, next: nextFor(reason) });
    expect(rig.unlocked).toEqual([]);
    expect(rig.entries('access.denied')).toMatchObject([{ reason, method: 'qr', next: nextFor(reason) }]);
  });

  it('of the issuer key before still opens, and does not count as a guess at the keypad', () => {
    const rig = holding(tokenGrant('crd_q', 'qr'));
    for (let nth = 0; nth < 30; nth += 1) rig.enter('rubbish', 'qr');
    expect(rig.enter(qr('crd_q', 1), 'qr')).toMatchObject({ granted: true });
  });
});

describe('a QR code of an item that is carried to another door', () => {
  const carrier = { out: '333333', into: '444444' };
  const moving = () => {
    const old = [grantOf('crd_out', 'recall', carrier.out), tokenGrant('crd_q', 'qr', { blocked: 'moving' })];
    const rig = holding(...old);
    const into = grantOf('crd_in', 'deposit', carrier.into, { after: 'crd_out' });
    const grants = [into, tokenGrant('crd_q', 'qr', { after: 'crd_in' })];
    rig.put({ type: 'connected' });
    rig.grants(2, { '1': held('txn_1', old), '2': held('txn_1', grants) });
    rig.put({ type: 'disconnected' });
    rig.door('1', { contents: 'filled' });
    return rig;
  };

  it('is told that it is being moved, and to come back', () => {
    const refused = { granted: false, reason: 'moving', next: 'come_back_later' };
    const rig = moving();
    expect(rig.enter(qr(), 'qr')).toMatchObject(refused);
    rig.enter(carrier.out);
    rig.use('1', 'empty');
    expect(rig.enter(qr(), 'qr')).toMatchObject(refused);
  });

  it('opens the new door once it was put in there, though the bank is offline', () => {
    const rig = moving();
    expect(rig.enter(carrier.out)).toMatchObject({ granted: true, door: '1' });
    rig.use('1', 'empty');
    expect(rig.enter(carrier.into)).toMatchObject({ granted: true, door: '2' });
    rig.use('2', 'filled');
    expect(rig.enter(qr(), 'qr')).toMatchObject({ granted: true, door: '2' });
  });
});

describe('an app at the reader', () => {
  it('opens a rented door again and again, each time with another token', () => {
    const rig = holding({ ...tokenGrant('crd_a', 'app', { uses: 100 }), step: 'use' });
    const token = (ms: number) => appTokenOf(rootKeys, at, credential('crd_a', 'app', 2, 'use'), instant(ms)).value;
    const first = token(rig.time);
    expect(rig.enter(first, 'app')).toMatchObject({ granted: true });
    rig.use('1', 'filled');
    expect(rig.enter(first, 'app')).toMatchObject({ granted: false, reason: 'code_expired', next: 'get_a_new_code' });
    rig.advance(120);
    expect(rig.enter(token(rig.time), 'app')).toMatchObject({ granted: true });
    expect(rig.entries('access.granted')[0]).toMatchObject({ cause: { tokenId: expect.any(String) } });
  });

  it('remembers across a power cut which tokens have opened', () => {
    const rig = holding({ ...tokenGrant('crd_a', 'app', { uses: 100 }), step: 'use' });
    const token = appTokenOf(rootKeys, at, credential('crd_a', 'app', 2, 'use'), instant(rig.time)).value;
    rig.enter(token, 'app');
    rig.use('1', 'filled');
    rig.restart();
    expect(rig.enter(token, 'app')).toMatchObject({ reason: 'code_expired' });
  });

  it('is refused with a token of some minutes ago', () => {
    const rig = holding(tokenGrant('crd_a', 'app'));
    const old = app(rig.time);
    rig.advance(300);
    expect(rig.enter(old, 'app')).toMatchObject({ granted: false, reason: 'code_expired' });
    expect(rig.enter(app(rig.time), 'app')).toMatchObject({ granted: true });
  });

  it('does not ask the cloud about a token that has ended', () => {
    const rig = holding();
    rig.put({ type: 'connected' });
    const old = app(rig.time);
    rig.advance(300);
    expect(rig.enter(old, 'app')).toMatchObject({ granted: false, reason: 'code_expired' });
  });
});

describe('an operator at the keypad', () => {
  it('opens with a code that counts like a PIN when it is wrong', () => {
    const rig = holding(grantOf('crd_o', 'pickup', '0123456789', { method: 'operator' }));
    for (let nth = 0; nth < 5; nth += 1)
      expect(rig.enter('0000000000', 'operator')).toMatchObject({ reason: 'wrong_credential' });
    expect(rig.enter('0123456789', 'operator')).toMatchObject({ reason: 'keypad_locked', next: 'wait_and_try_again' });
    rig.advance(60);
    expect(rig.enter('0123456789', 'pin')).toMatchObject({ reason: 'wrong_credential' });
    expect(rig.enter('0123456789', 'operator')).toMatchObject({ granted: true, door: '1' });
  });
});

describe('several people with a right to one step', () => {
  const two = [grantOf('crd_p', 'pickup', '222222'), grantOf('crd_b', 'pickup', 'B-700123', { method: 'badge' })];

  it('find it done, whoever of them has done it, by the bank alone', () => {
    const rig = holding(...two);
    rig.enter('B-700123', 'badge');
    rig.use('1', 'empty');
    expect(rig.enter('222222')).toMatchObject({ granted: false, reason: 'credential_revoked' });
  });

  it('have their turn when any of those before has had theirs', () => {
    const rig = holding(
      grantOf('crd_d', 'deposit', '111111'),
      grantOf('crd_e', 'deposit', 'A-1001', { method: 'barcode' }),
      grantOf('crd_p', 'pickup', '222222', { after: 'crd_d' }),
    );
    expect(rig.enter('222222')).toMatchObject({ reason: 'compartment_empty' });
    rig.enter('A-1001', 'barcode');
    rig.use('1', 'filled');
    expect(rig.enter('222222')).toMatchObject({ granted: true });
  });
});

describe('whoever is refused', () => {
  it('with a badge that was for something else before is told of what it is for now', () => {
    const badge = (id: string, over: Partial<Grant>) => grantOf(id, 'pickup', 'B-700123', { method: 'badge', ...over });
    const rig = Rig.holding({
      '1': held('txn_1', [badge('crd_1', { blocked: 'credential_revoked' })]),
      '2': held('txn_2', [badge('crd_2', { notBefore: now + 3600 })]),
    });
    expect(rig.enter('B-700123', 'badge')).toMatchObject({ reason: 'too_early', door: '2' });
  });

  it('is told from when it opens, by the clock on the wall there', () => {
    const rig = holding(grantOf('crd_p', 'pickup', '222222', { notBefore: now + 3600 }));
    rig.setShadow('config', { ...rig.state.durable.config, rev: 8, timeZone: 'Europe/Zurich' });
    rig.put({ type: 'connected' });
    expect(rig.enter('222222')).toMatchObject({
      next: 'come_back_later',
      message: 'It is too early for this code. Please come back from Mon 5 Jan, 14:00.',
    });
    expect(rig.entries('access.denied')).toMatchObject([{ limitAt: startedAt + 3_600_000 }]);
  });

  it('is told since when it is over, and until when the keypad is off', () => {
    const rig = holding(grantOf('crd_p', 'pickup', '222222', { notAfter: now - 60 }));
    expect(rig.enter('222222')?.message).toContain('ended on Mon 5 Jan, 11:59');
    for (let nth = 0; nth < 5; nth += 1) rig.enter('000000');
    expect(rig.enter('222222')).toMatchObject({
      reason: 'keypad_locked',
      message: 'Too many wrong codes were entered. Please try again from Mon 5 Jan, 12:01.',
    });
  });

  it('is told what the cloud knows of the time', () => {
    const rig = Rig.online();
    rig.enter('999999');
    const askId = rig.state.durable.keypad.asking?.askId;
    const limitAt = startedAt + 7_200_000;
    rig.hear(`lw/${bankId}/down/answer`, { askId, granted: false, reason: 'too_early', limitAt });
    expect(rig.lastAnswer).toMatchObject({ reason: 'too_early', next: 'come_back_later' });
    expect(rig.lastAnswer?.message).toContain('Mon 5 Jan, 14:00');
    expect(rig.entries('access.denied')).toMatchObject([{ limitAt }]);
  });
});
