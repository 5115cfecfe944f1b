import { type Budget, isKept } from './report.ts';

/**
 * Budgets that are exceeded on some machines, and up to where `.ci/run` lets them be: `npm run bench` fails for them all the
 * same. All are CPU time beside other CPU time of the same run, and yet not the same everywhere: a create was 1.19 to 1.32
 * × on some machines and 1.32 to 1.54 × on another, with the same code, and a cancel 1.21 to 1.32 ×. A row goes once its budget
 * is kept on all.
 */
const debts: readonly { what: string; ceiling: number }[] = [
  { what: 'CPU of a request: create', ceiling: 1.65 },
  { what: 'CPU of a request: cancel', ceiling: 1.4 },
  { what: 'Slowest import, CPU time', ceiling: 1.3 },
];

/** Whether a budget is kept, or owed and no further exceeded than is known. */
export const isOwedAtMost = (it: Budget): boolean =>
  isKept(it) || debts.some(({ what, ceiling }) => it.what.startsWith(what) && it.measured <= ceiling);
