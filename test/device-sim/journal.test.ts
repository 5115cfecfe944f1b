import { describe, expect, it } from 'vitest';
import { limits } from '../../device-sim/journal.ts';
import { JournalBatch } from '../../shared/device/messages.ts';
import { topics } from '../../shared/device/topics.ts';
import { bankId, journalId, parcel, Rig } from './rig.ts';

const last = (rig: Rig): number => rig.state.durable.lastSeq;

describe('the journal', () => {
  it('is written before the lock is tried', () => {
    const rig = Rig.holding({ '1': parcel() });
    const before = rig.outputs.length;
    rig.enter('111111');
    const kinds = rig.outputs
      .slice(before)
      .map((output) => (output.type === 'persist' ? (output.change.entries?.[0]?.type ?? 'persist') : output.type));
    expect(kinds).toEqual(['access.granted', 'unlock', 'door.opened', 'entered']);
  });

  it('is numbered without gaps across restarts and power cuts', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    rig.restart();
    rig.use('1', 'filled');
    rig.power(false);
    rig.restart();
    rig.enter('222222');
    expect(rig.journal.map(({ seq }) => seq)).toEqual(Array.from({ length: last(rig) }, (_, n) => n + 1));
  });

  it('goes up as one batch for a door cycle', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.ack(last(rig));
    const before = rig.sent.length;
    rig.enter('111111');
    rig.use('1', 'filled');
    expect(rig.sent.slice(before)).toEqual([[3, 4, 5, 6]]);
    const [batch] = rig.published(topics(bankId).journal).slice(-1);
    expect(JournalBatch.parse(batch).entries.map(({ type }) => type)).toEqual([
      'access.granted',
      'door.opened',
      'contents.changed',
      'door.closed',
    ]);
  });

  it('does not wait for a door that stays open', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.ack(last(rig));
    const before = rig.sent.length;
    rig.enter('111111');
    rig.advance(limits.holdMs / 1000);
    expect(rig.sent.slice(before)).toEqual([[3, 4]]);
    rig.use('1', 'filled');
    expect(rig.sent.slice(before)).toEqual([
      [3, 4],
      [5, 6],
    ]);
  });

  it('is sent again, ever more slowly, until it is acknowledged', () => {
    const rig = Rig.online();
    rig.advance(2 + 4 + 8);
    expect(rig.sent).toEqual([[1], [1], [1], [1]]);
    rig.advance(600);
    const slow = rig.sent.length;
    rig.advance(60);
    expect(rig.sent.length).toBe(slow + 1);
    rig.ack(1);
    rig.advance(600);
    expect(rig.sent.length).toBe(slow + 1);
  });

  it('is sent again when the link comes back', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.put({ type: 'disconnected' });
    rig.enter('111111');
    rig.use('1', 'filled');
    const before = rig.sent.length;
    rig.put({ type: 'connected' });
    expect(rig.sent.slice(before)).toEqual([[2, 3, 4, 5, 6]]);
  });

  it('keeps what was acknowledged, for replay', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    rig.use('1', 'filled');
    rig.ack(last(rig));
    const before = rig.sent.length;
    rig.hear(topics(bankId).replay, { journalId, from: 2, to: 4 });
    expect(rig.sent.slice(before)).toEqual([[2, 3, 4]]);
    rig.hear(topics(bankId).replay, { journalId: 'jnl_other', from: 2, to: 4 });
    expect(rig.sent.length).toBe(before + 1);
  });

  it('heeds no acknowledgement of another journal, of the future, or older than the last', () => {
    const rig = Rig.online();
    rig.ack(1, 'jnl_other');
    expect(rig.state.durable.acked).toBe(0);
    rig.ack(99);
    expect(rig.state.durable.acked).toBe(1);
    rig.ack(0);
    expect(rig.state.durable.acked).toBe(1);
  });

  it('sends a long silence in batches, and not all of them at once', () => {
    const rig = Rig.online();
    rig.put({ type: 'disconnected' });
    for (let n = 0; n < 800; n += 1) rig.door('1', { temperatureC: n / 100 });
    const before = rig.sent.length;
    rig.put({ type: 'connected' });
    const sent = rig.sent.slice(before);
    expect(sent.every((batch) => batch.length <= limits.perBatch)).toBe(true);
    expect(sent.flat()).toHaveLength(limits.window);
    rig.ack(400);
    rig.ack(801);
    expect(rig.sent.slice(before).flat()).toHaveLength(801);
  });

  it('forgets the acknowledged first, and without a word', () => {
    const rig = Rig.online();
    rig.ack(1);
    for (let n = 0; n < limits.kept + 50; n += 1) {
      rig.door('1', { temperatureC: 4 });
      if (n === 3000) rig.ack(last(rig));
    }
    expect(rig.state.durable.entries.length).toBeLessThanOrEqual(limits.kept);
    expect(rig.entries('journal.truncated')).toEqual([]);
  });

  it('says what it had no room for, and gives up what doors did last', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.put({ type: 'disconnected' });
    rig.enter('111111');
    rig.use('1', 'filled');
    for (let n = 0; n < limits.kept + 50; n += 1) rig.door('2', { temperatureC: 4 });
    const truncated = rig.entries('journal.truncated');
    expect(truncated).toMatchObject([{ from: 7, to: 106 }]);
    expect(rig.state.durable.entries.length).toBeLessThanOrEqual(limits.kept);
    expect(rig.state.durable.entries.filter(({ type }) => type === 'door.closed')).toHaveLength(1);
    rig.put({ type: 'connected' });
    // Nothing after the gap can be acknowledged before the cloud knows of it.
    expect(rig.sent.slice(-5).flat()).toContain(truncated[0]?.seq);
    rig.hear(topics(bankId).replay, { journalId, from: 5, to: 108 });
    expect(rig.sent.at(-1)).toEqual([5, 6, 107, 108]);
    expect(rig.entries('journal.truncated').at(-1)).toMatchObject({ from: 7, to: 106 });
  });

  it('contains only what the contract knows', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.enter('111111');
    rig.use('1', 'filled');
    rig.command('2', 'cmd_1');
    rig.door('2', { lock: 'jammed', temperatureC: 3 });
    rig.power(false);
    rig.power(true);
    rig.put({ type: 'connected' });
    for (const batch of rig.published(topics(bankId).journal)) expect(JournalBatch.parse(batch)).toEqual(batch);
  });
});
