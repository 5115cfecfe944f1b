import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isDoorEntry } from '../../shared/device/journal.ts';
import { labelText } from '../../shared/device/label.ts';
import type { DoorGrants, Grant } from '../../shared/device/shadow.ts';
import { verifierOf } from '../../shared/device/verifier.ts';
import { delegate, revoke } from '../../shared/domain/access.ts';
import { appTokenOf, credentialValue, issuerKeysOf } from '../../shared/domain/derived.ts';
import { doorGrants } from '../../shared/domain/grants.ts';
import { cancel, expireIfDue, hold } from '../../shared/domain/lifecycle.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { epochMs, instant } from '../../shared/domain/time.ts';
import { Cloud, doorOf, hours } from '../domain/cloud-and-bank.ts';
import { bankId, bankKey, grantOf, held, parcel, Rig, startedAt } from './rig.ts';

/*
 * docs/offline.md, row by row. What a bank decides is tried at a bank without a cloud, and what becomes of it by telling the
 * cloud's decisions what that bank wrote down.
 */

const now = startedAt / 1000;
const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(32), older: {} });
const tokenOf = (method: 'qr' | 'app', id: string, place = { bankId, transactionId: 'txn_1' }): string => {
  const it = { id, method, step: 'pickup' as const, attempt: 0, digits: 6, keyVersion: 1 };
  return method === 'qr'
    ? (credentialValue(rootKeys, place, it) ?? '')
    : appTokenOf(rootKeys, place, it, instant(startedAt)).value;
};
const pickup = (over: Partial<Grant> = {}, value = '222222') => grantOf('crd_p', 'pickup', value, over);
const token = (method: 'qr' | 'app'): Grant => {
  const { verifier: _, ...grant } = pickup({ id: `crd_${method}`, method });
  return grant;
};

const offline = (doors: Record<string, DoorGrants>, options: ConstructorParameters<typeof Rig>[0] = {}): Rig => {
  const rig = Rig.holding(doors, options);
  rig.setShadow('config', { ...rig.state.durable.config, rev: 5, issuerKeys: issuerKeysOf(rootKeys) });
  rig.put({ type: 'disconnected' });
  return rig;
};
const holding = (...grants: Grant[]): Rig => offline({ '1': held('txn_1', grants) });

const refusal = (reason: string) => ({ granted: false, reason });
const cloudless = (rig: Rig): void => expect(rig.state.ram).toMatchObject({ connected: false, ask: null });

