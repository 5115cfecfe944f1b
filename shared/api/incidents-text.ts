import { type IncidentAction, IncidentState, incidentLifecycle, stepsMax } from '../domain/incident.ts';
import { causes, IncidentKind, incidentKindOf, levelMax, Severity, severities } from '../domain/incident-kinds.ts';

const timeOf = (seconds: number): string => (seconds < 3_600 ? `${seconds / 60} min` : `${seconds / 3_600} h`);

const rowOf = (kind: IncidentKind): string => {
  const { severity, opens, where, cause, summary, todo } = incidentKindOf(kind);
  const opening = opens === null ? '`POST /v1/incidents`' : [`\`${opens}\``, where?.says].filter((it) => it).join(', ');
  const [how, what, behind] =
    opens === null
      ? ['as was said', 'As whoever reports it says.', 'nothing that could be seen from here']
      : [severity, `${summary} ${todo}`, causes[cause].says];
  return `| \`${kind}\` | ${opening} | ${how} | ${what} | ${behind} |`;
};

const lifeOf = (state: IncidentState): string => {
  const actions: Partial<Record<IncidentAction, IncidentState>> = incidentLifecycle[state];
  const told = Object.entries(actions).map(([action, to]) => `\`${action}\`${to === state ? '' : ` → \`${to}\``}`);
  return `| \`${state}\` | ${told.join(' · ') || 'the end'} |`;
};

/** docs/incidents.md: what is somebody's work, and how it is worked on. */
export const incidentsText = (): string =>
  [
    '# Incidents',
    '',
    'Generated from `shared/domain/incident-kinds.ts` and `shared/domain/incident.ts` by `node shared/api/generate.ts`.',
    '',
    'An alert is a signal, an incident is work that somebody owns. Some of what goes wrong at banks, doors, webhooks and exports',
    'opens one by itself; whatever else is to be set right is reported. It has an owner, a time by which it has to be resolved, the',
    'steps that were done, and an end that is refused while what is behind it goes on. Keys need the scopes `incidents:read` and',
    '`incidents:write`, which test keys cannot have: what is at simulated banks has `livemode` false.',
    '',
    '## What opens one',
    '',
    '| `kind` | opened by | `severity` | what it is, and what to do | what is behind it |',
    '|---|---|---|---|---|',
    ...IncidentKind.options.map(rowOf),
    '',
    '- Of a kind there is one about the same bank, door, transaction, endpoint or export until it is closed. The same again counts',
    '  in it (`occurrences`, `lastAt`, `incident.recurred`); after that it opens another one. Each event counts once.',
    '- What mends itself or is nobody’s work opens none: a door left ajar, a power cut that the bank outlives, a suspected outage, a',
    '  loan that is late. The operator is alerted of some of these all the same.',
    '- A jammed lock is one incident, that of the door, whatever it did to a transaction. One that is left behind is named there (`transactionId`);',
    '  one that was moved to another door is not: it has a door.',
    '',
    '## Its life',
    '',
    '| `state` | what may be done: `POST /v1/incidents/{incidentId}/…` |',
    '|---|---|',
    ...IncidentState.options.map(lifeOf),
    '',
    '- `acknowledge` takes it: the body names the `owner`. `assign` names another one, and changes no state.',
    `- \`note\` records a step, up to ${stepsMax} of them. \`resolve\` says how it was set right.`,
    '- `close` is refused as `cause_holds` while `causeHolds` is true. That its cause is over closes nothing: it is told by',
    '  `incident.cause_ended`, and `causeOverAt` says since when. Whether the cause holds is seen anew by each `close`.',
    '- If the same happens after it was resolved, it is `in_progress` again, until `resolveBy` if that is not past, else as long as its severity says. `reopen` does',
    '  the same by hand, with a `reason`.',
    '- `GET /v1/incidents` lists them, the newest first, by `state`, `kind`, `severity`, `bankId` and `owner`. What does not fit is',
    '  left out of a page, which may be short or empty and have a `nextCursor`. By a `state` that is not `closed` only those are',
    '  looked at that are not closed, however many there were.',
    '- `GET /v1/incidents/{incidentId}/context` shows all that it is about, as it is now, to whoever is sent there: the bank and',
    '  whether it is online, the compartment, the transaction, and the newest events of its subject; of each what the key may read.',
    '- `GET /v1/incidents/{incidentId}/events` is its whole history. They are exported as [`incidents`](exports.md#incidents).',
    '- Owners, notes and reasons stand in events, which nobody can erase: write no names of people there, but desks or numbers.',
    '',
    '```bash',
    'curl "$API/v1/incidents?state=open" -H "Authorization: Bearer $KEY"',
    'curl "$API/v1/incidents/$INCIDENT/acknowledge" -H "Authorization: Bearer $KEY" -H "Idempotency-Key: take-1" \\',
    '  -H "Content-Type: application/json" -d \'{ "owner": "field-north" }\'',
    'curl "$API/v1/incidents/$INCIDENT/note" -H "Authorization: Bearer $KEY" -H "Idempotency-Key: note-1" \\',
    '  -H "Content-Type: application/json" -d \'{ "text": "The bolt was bent, and was replaced." }\'',
    '```',
    '',
    '## By when, and what if not',
    '',
    '| `severity` | has to be taken within | and resolved within | escalated again after |',
    '|---|---|---|---|',
    ...Severity.options.map((it) => {
      const { acknowledgeWithinSeconds, resolveWithinSeconds, escalateAgainAfterSeconds } = severities[it];
      const times = [acknowledgeWithinSeconds, resolveWithinSeconds, escalateAgainAfterSeconds].map(timeOf);
      return `| \`${it}\` | ${times.join(' | ')} |`;
    }),
    '',
    '- The times begin when we learned of it (`openedAt`). `resolveBy` is earlier where the transaction that is concerned has a',
    '  deadline before that: what was promised to a person comes first. Whoever reports one may name another `resolveBy`.',
    '- One that nobody has taken by `acknowledgeBy`, or not resolved by `resolveBy`, is escalated: `level` goes up by one, there is an',
    '  event `incident.escalated`, and the operator of the deployment is alerted with what, where and what to do. The state stays.',
    `- While what was missed is still missing, it is escalated again, up to level ${levelMax}. \`escalatesAt\` says when next.`,
    '- Each level comes once. If its wake-up was lost, the sweep finds it within a quarter of an hour.',
    '',
  ].join('\n');
