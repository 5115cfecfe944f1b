import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { type Lifetime, lifetime } from '../local/lifetime.ts';
import { PlainError, say, step } from '../local/say.ts';
import { listEvents } from '../shared/api/events.ts';
import { listTransactions } from '../shared/api/transactions.ts';
import { ownStack } from '../test/support/engine.ts';
import { type Bundle, deployedBundles, type ImportTime, importTimes } from './bundles.ts';
import { costOf, floor, type Line, prices, totalOf, unitsOf } from './cost-model.ts';
import { type Cpu, measureCpu } from './cpu.ts';
import { isKeptOrNear } from './leeway.ts';
import type { ParcelCost } from './parcel-cost.ts';
import { measureParcel } from './parcel-run.ts';
import { type Race, race } from './race.ts';
import { startRecorder } from './recorder.ts';
import { type Budget, budgetTable, type Detail, detail, isKept, type Style } from './report.ts';
import { type Measured, measureRequestPath, small } from './request-path.ts';
import { openWorkbench } from './workbench.ts';

/**
 * npm run bench: the budgets of design.md section 11, measured. Ends with 1 if one is exceeded.
 * --markdown        prints the tables as Markdown
 * --half-full       counts a parcel in a bank of which half is taken as well
 * --leeway          ends with 0 if no budget is exceeded further than bench/leeway.ts allows
 * --conflicts       runs the race for a bank a second time, with conflicts put in where DynamoDB would have them
 * --stored <count>  how many transactions are stored while calls are counted; 1,000 unless said, in full 100,000
 */
async function bench(life: Lifetime): Promise<number> {
  const { style, stored, halfFull, conflicts, leeway } = asked();
  const { stack } = await ownStack(life);
  const recorder = await startRecorder(stack);
  life.atEnd(() => recorder.stop());
  const workbench = await openWorkbench(stack);
  const bundles = deployedBundles(stack);

  const path = await step('DynamoDB calls', () => measureRequestPath(workbench, recorder, stored));
  const cpu = await step('CPU per request', () => measureCpu(stack, workbench, recorder, bundles));
  const imports = await step('Imports', () => importTimes(bundles, stack.stateDir));
  const calm = await step('Race for a bank', () => race(workbench, recorder));
  const rough = conflicts
    ? await step('Race with conflicts', () => recorder.withConflicts(() => race(workbench, recorder)))
    : null;
  // Last: it sends the deployed functions' calls past the recorder.
  const parcel = await step('One parcel', () => measureParcel(life, stack, recorder, { halfFull }));

  const budgets = [
    ...requestBudgets(path, stored),
    ...bundleBudgets(bundles, imports),
    ...cpuBudgets(cpu),
    costBudget(parcel.alone),
    ...raceBudgets(calm, rough),
  ];
  const details = [
    pathDetail(path, stored),
    bundleDetail(imports),
    cpuDetail(cpu),
    raceDetail(calm, rough),
    costDetail('What one parcel costs on AWS', parcel.alone),
    ...(parcel.halfFull ? [halfFullDetail(parcel.alone, parcel.halfFull)] : []),
  ];
  say();
  for (const it of details) say(`${detail(it, style)}\n`);
  say(budgetTable(budgets, style));
  say(
    `\nMeasured on ${cpus().length} cores with Node ${process.versions.node}, on the local engine MiniStack, an emulator.`,
  );
  return budgets.every(leeway ? isKeptOrNear : isKept) ? 0 : 1;
}

function asked(): { style: Style; stored: number; halfFull: boolean; conflicts: boolean; leeway: boolean } {
  try {
    const options = {
      markdown: { type: 'boolean' },
      'half-full': { type: 'boolean', default: false },
      conflicts: { type: 'boolean', default: false },
      leeway: { type: 'boolean', default: false },
      stored: { type: 'string', default: '1000' },
    } as const;
    const { markdown, stored, conflicts, leeway, 'half-full': halfFull } = parseArgs({ options }).values;
    return {
      style: markdown ? 'markdown' : 'text',
      stored: z.coerce.number().int().min(small.stored).parse(stored),
      halfFull,
      conflicts,
      leeway,
    };
  } catch {
    throw new PlainError(
      `npm run bench knows five options, behind --: --markdown, for its tables as Markdown, --half-full, for a parcel in a bank of which half is taken as well, --conflicts, for a race with conflicts as well, --leeway, to let pass what a bad minute of the machine explains (bench/leeway.ts), and --stored <count>, for how many transactions are stored while calls are counted, at least ${small.stored}.`,
    );
  }
}

