import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import { type Latchwork, LatchworkProblem } from '../client/index.ts';
import type { Act, StoryPlan } from '../device-sim/plan.ts';
import type { Episode } from '../device-sim/scenario.ts';
import type { Panel } from '../local/panel.ts';
import { messageOf } from '../local/say.ts';
import { peopleAt } from './people.ts';
import { stories } from './stories.ts';
import { count, type End, ended, newTally, type Tally } from './tally.ts';

export type PlayedBank = {
  id: string;
  controlUrl: string;
  hands: Panel;
  /** What is lent there, if anything is. */
  assetId: string | undefined;
};

export type Stage = {
  api: Latchwork;
  /** In the order in which the plan counts them. */
  banks: readonly PlayedBank[];
  acts: readonly Act[];
  /** So many times as fast as the plan says. */
  speed: number;
  /** Told now and then how far it is: simulated milliseconds, and what has been counted so far. */
  progress: (at: number, begun: number, tally: Tally) => void;
};

/** What nobody has to wait longer for than this beyond the longest fault, in real milliseconds. */
const patienceMs = 90_000;
const progressMs = 3_600_000;

/** Plays a plan against a system that runs, in its order and at its times. What is late is late; nothing is left out. */
export const play = async ({ api, banks, acts, speed, progress }: Stage): Promise<Tally> => {
  const tally = newTally();
  const startedAt = performance.now();
  const began = Date.now();
  const faultMs = longestFault(acts) / speed;
  const lending = new Map<string, Promise<unknown>>();
  const running: Promise<void>[] = [];
  let nextProgress = progressMs;

  const pass = async (ms: number): Promise<void> => {
    await pause(ms / speed);
  };

  const tell = async (bank: PlayedBank, story: StoryPlan, nth: number): Promise<void> => {
    const order = `SIM-${began}-${nth}`;
    const people = peopleAt({
      api,
      bankId: bank.id,
      hands: bank.hands,
      tally,
      story,
      order,
      pass,
      patienceMs: patienceMs + faultMs,
    });
    const go = () => stories[story.workflow](people, story.course, bank.assetId ?? '');
    // There is one thing to lend, and who wants it waits until it is back.
    const turn = story.workflow === 'loan' ? (lending.get(bank.id) ?? Promise.resolve()).then(go) : go();
    if (story.workflow === 'loan')
      lending.set(
        bank.id,
        turn.catch(() => undefined),
      );
    const end = await turn.then(
      ({ state }) => endOf(state),
      (error: unknown) => failed(tally, order, error),
    );
    ended(tally, story, end);
  };

  for (const [nth, act] of acts.entries()) {
    const bank = banks[act.bank];
    if (!bank) throw new Error(`the plan is for more banks than the ${banks.length} that there are`);
    await pause(Math.max(0, startedAt + act.at / speed - performance.now()));
    for (; act.at >= nextProgress; nextProgress += progressMs) progress(nextProgress, running.length, tally);
    if (act.kind === 'story') {
      tally.latestMs = Math.max(tally.latestMs, performance.now() - startedAt - act.at / speed);
      running.push(tell(bank, act.story, nth));
    } else if (act.kind === 'fault') {
      count(tally.faults, act.episode.what);
      await suffer(bank.hands, act.episode);
    } else await mend(bank.hands, act.episode);
  }
  await Promise.all(running);
  tally.doorCycles = (await Promise.all(banks.map((bank) => openingsSince(bank, began)))).flat().length;
  return tally;
};

const endOf = (state: string): End =>
  state === 'completed' || state === 'cancelled' || state === 'recalled' ? state : 'unfinished';

/** A bank that has no room is as things go; all else is told. */
const failed = (tally: Tally, order: string, error: unknown): End => {
  if (error instanceof LatchworkProblem && error.code === 'reservation_refused') {
    count(tally.refusals, error.reason ?? error.code);
    return 'refused';
  }
  tally.troubles.push(`${order}: ${messageOf(error)}`);
  return 'unfinished';
};

const longestFault = (acts: readonly Act[]): number => {
  const since = new Map<number, number>();
  let longest = 0;
  for (const { kind, bank, at } of acts) {
    if (kind === 'fault') since.set(bank, at);
    if (kind === 'mend') longest = Math.max(longest, at - (since.get(bank) ?? at));
  }
  return longest;
};

const suffer = async (hands: Panel, { link, power, clockSkewMs }: Episode): Promise<void> => {
  if (link) await hands.link(link);
  if (power === false) await hands.power(false);
  if (clockSkewMs !== undefined) await hands.clock(clockSkewMs);
};

const mend = async (hands: Panel, { link, power, clockSkewMs }: Episode): Promise<void> => {
  if (clockSkewMs !== undefined) await hands.clock(0);
  if (power === false) await hands.power(true);
  if (!link) return;
  // TCP loses nothing but with its connection: one that has lost something breaks in the end, and what was missed is asked for.
  await hands.link({ online: false });
  await hands.link({ online: true, drop: 0, duplicate: 0, delayMs: 0 });
};

const Openings = z.object({ openings: z.array(z.object({ at: z.number() })) });

/** As the world saw them, whatever the bank has told. */
const openingsSince = async ({ controlUrl }: PlayedBank, began: number) => {
  const answer = await fetch(`${controlUrl}/journal`);
  return Openings.parse(await answer.json()).openings.filter(({ at }) => at >= began);
};
