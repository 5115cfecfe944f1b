import { describe, expect, it } from 'vitest';
import type { AccessMethod } from '../../shared/device/access.ts';
import { nextFor } from '../../shared/device/denial.ts';
import { topics } from '../../shared/device/topics.ts';
import { delegate, issue, revoke, takeBack } from '../../shared/domain/access.ts';
import type { Access, Credential } from '../../shared/domain/credential.ts';
import {
  appTokenOf,
  bankKeyOf,
  broughtVerifier,
  credentialValue,
  issuerKeysOf,
  verifiersAt,
} from '../../shared/domain/derived.ts';
import { doorGrants } from '../../shared/domain/grants.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { epochMs, type Instant, instant, plusSeconds } from '../../shared/domain/time.ts';
import { Cloud, doorOf, minutes } from '../domain/cloud-and-bank.ts';
import { bankId, Rig, startedAt } from './rig.ts';

/*
 * Every method, inside and outside of the happy path: the grants are the cloud's own, and the bank decides alone. That they
 * come by a shadow, and what the cloud makes of it, is test/journeys/access.test.ts.
 */

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const here = { bankId, bankKey: { generation: 1, keyVersion: 1 } };
const of = 'txn_1';

const brought: Partial<Record<AccessMethod, string>> = { badge: 'B-700123', barcode: 'ORDER-4711' };
const asked = (method: AccessMethod, value = brought[method]): Access => ({
  step: 'pickup',
  method,
  ...(value !== undefined && { verifier: broughtVerifier(rootKeys, here, method, value) }),
});

/** What the person shows, at a bank if it is another. */
const shown = (it: Credential, at: Instant, there = bankId): string => {
  const place = { bankId: there, transactionId: of };
  if (it.method === 'app') return appTokenOf(rootKeys, place, it, at).value;
  return credentialValue(rootKeys, place, it) ?? brought[it.method] ?? '';
};

class Scene {
  readonly cloud = new Cloud([doorOf('1')]);
  readonly rig = new Rig({ key: false });
  private rev = 0;

  constructor(method: AccessMethod, more: Partial<Access> = {}) {
    const isOperator = method === 'operator';
    this.cloud.reserve(of, isOperator ? {} : { access: [{ ...asked(method), ...more }] });
    this.rig.mono = epochMs(this.cloud.now) - startedAt;
    this.rig.power(true);
    this.rig.put({ type: 'connected' });
    const key = bankKeyOf(rootKeys, bankId, here.bankKey).toString('base64url');
    this.rig.hear(topics(bankId).key, { generation: 1, key });
    this.rig.setShadow('config', { ...this.rig.state.durable.config, rev: 5, issuerKeys: issuerKeysOf(rootKeys) });
    this.rig.ack(1);
    this.tell();
    this.enter(this.right('deposit'));
    this.rig.use('1', 'filled');
    const [closed] = this.rig.entries('door.closed');
    if (closed) this.cloud.learn({ journalId: 'jnl_1', entry: closed });
    if (isOperator) {
      const wish = { step: 'pickup' as const, method, reason: 'seen at the counter', ...more };
      this.cloud.decide(of, (it, _, fresh, now) => issue(it, wish, fresh, now));
    }
    this.tell();
  }

  /** The bank hears of what was decided. */
  tell(): void {
    this.rev += 1;
    const verifier = (it: Credential) => verifiersAt(rootKeys, here)(it);
    this.rig.grants(this.rev, { '1': doorGrants(this.cloud.transaction(of), verifier) });
  }

  right(step: Credential['step']): Credential {
    return this.cloud.right(of, step);
  }

  get now(): Instant {
    return instant(this.rig.time);
  }

  enter(it: Credential, there?: string) {
    return this.rig.enter(shown(it, this.now, there), it.method);
  }

  goOffline(): void {
    this.rig.put({ type: 'disconnected' });
  }
}

