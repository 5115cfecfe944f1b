import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { topics } from '../../shared/device/topics.ts';
import { bankId, grantOf, held, journalId, journalIdAfter, parcel, Rig } from './rig.ts';

const grantsTopics = topics(bankId).shadow('grants-0');

/** What the cloud shows of the stored parcel once it has cleared away what was used. */
const stored = { '1': held('txn_1', [grantOf('txn_1_p', 'pickup', '222222')], 3) };

/** The courier was here, the cloud has heard of it, and still shows the bank the grant that it used up itself. */
const depositedThenLost = (options: { contentsSensor?: boolean } = {}): Rig => {
  const rig = Rig.holding({ '1': parcel() }, { contentsSensor: false, ...options });
  rig.enter('111111');
  rig.use('1', 'filled');
  rig.ack(rig.state.durable.lastSeq);
  rig.loseDisk();
  return rig;
};

/** The cloud does not open for it either. */
const refused = (rig: Rig, pin: string) => {
  if (rig.enter(pin) === undefined) rig.answerAsk(false);
  return rig.lastAnswer;
};

const tokenOf = (it: unknown): string => z.object({ clientToken: z.string() }).parse(it).clientToken;
const tokens = (rig: Rig): string[] => rig.published(grantsTopics.get).map(tokenOf);

describe('a bank that has lost its disk', () => {
  it('begins a journal, and sees the doors as they are', () => {
    const rig = depositedThenLost({ contentsSensor: true });
    expect(rig.state.durable).toMatchObject({ journalId: journalIdAfter, uses: {}, grants: {}, acked: 0 });
    expect(rig.state.durable.entries.map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'boot'],
      [2, 'contents.changed'],
    ]);
    expect(rig.known('1')).toEqual({ door: 'closed', contents: 'filled', lock: 'ok' });
  });

  it('opens for nobody by what it is shown before the cloud has heard of its journal, however often it is tried', () => {
    const rig = depositedThenLost();
    for (let nth = 0; nth < 4; nth += 1) {
      expect(refused(rig, '111111')).toMatchObject({ granted: false, reason: 'wrong_credential' });
      rig.advance(1);
      rig.grants(2 + nth, { '1': parcel(), '2': parcel(`txn_other_${nth}`) });
    }
    rig.put({ type: 'disconnected' });
    rig.put({ type: 'connected' });
    rig.advance(3600);
    expect(refused(rig, '222222')).toMatchObject({ granted: false, reason: 'wrong_credential' });
    expect(rig.unlocked).toEqual(['1']);
    expect(rig.entries('grants.applied')).toHaveLength(1);
  });

  it('lets the cloud decide meanwhile, which knows the credential', () => {
    const rig = depositedThenLost();
    expect(rig.enter('222222')).toBeUndefined();
    rig.command('1', 'cmd_1');
    rig.answerAsk(true);
    expect(rig.unlocked).toEqual(['1', '1']);
  });

  it('obeys a command for a transaction, though it was not told yet whose door it is', () => {
    const rig = depositedThenLost();
    rig.command('1', 'cmd_1', { transactionId: 'txn_1' });
    expect(rig.unlocked).toEqual(['1', '1']);
  });

  it('goes by its grants as they are at the first acknowledgement', () => {
    const rig = depositedThenLost();
    rig.grants(2, stored);
    rig.ack(1, journalIdAfter);
    expect(refused(rig, '111111')).toMatchObject({ granted: false, reason: 'wrong_credential' });
    expect(rig.enter('222222')).toMatchObject({ granted: true, door: '1' });
  });

  it('heeds no acknowledgement of what the lost disk told', () => {
    const rig = depositedThenLost();
    rig.ack(1, journalId);
    expect(refused(rig, '111111')).toMatchObject({ granted: false });
    expect(tokens(rig)).toHaveLength(1);
  });

  it('takes nothing that may have been on its way since before that acknowledgement', () => {
    const rig = depositedThenLost();
    rig.answering = false;
    const old = { rev: 2, '1': parcel() };
    rig.ack(1, journalIdAfter);
    rig.delta('grants-0', 2, old);
    const clientToken = 'somebody else';
    rig.hear(grantsTopics.getAccepted, {
      version: 2,
      timestamp: rig.time / 1000,
      clientToken,
      state: { desired: old },
    });
    expect(refused(rig, '111111')).toMatchObject({ granted: false, reason: 'wrong_credential' });
    expect(rig.unlocked).toEqual(['1']);
  });

  it('asks for no grants before that acknowledgement either, not even to learn the time, and takes none it is told', () => {
    const rig = depositedThenLost();
    rig.answering = false;
    rig.loseDisk();
    const before = tokens(rig);
    const old = { rev: 2, '1': parcel() };
    rig.delta('grants-0', 2, old);
    expect(tokens(rig)).toEqual(before);
    rig.advance(10);
    expect(tokens(rig)).toEqual(before);
    for (const clientToken of rig.published(topics(bankId).shadow('config').get).map(tokenOf))
      rig.hear(grantsTopics.getAccepted, {
        version: 2,
        timestamp: Math.floor(rig.time / 1000),
        clientToken,
        state: { desired: old },
      });
    rig.answering = true;
    rig.advance(10);
    expect(tokens(rig)).toEqual(before);
    expect(refused(rig, '111111')).toMatchObject({ granted: false, reason: 'wrong_credential' });
    expect(rig.unlocked).toEqual(['1']);
  });

  it('misses no change that overtakes the answer it waits for', () => {
    const rig = depositedThenLost();
    rig.answering = false;
    rig.ack(1, journalIdAfter);
    const clientToken = tokens(rig).at(-1);
    rig.answering = true;
    rig.grants(3, { ...stored, '2': parcel('txn_2') });
    const timestamp = Math.floor(rig.time / 1000);
    rig.hear(grantsTopics.getAccepted, {
      version: 1,
      timestamp,
      clientToken,
      state: { desired: { rev: 2, ...stored } },
    });
    rig.advance(5);
    expect(rig.state.durable.grants['grants-0']).toMatchObject({ rev: 3, doors: { '2': { transactionId: 'txn_2' } } });
  });

  it('asks once for what is not there, and then goes by what comes', () => {
    const rig = new Rig();
    rig.power(true);
    rig.put({ type: 'connected' });
    rig.ack(1);
    rig.grants(1, { '1': parcel() });
    expect(tokens(rig)).toHaveLength(1);
    expect(rig.enter('111111')).toMatchObject({ granted: true });
  });

  it('remembers over a power cut that it was acknowledged', () => {
    const rig = depositedThenLost();
    rig.grants(2, stored);
    rig.ack(1, journalIdAfter);
    rig.power(false);
    rig.restart();
    expect(rig.enter('222222')).toMatchObject({ granted: true, door: '1' });
  });

  it('begins once more when it loses the new one as well', () => {
    const rig = depositedThenLost();
    rig.grants(2, stored);
    rig.ack(1, journalIdAfter);
    rig.loseDisk();
    expect(refused(rig, '222222')).toMatchObject({ granted: false, reason: 'wrong_credential' });
  });
});
