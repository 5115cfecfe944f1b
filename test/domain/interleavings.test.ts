import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Envelope, firstPrevHash } from '../../events/envelope.ts';
import { defaultBankConfig } from '../../shared/device/config.ts';
import { hashOf } from '../../shared/domain/chain.ts';
import { cancel, hold, liftHold, recallItem } from '../../shared/domain/lifecycle.ts';
import { Refusal } from '../../shared/domain/refusal.ts';
import { epochMs } from '../../shared/domain/time.ts';
import { ends } from '../../shared/domain/transaction.ts';
import { Guesses } from '../device-sim/guesses.ts';
import { Together } from './cloud-on-a-link.ts';

/*
 * The cloud's decisions and merging, and a bank's controller, as one: what people do, what becomes of each message, power,
 * disk, clock and deadlines are drawn, and shrunk to the story that goes wrong. What is checked reads true time, the locks
 * and the events; it does not know how either side decides.
 */
const runs = process.env.LATCHWORK_FULL === '1' ? 100_000 : 5_000;

type Act = { toString: () => string; run: (it: Together) => void };

const act = <T>(weight: number, name: string, values: fc.Arbitrary<T>, run: (it: Together, value: T) => void) => ({
  weight,
  arbitrary: values.map(
    (value): Act => ({ toString: () => `${name} ${JSON.stringify(value)}`, run: (it) => run(it, value) }),
  ),
});

const nothing = fc.constant(null);
const door = fc.constantFrom('1', '2');
const nth = fc.nat(2);
const anyMessage = fc.record({ way: fc.constantFrom('up' as const, 'down' as const), at: fc.nat(20) });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant('deposit' as const) },
  { weight: 3, arbitrary: fc.constant('pickup' as const) },
  { weight: 1, arbitrary: fc.constant('recall' as const) },
);

/** What is refused is refused; that is tested where the refusals are. */
const attempt = (what: () => void): void => {
  try {
    what();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
};

/** The newest are the most interesting. */
const known = (it: Together, at: number): string | undefined =>
  [...it.cloud.world.transactions.keys()].toReversed()[at % Math.max(1, it.cloud.world.transactions.size)];

const asked = {
  cancel: (it, id) => it.cloud.decide(id, (txn, at, fresh, now) => cancel(txn, at, 'by_caller', fresh, now)),
  hold: (it, id) => it.cloud.decide(id, (txn) => hold(txn, 'x')),
  lift: (it, id) => it.cloud.decide(id, (txn) => liftHold(txn)),
  recall: (it, id) =>
    it.cloud.decide(id, (txn, compartment, fresh, now) =>
      recallItem(txn, { compartment, target: null }, 'x', fresh, now),
    ),
} as const satisfies Record<string, (it: Together, id: string) => void>;

const create = (it: Together): void => {
  it.cloud.reserve(`txn_${it.cloud.world.transactions.size + 1}`, {}, it.cloud.now);
  it.showGrants();
};

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  act(4, 'create', nothing, create),
  act(3, 'ask for', fc.record({ what: fc.constantFrom(...Object.keys(asked)), nth }), (it, { what, nth: at }) => {
    const id = known(it, at);
    if (id !== undefined) attempt(() => asked[what as keyof typeof asked](it, id));
  }),
  act(2, 'tell the grants', nothing, (it) => it.showGrants()),
  act(3, 'command', fc.record({ door, seconds: fc.constantFrom(1, 30, 300) }), (it, { door: at, seconds }) =>
    attempt(() => it.command(at, seconds)),
  ),
  act(20, 'visit', fc.record({ nth, step }), (it, { nth: at, step: wanted }) => {
    const id = known(it, at);
    const entered = id === undefined ? undefined : it.enter(id, wanted);
    if (entered?.granted && entered.door) it.use(entered.door, wanted === 'deposit' ? 'filled' : 'empty');
  }),
  act(2, 'enter', fc.record({ nth, step }), (it, { nth: at, step: wanted }) => {
    const id = known(it, at);
    if (id !== undefined) it.enter(id, wanted);
  }),
  act(
    2,
    'close',
    fc.record({ door, thing: fc.constantFrom('filled' as const, 'empty' as const) }),
    (it, { door: at, thing }) => it.use(at, thing),
  ),
  act(1, 'force', door, (it, at) => it.put({ type: 'door', door: at, change: { force: true } })),
  act(2, 'guess', fc.integer({ min: 1, max: 6 }), (it, times) => {
    for (let n = 0; n < times; n += 1) it.type('999999');
  }),
  act(10, 'arrives', anyMessage, (it, { way, at }) => it.deliver(way, at)),
  act(3, 'arrives, and stays', anyMessage, (it, { way, at }) => {
    if (it[way].length > 0) it.deliver(way, at, { isCopied: true });
  }),
  act(3, 'is lost', anyMessage, (it, { way, at }) => it.lose(way, at)),
  act(8, 'all arrives', nothing, (it) => it.settle()),
  act(2, 'disconnect', nothing, (it) => it.disconnect()),
  act(3, 'connect', nothing, (it) => it.connect()),
  act(1, 'the power goes', nothing, (it) => it.put({ type: 'power', on: false })),
  act(3, 'the power comes', nothing, (it) => it.put({ type: 'power', on: true })),
  act(1, 'restart', nothing, (it) => it.restart()),
  act(1, 'crash in the next step, after outputs', fc.nat(5), (it, outputs) => {
    it.crashAfter = outputs;
  }),
  act(5, 'wait', fc.constantFrom(0.3, 3, 29, 61), (it, seconds) => it.advance(seconds)),
  act(2, 'offline for', fc.constantFrom(900, 90_000, 300_000), (it, seconds) => {
    if (it.isConnected) it.disconnect();
    it.advance(seconds);
    it.cloud.look();
  }),
  act(2, 'turn the clock by', fc.constantFrom(-120_000, -7_000, 0, 30_000, 120_000), (it, ms) => {
    it.skewMs = ms;
  }),
);

