import { describe, expect, it } from 'vitest';
import { messageMs } from '../../device-sim/panel.ts';
import { grantOf, held, parcel, Rig } from './rig.ts';

describe('a step is done when the door closed on the right contents', () => {
  it('leaves a deposit open that was closed empty: the same PIN opens again', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    rig.door('1', { door: 'closed' });
    expect(rig.state.ram?.message).toContain('Enter the same code to open it again');
    expect(rig.enter('222222')).toMatchObject({ reason: 'compartment_empty' });
    expect(rig.enter('111111')).toMatchObject({ granted: true });
    rig.use('1', 'filled');
    expect(rig.enter('111111')).toMatchObject({ reason: 'credential_revoked' });
  });

  it('goes back to its greeting once a sentence was there to be read', () => {
    const rig = Rig.holding({ '1': parcel() });
    const greeting = rig.state.ram?.message;
    rig.enter('222222');
    const denial = rig.state.ram?.message;
    rig.advance(messageMs / 1000 - 1);
    expect(rig.state.ram?.message).toBe(denial);
    rig.enter('222222');
    rig.advance(messageMs / 1000 - 1);
    expect(rig.state.ram?.message).toBe(denial);
    rig.advance(1);
    expect(rig.state.ram?.message).toBe(greeting);
  });

  it('leaves a pickup open whose item was left inside', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    rig.use('1', 'filled');
    rig.enter('222222');
    rig.door('1', { door: 'closed' });
    expect(rig.enter('222222')).toMatchObject({ granted: true });
  });

  it('spends one use of several each time', () => {
    const rig = Rig.holding({ '1': held('txn_1', [grantOf('crd_u', 'use', '111111', { uses: 2 })]) });
    for (const _ of [1, 2]) {
      expect(rig.enter('111111')).toMatchObject({ granted: true });
      rig.door('1', { door: 'closed' });
    }
    expect(rig.enter('111111')).toMatchObject({ reason: 'credential_revoked' });
  });

  it('is done without a contents sensor when the door was opened, and opens again for a while only', () => {
    const rig = Rig.holding({ '1': parcel() }, { contentsSensor: false });
    rig.enter('111111');
    rig.door('1', { door: 'closed' });
    expect(rig.entries('door.closed')).toMatchObject([{ after: { contents: 'unknown' } }]);
    rig.advance(119);
    expect(rig.enter('111111')).toMatchObject({ granted: true });
    rig.advance(10);
    rig.door('1', { door: 'closed' });
    expect(rig.enter('111111')).toMatchObject({ reason: 'credential_revoked' });
    expect(rig.state.durable.uses.txn_1_d?.count).toBe(1);
    expect(rig.enter('222222')).toMatchObject({ granted: true });
  });

  it('waits for a slow contents sensor: the door closes on the old contents, the change follows', () => {
    const rig = Rig.holding({ '1': parcel() }, { sensorLagMs: 800 });
    rig.enter('111111');
    rig.use('1', 'filled');
    expect(rig.enter('222222')).toMatchObject({ reason: 'compartment_empty' });
    rig.advance(1);
    expect(rig.journal.slice(-3).map(({ type }) => type)).toEqual(['door.closed', 'access.denied', 'contents.changed']);
    expect(rig.entries('door.closed')).toMatchObject([{ after: { contents: 'empty' } }]);
    expect(rig.entries('contents.changed')).toMatchObject([
      { after: { door: 'closed', contents: 'filled' }, cause: { grantId: 'txn_1_d', step: 'deposit' } },
    ]);
    expect(rig.enter('222222')).toMatchObject({ granted: true });
  });

  it('lets a test say when a slow sensor notices', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    rig.door('1', { contents: 'filled', late: true });
    rig.door('1', { door: 'closed' });
    rig.door('1', { contents: 'filled', late: true });
    expect(rig.journal.slice(-2).map(({ type }) => type)).toEqual(['door.closed', 'contents.changed']);
  });

  it('does not take a failing sensor for a deposit', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    rig.door('1', { door: 'closed' });
    rig.door('1', { contents: 'unknown' });
    expect(rig.entries('contents.changed')).toMatchObject([{ after: { contents: 'unknown' }, cause: null }]);
    expect(rig.enter('222222')).toMatchObject({ reason: 'compartment_empty' });
  });
});

