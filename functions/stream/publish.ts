import middy from '@middy/core';
import type { Context, DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { env } from '#shared/lambda/env.ts';
import { log } from '#shared/lambda/log.ts';
import { eventsOfRecord } from '#shared/lambda/stream.ts';
import { type Bus, openBus } from '#shared/outside/bus.ts';

/**
 * Puts the events of each commit on the bus, one entry per event, at least once and in order per subject as far as the
 * stream keeps it. From the first record that fails on, the stream sends the batch again.
 */
export const publish =
  (bus: Bus) =>
  async ({ Records }: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const again = (sequenceNumber: string | undefined): DynamoDBBatchResponse => ({
      batchItemFailures: [{ itemIdentifier: sequenceNumber ?? '' }],
    });
    const sendable: { sequenceNumber: string | undefined; events: ReturnType<typeof eventsOfRecord> }[] = [];
    let unreadable: { sequenceNumber: string | undefined } | undefined;
    for (const record of Records) {
      const sequenceNumber = record.dynamodb?.SequenceNumber;
      try {
        sendable.push({ sequenceNumber, events: eventsOfRecord(record) });
      } catch (error) {
        // What came before it still goes out; then this one alone comes again, and in the end lands in S3.
        log.error('unreadable commit', {
          error: error instanceof Error ? error : new Error(String(error)),
          sequenceNumber,
        });
        unreadable = { sequenceNumber };
        break;
      }
    }
    const refused = await bus.put(sendable.flatMap((it) => it.events));
    const first = sendable.find((it) => it.events.some((event) => refused.has(event.id)));
    log.info('published', { commits: sendable.length, refused: refused.size });
    if (first) return again(first.sequenceNumber);
    return unreadable ? again(unreadable.sequenceNumber) : { batchItemFailures: [] };
  };

let run: ReturnType<typeof publish> | undefined;

export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse, Error, Context>().handler(async (event) => {
  run ??= publish(openBus(env('BUS_NAME')));
  const response = await run(event);
  return response;
});