/** I10, by true time. */
const watchGuesses = (it: Together): void => {
  const guesses = new Guesses(defaultBankConfig);
  let isAsking = false;
  it.watch = (output) => {
    if (output.type === 'entered' && output.result.granted) guesses.succeeded();
    if (output.type !== 'persist') return;
    for (const entry of output.change.entries ?? []) {
      if (entry.type === 'access.granted') guesses.succeeded();
      // What the cloud was asked about and refused counts for whatever reason (design.md section 6).
      if (entry.type === 'access.denied' && (isAsking || entry.reason === 'wrong_credential')) guesses.failed(it.time);
    }
    if (output.change.keypad) isAsking = output.change.keypad.asking !== null;
  };
};

/** I2: for a right that was live by what the bank had been told, or for a command, in time and once. */
const openedRightly = (it: Together): void => {
  const commands = new Set<string>();
  for (const { door: at, cycle, at: time, grantsRev, toleranceMs } of it.unlocked) {
    const { cause } = cycle;
    if (cause === null) throw new Error(`I2: door ${at} was opened for nobody`);
    if ('commandId' in cause) {
      const command = it.cloud.world.commands.get(cause.commandId);
      expect(command, `I2: ${cause.commandId} was ordered for that door`).toMatchObject({ door: at });
      expect(commands.has(cause.commandId), `I2: ${cause.commandId} opened twice`).toBe(false);
      expect(time, `I2: ${cause.commandId} in time`).toBeLessThanOrEqual(epochMs(command?.notAfter ?? ''));
      commands.add(cause.commandId);
      continue;
    }
    const grant = it.shown.get(grantsRev)?.[at]?.grants.find(({ id }) => id === cause.grantId);
    expect(grant, `I2: ${cause.grantId} was shown for door ${at}`).toBeDefined();
    if (!grant) continue;
    expect(grant.blocked, `I2: ${cause.grantId} was not blocked`).toBeUndefined();
    expect(time, `I2: ${cause.grantId} had begun`).toBeGreaterThanOrEqual(grant.notBefore * 1000 - toleranceMs);
    expect(time, `I2: ${cause.grantId} had not ended`).toBeLessThanOrEqual(grant.notAfter * 1000 + toleranceMs);
  }
  for (const { grantId, count } of it.spent) expect(count, `I2: uses of ${grantId}`).toBe(1);
};

const bySubject = (it: Together): Map<string, Envelope[]> => Map.groupBy(it.cloud.events, ({ subject }) => subject);

/** I3 and I8: numbered without gaps, a chain that verifies, and what it tells is what is so. */
const toldTruly = (it: Together): void => {
  for (const [subject, events] of bySubject(it)) {
    let prevHash = firstPrevHash;
    let told: Record<string, unknown> = {};
    for (const [at, { hash, ...unsigned }] of events.entries()) {
      expect(unsigned.sequence, `I3: ${subject}`).toBe(at + 1);
      expect(unsigned.prevHash, `I8: ${subject}`).toBe(prevHash);
      expect(hashOf(unsigned), `I8: ${subject}`).toBe(hash);
      prevHash = hash;
      told = { ...told, ...Object(unsigned.data.changes) };
    }
    const now = it.cloud.world.transactions.get(subject) ?? it.cloud.world.commands.get(subject);
    const so = {
      state: now?.state,
      ...('flags' in (now ?? {}) && now && 'flags' in now && { flags: now.flags, door: now.door }),
    };
    expect(told, `I8: ${subject} replayed`).toMatchObject(so);
    expect(now, `I8: ${subject}`).toMatchObject({ hash: prevHash, version: events.length });
  }
};

