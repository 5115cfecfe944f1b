import { seeded } from './faults.ts';
import type { Course, Episode, FaultScenario, Traffic, Workflow } from './scenario.ts';

/** What is to happen, and when: milliseconds of the simulated time since the run began. */
export type Act = { at: number; bank: number } & (
  | { kind: 'story'; story: StoryPlan }
  | { kind: 'fault'; episode: Episode }
  /** Of the episode before it at that bank. */
  | { kind: 'mend'; episode: Episode }
);

export type StoryPlan = {
  workflow: Workflow;
  course: Course;
  /** Before the first act after the creation, the second …; more than any workflow has acts. */
  waits: number[];
  /** Entered before the right one at the visit of that number. No PIN has so few digits. */
  wrongCodes: (string | null)[];
};

export type Wish = { traffic: Traffic; faults: FaultScenario; banks: number; durationMs: number; seed: number };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayHours = 24;
const actsMost = 4;
/** A keypad takes 20 wrong codes within 24 real hours, and simulated ones may be over in minutes. */
const wrongCodesMost = 10;

/**
 * The same wish makes the same plan. Each bank has chance of its own, so that one bank lives the same day however many
 * there are beside it.
 */
export const plan = (wish: Wish): Act[] =>
  Array.from({ length: wish.banks }, (_, bank) => {
    const random = seeded(wish.seed * 7919 + bank);
    return [...storiesOf(wish, bank, random), ...faultsOf(wish, bank, random)];
  })
    .flat()
    .sort((a, b) => a.at - b.at || a.bank - b.bank);

type Random = () => number;

const between = ([shortest, longest]: readonly [number, number], random: Random): number =>
  Math.round((shortest + random() * (longest - shortest)) * minuteMs);

/** As many as expected on average: what is left of a whole number happens or not. */
const howMany = (expected: number, random: Random): number => Math.floor(expected) + (random() < expected % 1 ? 1 : 0);

const drawn = <Key extends string>(weights: Partial<Record<Key, number>>, random: Random): Key => {
  const all = entriesOf(weights);
  let left = random() * all.reduce((sum, [, weight]) => sum + weight, 0);
  const found = all.find(([, weight]) => {
    left -= weight;
    return left < 0;
  });
  const [last] = all.toReversed();
  const one = found ?? last;
  if (!one) throw new Error('there is nothing to draw from');
  return one[0];
};

/** What can be drawn at all, with its weight. */
const entriesOf = <Key extends string>(weights: Partial<Record<Key, number>>): [Key, number][] => {
  const entries: [Key, number][] = [];
  for (const key in weights) {
    const weight = weights[key] ?? 0;
    if (weight > 0) entries.push([key, weight]);
  }
  return entries;
};

const storiesOf = ({ traffic, durationMs }: Wish, bank: number, random: Random): Act[] => {
  const acts: Act[] = [];
  const all = traffic.hours.reduce((sum, weight) => sum + weight, 0);
  let wrongCodesLeft = wrongCodesMost;
  for (let nth = 0; nth * hourMs < durationMs; nth += 1) {
    const weight = traffic.hours[(traffic.from + nth) % dayHours] ?? 0;
    const count = howMany((traffic.perBankAndDay * weight) / all, random);
    for (let each = 0; each < count; each += 1) {
      const at = Math.round((nth + random()) * hourMs);
      const story = storyOf(traffic, random, wrongCodesLeft);
      wrongCodesLeft -= story.wrongCodes.filter((it) => it !== null).length;
      if (at < durationMs) acts.push({ at, bank, kind: 'story', story });
    }
  }
  return acts;
};

const storyOf = (traffic: Traffic, random: Random, wrongCodesLeft: number): StoryPlan => {
  const workflow = drawn(traffic.workflows, random);
  const course = drawn(traffic.courses, random);
  const visits = Array.from({ length: actsMost });
  const waits = visits.map(() => between(traffic.minutesBetween, random));
  const wrongCodes = visits.map(() => {
    const code = String(Math.floor(random() * 100_000)).padStart(5, '0');
    return random() < traffic.wrongCodes ? code : null;
  });
  return { workflow, course, waits, wrongCodes: wrongCodesLeft >= actsMost ? wrongCodes : visits.map(() => null) };
};

/** One after the other: what would begin before the last has ended begins when it has. */
const faultsOf = ({ faults, durationMs }: Wish, bank: number, random: Random): Act[] => {
  const days = durationMs / (dayHours * hourMs);
  const begun = faults.episodes.flatMap((episode) =>
    Array.from({ length: howMany(episode.perBankAndDay * days, random) }, () => ({
      episode,
      at: Math.round(random() * durationMs),
      lasts: between(episode.minutes, random),
    })),
  );
  const acts: Act[] = [];
  let free = 0;
  for (const { episode, at, lasts } of begun.sort((a, b) => a.at - b.at)) {
    const from = Math.max(at, free);
    const to = Math.min(from + lasts, durationMs);
    if (from >= to) continue;
    acts.push({ at: from, bank, kind: 'fault', episode }, { at: to, bank, kind: 'mend', episode });
    free = to + 1;
  }
  return acts;
};