const refusal = (reason: string) => ({ granted: false, reason, next: nextFor(reason) });

const every = ['pin', 'badge', 'barcode', 'qr', 'app', 'operator'] as const;
const ofPeople = every.filter((it) => it !== 'operator');

describe.each(every)('whoever has a %s', (method) => {
  it('opens the door they are for, with the network down as well, and not twice', () => {
    const scene = new Scene(method);
    scene.goOffline();
    const right = scene.right('pickup');
    expect(scene.enter(right)).toMatchObject({ granted: true, door: '1' });
    scene.rig.use('1', 'empty');
    expect(scene.enter(right)).toMatchObject(refusal('credential_revoked'));
  });

  it('is refused after it has ended', () => {
    const scene = new Scene(method, { notAfter: plusSeconds(minutes(10), 600) });
    scene.goOffline();
    scene.rig.advance(602);
    expect(scene.enter(scene.right('pickup'))).toMatchObject(refusal('too_late'));
    expect(scene.rig.unlocked).toHaveLength(1);
  });

  it('is refused once the bank knows that it was revoked, however short a time ago', () => {
    const scene = new Scene(method);
    const right = scene.right('pickup');
    scene.cloud.decide(of, (it) => revoke(it, right.id));
    scene.tell();
    scene.goOffline();
    expect(scene.enter(right)).toMatchObject(refusal('credential_revoked'));
  });

  it('opens still where the bank could not hear of that', () => {
    const scene = new Scene(method);
    scene.goOffline();
    const right = scene.right('pickup');
    scene.cloud.decide(of, (it) => revoke(it, right.id));
    expect(scene.enter(right)).toMatchObject({ granted: true });
  });

  it('is refused at another bank', () => {
    const scene = new Scene(method);
    const right = scene.right('pickup');
    const isToken = method === 'qr' || method === 'app';
    scene.rig.grants(99, {});
    scene.goOffline();
    // Of a token it is known by itself; anything else is one that this bank has never heard of.
    const answer = isToken ? scene.enter(right, 'bnk_other') : scene.enter(right);
    expect(answer).toMatchObject(refusal(isToken ? 'wrong_bank' : 'wrong_credential'));
  });
});

describe.each(ofPeople)('whoever has a %s', (method) => {
  it('is refused before it begins, and told from when', () => {
    const notBefore = plusSeconds(minutes(10), 3_600);
    const scene = new Scene(method, { notBefore });
    scene.goOffline();
    expect(scene.enter(scene.right('pickup'))).toMatchObject(refusal('too_early'));
    expect(scene.rig.entries('access.denied')).toMatchObject([{ limitAt: epochMs(notBefore) }]);
    scene.rig.advance(3_601);
    expect(scene.enter(scene.right('pickup'))).toMatchObject({ granted: true });
  });

  it('was handed it by somebody, who opens no more until they take it back', () => {
    const own = method === 'pin' ? 'badge' : 'pin';
    const scene = new Scene(own);
    const first = scene.right('pickup');
    const handing = { to: {}, access: asked(method), keepsOwn: false, by: 'by_recipient' as const };
    scene.cloud.decide(of, (it, _, fresh, now) => delegate(it, first.id, handing, fresh, now));
    scene.tell();
    const theirs = scene.right('pickup');
    expect(theirs).toMatchObject({ method, delegatedFrom: first.id });
    scene.goOffline();
    expect(scene.enter(first)).toMatchObject(refusal('delegated'));
    expect(scene.enter(theirs)).toMatchObject({ granted: true });
    scene.rig.use('1', 'filled');
    scene.rig.put({ type: 'connected' });
    scene.cloud.decide(of, (it) => takeBack(it, theirs.id, 'by_recipient'));
    scene.tell();
    scene.goOffline();
    expect(scene.enter(theirs)).toMatchObject(refusal('credential_revoked'));
    expect(scene.enter(first)).toMatchObject({ granted: true });
  });
});