/** I5: after an end only a bank has something to say, and says that it is late. */
const endsAbsorb = (it: Together): void => {
  const isEnd = (state: unknown) => ends.some((end) => end === state);
  for (const events of bySubject(it).values()) {
    let state: unknown;
    for (const { type, data, subject } of events) {
      const { state: to = state } = Object(data.changes);
      if (isEnd(state)) {
        expect(data, `I5: ${type} of ${subject} after ${state}`).toHaveProperty('evidence');
        if (to !== state) {
          const why = events.some((other) => other.type === 'transaction.conflicted');
          expect(why, `I5: ${subject} left ${state} for ${to}, and nothing says why`).toBe(true);
        }
      }
      state = to;
    }
  }
};

/** Once everything has arrived: nothing that a door did is dropped, and the doors are as the bank knows them. */
const nothingDropped = (it: Together): void => {
  expect([...it.cloud.recorded].length, 'entries recorded').toBe(it.state.durable.lastSeq);
  for (const { door: at, contents, doorState, lastEntry } of it.cloud.world.compartments.values()) {
    // Until the bank says something of it, it is as the operator said.
    if (lastEntry === null) continue;
    const { known: seen } = it.state.durable.doors[at] ?? {};
    expect({ contents, door: doorState }, `door ${at}`).toEqual({ contents: seen?.contents, door: seen?.door });
  }
  const closings = new Set(
    it.journal.flatMap((entry) => ('after' in entry && entry.after.door === 'closed' ? [entry.seq] : [])),
  );
  const told = it.cloud.events.flatMap(({ data, subject }) => {
    const { seq, cause } = Object(data.evidence);
    return closings.has(seq) ? [{ subject, cause: Object(cause) }] : [];
  });
  for (const { grantId } of it.spent) {
    const of = [...it.cloud.world.transactions.values()].find(({ credentials }) =>
      credentials.some(({ id }) => id === grantId),
    );
    const isDeposit = grantId === `${of?.id}_d`;
    // What somebody has done by a command, or taken out by another right, a bank that was not told yet lets be done again.
    const known = told.some(
      ({ subject, cause }) =>
        subject === of?.id &&
        (cause.grantId === grantId || cause.commandId !== undefined || (!isDeposit && cause.step !== 'deposit')),
    );
    expect(known, `what was done with ${grantId} is told`).toBe(true);
  }
};

const heal = (it: Together): void => {
  it.crashAfter = null;
  if (!it.state.ram) it.put({ type: 'power', on: true });
  it.connect();
  for (let round = 0; round < 20 && it.cloud.recorded.size < it.state.durable.lastSeq; round += 1) {
    it.settle();
    it.advance(61);
  }
  it.settle();
};

/** How often what could go wrong was tried: a model that does nothing keeps every promise. */
const tried = {
  opened: 0,
  'by command': 0,
  'steps done': 0,
  ended: 0,
  late: 0,
  'wrong codes': 0,
  'keypad off': 0,
  refused: 0,
};
const count = (it: Together): void => {
  const denied = it.journal.flatMap((entry) => (entry.type === 'access.denied' ? [entry.reason] : []));
  const wrong = denied.filter((reason) => reason === 'wrong_credential').length;
  const off = denied.filter((reason) => reason === 'keypad_locked').length;
  const transactions = [...it.cloud.world.transactions.values()];
  tried.opened += it.unlocked.length;
  tried['by command'] += it.unlocked.filter(({ cycle }) => cycle.cause && 'commandId' in cycle.cause).length;
  tried['steps done'] += it.spent.length;
  tried.ended += transactions.filter(({ state }) => ends.some((end) => end === state)).length;
  tried.late += transactions.filter(({ flags }) => flags.includes('late')).length;
  tried['wrong codes'] += wrong;
  tried['keypad off'] += off;
  tried.refused += denied.length - wrong - off;
};

it(`keeps I2, I3, I5, I8 and I10 in ${runs} interleavings`, { timeout: 600_000 }, () => {
  fc.assert(
    fc.property(
      fc.array(anyAct, { minLength: 1, maxLength: 28, size: 'max' }),
      fc.record({ contentsSensor: fc.boolean(), batteryBackedClock: fc.boolean() }),
      (acts, hardware) => {
        const it = new Together(hardware);
        watchGuesses(it);
        create(it);
        it.settle();
        for (const each of acts) each.run(it);
        heal(it);
        count(it);
        openedRightly(it);
        toldTruly(it);
        endsAbsorb(it);
        nothingDropped(it);
      },
    ),
    { numRuns: runs },
  );
  console.info(
    `${runs} interleavings: ${Object.entries(tried)
      .map(([what, times]) => `${times} ${what}`)
      .join(', ')}`,
  );
  for (const [what, times] of Object.entries(tried)) expect(times, what).toBeGreaterThan(runs / 100);
});
