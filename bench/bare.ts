import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  type BatchGetCommandInput,
  DynamoDBDocumentClient,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from '@aws-sdk/lib-dynamodb';

/** One call to the table, ready to be sent. */
export type Call = { get: BatchGetCommandInput } | { query: QueryCommandInput } | { write: TransactWriteCommandInput };

const client = DynamoDBDocumentClient.from(new DynamoDBClient({}), {
  marshallOptions: { removeUndefinedValues: true },
});

/**
 * The least that can be called a handler: the same calls to DynamoDB as ours, with what they need at hand, and no more.
 * It calls as everybody does, through the SDK's document client with its defaults; ours goes without, and without other parts of
 * the SDK (docs/adr/021-rows-as-plain-json.md), which is to its credit.
 */
export const handler = async (calls: readonly Call[]): Promise<{ statusCode: number }> => {
  for (const call of calls) {
    if ('get' in call) await client.send(new BatchGetCommand(call.get));
    else if ('query' in call) await client.send(new QueryCommand(call.query));
    else await client.send(new TransactWriteCommand(call.write));
  }
  return { statusCode: 200 };
};