describe('what happens at a door', () => {
  it('carries the version that was applied when the door opened, whatever came since', () => {
    const rig = Rig.holding({ '1': parcel('txn_1', 3) });
    rig.enter('111111');
    rig.grants(2, { '1': held('txn_2', [], 1) });
    rig.use('1', 'filled');
    expect(rig.entries('door.closed')).toMatchObject([
      { transactionId: 'txn_1', version: 3, cause: { grantId: 'txn_1_d' }, after: { contents: 'filled' } },
    ]);
  });

  it('is journalled as forced when nobody the bank knows of opened it', () => {
    const rig = Rig.holding({ '1': parcel('txn_1', 2) });
    expect(rig.door('1', { contents: 'filled', force: true })).toBeUndefined();
    expect(rig.entries('door.forced')).toMatchObject([
      { cause: null, transactionId: 'txn_1', version: 2, after: { door: 'open', contents: 'empty', lock: 'ok' } },
    ]);
    expect(rig.entries('contents.changed')).toMatchObject([{ cause: null, after: { contents: 'filled' } }]);
  });

  it('cannot be what steel does not allow', () => {
    const rig = Rig.online();
    expect(rig.door('1', { contents: 'filled' })).toMatch(/closed door/);
    expect(rig.door('1', { door: 'ajar' })).toMatch(/ajar/);
    expect(rig.door('1', { door: 'open' })).toMatch(/force/);
    expect(rig.journal.map(({ type }) => type)).toEqual(['boot']);
  });

  it('is ajar once it stood open too long, or was not pushed shut', () => {
    const rig = Rig.holding({ '1': parcel(), '2': held('txn_2', [grantOf('crd_2', 'use', '333333')]) });
    rig.enter('111111');
    rig.enter('333333');
    rig.door('2', { door: 'ajar' });
    expect(rig.entries('door.ajar')).toMatchObject([{ door: '2' }]);
    rig.advance(59);
    expect(rig.entries('door.ajar')).toHaveLength(1);
    rig.advance(2);
    expect(rig.entries('door.ajar')).toMatchObject([{ door: '2' }, { door: '1', after: { door: 'ajar' } }]);
    rig.use('1', 'filled');
    expect(rig.known('1')).toMatchObject({ door: 'closed', contents: 'filled' });
  });

  it('tells the temperature', () => {
    const rig = Rig.online();
    rig.door('1', { temperatureC: 4.5 });
    expect(rig.entries('temperature.read')).toMatchObject([{ door: '1', temperatureC: 4.5 }]);
  });
});

describe('a power cut', () => {
  it('is journalled when it comes and when it ends', () => {
    const rig = Rig.online();
    rig.power(false);
    rig.power(true);
    expect(rig.journal.map(({ type }) => type)).toEqual(['boot', 'power.lost', 'boot', 'power.restored']);
    rig.restart();
    expect(rig.journal.at(-1)).toMatchObject({ type: 'boot', generation: 1 });
  });

  it('hides nothing: the bank looks at its doors when it boots', () => {
    const rig = Rig.holding({ '1': parcel(), '2': held('txn_2', []) });
    rig.enter('111111');
    rig.power(false);
    rig.door('1', { contents: 'filled', door: 'closed' });
    rig.door('2', { door: 'open', force: true });
    rig.power(true);
    const seen = rig.journal.slice(-3);
    expect(seen).toMatchObject([
      { type: 'contents.changed', door: '1', cause: { grantId: 'txn_1_d' } },
      { type: 'door.closed', door: '1', after: { contents: 'filled' }, cause: { grantId: 'txn_1_d' } },
      { type: 'door.forced', door: '2', cause: null, transactionId: 'txn_2' },
    ]);
    expect(rig.state.durable.uses.txn_1_d?.count).toBe(1);
  });

  it('leaves on the disk exactly what the bank knew', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    rig.use('1', 'filled');
    rig.put({ type: 'disconnected' });
    rig.enter('999999');
    expect(rig.disk).toEqual(rig.state.durable);
  });
});
