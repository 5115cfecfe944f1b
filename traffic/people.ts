import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Latchwork, LatchworkProblem, orThrow, type Schemas } from '../client/index.ts';
import type { StoryPlan } from '../device-sim/plan.ts';
import type { Panel } from '../local/panel.ts';
import { PlainError } from '../local/say.ts';
import { until } from '../local/until.ts';
import type { People } from './stories.ts';
import { count, type Tally } from './tally.ts';

export type Transaction = Schemas['Transaction'];

export type Place = {
  api: Latchwork;
  bankId: string;
  hands: Panel;
  tally: Tally;
  story: StoryPlan;
  /** Of the order, for whoever looks for it in the API. */
  order: string;
  /** So much of the simulated time passes. */
  pass: (ms: number) => Promise<void>;
  /** How long people wait for what does not come, in real milliseconds. */
  patienceMs: number;
};

const anItem = { lengthMm: 300, widthMm: 200, heightMm: 100, massG: 1_000 };

const doorOf = ({ id, door }: Transaction): string => {
  if (door === null) throw new PlainError(`${id} has no door`);
  return door;
};

/** The PIN of a step, out of the newest answer that issued one. */
const pinOf = ({ id, credentials }: Transaction, step: string): string => {
  const value = credentials.findLast((it) => it.step === step && it.value !== undefined)?.value;
  if (value === undefined) throw new PlainError(`${id} came without a PIN for the ${step}`);
  return value;
};

/** The people of one transaction, over the public API and at the panel of the bank, as slow as the plan has them. */
export const peopleAt = ({ api, bankId, hands, tally, story, order, pass, patienceMs }: Place): People<Transaction> => {
  const begunAt = performance.now();
  let knownAfterMs: number | undefined;
  let acts = 0;

  type Key = { header: { 'Idempotency-Key': string } };
  /** Who gets no answer of the product asks again under the same key: whatever became of the first, it has its effect once. */
  const insist = async <Answer>(ask: (key: Key) => Promise<Answer>): Promise<Answer> => {
    const key = { header: { 'Idempotency-Key': randomUUID() } };
    const giveUpAt = performance.now() + patienceMs;
    for (;;) {
      try {
        return await ask(key);
      } catch (error) {
        const isRefusal = error instanceof LatchworkProblem && error.problem.status < 500;
        if (isRefusal || performance.now() > giveUpAt) throw error;
        tally.unanswered += 1;
        await pause(1_000);
      }
    }
  };

  const of = (it: Transaction) => ({ path: { transactionId: it.id } });
  const read = (it: Transaction): Promise<Transaction> =>
    orThrow(api.GET('/v1/transactions/{transactionId}', { params: of(it) }));
  const looking = { withinMs: patienceMs, everyMs: 50, mostMs: 1_000 };
  /** A person who was sent away comes again. */
  const returning = { withinMs: patienceMs, everyMs: 500, mostMs: 5_000 };

  const becomes: People<Transaction>['becomes'] = (it, state) =>
    until(
      `${it.workflow} ${it.id} is ${state}`,
      async () => {
        const now = await read(it);
        return now.state === state && now;
      },
      looking,
    );

  /** Comes when the plan says, tries a wrong code if the plan says, and opens. */
  const visit = async (it: Transaction, step: string): Promise<void> => {
    await pass(story.waits[acts] ?? 0);
    const wrong = story.wrongCodes[acts] ?? null;
    acts += 1;
    if (wrong !== null) denied(await hands.enter(wrong));
    await until(
      `door ${doorOf(it)} opens for the ${step} of ${it.id}`,
      async () => {
        const enteredAt = performance.now();
        const answer = await hands.enter(pinOf(it, step));
        if (answer.granted) tally.latencies['enter → open'].push(performance.now() - enteredAt);
        else denied(answer);
        return answer.granted && answer.door === doorOf(it);
      },
      returning,
    );
  };
  const denied = ({ reason }: { reason?: string }): void => count(tally.denials, reason ?? 'no power');

  return {
    begin: async (workflow, more = {}) => {
      const body = { workflow, bankId, externalIds: { order }, items: [anItem], ...more };
      const created = await insist((key) => orThrow(api.POST('/v1/transactions', { params: key, body })));
      tally.latencies.create.push(performance.now() - begunAt);
      return created;
    },
    pay: (it) =>
      insist((key) =>
        orThrow(
          api.POST('/v1/transactions/{transactionId}/confirm-payment', { params: { ...of(it), ...key }, body: {} }),
        ),
      ),
    confirmIdentity: (it) => {
      const body = { condition: 'identity' } as const;
      return insist((key) =>
        orThrow(api.POST('/v1/transactions/{transactionId}/confirm', { params: { ...of(it), ...key }, body })),
      );
    },
    cancel: async (it) => {
      await pass(story.waits[acts] ?? 0);
      await insist((key) =>
        orThrow(api.POST('/v1/transactions/{transactionId}/cancel', { params: { ...of(it), ...key }, body: {} })),
      );
      return becomes(it, 'cancelled');
    },
    recall: async (it) => {
      await pass(story.waits[acts] ?? 0);
      const body = { reason: 'nobody came for it' };
      return insist((key) =>
        orThrow(api.POST('/v1/transactions/{transactionId}/recall', { params: { ...of(it), ...key }, body })),
      );
    },
    complete: (it) =>
      until(
        `the renter ends ${it.id}`,
        () =>
          orThrow(api.POST('/v1/transactions/{transactionId}/complete', { params: of(it), body: { reason: 'done' } })),
        { ...looking, everyMs: 300 },
      ),
    atBank: async (it) => {
      await until(
        `the bank knows the credentials of ${it.id}`,
        async () => {
          const live = (await read(it)).credentials.filter(({ state }) => state === 'active' || state === 'issued');
          return live.every(({ atBank }) => atBank);
        },
        looking,
      );
      // Of the reservation only: a recall has been waited for as well.
      if (knownAfterMs !== undefined) return;
      knownAfterMs = performance.now() - begunAt;
      tally.latencies['create → at the bank'].push(knownAfterMs);
    },
    putIn: async (it) => {
      await visit(it, 'deposit');
      await hands.fill(doorOf(it));
    },
    takeOut: async (it, step = 'pickup') => {
      await visit(it, step);
      await hands.clear(doorOf(it));
    },
    use: async (it, contents) => {
      await visit(it, 'use');
      await hands.door(doorOf(it), { contents, door: 'closed' });
    },
    becomes,
  };
};
