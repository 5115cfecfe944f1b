import { archiveColumns, dataFields } from '../../events/archive.ts';
import { catalogue } from '../../events/catalogue.ts';

/** A question to the archive, in the SQL that Athena and the local engine have in common. */
type Question = { asks: string; sql: readonly string[]; says: string };

const tenant = 'ten_01KJQ4TZZ9B1D3F5H7K9N1Q3S5';
const inMarch = "dt BETWEEN '2026-03-01' AND '2026-04-01'";
const timestamp = (type: string): string =>
  `min(CASE WHEN type = '${type}' THEN CAST(replace(substr(occurredAt, 1, 19), 'T', ' ') AS timestamp) END)`;

const questions: readonly Question[] = [
  {
    asks: 'What happened to an order',
    sql: [
      'SELECT DISTINCT subject, sequence, occurredAt, type, data.bankId AS bank, data.door AS door, actor.type AS who',
      'FROM events',
      `WHERE dt >= '2026-03-01' AND tenant = '${tenant}'`,
      "  AND contains(map_values(data.externalIds), 'A-1001')",
      'ORDER BY subject, sequence',
    ],
    says: "By whichever external id. With `subject = 'txn_…'` instead it is the history of one transaction.",
  },
  {
    asks: 'Pickups per bank and day',
    sql: [
      'SELECT data.bankId AS bank, substr(occurredAt, 1, 10) AS day, count(DISTINCT id) AS pickups',
      'FROM events',
      `WHERE ${inMarch} AND tenant = '${tenant}' AND type = 'transaction.picked_up'`,
      'GROUP BY 1, 2',
      'ORDER BY 1, 2',
    ],
    says: 'Days are of UTC, by when it happened, and not by when it was archived.',
  },
  {
    asks: 'Failed attempts by reason',
    sql: [
      'SELECT data.method AS method, data.reason AS reason, count(DISTINCT id) AS attempts',
      'FROM events',
      `WHERE ${inMarch} AND tenant = '${tenant}' AND type IN ('access.denied', 'access.phone_denied')`,
      'GROUP BY 1, 2',
      'ORDER BY 3 DESC, 1, 2',
    ],
    says: 'The reasons are those that [access](access.md) explains.',
  },
  {
    asks: 'Overdue and expired by site',
    sql: [
      'WITH banks AS (',
      '  SELECT DISTINCT data.bankId AS bank, data.siteId AS site',
      "  FROM events WHERE type = 'bank.registered'",
      ')',
      'SELECT banks.site, e.type, e.data.stage AS stage, count(DISTINCT e.id) AS times',
      'FROM events e JOIN banks ON banks.bank = e.data.bankId',
      `WHERE e.${inMarch} AND e.tenant = '${tenant}'`,
      "  AND e.type IN ('transaction.expired', 'transaction.overdue')",
      'GROUP BY 1, 2, 3',
      'ORDER BY 1, 2, 3',
    ],
    says: 'A bank may have been registered long ago: that part has no `dt`, and reads all files.',
  },
  {
    asks: 'How long items lie in their compartments',
    sql: [
      'WITH stays AS (',
      `  SELECT subject, ${timestamp('transaction.deposited')} AS deposited,`,
      `    ${timestamp('transaction.picked_up')} AS picked_up`,
      '  FROM events',
      `  WHERE ${inMarch} AND tenant = '${tenant}'`,
      "    AND type IN ('transaction.deposited', 'transaction.picked_up')",
      '  GROUP BY subject',
      ')',
      "SELECT count(*) AS items, round(avg(date_diff('second', deposited, picked_up)) / 3600, 1) AS hours",
      'FROM stays',
      'WHERE deposited IS NOT NULL AND picked_up IS NOT NULL',
    ],
    says: 'Text becomes a `timestamp` only so; `from_iso8601_timestamp` is shorter, on AWS.',
  },
  {
    asks: 'Doors that were opened by command, by whom and why',
    sql: [
      'SELECT DISTINCT occurredAt, data.bankId AS bank, data.door AS door, actor.id AS who, data.reason AS reason',
      'FROM events',
      `WHERE ${inMarch} AND tenant = '${tenant}' AND type = 'command.queued'`,
      'ORDER BY occurredAt',
    ],
    says: 'What became of one: the events with the same `data.commandId`.',
  },
  {
    asks: 'Webhooks that died',
    sql: [
      'SELECT DISTINCT occurredAt, data.endpointId AS endpoint, data.reason AS reason',
      'FROM events',
      `WHERE ${inMarch} AND tenant = '${tenant}' AND type = 'webhook_endpoint.disabled'`,
      'ORDER BY occurredAt',
    ],
    says: 'Of endpoints. Single deliveries are no events: [export](exports.md) them.',
  },
];

const entitiesWith = (field: string): string[] => [
  ...new Set(
    Object.entries(catalogue).flatMap(([type, { shape }]) =>
      Object.hasOwn(shape, field) ? [type.slice(0, type.indexOf('.'))] : [],
    ),
  ),
];

