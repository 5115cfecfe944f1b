import type { StoryPlan } from '../device-sim/plan.ts';
import type { Workflow } from '../device-sim/scenario.ts';

/** How a story ended: as its transaction, or without one, or not at all. */
export const ends = ['completed', 'cancelled', 'recalled', 'refused', 'unfinished'] as const;
export type End = (typeof ends)[number];

export const measures = ['create', 'create → at the bank', 'enter → open'] as const;
export type Measure = (typeof measures)[number];

/** What was counted and measured during a run. */
export type Tally = {
  stories: { workflow: Workflow; end: End }[];
  /** Milliseconds. */
  latencies: Record<Measure, number[]>;
  /** By reason: the API refused to begin, the bank refused to open. */
  refusals: Record<string, number>;
  denials: Record<string, number>;
  doorCycles: number;
  /** Requests that got no answer of the product, and were sent again. */
  unanswered: number;
  faults: Record<string, number>;
  /** What kept stories from their end, each in a sentence. */
  troubles: string[];
  /** How long after its planned time the latest story began, in real milliseconds. */
  latestMs: number;
};

export const newTally = (): Tally => ({
  stories: [],
  latencies: { create: [], 'create → at the bank': [], 'enter → open': [] },
  refusals: {},
  denials: {},
  doorCycles: 0,
  unanswered: 0,
  faults: {},
  troubles: [],
  latestMs: 0,
});

export const count = (counts: Record<string, number>, what: string): void => {
  counts[what] = (counts[what] ?? 0) + 1;
};

/** The smallest value that so large a share of all does not exceed (nearest rank). */
export const percentile = (values: readonly number[], share: number): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)];

export const isGood = ({ stories, troubles }: Tally): boolean =>
  troubles.length === 0 && stories.every(({ end }) => end !== 'unfinished');

type Row = readonly (string | number)[];

/** Aligned: names to the left, figures to the right. */
const table = (rows: readonly Row[]): string => {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, nth) => Math.max(most[nth] ?? 0, String(cell).length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, nth) => (nth === 0 ? String(cell).padEnd(widths[0] ?? 0) : String(cell).padStart(widths[nth] ?? 0)))
        .join('  '),
    )
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
};

const counted = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([what, often]) => `${what} ${often}`)
    .join(', ') || 'none';

const endsOf = (stories: Tally['stories']) => ends.map((end) => stories.filter((it) => it.end === end).length);

/** What a run was like, for people. */
export const summary = (tally: Tally): string => {
  const { stories, latencies } = tally;
  const workflows = [...new Set(stories.map(({ workflow }) => workflow))].sort();
  const transactions: Row[] = [
    ['transactions', 'begun', ...ends],
    ...workflows.map((workflow): Row => {
      const own = stories.filter((it) => it.workflow === workflow);
      return [workflow, own.length, ...endsOf(own)];
    }),
    ['all', stories.length, ...endsOf(stories)],
  ];
  const figure = (values: number[], share: number): string | number => {
    const value = percentile(values, share);
    return value === undefined ? '–' : Math.round(value);
  };
  const times: Row[] = [
    ['milliseconds', 'n', 'p50', 'p95', 'p99'],
    ...measures.map((measure): Row => {
      const values = latencies[measure];
      return [measure, values.length, figure(values, 0.5), figure(values, 0.95), figure(values, 0.99)];
    }),
  ];
  const plain: [string, string][] = [
    ['Door cycles', String(tally.doorCycles)],
    ['Faults', counted(tally.faults)],
    ['Refused by the API', counted(tally.refusals)],
    ['Refused at the bank', counted(tally.denials)],
    ['Without an answer', `${tally.unanswered} requests, sent again`],
    ['Latest beginning', `${(tally.latestMs / 1000).toFixed(1)} s after its planned time`],
  ];
  return [
    table(transactions),
    table(times),
    plain.map(([what, text]) => `  ${what.padEnd(20)}  ${text}`).join('\n'),
    ...(tally.troubles.length === 0 ? [] : [tally.troubles.map((text) => `  ✗ ${text}`).join('\n')]),
  ].join('\n\n');
};

/** One story that has ended. */
export const ended = (tally: Tally, { workflow }: Pick<StoryPlan, 'workflow'>, end: End): void => {
  tally.stories.push({ workflow, end });
};
