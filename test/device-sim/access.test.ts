import { describe, expect, it } from 'vitest';
import type { Grant } from '../../shared/device/shadow.ts';
import { topics } from '../../shared/device/topics.ts';
import { verifierOf } from '../../shared/device/verifier.ts';
import { bankId, bankKey, grantOf, held, parcel, Rig, startedAt } from './rig.ts';

const now = startedAt / 1000;

describe('entering a credential', () => {
  it('opens the door it is for, and tells the person what to do', () => {
    const rig = Rig.holding({ '2': parcel() });
    expect(rig.enter('111111')).toEqual({
      granted: true,
      door: '2',
      message: 'Door 2 is open. Put the item in and close the door.',
    });
    expect(rig.known('2')).toEqual({ door: 'open', contents: 'empty', lock: 'ok' });
    expect(rig.entries('access.granted')).toMatchObject([
      { door: '2', method: 'pin', transactionId: 'txn_1', version: 1, cause: { grantId: 'txn_1_d', step: 'deposit' } },
    ]);
  });

  const refused: [string, Partial<Grant>, string][] = [
    ['before its time', { notBefore: now + 60 }, 'too_early'],
    ['after its time', { notAfter: now - 1 }, 'too_late'],
    ['before the deposit was made', { after: 'crd_other' }, 'compartment_empty'],
    ['while it is on hold', { blocked: 'on_hold' }, 'on_hold'],
    ['while it is not paid for', { blocked: 'payment_pending' }, 'payment_pending'],
    ['for a reason this bank has never heard of', { blocked: 'moon_phase' }, 'moon_phase'],
  ];
  it.each(refused)('is refused %s', (_, over, reason) => {
    const rig = Rig.holding({ '1': held('txn_1', [grantOf('crd_p', 'pickup', '222222', over)]) });
    const answer = rig.enter('222222');
    expect(answer).toMatchObject({ granted: false, reason, door: '1' });
    expect(answer?.message).toMatch(/^[A-Z].+\.$/);
    expect(rig.entries('access.denied')).toMatchObject([
      { reason, method: 'pin', door: '1', transactionId: 'txn_1', grantId: 'crd_p' },
    ]);
    expect(rig.unlocked).toEqual([]);
  });

  it('lets the pickup follow the deposit by the own journal, offline', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.put({ type: 'disconnected' });
    expect(rig.enter('222222')).toMatchObject({ granted: false, reason: 'compartment_empty' });
    rig.enter('111111');
    rig.use('1', 'filled');
    expect(rig.enter('222222')).toMatchObject({ granted: true, door: '1' });
  });

  it('says of a used credential that it was used, not that it is wrong', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    rig.use('1', 'filled');
    rig.enter('222222');
    rig.use('1', 'empty');
    expect(rig.enter('222222')).toMatchObject({ granted: false, reason: 'credential_revoked' });
  });

  it('takes badges and barcodes for what they are, even with the digits of a PIN', () => {
    const rig = Rig.holding({ '1': held('txn_1', [grantOf('crd_b', 'pickup', '222222', { method: 'badge' })]) });
    rig.put({ type: 'disconnected' });
    expect(rig.enter('222222', 'pin')).toMatchObject({ granted: false, reason: 'wrong_credential' });
    expect(rig.enter('222222', 'barcode')).toMatchObject({ granted: false, reason: 'wrong_credential' });
    expect(rig.enter('222222', 'badge')).toMatchObject({ granted: true, door: '1' });
  });

  it('opens with one badge first the door that it may use now', () => {
    const badge = (id: string, over: Partial<Grant> = {}) => grantOf(id, 'pickup', 'B7', { method: 'badge', ...over });
    const rig = Rig.holding({
      '1': held('txn_1', [badge('crd_1', { blocked: 'on_hold' })]),
      '2': held('txn_2', [badge('crd_2')]),
    });
    expect(rig.enter('B7', 'badge')).toMatchObject({ granted: true, door: '2' });
    rig.use('2', 'empty');
    expect(rig.enter('B7', 'badge')).toMatchObject({ granted: false, reason: 'credential_revoked' });
  });

  it('finds nothing right before it was given its key, and everything after', () => {
    const rig = Rig.holding({ '1': parcel() }, { key: false });
    expect(rig.enter('111111')).toMatchObject({ reason: 'wrong_credential' });
    rig.hear(topics(bankId).key, { generation: 1, key: bankKey.toString('base64url') });
    expect(rig.enter('111111')).toMatchObject({ granted: true });
  });

  it('says once more that it has no key, until it was given one', () => {
    const rig = Rig.online({ key: false });
    rig.ack(rig.state.durable.lastSeq);
    rig.advance(60);
    expect(rig.entries('boot').map(({ generation }) => generation)).toEqual([null, null]);
    rig.hear(topics(bankId).key, { generation: 1, key: bankKey.toString('base64url') });
    rig.ack(rig.state.durable.lastSeq);
    rig.advance(600);
    expect(rig.entries('boot')).toHaveLength(2);
  });

  it('refuses a deposit where something lies already', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.door('1', { contents: 'filled', force: true });
    rig.door('1', { door: 'closed' });
    expect(rig.enter('111111')).toMatchObject({ granted: false, reason: 'compartment_occupied', door: '1' });
  });

  it('refuses a deposit where by its own journal another item lies, though no sensor says so', () => {
    const rig = Rig.holding({ '1': parcel('txn_1') }, { contentsSensor: false });
    rig.enter('111111');
    rig.use('1', 'filled');
    rig.grants(2, { '1': held('txn_2', [grantOf('crd_x', 'deposit', '333333')]) });
    expect(rig.enter('333333')).toMatchObject({ granted: false, reason: 'compartment_occupied' });
  });

  it('does not open a second time a door that stands open, and says so to others', () => {
    const rig = Rig.holding({
      '1': held('txn_1', [grantOf('a', 'pickup', '111111'), grantOf('b', 'pickup', '222222')]),
    });
    rig.enter('111111');
    expect(rig.enter('111111')).toMatchObject({ granted: true, door: '1' });
    expect(rig.enter('222222')).toMatchObject({ granted: false, reason: 'door_not_closed' });
    expect(rig.unlocked).toEqual(['1']);
  });

  it('gives a door opened by command to the person who then enters the code', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.command('1', 'cmd_1');
    expect(rig.enter('111111')).toMatchObject({ granted: true });
    rig.use('1', 'filled');
    expect(rig.unlocked).toEqual(['1']);
    expect(rig.entries('door.closed')).toMatchObject([{ cause: { grantId: 'txn_1_d', step: 'deposit' } }]);
    expect(rig.enter('222222')).toMatchObject({ granted: true });
  });

  it('says of a jammed lock that the compartment is faulty', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.door('1', { lock: 'jammed' });
    expect(rig.enter('111111')).toMatchObject({ granted: false, reason: 'compartment_faulty', door: '1' });
    expect(rig.known('1')).toEqual({ door: 'closed', contents: 'empty', lock: 'jammed' });
    expect(rig.entries('lock.jammed')).toMatchObject([{ door: '1', cause: { grantId: 'txn_1_d' } }]);
    rig.door('1', { lock: 'ok' });
    expect(rig.enter('111111')).toMatchObject({ granted: true });
    expect(rig.known('1')).toMatchObject({ door: 'open', lock: 'ok' });
  });

  it('shows nothing without power', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.power(false);
    expect(rig.enter('111111')).toEqual({ granted: false, message: 'The bank has no power.' });
  });
});