const most = (values: readonly number[]): number => Math.max(...values);

/** What is looked up by something else than our own id takes a call more, and is told apart. */
const requestBudgets = (path: readonly Measured[], stored: number): Budget[] => {
  const direct = path.filter(({ lookup }) => lookup === null);
  const calls = ({ small, large }: Measured) => [small, large];
  const reads = direct.filter(({ changes }) => !changes).flatMap(calls);
  const changes = direct.filter((it) => it.changes).flatMap(calls);
  const searches = path.filter(({ operation }) =>
    [listTransactions.id, listEvents.id].some((it) => operation.startsWith(it)),
  );
  const differing = path.filter(({ small, large }) => small.reads !== large.reads || small.writes !== large.writes);
  return [
    {
      what: `DynamoDB calls of a read, most of ${reads.length / 2} operations`,
      measured: most(reads.map((it) => it.reads + it.writes)),
      budget: 1,
      unit: '',
    },
    {
      what: `Reads before a change, most of ${changes.length / 2} operations`,
      measured: most(changes.map((it) => it.reads)),
      budget: 1,
      unit: '',
    },
    {
      what: `DynamoDB calls of a page of search or of the feed, most of ${searches.length} ways to ask`,
      measured: most(searches.flatMap(calls).map((it) => it.reads + it.writes)),
      budget: 2,
      unit: '',
    },
    { what: 'Transactions of a change', measured: most(changes.map((it) => it.writes)), budget: 1, unit: '' },
    {
      what: `Operations that take more with 42 events than with 2, 120 doors than 12, 75 found than 2, or ${counted(stored)} stored than ${small.stored}`,
      measured: differing.length,
      budget: 0,
      unit: '',
    },
  ];
};

const counted = (count: number): string => count.toLocaleString('en-US');

const pathDetail = (path: readonly Measured[], stored: number): Detail => ({
  title: 'DynamoDB calls per request, uncontended: reads + transactions (the cached key row apart)',
  columns: [
    'Operation',
    `2 events, 12 doors, ${small.stored} stored`,
    `42 events, 120 doors, ${counted(stored)} stored`,
    '',
  ],
  rows: path.map(({ operation, small, large, lookup }) => [
    operation,
    `${small.reads} + ${small.writes}`,
    `${large.reads} + ${large.writes}`,
    lookup ?? '',
  ]),
});

const kib = (bytes: number): number => bytes / 1024;

const bundleBudgets = (bundles: readonly Bundle[], imports: readonly ImportTime[]): Budget[] => {
  const [largest] = bundles;
  const slowest = imports.find(({ judged }) => judged);
  return [
    {
      what: `Largest of ${bundles.length} handler bundles: ${largest?.name}`,
      measured: kib(largest?.bytes ?? 0),
      budget: 500,
      unit: ' KiB',
      digits: 1,
    },
    {
      what: `Slowest import, CPU time: ${slowest?.name}`,
      measured: slowest?.ratio ?? Number.NaN,
      budget: 1.2,
      unit: ' ×',
      digits: 2,
    },
  ];
};

const bundleDetail = (imports: readonly ImportTime[]): Detail => ({
  title: 'Handler bundles and their import in a fresh process',
  columns: ['Function', 'KiB', 'Import, CPU ms', '× the client alone'],
  rows: imports.map(({ name, bytes, ms, ratio }) => [name, kib(bytes).toFixed(1), ms.toFixed(1), ratio.toFixed(2)]),
});

const cpuBudgets = (cpu: readonly Cpu[]): Budget[] =>
  cpu.map(({ operation, ratio }) => ({
    what: `CPU of a request: ${operation}`,
    measured: ratio,
    budget: 1.3,
    unit: ' ×',
    digits: 2,
  }));

