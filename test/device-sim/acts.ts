import fc from 'fast-check';
import { labelText } from '../../shared/device/label.ts';
import type { DoorGrants } from '../../shared/device/shadow.ts';
import { verifierOf } from '../../shared/device/verifier.ts';
import { bankKey, grantOf, held, type Rig } from './rig.ts';

/** Something that happens to a bank; named, so that a counterexample reads as a story. */
export type Act = { toString: () => string; run: (rig: Rig) => void };

const act = <T>(weight: number, name: string, values: fc.Arbitrary<T>, run: (rig: Rig, value: T) => void) => ({
  weight,
  arbitrary: values.map(
    (value): Act => ({ toString: () => `${name} ${JSON.stringify(value)}`, run: (rig) => run(rig, value) }),
  ),
});

const nothing = fc.constant(null);
const door = fc.constantFrom('1', '2', '3');
const seconds = (rig: Rig) => Math.floor(rig.time / 1000);

const kinds = { deposit: '111111', pickup: '222222', use: '333333' } as const;
const kind = fc.constantFrom('deposit' as const, 'pickup' as const, 'use' as const);

/** How often each grant may be used is part of its id, so that whoever checks need not ask the bank. */
export const usesOf = (grantId: string): number => Number(grantId.split('_').at(-1));

const grants = fc.record({
  doors: fc.subarray(['1', '2', '3'], { minLength: 1 }),
  transaction: fc.integer({ min: 1, max: 2 }),
  revRaised: fc.integer({ min: -1, max: 2 }),
  uses: fc.integer({ min: 1, max: 2 }),
  lasts: fc.constantFrom(-10, 20, 4000, 400_000, 400_000),
  blocked: fc.option(fc.constant('on_hold'), { nil: undefined, freq: 6 }),
});

const give = (
  rig: Rig,
  { transaction, uses, lasts, blocked, ...wish }: typeof grants extends fc.Arbitrary<infer T> ? T : never,
) => {
  const notAfter = seconds(rig) + lasts;
  const entry = (at: string): DoorGrants => {
    const id = (step: keyof typeof kinds) => `${step}_${transaction}_${at}_${uses}`;
    const grantsThere = [
      grantOf(id('deposit'), 'deposit', `${kinds.deposit}${at}`, { notAfter, uses }),
      grantOf(id('pickup'), 'pickup', `${kinds.pickup}${at}`, { notAfter, uses, after: id('deposit'), blocked }),
      grantOf(id('use'), 'use', `${kinds.use}${at}`, { notAfter, uses, blocked }),
    ];
    // At one of the doors what is put in must be scanned first, and when it is taken out.
    const label = at === '3' ? { label: labelText(verifierOf(bankKey, 'barcode', 'L1'), ['deposit', 'pickup']) } : {};
    return { ...held(`txn_${transaction}`, grantsThere), ...label };
  };
  const rev = Math.max(0, (rig.state.durable.grants['grants-0']?.rev ?? 0) + wish.revRaised);
  rig.grants(rev, Object.fromEntries(wish.doors.map((at) => [at, entry(at)])));
};

/** Something to work with from the start. */
export const giveAll = (rig: Rig): void =>
  give(rig, { doors: ['1', '2', '3'], transaction: 1, revRaised: 1, uses: 1, lasts: 400_000, blocked: undefined });

const command = fc.record({
  door,
  n: fc.integer({ min: 1, max: 8 }),
  lasts: fc.integer({ min: -2, max: 40 }),
  transaction: fc.option(fc.integer({ min: 1, max: 2 }), { freq: 3 }),
});

const thing = fc.constantFrom('filled' as const, 'empty' as const);

export const anyAct: fc.Arbitrary<Act> = fc.oneof(
  act(8, 'enter', fc.record({ kind, door }), (rig, { kind: step, door: at }) => rig.enter(kinds[step] + at)),
  act(12, 'visit', fc.record({ kind, door, thing }), (rig, { kind: step, door: at, thing: contents }) => {
    rig.enter(kinds[step] + at);
    rig.use(at, contents);
  }),
  act(2, 'guess', fc.integer({ min: 1, max: 6 }), (rig, times) => {
    for (let n = 0; n < times; n += 1) rig.enter('000000');
  }),
  act(2, 'scan a label', fc.constantFrom('L1', 'L2'), (rig, value) => rig.put({ type: 'scan', value })),
  act(1, 'show a strange badge', nothing, (rig) => rig.enter('B0', 'badge')),
  act(4, 'move', fc.record({ door, thing, late: fc.boolean() }), (rig, { door: at, thing: contents, late }) =>
    rig.door(at, { contents, late }),
  ),
  act(1, 'break the sensor', door, (rig, at) => rig.door(at, { contents: 'unknown' })),
  act(6, 'close', door, (rig, at) => rig.door(at, { door: 'closed' })),
  act(1, 'force', door, (rig, at) => rig.door(at, { force: true })),
  act(
    1,
    'jam',
    fc.record({ door, lock: fc.constantFrom('ok' as const, 'jammed' as const) }),
    (rig, { door: at, lock }) => rig.door(at, { lock }),
  ),
  act(8, 'command', command, (rig, { door: at, n, lasts, transaction }) =>
    rig.command(at, `cmd_${n}`, {
      notAfter: seconds(rig) + lasts,
      ...(transaction !== null && { transactionId: `txn_${transaction}` }),
    }),
  ),
  act(2, 'old delta', fc.record({ door, n: fc.integer({ min: 1, max: 8 }), version: fc.nat(40) }), (rig, old) =>
    rig.delta('doors-0', old.version, {
      [old.door]: { open: { commandId: `cmd_${old.n}`, notAfter: seconds(rig) + 9 } },
    }),
  ),
  act(6, 'grants', grants, give),
  act(8, 'wait', fc.constantFrom(0.2, 0.3, 1, 4, 16, 61, 130, 901), (rig, s) => rig.advance(s)),
  act(1, 'lose the link for a day', nothing, (rig) => {
    rig.put({ type: 'disconnected' });
    rig.advance(86_401);
  }),
  act(5, 'connect', nothing, (rig) => {
    if (rig.state.ram?.connected === false) rig.put({ type: 'connected' });
  }),
  act(3, 'disconnect', nothing, (rig) => rig.put({ type: 'disconnected' })),
  act(2, 'power', fc.boolean(), (rig, on) => rig.power(on)),
  act(2, 'restart', fc.boolean(), (rig, online) => rig.restart({ online })),
  act(2, 'crash in the next step, after outputs', fc.nat(5), (rig, outputs) => {
    rig.crashAfter = outputs;
  }),
  act(2, 'the cloud answers', fc.boolean(), (rig, answering) => {
    rig.answering = answering;
  }),
  act(1, 'turn the clock', fc.constantFrom(-90_000_000, 0, 90_000_000), (rig, ms) => {
    rig.skewMs = ms;
  }),
  act(3, 'answer the ask', fc.boolean(), (rig, granted) => rig.answerAsk(granted)),
  act(3, 'acknowledge', fc.nat(200), (rig, seq) => rig.ack(seq)),
);
