import { describe, expect, it } from 'vitest';
import { pace } from '../../device-sim/requests.ts';
import { shadowBytesMax, topics } from '../../shared/device/topics.ts';
import { bankId, held, parcel, Rig } from './rig.ts';

const manyDoors = Array.from({ length: 120 }, (_, index) => String(index + 1));
const isGet = (topic: string) => topic.endsWith('/get');

describe('grants', () => {
  it('replace the copy when their revision is higher, and say what was applied', () => {
    const rig = Rig.holding({ '1': parcel('txn_1', 2), '3': held('txn_3', [], 5) });
    expect(rig.entries('grants.applied')).toMatchObject([
      {
        k: 0,
        rev: 1,
        doors: { '1': { transactionId: 'txn_1', version: 2 }, '3': { transactionId: 'txn_3', version: 5 } },
      },
    ]);
    rig.grants(2, { '1': held('txn_1', [], 3) });
    expect(rig.state.durable.grants['grants-0']?.doors).toEqual({ '1': held('txn_1', [], 3) });
    expect(rig.enter('111111')).toBeUndefined();
  });

  it('say only what changed, and whose are gone', () => {
    const rig = Rig.holding({ '1': held('txn_1', [], 2), '2': held('txn_2', [], 1) });
    rig.grants(2, { '1': held('txn_1', [], 2), '3': held('txn_3', [], 1) });
    expect(rig.entries('grants.applied').at(-1)).toMatchObject({
      doors: { '3': { transactionId: 'txn_3', version: 1 } },
      removed: { '2': { transactionId: 'txn_2', version: 1 } },
    });
    expect(Object.keys(rig.entries('grants.applied').at(-1)?.doors ?? {})).toEqual(['3']);
  });

  it('are ignored when their revision is not higher, whatever their shadow version', () => {
    const rig = Rig.holding({ '1': parcel() });
    rig.grants(1, {});
    rig.grants(0, {});
    expect(rig.entries('grants.applied')).toHaveLength(1);
    expect(rig.enter('111111')).toMatchObject({ granted: true });
  });

  it('are never echoed', () => {
    const rig = Rig.holding({ '1': parcel() });
    expect(rig.published(topics(bankId).shadow('grants-0').update)).toEqual([]);
  });

  it('of one door that cannot be read open nothing, and spoil nothing', () => {
    const rig = Rig.begun();
    rig.setShadow('grants-0', { rev: 1, '1': { nonsense: true }, '2': parcel(), '3': {} });
    expect(rig.entries('grants.applied')).toMatchObject([{ doors: { '2': { transactionId: 'txn_1' } } }]);
    expect(rig.enter('111111')).toMatchObject({ granted: true, door: '2' });
  });

  it('survive a power cut', () => {
    const rig = Rig.holding({ '1': parcel() }, { batteryBackedClock: true });
    rig.config({ batteryBackedClock: true });
    rig.restart({ online: false });
    expect(rig.enter('111111')).toMatchObject({ granted: true });
  });
});

describe('the configuration', () => {
  it('is kept by its highest revision', () => {
    const rig = Rig.online();
    rig.config({ ajarAfterSeconds: 5 });
    rig.setShadow('config', { ...rig.state.durable.config, rev: 0, ajarAfterSeconds: 500 });
    rig.command('1', 'cmd_1');
    rig.advance(5);
    expect(rig.known('1')?.door).toBe('ajar');
  });
});

describe('asking for shadows', () => {
  it('asks for all of them after every connect, grants before commands', () => {
    const rig = Rig.begun();
    const before = rig.outputs.length;
    rig.put({ type: 'disconnected' });
    rig.put({ type: 'connected' });
    const asked = rig.outputs
      .slice(before)
      .flatMap((output) => (output.type === 'publish' && isGet(output.topic) ? [output.topic] : []));
    expect(asked).toEqual(['config', 'grants-0', 'doors-0'].map((name) => topics(bankId).shadow(name).get));
  });

  it('stays below the limits of AWS IoT with 120 doors', () => {
    const rig = new Rig({ doors: manyDoors });
    rig.answering = false;
    rig.power(true);
    rig.put({ type: 'connected' });
    rig.ack(1);
    const asked = () => rig.outputs.filter((output) => output.type === 'publish' && isGet(output.topic)).length;
    expect(asked()).toBe(pace.pending);
    rig.advance(1);
    expect(asked()).toBe(pace.pending);
  });

  it('gets through them all, no more than so many a second', () => {
    const rig = Rig.begun({ doors: manyDoors });
    const requests = () =>
      rig.outputs.filter((output) => output.type === 'publish' && output.topic.includes('/shadow/')).length;
    expect(requests()).toBe(pace.perSecond);
    rig.advance(1);
    expect(requests()).toBe(1 + 15 + 5 + 5);
  });

  it('asks again when no answer came', () => {
    const rig = new Rig();
    rig.answering = false;
    rig.power(true);
    rig.put({ type: 'connected' });
    rig.answering = true;
    rig.advance(4);
    expect(rig.state.ram?.cloudTime).toBeNull();
    rig.advance(1);
    expect(rig.state.ram?.cloudTime).not.toBeNull();
    expect(rig.state.ram?.shadows.pending).toEqual({});
  });

  it('finds within the hour what a lost delta has kept from it', () => {
    const rig = Rig.begun();
    const { hear } = rig;
    rig.hear = () => [];
    rig.grants(1, { '1': parcel() });
    rig.hear = hear;
    rig.advance(3600);
    expect(rig.entries('grants.applied')).toMatchObject([{ rev: 1 }]);
  });
});

it('fits what it reports beside 24 open commands, with the longest words', () => {
  const doors = manyDoors.slice(-24);
  const rig = Rig.online({ doors });
  const open = { commandId: `cmd_${'0'.repeat(26)}`, notAfter: 1_795_403_986, transactionId: `txn_${'0'.repeat(26)}` };
  const desired = Object.fromEntries(doors.map((door) => [door, { open }]));
  const reported = Object.fromEntries(doors.map((door) => [door, { is: 'unknown unknown jammed' }]));
  const [report] = rig.published(topics(bankId).shadow('doors-0').update);
  expect(Object.keys(Object(report).state.reported)).toEqual(doors);
  expect(Buffer.byteLength(JSON.stringify({ desired, reported }))).toBeLessThanOrEqual(shadowBytesMax);
});