describe('a credential the bank does not know', () => {
  const asks = (rig: Rig) => rig.published(topics(bankId).ask);

  it('is asked of the cloud, by its verifier', () => {
    const rig = Rig.online();
    expect(rig.enter('999999')).toBeUndefined();
    expect(asks(rig)).toMatchObject([{ method: 'pin', verifier: verifierOf(bankKey, 'pin', '999999') }]);
    expect(JSON.stringify(rig.outputs)).not.toContain('999999');
  });

  it('is refused with the reason that the cloud gives', () => {
    const rig = Rig.online();
    rig.enter('999999');
    rig.hear(topics(bankId).answer, { askId: askIdOf(rig), granted: false, reason: 'credential_revoked' });
    expect(rig.lastAnswer).toMatchObject({ granted: false, reason: 'credential_revoked' });
    expect(rig.entries('access.denied')).toMatchObject([{ reason: 'credential_revoked' }]);
  });

  it('is welcomed when the cloud says so; the door is opened by the command that follows', () => {
    const rig = Rig.online();
    rig.enter('999999');
    rig.hear(topics(bankId).answer, { askId: askIdOf(rig), granted: true, door: '3' });
    expect(rig.lastAnswer).toMatchObject({ granted: true, door: '3' });
    expect(rig.unlocked).toEqual([]);
    rig.command('3', 'cmd_1');
    expect(rig.unlocked).toEqual(['3']);
  });

  it('is wrong when no answer came in five seconds, and a later one changes nothing', () => {
    const rig = Rig.online();
    rig.enter('999999');
    rig.advance(4.9);
    expect(rig.lastAnswer).toBeUndefined();
    rig.advance(0.1);
    expect(rig.lastAnswer).toMatchObject({ granted: false, reason: 'wrong_credential' });
    const { keypad } = rig.state.durable;
    rig.hear(topics(bankId).answer, { askId: askIdOf(rig), granted: true, door: '3' });
    expect(rig.state.durable.keypad).toEqual(keypad);
  });

  it('is wrong at once when the link is down, or goes down meanwhile', () => {
    const rig = Rig.online();
    rig.enter('999999');
    rig.put({ type: 'disconnected' });
    expect(rig.lastAnswer).toMatchObject({ reason: 'wrong_credential' });
    expect(rig.enter('888888')).toMatchObject({ reason: 'wrong_credential' });
    expect(asks(rig)).toHaveLength(1);
  });

  it('keeps others waiting meanwhile, so that no guess escapes the count', () => {
    const rig = Rig.online();
    rig.enter('999999');
    expect(rig.enter('888888')).toEqual({ granted: false, message: 'One moment, please.' });
    expect(asks(rig)).toHaveLength(1);
  });

  const askIdOf = (rig: Rig): string => rig.state.durable.keypad.asking?.askId ?? 'ask_1_jnl_test';
});