const alone: Record<string, () => void> = {
  'typed or brought': () => {
    const brought = { badge: 'B-700123', barcode: 'ORDER-1', operator: '0123456789', pin: '222222' } as const;
    for (const [method, value] of Object.entries(brought)) {
      const known = grantOf('crd_p', 'pickup', value, { method: method as keyof typeof brought });
      const rig = holding(known);
      expect(rig.enter(value, known.method)).toMatchObject({ granted: true, door: '1' });
      cloudless(rig);
    }
  },
  token: () => {
    for (const method of ['qr', 'app'] as const)
      expect(holding(token(method)).enter(tokenOf(method, `crd_${method}`), method)).toMatchObject({ granted: true });
  },
  'next step': () => {
    const rig = offline({ '1': parcel() });
    rig.enter('111111');
    rig.use('1', 'filled');
    expect(rig.enter('222222')).toMatchObject({ granted: true });
  },
  'handed on': () => {
    const cloud = new Cloud([doorOf('1')]);
    cloud.reserve('txn_1');
    const handing = { to: {}, access: { method: 'badge' as const, verifier: verifierOf(bankKey, 'badge', 'B-7') } };
    cloud.decide('txn_1', (it, _, fresh) =>
      delegate(it, 'txn_1_p', { ...handing, keepsOwn: false, by: 'by_recipient' }, fresh, cloud.now),
    );
    const rig = bankOf(cloud);
    rig.enter('111111');
    rig.use('1', 'filled');
    expect(rig.enter('222222')).toMatchObject(refusal('delegated'));
    expect(rig.enter('B-7', 'badge')).toMatchObject({ granted: true, door: '1' });
  },
  'known hold': () => {
    const rig = holding(pickup({ blocked: 'on_hold' }));
    expect(rig.enter('222222')).toMatchObject({ ...refusal('on_hold'), next: 'contact_the_sender' });
  },
  counts: () => {
    const rig = holding(pickup());
    for (let nth = 0; nth < 5; nth += 1) rig.enter('000000');
    expect(rig.enter('222222')).toMatchObject(refusal('keypad_locked'));
    rig.advance(61);
    rig.enter('222222');
    rig.use('1', 'empty');
    expect(rig.enter('222222')).toMatchObject(refusal('credential_revoked'));
  },
  scans: () => {
    const rig = offline({ '1': { ...parcel(), label: labelText(verifierOf(bankKey, 'barcode', 'L-1'), ['deposit']) } });
    expect(rig.enter('111111')).toMatchObject(refusal('scan_required'));
    rig.put({ type: 'scan', value: 'L-1' });
    expect(rig.enter('111111')).toMatchObject({ granted: true });
  },
  'power cut with a battery': () => {
    const rig = offline({ '1': held('txn_1', [pickup()]) }, { batteryBackedClock: true });
    rig.config({ batteryBackedClock: true, offlineSeconds: { pin: 600 } });
    rig.put({ type: 'connected' });
    rig.put({ type: 'disconnected' });
    rig.advance(500);
    rig.restart({ online: false });
    expect(rig.enter('222222')).toMatchObject({ granted: true });
    rig.use('1', 'filled');
    rig.advance(101);
    expect(rig.enter('222222')).toMatchObject(refusal('bank_offline'));
  },
  journal: () => {
    const rig = offline({ '1': parcel() });
    rig.enter('111111');
    rig.use('1', 'filled');
    for (let nth = 0; nth < 5_200; nth += 1) rig.door('1', { temperatureC: nth % 40 });
    const { entries, lastSeq } = rig.state.durable;
    expect(entries.length).toBeLessThanOrEqual(5_000);
    expect(entries.filter(isDoorEntry).length).toBe(rig.journal.filter(isDoorEntry).length);
    const gone = rig.entries('journal.truncated').reduce((sum, { from, to }) => sum + to - from + 1, 0);
    // What the cloud had acknowledged may go without a word.
    expect(lastSeq - entries.length - gone).toBe(1);
  },
};

const refuses: Record<string, () => void> = {
  unknown: () => {
    const rig = holding(pickup());
    expect(rig.enter('999999')).toMatchObject(refusal('wrong_credential'));
    expect(rig.enter('B-0', 'badge')).toMatchObject(refusal('wrong_credential'));
    expect(rig.state.durable.keypad.failures).toBe(1);
    cloudless(rig);
  },
  'newer token': () =>
    expect(holding(token('qr')).enter(tokenOf('qr', 'crd_newer'), 'qr')).toMatchObject(refusal('credential_revoked')),
  elsewhere: () => {
    const other = tokenOf('qr', 'crd_qr', { bankId: 'bnk_other', transactionId: 'txn_1' });
    expect(holding(token('qr')).enter(other, 'qr')).toMatchObject(refusal('wrong_bank'));
  },
  early: () => expect(holding(pickup({ notBefore: now + 60 })).enter('222222')).toMatchObject(refusal('too_early')),
  late: () => expect(holding(pickup({ notAfter: now - 60 })).enter('222222')).toMatchObject(refusal('too_late')),
  twice: () => {
    const rig = holding(pickup());
    rig.enter('222222');
    rig.use('1', 'empty');
    expect(rig.enter('222222')).toMatchObject(refusal('credential_revoked'));
  },
  'out of turn': () => expect(offline({ '1': parcel() }).enter('222222')).toMatchObject(refusal('compartment_empty')),
  occupied: () => {
    const rig = offline({ '1': parcel() });
    rig.door('1', { contents: 'filled', force: true });
    rig.door('1', { door: 'closed' });
    expect(rig.enter('111111')).toMatchObject(refusal('compartment_occupied'));
  },
  'too long offline': () => {
    const rig = Rig.holding({
      '1': held('txn_1', [pickup()]),
      '2': held('txn_2', [grantOf('crd_b', 'pickup', 'B-7', { method: 'badge' })]),
    });
    rig.config({ offlineSeconds: { pin: 600 } });
    rig.advance(1_000);
    rig.put({ type: 'disconnected' });
    rig.advance(599);
    expect(rig.enter('222222')).toMatchObject({ granted: true });
    rig.use('1', 'filled');
    rig.advance(2);
    expect(rig.enter('222222')).toMatchObject({ ...refusal('bank_offline'), next: 'wait_and_try_again' });
    expect(rig.enter('B-7', 'badge')).toMatchObject({ granted: true });
    rig.put({ type: 'connected' });
    expect(rig.enter('222222')).toMatchObject({ granted: true });
  },
  'power cut without a battery': () => {
    const rig = holding(pickup());
    rig.restart({ online: false });
    expect(rig.enter('222222')).toMatchObject(refusal('no_cloud_time'));
  },
  'old command': () => {
    const rig = holding(pickup());
    rig.command('1', 'cmd_1');
    rig.advance(60);
    rig.put({ type: 'connected' });
    expect(rig.entries('command.rejected')).toMatchObject([{ commandId: 'cmd_1', reason: 'expired' }]);
    expect(rig.unlocked).toEqual([]);
  },
};

