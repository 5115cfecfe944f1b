import { nextByReason } from '../device/denial.ts';
import { possible, whenDue } from '../domain/lifecycle.ts';
import type { LinkState } from '../domain/link-summary.ts';
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

const linkStates: Record<LinkState, string> = {
  pending: 'nothing was put in yet, and nothing is wrong',
  under_way: 'some of it was put in or is done, some is still to come',
  in_transit: 'only of a hand-over: a leg is completed, and at the next nothing was put in yet',
  attention: 'not all has ended, or somebody disputes it, and a part needs somebody: `attention` says which, and why',
  complete: 'every part ended `completed`, none is missing, none is disputed',
  cancelled: 'every part ended `cancelled`',
  incomplete: 'all has ended, but not all of it well',
};

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
    'Deadlines, tolerances, conditions and where labels are scanned are settled by the narrowest that says something: the call, then the site, the',
    'tenant, the row. `PATCH /v1/workflow-terms/tenant` or `…/{siteId}` says it for a workflow, in seconds and for whatever is',
    'created from then on: `{ "workflows": { "parcel": { "deadlineSeconds": { "pickupBy": 172800 } } } }`; `null` forgets it.',
    '`GET` shows under `effective` what holds there. Every change is the event `workflow_terms.updated`, with who made it.',
    '`remindBeforeSeconds` of a workflow says how long before `pickupBy` or `useUntil` people are [reminded](messages.md#reminders).',
    'Banks hold a copy, so a create reads no more than before; a new one reaches them within seconds.',
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
    'A `move` before anything is inside only reserves another compartment. Of a `stored` item it holds both doors, flags it',
    '`moving`, keeps its receiver out and issues two PINs to whoever carries it: `take_out` opens the old door, and once that',
    'was closed empty, `put_in` the new one, also with the network down. From then on the old door is free; the item is moved',
    'when the new one was closed filled, the PIN of the receiver opens there, and `pickupBy` is later by the time it took.',
    '`move` in the answer says how far it is (`planned`, `carrying`), whose it is, since when, and until when it is to be done',
    '(`moveBy`, within the hour unless said otherwise). What nobody has begun by then is called off, as `cancel-move` does;',
    'what was begun is flagged `overdue`, and operators are told. Another `move` sends it to another door, or back, and',
    'makes it the caller’s; the PINs of whoever carries it stay. A recall or a cancellation while it is being carried ends it:',
    'it is with whoever carries it.',
    '',
    'A `move` of a loan that is `in_use` gives its asset another door to be brought back to, if the asset was registered with',
    '`returnsTo: "any_door"`; the old one is free at once. All moves stay within one bank.',
    '',
    'Ends absorb: only a late physical fact leaves one.',
    '',
    '## Goods in stock',
    '',
    'Goods may lie in a door before anybody buys them. A **stock unit** is such a good; it has its door from when it is',
    'placed there until it is sold or withdrawn, and a sale of it holds that door meanwhile.',
    '',
    '1. `POST /v1/stock-units` registers it (`registered`); with a `bankId`, or with `…/place` later, it gets a door (`placed`).',
    '2. Staff open the door with `POST /v1/commands` and put it in. Once the bank sees it inside it is `in_stock`. A door',
    '   without a sensor is believed after a command opened it.',
    '3. A create of a `sale` with its `stockUnitId`, or with a `sku` at a bank, sells it. Of a kind, the unit with the oldest',
    '   best-before date goes first. No compartment is chosen and nothing is deposited: the transaction is `stored` at once,',
    '   and its pickup credential opens as soon as what must be confirmed first is.',
    '4. Picked up, it is `sold`. A sale that is cancelled, or not collected in time (`expired`, stage `pickup`), leaves it where',
    '   it is, in stock again. A sale that is recalled takes it out of the door and out of the stock (`withdrawn`).',
    '5. `…/withdraw` takes it out of the stock while it is not promised; its door is offered again once somebody has emptied it.',
    '',
    'Its door found empty without a sale makes it `missing` (`stock_unit.missing`), also while it is promised; seen inside',
    'again, it is `in_stock`. Past its best-before date it stays visible (`isPastBestBefore`) and is not sold',
    '(`best_before_passed`). `GET /v1/banks/{bankId}/stock-levels` counts what there is, kind by kind.',
    '',
    '## Linked transactions',
    '',
    'The legs of a hand-over between sites and the parts of an order in several doors are transactions of their own that',
    'bear a `link`: `{ "kind": "handover" | "order", "id": "…", "part": 1, "of": 2 }`. The id is the caller’s choice. Every',
    'part has a place, from 1 to 20, which is its own from the same commit on: another create or `PATCH` for it is',
    '`conflict` and names the one that has it. A `PATCH` with `"link": null` takes a part out, also after its end, so',
    'that what is created instead of a cancelled part can take its place. All events of a part carry the link;',
    '`transaction.linked` says that it changed. Nothing else follows from it: no part waits for another, and none ends',
    'because another did.',
    '',
    '`GET /v1/links/{kind}/{id}` reads them as one, with all parts, the places that are `missing`, and a state:',
    '',
    '| state | it means |',
    '|---|---|',
    ...Object.entries(linkStates).map(([state, text]) => `| \`${state}\` | ${text} |`),
    '',
    'What happens at simulated banks is linked apart from the real, though the names may be the same: a live key asks for',
    'it with `?livemode=false`, a test key is shown nothing else.',
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
