import { describe, expect, it } from 'vitest';
import { topics } from '../../shared/device/topics.ts';
import { bankId, held, parcel, Rig, startedAt } from './rig.ts';

const rejected = (rig: Rig) => rig.entries('command.rejected').map(({ commandId, reason }) => [commandId, reason]);

describe('a door command', () => {
  it('is acknowledged, sent at once, and opens the door', () => {
    const rig = Rig.holding({ '1': parcel('txn_1', 4) });
    rig.command('1', 'cmd_1', { transactionId: 'txn_1' });
    expect(rig.journal.slice(-2)).toMatchObject([
      { type: 'command.acknowledged', commandId: 'cmd_1', door: '1' },
      { type: 'door.opened', door: '1', transactionId: 'txn_1', version: 4, cause: { commandId: 'cmd_1' } },
    ]);
    expect(rig.sent.slice(-2)).toEqual([[3], [4]]);
    expect(rig.unlocked).toEqual(['1']);
  });

  it('is on the disk before the lock is tried', () => {
    const rig = Rig.online();
    rig.command('1', 'cmd_1');
    const order = rig.outputs.flatMap((output) => {
      if (output.type === 'unlock') return ['unlock'];
      if (output.type === 'persist') return output.change.entries?.map(({ type }) => type) ?? [];
      return [];
    });
    expect(order.slice(-3)).toEqual(['command.acknowledged', 'unlock', 'door.opened']);
  });

  it('opens once though it is delivered twice, in new versions, in answers and after a restart', () => {
    const rig = Rig.online();
    rig.command('1', 'cmd_1', { notAfter: startedAt / 1000 + 30 });
    rig.door('1', { door: 'closed' });
    rig.command('1', 'cmd_1', { notAfter: startedAt / 1000 + 30 });
    rig.put({ type: 'disconnected' });
    rig.put({ type: 'connected' });
    rig.restart();
    expect(rig.unlocked).toEqual(['1']);
    expect(rejected(rig)).toEqual([]);
  });

  it('is a duplicate when its id comes back with other contents', () => {
    const rig = Rig.online();
    rig.command('1', 'cmd_1');
    rig.command('2', 'cmd_1');
    rig.advance(10);
    rig.command('1', 'cmd_1');
    expect(rig.unlocked).toEqual(['1']);
    expect(rejected(rig).every(([, reason]) => reason === 'duplicate')).toBe(true);
    expect(rejected(rig).length).toBeGreaterThan(0);
  });

  it('never opens past its time, not even within the second that the cloud rounds off', () => {
    const rig = Rig.online();
    rig.advance(40);
    rig.command('1', 'cmd_late', { notAfter: startedAt / 1000 + 39 });
    rig.command('2', 'cmd_edge', { notAfter: startedAt / 1000 + 40 });
    expect(rejected(rig)).toEqual([
      ['cmd_late', 'expired'],
      ['cmd_edge', 'expired'],
    ]);
    expect(rig.unlocked).toEqual([]);
  });

  it('is refused for a transaction that the door is not for', () => {
    const rig = Rig.holding({ '1': parcel('txn_1') });
    rig.command('1', 'cmd_1', { transactionId: 'txn_0' });
    rig.command('2', 'cmd_2', { transactionId: 'txn_1' });
    expect(rejected(rig)).toEqual([
      ['cmd_1', 'wrong_transaction'],
      ['cmd_2', 'wrong_transaction'],
    ]);
  });

  it('is for whose item lies inside when no grants are left', () => {
    const rig = Rig.holding({ '1': parcel('txn_1') });
    rig.enter('111111');
    rig.use('1', 'filled');
    rig.grants(2, {});
    rig.command('1', 'cmd_1', { transactionId: 'txn_1' });
    expect(rig.unlocked).toEqual(['1', '1']);
  });

  it('is refused while the door is open, and stays refused', () => {
    const rig = Rig.online();
    rig.command('1', 'cmd_1');
    rig.command('1', 'cmd_2');
    expect(rejected(rig)).toEqual([['cmd_2', 'door_busy']]);
    rig.door('1', { door: 'closed' });
    rig.put({ type: 'connected' });
    expect(rig.unlocked).toEqual(['1']);
  });

  it('is refused before the cloud has told the time since power came', () => {
    const rig = Rig.online();
    rig.answering = false;
    rig.power(false);
    rig.power(true);
    rig.put({ type: 'connected' });
    rig.command('1', 'cmd_1');
    expect(rejected(rig)).toEqual([['cmd_1', 'no_cloud_time']]);
    rig.answering = true;
    rig.advance(10);
    rig.command('1', 'cmd_2');
    expect(rig.unlocked).toEqual(['1']);
  });

  it('fails on a jammed lock', () => {
    const rig = Rig.online();
    rig.door('1', { lock: 'jammed' });
    rig.command('1', 'cmd_1');
    expect(rig.journal.slice(-3)).toMatchObject([
      { type: 'command.acknowledged', commandId: 'cmd_1' },
      { type: 'lock.jammed', door: '1', after: { door: 'closed', lock: 'jammed' }, cause: { commandId: 'cmd_1' } },
      { type: 'command.failed', commandId: 'cmd_1', reason: 'lock_jammed' },
    ]);
  });

  it('is forgotten only when its time is over, however many come', () => {
    const rig = Rig.online();
    rig.command('1', 'cmd_long', { notAfter: startedAt / 1000 + 86_400 });
    rig.door('1', { door: 'closed' });
    for (let n = 0; n < 1200; n += 1) {
      rig.delta('doors-0', 1000 + n, { '2': { open: { commandId: `cmd_${n}`, notAfter: startedAt / 1000 } } });
      if (n % 50 === 0) rig.advance(10);
    }
    expect(Object.keys(rig.state.durable.commands).length).toBeLessThanOrEqual(500);
    expect(Object.hasOwn(rig.state.durable.commands, 'cmd_long')).toBe(true);
  });

  it('for a door that is not there, or that cannot be read, is passed over', () => {
    const rig = Rig.online();
    rig.command('99', 'cmd_1');
    rig.setShadow('doors-0', { '1': { open: { commandId: 7 } }, '2': {}, '3': { open: null } });
    expect(rig.journal.map(({ type }) => type)).toEqual(['boot']);
  });

  it('is not read from an older version that arrives later', () => {
    const rig = Rig.online();
    const open = (commandId: string) => ({ open: { commandId, notAfter: startedAt / 1000 + 30 } });
    rig.delta('doors-0', 12, { '2': open('cmd_2') });
    rig.delta('doors-0', 11, { '1': open('cmd_1'), '2': open('cmd_2') });
    rig.delta('doors-0', 12, { '2': open('cmd_2') });
    expect(rig.unlocked).toEqual(['2']);
  });

  it('is reported for display, and nothing else is ever reported', () => {
    const rig = Rig.holding({ '1': held('txn_1', []) });
    rig.command('2', 'cmd_1');
    const own = topics(bankId);
    const updates = rig.outputs.filter((output) => output.type === 'publish' && output.topic.endsWith('/update'));
    expect(updates.map((output) => output.type === 'publish' && output.topic)).toEqual([
      own.shadow('doors-0').update,
      own.shadow('doors-0').update,
    ]);
    expect(rig.published(own.shadow('doors-0').update)).toEqual([
      {
        state: {
          reported: { 1: { is: 'closed empty ok' }, 2: { is: 'closed empty ok' }, 3: { is: 'closed empty ok' } },
        },
      },
      { state: { reported: { 2: { is: 'open empty ok' } } } },
    ]);
  });
});
