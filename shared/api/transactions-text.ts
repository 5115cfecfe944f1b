import { nextByReason } from '../device/denial.ts';
import { possible, whenDue } from '../domain/lifecycle.ts';
import { mergeTable } from '../domain/merge-table.ts';
import { ends } from '../domain/transaction.ts';
import { type DeadlineName, Workflow, workflowOf } from '../domain/workflow.ts';

const duration = (seconds: number): string => (seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds / 60} min`);

const deadlineWords: Record<DeadlineName, string> = {
  reserveUntil: 'begun',
  depositBy: 'deposited',
  pickupBy: 'picked up, from the deposit',
  useUntil: 'used, from the start',
};

/** One row per workflow: its steps, what must hold first, its deadlines. */
const workflowRows = (): string[] =>
  Workflow.options.map((name) => {
    const { use, steps, conditions, deadlines, endsBy } = workflowOf(name);
    const path = steps.map(({ step, by, to }) => `${step} by ${by} → \`${to}\``).join(', then ');
    const times = Object.entries(deadlines).map(
      ([deadline, seconds]) => `\`${deadline}\` ${duration(seconds)} (${deadlineWords[deadline as DeadlineName]})`,
    );
    return `| \`${name}\` | ${use} | ${path} | ${conditions.join(', ') || '–'} | ${times.join(' · ')} | ${endsBy} |`;
  });

/** How the right to each step is proved, and how exact its times are. */
const accessRows = (): string[] =>
  Workflow.options.flatMap((name) => {
    const { steps, tolerance } = workflowOf(name);
    return steps.map(({ step, methods, delegates }) => {
      const [usual, ...others] = methods;
      const { earlySeconds, lateSeconds } = tolerance;
      const times = earlySeconds + lateSeconds === 0 ? '–' : `${duration(earlySeconds)} · ${duration(lateSeconds)}`;
      return `| \`${name}\` | ${step} | ${[`**${usual}**`, ...others].join(', ')} | ${delegates || 'nobody'} | ${times} |`;
    });
  });

/** What somebody can do whom a bank has refused. */
const denialRows = (): string[] =>
  [...Map.groupBy(Object.entries(nextByReason), ([, next]) => next)].map(
    ([next, rows]) => `| ${rows.map(([reason]) => `\`${reason}\``).join(', ')} | \`${next}\` |`,
  );

/** The states and what leads from one to the next, as Mermaid draws them. */
const diagram = (): string[] => {
  const steps = Workflow.options.flatMap((name) =>
    workflowOf(name).steps.map(({ from, to, step }) => ({ from, to, by: step })),
  );
  const asked = Object.entries(possible).flatMap(([action, leads]) =>
    Object.entries(leads).flatMap(([from, to]) => (from === to ? [] : [{ from, to, by: action }])),
  );
  const due = Object.entries(whenDue).map(([from, to]) => ({ from, to, by: 'its deadline' }));
  const taken = [{ from: 'recall_due', to: 'recalled', by: 'taken out by staff' }];
  const arrows = new Map<string, Set<string>>();
  for (const { from, to, by } of [...steps, ...asked, ...due, ...taken]) {
    const arrow = `${from} --> ${to}`;
    arrows.set(arrow, (arrows.get(arrow) ?? new Set()).add(by));
  }
  return [
    '```mermaid',
    'stateDiagram-v2',
    '  [*] --> created',
    '  created --> reserved: a compartment is assigned',
    ...[...arrows].map(([arrow, by]) => `  ${arrow}: ${[...by].join(', ')}`),
    ...ends.map((end) => `  ${end} --> [*]`),
    '```',
  ];
};

const actionRows = (): string[] =>
  Object.entries(possible).map(([action, leads]) => {
    const where = Object.entries(leads).map(([from, to]) => (from === to ? `\`${from}\`` : `\`${from}\` → \`${to}\``));
    return `| ${action} | ${where.join(', ')} |`;
  });

const mergeSections = (): string[] =>
  Object.entries(mergeTable).flatMap(([fact, row]) => {
    const effects = new Map<string, string[]>();
    for (const [state, [, text]] of Object.entries(row)) effects.set(text, [...(effects.get(text) ?? []), state]);
    return [
      `### ${fact.replaceAll('_', ' ')}`,
      '',
      '| while the transaction is | it means |',
      '|---|---|',
      ...[...effects].map(([text, states]) => `| ${states.map((it) => `\`${it}\``).join(', ')} | ${text} |`),
      '',
    ];
  });

/** docs/transactions.md: the workflows, the lifecycle, and what each physical fact does in each state. */
export const transactionsText = (): string =>
  [
    '# Transactions',
    '',
    'Generated from `shared/domain` by `node shared/api/generate.ts`; tests prove every row and cell.',
    '',
    '## Workflows',
    '',
    'One model for every use of a door. A workflow is a row of `shared/domain/workflow.ts`; everything else follows from it.',
    '',
    '| workflow | what it is for | steps | must be confirmed first | deadlines, unless said otherwise | ends also by |',
    '|---|---|---|---|---|---|',
    ...workflowRows(),
    '',
    '## Lifecycle',
    '',
    ...diagram(),
    '',
    'What can be asked, and in which states; an arrow where it leads to another:',
    '',
    '| request | possible while |',
    '|---|---|',
    ...actionRows(),
    '',
    'Ends absorb: only a late physical fact leaves one.',
    '',
    '## Access',
    '',
    'How the right to a step is proved: the first method unless the call says otherwise. To how many at a time it may be',
    'handed on. How early and how late people are let in all the same. What each method is: [access.md](access.md).',
    '',
    '| workflow | step | methods | may be with | early · late |',
    '|---|---|---|---|---|',
    ...accessRows(),
    '',
    'Whoever is refused at a bank is told why and what to do next; both are kept in `access.denied`:',
    '',
    '| reason | next |',
    '|---|---|',
    ...denialRows(),
    '',
    '## The merge table',
    '',
    'Banks report what happened at their doors late, twice and in any order, and decide alone while the network is down.',
    '**Physical truth wins, and is flagged.** The newest entry of a door tells its state, older ones never overwrite it,',
    'and each adds its fact to its transaction, however late. Nothing that a door did is dropped.',
    '',
    ...mergeSections(),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
