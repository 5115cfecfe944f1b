import { type Latchwork, orThrow, type Schemas } from '../client/index.ts';
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

  const path = (it: Transaction) => ({ params: { path: { transactionId: it.id } } });
  const read = (it: Transaction): Promise<Transaction> =>
    orThrow(api.GET('/v1/transactions/{transactionId}', path(it)));
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
      const created = await orThrow(api.POST('/v1/transactions', { body }));
      tally.latencies.create.push(performance.now() - begunAt);
      return created;
    },
    pay: (it) => orThrow(api.POST('/v1/transactions/{transactionId}/confirm-payment', { ...path(it), body: {} })),
    confirmIdentity: (it) =>
      orThrow(api.POST('/v1/transactions/{transactionId}/confirm', { ...path(it), body: { condition: 'identity' } })),
    cancel: async (it) => {
      await pass(story.waits[acts] ?? 0);
      await orThrow(api.POST('/v1/transactions/{transactionId}/cancel', { ...path(it), body: {} }));
      return becomes(it, 'cancelled');
    },
    recall: async (it) => {
      await pass(story.waits[acts] ?? 0);
      const body = { reason: 'nobody came for it' };
      return orThrow(api.POST('/v1/transactions/{transactionId}/recall', { ...path(it), body }));
    },
    complete: (it) =>
      until(
        `the renter ends ${it.id}`,
        () => orThrow(api.POST('/v1/transactions/{transactionId}/complete', { ...path(it), body: { reason: 'done' } })),
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
