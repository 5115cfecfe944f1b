import { type Alternative, alternativeTexts } from '../domain/assignment.ts';
import { AssignmentPolicy, type Criterion, defaultPolicy } from '../domain/assignment-policy.ts';
import { reservationReasons } from '../domain/refusal.ts';
import { replayAssignments, restoreAssignmentPolicy } from './assignment-policies.ts';
import { checkTransaction } from './transactions.ts';

const criteria: Record<Criterion, string> = {
  size: 'cm³ of its inside: the smaller',
  wear: 'how often its door was opened, by its bank’s journal: the less',
  height: 'mm between its floor and a table’s height, 900 mm: the less',
};

const table = (head: readonly [string, string], rows: Record<string, string>): string[] => [
  `| ${head[0]} | ${head[1]} |`,
  '|---|---|',
  ...Object.entries(rows).map(([name, text]) => `| \`${name}\` | ${text} |`),
];

const path = ({ method, path: text }: { method: string; path: string }): string => `\`${method} ${text}\``;

/** docs/assignment.md: how a compartment is chosen, and what happens when there is none. */
export const assignmentText = (): string => {
  const { id, ...rules } = AssignmentPolicy.parse(defaultPolicy);
  const alternatives: Record<Alternative['what'], string> = alternativeTexts;
  return [
    '# How a compartment is chosen',
    '',
    'Generated from `shared/domain/assignment.ts` and its policy by `node shared/api/generate.ts`.',
    '',
    'A compartment will do if the items, on one another along their shortest sides, fit into it in some position, are not',
    'too heavy together, need its thermal class and no other, if people can reach it, and if it is free, closed, not',
    'filled and not out of service. Among those, a **policy** says which is the best; compartments that it cannot tell',
    'apart are drawn by lot from the id of the transaction, so that many callers at once do not all want one.',
    'Every transaction says in `assignment` by which version, from how many candidates, and why.',
    '',
    `## The policy, at first \`${id}\``,
    '',
    '```json',
    JSON.stringify(rules, null, 2),
    '```',
    '',
    '`criteria` are asked in their order, the first that tells two apart decides; below a multiple of its `step` it does',
    'not. Keep the steps of `wear` coarse: a fine one sends everybody who comes at the same moment to the same door.',
    '',
    ...table(['criterion', 'better is, of'], criteria),
    '',
    '`reachableMm`: a floor higher than this is out of reach. `takeLarger: false`: rather refuse than give a compartment',
    'larger than the smallest that would do; a move with `larger` asks for it all the same.',
    '',
    'For a loan nothing is chosen: its asset has a door. It can neither wait nor be soft, and the check below says whether',
    'it can be had now.',
    '',
    'A tenant puts rules of its own with `POST /v1/assignment-policies`, reads all versions there, and goes back with',
    `${path(restoreAssignmentPolicy)}, which is a new version that names the older one. Each is an event,`,
    '`assignment_policy.replaced` or `assignment_policy.restored`, with who did it. Banks hold a copy, so choosing costs',
    'no read; they learn of a new version shortly after, and a decision names the one that it was taken by.',
    '',
    `${path(replayAssignments)} says what a version, or rules to be tried, would have chosen for up to 50`,
    'past transactions. It goes by what was free at that moment, and by wear to 500 openings: each decision keeps it, in',
    'the event `transaction.reserved`, as `seen`: a letter per compartment in the order of the layout, `-` where it was',
    'not to be had. Requests that were refused leave no transaction, so they are not told of.',
    '',
    '## Before asking',
    '',
    `${path(checkTransaction)} takes the body of a create, books nothing, needs no idempotency key, and`,
    'says what would happen now and why. Where nothing fits, it names what would otherwise:',
    '',
    ...table(['alternative', 'these compartments would do'], alternatives),
    '',
    `Reasons of a refusal: ${reservationReasons.map((it) => `\`${it}\``).join(', ')}. It does not look whether an external`,
    'id is taken.',
    '',
    '## Soft reservations',
    '',
    'A create with `reservation: "soft"` gets a door like any other, until a hard request finds none that fits: then the',
    'oldest soft one that fits gives way, unless its first step has begun (its door was opened). It moves to another',
    'compartment if one fits (`transaction.moved`), or ends `rejected`; the reason is `reclaimed`. One commit writes both.',
    'Soft requests take nothing from anybody. If the depositor opened the door offline before that was known, what they',
    'did stands, as [the merge table](transactions.md#the-merge-table) says.',
    '',
    '## Waiting for a door',
    '',
    'A create with `waitUntil` that is refused only because of what is taken now is answered 201 with the state',
    '`created`: no door, no credentials. When a compartment frees, the first of those whom it fits gets it, with',
    '`transaction.reserved`; later callers cannot take it before. Its deadlines count from then, those asked for stay (and',
    'must lie after `waitUntil`). **The values of its credentials were shown to nobody**: ask for each with',
    '`POST /v1/transactions/{transactionId}/credentials/{credentialId}/resend` after the event. Who is not served by',
    '`waitUntil` ends `expired` with the stage `reservation`; cancelling works. At most 200 wait at a bank.',
    '',
  ].join('\n');
};