const cpuDetail = (cpu: readonly Cpu[]): Detail => ({
  title:
    'CPU per request: the deployed bundle, and a bare handler that makes its calls by the document client, and no more',
  columns: ['Request', 'Ours, ms', 'Bare, ms', 'Ratio'],
  rows: cpu.map(({ operation, ours, bare, ratio }) => [operation, ours.toFixed(2), bare.toFixed(2), ratio.toFixed(2)]),
});

const costBudget = ({ lines }: ParcelCost): Budget => ({
  what: `AWS cost of one parcel: $${totalOf(lines).toFixed(1)} per million, × the floor of $${totalOf(floor).toFixed(2)}`,
  measured: totalOf(lines) / totalOf(floor),
  budget: 7,
  unit: ' ×',
  digits: 2,
});

const billed = ({ units }: Line): string =>
  unitsOf(units)
    .filter(([unit]) => unit !== 'logGb')
    .map(([unit, count]) => `${Number(count.toFixed(3))} ${prices[unit].unit}`)
    .join(', ');

const costRows = (lines: readonly Line[]): string[][] =>
  lines.map((line) => [line.what, costOf(line.units).toFixed(2), billed(line)]);

const costDetail = (title: string, { lines, apart }: ParcelCost): Detail => ({
  title: `${title}, in $ per million (unbatched; list prices of us-east-1)`,
  columns: ['Line', '$', 'Units'],
  rows: [
    ...costRows(lines),
    ['total', totalOf(lines).toFixed(2), `${(totalOf(lines) / totalOf(floor)).toFixed(2)} × the floor`],
    ...costRows(apart),
  ],
  note: 'Not in the total: the lines below it. Not billed per parcel: storage, files of the archive and questions to it, stream reads, secrets (cold starts only), connections, the sweep.',
});

const halfFullDetail = (alone: ParcelCost, halfFull: ParcelCost): Detail => ({
  title: 'The same parcel while half of the 24 compartments are reserved: what differs',
  columns: ['Line', '$', 'instead of'],
  rows: [
    ...halfFull.lines.flatMap((line, nth) => {
      const before = costOf(alone.lines[nth]?.units ?? {});
      const after = costOf(line.units);
      return before.toFixed(2) === after.toFixed(2) ? [] : [[line.what, after.toFixed(2), before.toFixed(2)]];
    }),
    ['total', totalOf(halfFull.lines).toFixed(2), totalOf(alone.lines).toFixed(2)],
  ],
});

const raceBudgets = (calm: Race, rough: Race | null): Budget[] => [
  { what: '200 callers for 100 doors: winners', measured: calm.won, budget: 100, unit: '', exactly: true },
  { what: '… told `bank_full`', measured: calm.full, budget: 100, unit: '', exactly: true },
  { what: '… doors given twice', measured: calm.doubles + (rough?.doubles ?? 0), budget: 0, unit: '', exactly: true },
  { what: '… transactions attempted by the caller who attempted most', measured: calm.most, budget: 4, unit: '' },
];

const raceDetail = (calm: Race, rough: Race | null): Detail => ({
  title: 'Race for the compartments of one bank: the handlers in one process, each caller with a client of its own',
  columns: [
    '',
    'won',
    'bank_full',
    'otherwise',
    'doubles',
    'most attempts',
    'attempts per caller',
    'told to come back',
  ],
  rows: [
    { what: 'on the engine, which knows no conflicts', it: calm },
    ...(rough ? [{ what: 'for comparison: with conflicts put in where DynamoDB would have them', it: rough }] : []),
  ].map(({ what, it }) => [
    what,
    ...[it.won, it.full, it.otherwise.length, it.doubles, it.most].map(String),
    (it.attempts / it.callers).toFixed(2),
    String(it.sentBack),
  ]),
  note: 'The engine knows no TransactionConflict. A second row (--conflicts) refuses, below the SDK, what comes within 20 ms of another transaction at one of its items; the engine is far slower at 200 transactions at once than DynamoDB, so it says what holds, not how many attempts it takes there.',
});

await lifetime(bench);
