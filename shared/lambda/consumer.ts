import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { log } from './log.ts';

type Handle<T> = (message: T, record: SQSRecord) => Promise<void>;

/**
 * A function behind a queue. Each message is parsed and handled by itself; one that fails goes back to the queue alone,
 * and after `maxReceiveCount` tries to the dead-letter queue, where an alarm waits for it. One log line per batch.
 */
const queueFunction = <T>(read: (body: unknown) => T, open: () => Handle<T>) => {
  let handle: Handle<T> | undefined;
  return middy<SQSEvent, SQSBatchResponse, Error, Context>().handler(async ({ Records }) => {
    handle ??= open();
    const own = handle;
    const outcomes = await Promise.allSettled(
      Records.map(async (record) => own(read(JSON.parse(record.body)), record)),
    );
    const failed = outcomes.flatMap((outcome, nth) => {
      const record = Records[nth];
      if (outcome.status === 'fulfilled' || record === undefined) return [];
      const cause = outcome.reason instanceof Error ? outcome.reason : new Error(String(outcome.reason));
      log.error('message failed', {
        error: cause,
        messageId: record.messageId,
        tries: record.attributes.ApproximateReceiveCount,
      });
      return [{ itemIdentifier: record.messageId }];
    });
    log.info('batch', { messages: Records.length, failed: failed.length });
    return { batchItemFailures: failed };
  });
};

/** Messages of our own, or of an IoT rule: the body is what `schema` says. */
export const consumer = <S extends z.ZodType>(schema: S, open: () => Handle<z.infer<S>>) =>
  queueFunction((body) => schema.parse(body), open);

const BusMessage = z.object({ detail: Envelope });

/** Events of our bus, each of which may come twice, late or out of order: the handler re-reads what is true now. */
export const reaction = (open: () => Handle<Envelope>) => queueFunction((body) => BusMessage.parse(body).detail, open);
