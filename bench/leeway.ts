import { type Budget, isKept } from './report.ts';

/**
 * Budgets of CPU time, and up to where `.ci/run` lets them be; `npm run bench` fails for them all the same. They are kept as a
 * rule, but a shared machine has bad minutes: with the same code the slowest import was 1.15 to 1.30 × within an hour, and a
 * create 1.19 to 1.34 ×.
 */
const leeway: readonly { what: string; ceiling: number }[] = [
  { what: 'CPU of a request: create', ceiling: 1.4 },
  { what: 'Slowest import, CPU time', ceiling: 1.3 },
];

/** Whether a budget is kept, or exceeded by no more than a bad minute explains. */
export const isKeptOrNear = (it: Budget): boolean =>
  isKept(it) || leeway.some(({ what, ceiling }) => it.what.startsWith(what) && it.measured <= ceiling);
