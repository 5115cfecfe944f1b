import { LambdaClient, paginateListEventSourceMappings } from '@aws-sdk/client-lambda';
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { clientOptions, type Endpoint } from './endpoint.ts';
import { until } from './until.ts';

/** Waits until all that was begun is done: stream records that nobody has read yet do not survive the engine. */
export async function drain(endpoint: Endpoint, withinMs: number): Promise<void> {
  const sqs = new SQSClient(clientOptions(endpoint));
  const queues = await queuesWithReaders(endpoint, sqs);
  let quietRounds = 0;
  await until(
    'the queues are empty',
    async () => {
      const waiting = await Promise.all(queues.map((queueUrl) => waitingIn(sqs, queueUrl)));
      // One round may fall between two steps of a chain (stream, bus, queue); three in a row do not.
      quietRounds = waiting.every((count) => count === 0) ? quietRounds + 1 : 0;
      return quietRounds >= 3;
    },
    { withinMs, everyMs: 150 },
  );
}

/** Only what a function reads gets empty; a dead-letter queue waits for a person. */
async function queuesWithReaders(endpoint: Endpoint, sqs: SQSClient): Promise<string[]> {
  const client = new LambdaClient(clientOptions(endpoint));
  const names = new Set<string>();
  for await (const page of paginateListEventSourceMappings({ client }, {})) {
    for (const { EventSourceArn = '' } of page.EventSourceMappings ?? []) {
      const name = /^arn:aws:sqs:[^:]*:[^:]*:(.+)$/.exec(EventSourceArn)?.[1];
      if (name) names.add(name);
    }
  }
  return Promise.all(
    [...names].map(async (QueueName) => (await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl ?? ''),
  );
}

/** Messages to be seen now or being worked on; what is delayed on purpose is kept by the engine. */
async function waitingIn(sqs: SQSClient, QueueUrl: string): Promise<number> {
  const { Attributes: known = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return Number(known.ApproximateNumberOfMessages ?? 0) + Number(known.ApproximateNumberOfMessagesNotVisible ?? 0);
}
