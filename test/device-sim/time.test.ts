import { describe, expect, it } from 'vitest';
import { topics } from '../../shared/device/topics.ts';
import { bankId, grantOf, held, parcel, Rig, startedAt } from './rig.ts';

const claims = (rig: Rig): number[] => rig.journal.map(({ at }) => at - startedAt);

describe('time at the bank', () => {
  it('is unknown until the cloud has answered since power came, and credentials wait for it', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.power(false);
    rig.power(true);
    expect(rig.enter('111111')).toMatchObject({ granted: false, reason: 'no_cloud_time' });
    rig.put({ type: 'connected' });
    expect(rig.enter('111111')).toMatchObject({ granted: true });
  });

  it('runs on while the link is down', () => {
    const rig = Rig.holding({
      '1': held('txn_1', [grantOf('a', 'use', '111111', { notAfter: startedAt / 1000 + 60 })]),
    });
    rig.put({ type: 'disconnected' });
    rig.advance(50);
    expect(rig.enter('111111')).toMatchObject({ granted: true });
    rig.door('1', { door: 'closed' });
    rig.advance(11);
    expect(rig.enter('111111')).toMatchObject({ reason: 'too_late' });
  });

  it('comes from the cloud, whatever the own clock says', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.skewMs = 365 * 86_400_000;
    rig.restart();
    expect(rig.enter('111111')).toMatchObject({ granted: true });
    expect(Math.max(...claims(rig))).toBeLessThanOrEqual(1000);
  });

  it('is taken from a battery-backed clock where the configuration says so, with all its error', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.config({ batteryBackedClock: true });
    rig.skewMs = 2 * 3_600_000;
    rig.restart({ online: false });
    expect(rig.enter('111111')).toMatchObject({ granted: false, reason: 'too_late' });
    expect(claims(rig).at(-1)).toBe(2 * 3_600_000);
    rig.put({ type: 'connected' });
    expect(rig.enter('111111')).toMatchObject({ granted: true });
  });

  it('is not taken from a battery that the hardware does not have', () => {
    const rig = Rig.holding({ '1': parcel() }, { batteryBackedClock: false });
    rig.config({ batteryBackedClock: true });
    rig.restart({ online: false });
    expect(rig.enter('111111')).toMatchObject({ reason: 'no_cloud_time' });
  });

  it('is never started by a delta, and only moved forward by one', () => {
    const rig = Rig.online();
    rig.answering = false;
    rig.restart();
    rig.delta('doors-0', 100, {});
    expect(rig.state.ram?.cloudTime).toBeNull();
    rig.answering = true;
    rig.advance(10);
    const { lower = 0 } = rig.state.ram?.cloudTime ?? {};
    rig.hear(topics(bankId).shadow('doors-0').delta, { version: 101, timestamp: startedAt / 1000 - 500, state: {} });
    expect(rig.state.ram?.cloudTime?.lower).toBeGreaterThanOrEqual(lower);
    rig.hear(topics(bankId).shadow('doors-0').delta, { version: 102, timestamp: startedAt / 1000 + 500, state: {} });
    expect(rig.state.ram?.cloudTime?.lower).toBe(startedAt + 500_000);
  });

  it('does not trust an answer that it does not wait for', () => {
    const rig = Rig.online();
    rig.answering = false;
    rig.restart();
    const own = topics(bankId).shadow('config');
    rig.hear(own.getAccepted, { version: 9, timestamp: startedAt / 1000, clientToken: 'another', state: {} });
    expect(rig.state.ram?.cloudTime).toBeNull();
  });

  it('counts a slow answer as old: a command that may be over does not open', () => {
    const rig = new Rig();
    rig.answering = false;
    rig.power(true);
    rig.put({ type: 'connected' });
    const token = rig.state.ram?.shadows.pending.config?.token;
    rig.mono += 4000;
    const own = topics(bankId).shadow('config');
    rig.hear(own.getAccepted, { version: 1, timestamp: startedAt / 1000, clientToken: token, state: {} });
    rig.command('1', 'cmd_1', { notAfter: startedAt / 1000 + 4 });
    expect(rig.entries('command.rejected')).toMatchObject([{ reason: 'expired' }]);
  });

  it('is never before the last journal entry', () => {
    const rig = Rig.online();
    rig.advance(100);
    rig.command('1', 'cmd_1');
    rig.restart({ online: false });
    rig.door('1', { door: 'closed' });
    const at = claims(rig);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    expect(at.at(-1)).toBeGreaterThanOrEqual(100_000);
  });

  it('is told by the answer that a bank without any shadow gets at last', () => {
    const rig = Rig.online();
    rig.answering = false;
    rig.restart();
    rig.mono += 10;
    rig.put({ type: 'disconnected' });
    rig.put({ type: 'connected' });
    for (const [name, { token }] of Object.entries(rig.state.ram?.shadows.pending ?? {})) {
      rig.hear(topics(bankId).shadow(name).getRejected, { code: 404, message: 'none', clientToken: token });
    }
    expect(rig.state.ram?.cloudTime).toBeNull();
    rig.answering = true;
    rig.grants(1, {});
    expect(rig.state.ram?.cloudTime).not.toBeNull();
  });
});
