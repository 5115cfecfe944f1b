import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { outputOf } from '../../local/stack-handle.ts';
import { aws, stack } from './stack.ts';

/*
 * Which partitions there are. Nothing lists a tenant's transactions or its keys for idempotency, and a scan costs the
 * engine 0.2 ms for each row that anybody has, while nobody else is answered. So the table's stream is followed from
 * when this is loaded: every key that is ever written comes by. Only the keys are taken from it, the rows from the table.
 */

export const tableName = outputOf(stack.outputs, 'TableName');

const Shards = z.object({ StreamDescription: z.object({ Shards: z.array(z.object({ ShardId: z.string() })) }) });
const Iterator = z.object({ ShardIterator: z.string() });
const Text = z.object({ S: z.string() });
const Records = z.object({
  Records: z.array(z.object({ dynamodb: z.object({ Keys: z.object({ PK: Text, SK: Text }) }) })),
  NextShardIterator: z.string().optional(),
});

/** The engine asks whose key it is, not for a signature, so the client of the streams is no dependency of ours. */
const stream = async <Shape extends z.ZodType>(operation: string, input: unknown, shape: Shape) => {
  const response = await fetch(stack.awsEndpointUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDBStreams_20120810.${operation}`,
      authorization: `AWS4-HMAC-SHA256 Credential=test/20300101/${stack.region}/dynamodb/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(input),
  });
  if (!response.ok) throw new Error(`${operation} answers ${response.status}: ${await response.text()}`);
  return shape.parse(await response.json());
};

/** Of the many lookup rows each is named by itself, so that a hundred can be read at a time; else what lies together. */
const nameOf = (PK: string, SK: string): string => (PK.startsWith('F#') ? `${PK}\n${SK}` : PK);

const written = new Set<string>();
let iterators: string[] = [];

const follow = async (): Promise<void> => {
  const { Table } = await aws.dynamoDb.send(new DescribeTableCommand({ TableName: tableName }));
  const StreamArn = Table?.LatestStreamArn;
  const { StreamDescription } = await stream('DescribeStream', { StreamArn }, Shards);
  const started = StreamDescription.Shards.map(async ({ ShardId }) => {
    const input = { StreamArn, ShardId, ShardIteratorType: 'LATEST' };
    return (await stream('GetShardIterator', input, Iterator)).ShardIterator;
  });
  iterators = await Promise.all(started);
};

/** To the end of what was written; answers from where to go on. */
const toItsEnd = async (from: string): Promise<string[]> => {
  let ShardIterator: string | undefined = from;
  while (ShardIterator !== undefined) {
    const page: z.infer<typeof Records> = await stream('GetRecords', { ShardIterator }, Records);
    for (const { dynamodb } of page.Records) written.add(nameOf(dynamodb.Keys.PK.S, dynamodb.Keys.SK.S));
    ShardIterator = page.NextShardIterator;
    if (page.Records.length === 0) break;
  }
  return ShardIterator === undefined ? [] : [ShardIterator];
};

// Before any tenant of the test that loads this is made.
await follow();

const scanned = async (ids: readonly string[]): Promise<string[]> => {
  const found: string[] = [];
  let start: Record<string, unknown> | undefined;
  do {
    const page: { Items?: Record<string, unknown>[]; LastEvaluatedKey?: Record<string, unknown> } =
      await aws.dynamoDb.send(
        new ScanCommand({
          TableName: tableName,
          ConsistentRead: true,
          ProjectionExpression: 'PK, SK',
          FilterExpression: ids.map((_, nth) => `contains(PK, :id${nth})`).join(' OR '),
          ExpressionAttributeValues: Object.fromEntries(ids.map((id, nth) => [`:id${nth}`, id])),
          ExclusiveStartKey: start,
        }),
      );
    found.push(...(page.Items ?? []).map(({ PK, SK }) => nameOf(String(PK), String(SK))));
    start = page.LastEvaluatedKey;
  } while (start !== undefined);
  return found;
};

/** Partitions whose name has one of these ids in it. Tenants from before are looked for in the whole table. */
export const partitionsWith = async (tenants: readonly string[], banks: readonly string[]): Promise<string[]> => {
  iterators = (await Promise.all(iterators.map(toItsEnd))).flat();
  const ids = [...tenants, ...banks];
  const isKnown = tenants.every((tenant) => written.has(`TENANT#${tenant}`));
  const found = isKnown ? [...written].filter((PK) => ids.some((id) => PK.includes(id))) : await scanned(ids);
  return [...new Set(found)].toSorted();
};