const pins: Record<string, string> = { deposit: '111111', pickup: '222222', recall: '333333' };

/** A bank out of reach that knows what this cloud had decided by then. */
function bankOf(cloud: Cloud): Rig {
  const verifiers = ({
    method,
    step,
    verifier,
  }: {
    method: Grant['method'];
    step: string;
    verifier?: string | undefined;
  }) => verifier ?? verifierOf(bankKey, method, pins[step] ?? '');
  const rig = new Rig();
  rig.mono = epochMs(cloud.now) - startedAt;
  rig.power(true);
  rig.put({ type: 'connected' });
  rig.ack(1);
  rig.grants(1, { '1': doorGrants(cloud.transaction('txn_1'), verifiers) });
  rig.put({ type: 'disconnected' });
  return rig;
}

const story = () => {
  const cloud = new Cloud([doorOf('1')]);
  cloud.reserve('txn_1');
  const journalId = 'jnl_1';
  let told = 0;
  /** The cloud hears of all that it has not heard of. */
  const tell = (rig: Rig) => {
    const fresh = rig.journal.filter((entry) => entry.seq > told);
    told = rig.state.durable.lastSeq;
    cloud.learn(...fresh.filter(isDoorEntry).map((entry) => ({ journalId, entry })));
  };
  const stored = (): Rig => {
    const rig = bankOf(cloud);
    rig.enter('111111');
    rig.use('1', 'filled');
    tell(rig);
    expect(cloud.transaction('txn_1')).toMatchObject({ state: 'stored' });
    return rig;
  };
  const collect = (rig: Rig) => {
    expect(rig.enter('222222')).toMatchObject({ granted: true });
    rig.use('1', 'empty');
    cloud.now = instant(Math.max(epochMs(cloud.now), rig.time) + 1_000);
    tell(rig);
  };
  const it = () => cloud.transaction('txn_1');
  return { cloud, tell, stored, collect, it, types: () => cloud.eventsOf('txn_1') };
};

