import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { log } from './log.ts';

type Handle<T> = (message: T, record: SQSRecord) => Promise<void>;

type Received<T> = { message: T; record: SQSRecord };
/** Answers for each message what became of it. */
type HandleBatch<T> = (received: Received<T>[]) => Promise<void>[];

const eachByItself =
  <T>(handle: Handle<T>): HandleBatch<T> =>
  (received) =>
    received.map(async ({ message, record }) => handle(message, record));

/**
 * A function behind a queue. Each message is parsed by itself, and handled so unless said otherwise; what fails goes back
 * to the queue alone, and after `maxReceiveCount` tries to the dead-letter queue, where an alarm waits for it. One log
 * line per batch.
 */
const queueFunction = <T>(read: (body: unknown) => T, open: () => HandleBatch<T>) => {
  let handle: HandleBatch<T> | undefined;
  return middy<SQSEvent, SQSBatchResponse, Error, Context>().handler(async ({ Records }) => {
    handle ??= open();
    const parsed = await Promise.allSettled(
      Records.map(async (record) => ({ message: read(JSON.parse(record.body)), record })),
    );
    const received = parsed.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
    const handled = handle(received);
    const outcomes = await Promise.allSettled(
      parsed.map(async (it) => {
        if (it.status === 'rejected') throw it.reason;
        await handled[received.indexOf(it.value)];
      }),
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
  queueFunction(
    (body) => schema.parse(body),
    () => eachByItself(open()),
  );

const BusMessage = z.object({ detail: Envelope });

/** Events of our bus, each of which may come twice, late or out of order: the handler re-reads what is true now. */
export const reaction = (open: () => Handle<Envelope>) =>
  queueFunction(
    (body) => BusMessage.parse(body).detail,
    () => eachByItself(open()),
  );

/**
 * The same, where those of a tenant that come together share what is done, or read, once for all of them; nothing is kept
 * until the next come. What fails of it fails for each of them.
 */
export const reactionByTenant = (open: () => (tenant: string, events: Envelope[]) => Handle<Envelope>) =>
  queueFunction(
    (body) => BusMessage.parse(body).detail,
    () => {
      const together = open();
      return (received) => {
        const handles = new Map<string, Handle<Envelope>>();
        for (const [tenant, own] of Map.groupBy(received, ({ message }) => message.tenant))
          handles.set(
            tenant,
            together(
              tenant,
              own.map(({ message }) => message),
            ),
          );
        return received.map(async ({ message, record }) => handles.get(message.tenant)?.(message, record));
      };
    },
  );