/** docs/archive.md: what lies in the archive, and how it is asked. */
export const archiveText = (): string =>
  [
    '# The archive of events',
    '',
    'Generated from `shared/api/archive-text.ts` and the catalogue of events by `node shared/api/generate.ts`.',
    '',
    'Every event that was put on the bus, of all tenants, lies in the bucket `ArchiveBucketName` as JSON Lines, and Athena',
    'reads it as the table `events` of the database `ArchiveDatabaseName`. These names are outputs of the stack for data,',
    'events and banks. Events come there within a quarter of an hour ([why so](adr/017-archive-by-firehose.md)).',
    '',
    '**It is the operator’s.** It holds all tenants side by side, and nothing in the product reads it or lets a tenant read',
    'it: they take [exports](exports.md), [the feed](feed.md) and [webhooks](webhooks.md). Who asks for one of them says so by',
    '`tenant`, as all questions below do.',
    '',
    '## What lies where',
    '',
    '| in the bucket | |',
    '|---|---|',
    '| `events/dt=2026-03-02/…` | what Firehose took on that day of UTC, one event a line, as it was put on the bus; GZIP |',
    '| `errors/<why>/dt=2026-03-02/…` | what Firehose could not handle; nothing should be there |',
    '',
    '- It is kept for `archiveDays` ([stages.ts](../infra/stages.ts)): 3,653, as long as the anchors that',
    '  [prove it](finding-and-proving.md). After 90 and 365 days larger files move to cheaper classes, which are read as fast.',
    '- What is deleted can be had back for 30 days. When the production stack goes, the bucket stays.',
    '- Names, phone numbers and addresses of people stand in no event, only a hash of them. External ids, metadata and',
    '  reasons stand there as they were told.',
    '- Answers of Athena lie in a bucket of their own, `QueryResultsBucketName`, for 7 days.',
    '',
    '## What is in a row',
    '',
    '| column | type |',
    '|---|---|',
    ...archiveColumns.map(
      ({ name, type }) => `| \`${name}\` | ${name === 'data' ? 'a struct, see below' : `\`${type}\``} |`,
    ),
    '| `dt` | `string`, the day of the file |',
    '',
    '- Upper and lower case of columns and fields are the same: `occurredAt` is `occurredat`.',
    '- **Ask by `dt`**, or all files are read and paid for. It is the day that an event was archived: one that a bank tells late',
    '  lies in a later day than it happened (`occurredAt`), and one of midnight may lie in the next.',
    '- **An event can be there twice**, as everywhere: count `DISTINCT id`, list `DISTINCT` rows. Order is that of `sequence`',
    '  within `subject`.',
    '- Moments are text, RFC 3339 of UTC with milliseconds: they sort and compare as they are, and',
    '  `substr(occurredAt, 1, 10)` is the day.',
    '- `data` is a struct with the fields of all types of events together, `data.bankId` is one of them; those that the type of a',
    '  row does not have are null. A new type or field is there with the deployment that brings it.',
    '- What has no shape of its own is the text that it is in JSON: `data.changes` for one. Athena’s',
    "  `json_extract_scalar(data.changes, '$.state')` reads it, where keys may have become lower case; the local engine has",
    '  no such function.',
    '',
    '| field of `data` | type | in events of |',
    '|---|---|---|',
    ...dataFields.map(([name, type]) => `| \`${name}\` | \`${type}\` | ${entitiesWith(name).join(', ')} |`),
    '',
    '## How to ask',
    '',
    '```bash',
    'aws athena start-query-execution --work-group latchwork-prod --query-execution-context Database=latchwork_prod \\',
    '  --query-string "$(cat question.sql)"',
    '```',
    '',
    'or in the console, where the workgroup is chosen at the top right. A query that would read more than 100 GB, some 50 cents,',
    'is stopped. Who asks needs `athena:StartQueryExecution`, `athena:GetQueryExecution` and `athena:GetQueryResults` for the',
    'workgroup, `glue:GetDatabase`, `glue:GetTable` and `glue:GetPartitions`, `s3:GetObject` and `s3:ListBucket` in the archive,',
    'and in the bucket of answers `s3:PutObject`, `s3:GetObject`, `s3:ListBucket` and `s3:GetBucketLocation`.',
    '',
    'The same on a laptop, while `npm start` runs, in a shell of its own: `npm start` would take `AWS_ENDPOINT_URL` for its own.',
    '',
    '```bash',
    'export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1',
    'export AWS_ENDPOINT_URL="$(node -p \'require("./.local/system.json").awsEndpointUrl\')"',
    'ID="$(aws athena start-query-execution --work-group latchwork-local --query-execution-context Database=latchwork_local \\',
    '  --query-string "$(cat question.sql)" --query QueryExecutionId --output text)"',
    'aws athena get-query-execution --query-execution-id "$ID" --query QueryExecution.Status.State   # until it is SUCCEEDED',
    'aws athena get-query-results --query-execution-id "$ID"',
    '```',
    '',
    '<!-- test/journeys/archive.test.ts runs these queries as they stand here, with its own tenant and days. -->',
    '## Questions',
    '',
    ...questions.flatMap(({ asks, sql, says }) => [`### ${asks}`, '', '```sql', ...sql, '```', '', says, '']),
  ].join('\n');