const merges: Record<string, () => void> = {
  'deposit and pickup': () => {
    const { stored, collect, it, types } = story();
    collect(stored());
    expect(it()).toMatchObject({ state: 'completed', flags: [] });
    expect(types().slice(-3)).toEqual(['deposited', 'picked_up', 'completed']);
  },
  'pickup in spite of a hold': () => {
    const { cloud, stored, collect, it, types } = story();
    const rig = stored();
    cloud.decide('txn_1', (each) => hold(each, 'customs'));
    collect(rig);
    expect(it()).toMatchObject({ state: 'completed', flags: ['late'] });
    expect(types()).toContain('conflicted');
  },
  'pickup with a revoked credential': () => {
    const { cloud, stored, collect, it, types } = story();
    const rig = stored();
    cloud.decide('txn_1', (each) => revoke(each, 'txn_1_p'));
    collect(rig);
    expect(it()).toMatchObject({ state: 'completed' });
    expect(types().slice(-3)).toEqual(['credential.revoked', 'picked_up', 'completed']);
  },
  'pickup after its recall': () => {
    const { cloud, stored, collect, it, types } = story();
    const rig = stored();
    cloud.now = hours(80);
    cloud.decide('txn_1', expireIfDue);
    expect(it()).toMatchObject({ state: 'recall_due' });
    collect(rig);
    expect(it()).toMatchObject({ state: 'completed', flags: ['late'] });
    expect(types()).toContain('conflicted');
    expect(cloud.right('txn_1', 'recall')).toMatchObject({ state: 'revoked' });
  },
  'deposit after its cancellation': () => {
    const { cloud, tell, it, types } = story();
    const rig = bankOf(cloud);
    cloud.decide('txn_1', (each, at, fresh, moment) => cancel(each, at, 'by_caller', fresh, moment));
    rig.enter('111111');
    rig.use('1', 'filled');
    tell(rig);
    expect(it()).toMatchObject({ state: 'recall_due', recallCause: 'late_deposit', flags: ['late'] });
    expect(types()).toContain('conflicted');
  },
  'emptied by nobody': () => {
    const { tell, stored, it, types } = story();
    const rig = stored();
    rig.door('1', { contents: 'empty', force: true });
    rig.door('1', { door: 'closed' });
    tell(rig);
    expect(it()).toMatchObject({ state: 'stored', flags: ['disputed'] });
    expect(types()).toContain('conflicted');
    expect(rig.entries('door.forced')).toHaveLength(1);
  },
  'missed scan': () => {
    const rig = offline({ '1': { ...held('txn_1', [pickup()]), label: labelText('x'.repeat(22), ['pickup']) } });
    rig.door('1', { contents: 'filled', force: true });
    rig.door('1', { door: 'closed' });
    rig.enter('222222');
    rig.use('1', 'empty');
    expect(rig.entries('scan')).toMatchObject([{ result: 'missed', transactionId: 'txn_1', step: 'pickup' }]);
  },
  refusals: () => {
    const rig = holding(pickup());
    rig.enter('999999');
    rig.enter('B-0', 'badge');
    rig.put({ type: 'connected' });
    const refused = rig.entries('access.denied').map(({ seq }) => seq);
    expect(refused).toHaveLength(2);
    expect(rig.sent.flat()).toEqual(expect.arrayContaining(refused));
  },
  'dropped entries': () => {
    const rig = holding(pickup());
    for (let nth = 0; nth < 5_100; nth += 1) rig.door('1', { temperatureC: nth % 40 });
    rig.put({ type: 'connected' });
    const [{ seq = 0 } = {}] = rig.entries('journal.truncated');
    expect(rig.sent.flat()).toContain(seq);
  },
};

/** The first column of the tables of a section. */
const rowsOf = (section: string): string[] => {
  const text = readFileSync(new URL('../../docs/offline.md', import.meta.url), 'utf8');
  const [, rest = ''] = text.split(`## ${section}\n`);
  const [part = ''] = rest.split('\n## ');
  const lines = part.split('\n');
  const isHead = (nth: number): boolean => lines[nth + 1]?.startsWith('|--') === true;
  return lines.flatMap((line, nth) => (isHead(nth) ? [] : (line.match(/^\| ([^|]+) \|/)?.[1] ?? [])));
};

describe.each([
  ['What a bank decides alone', alone],
  ['What it must refuse', refuses],
  ['How late news is merged', merges],
])('offline: %s', (section, rows) => {
  it('every row of the table has its test', () => expect(rowsOf(section)).toEqual(Object.keys(rows)));
  it.each(Object.entries(rows))('%s', (_, row) => row());
});
