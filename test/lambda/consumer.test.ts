import type { Context, SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import { reactionByTenant } from '#shared/lambda/consumer.ts';
import { log } from '#shared/lambda/log.ts';

// It tells of what fails, which is what these want.
log.setLogLevel('SILENT');

const recordOf = (messageId: string, detail: unknown): SQSRecord => ({
  messageId,
  receiptHandle: '',
  body: JSON.stringify({ detail }),
  attributes: {
    ApproximateReceiveCount: '1',
    SentTimestamp: '0',
    SenderId: '',
    ApproximateFirstReceiveTimestamp: '0',
  },
  messageAttributes: {},
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: '',
  awsRegion: '',
});

const eventOf = (tenant: string, id: string): Envelope => ({ ...sampleEvent('transaction.created'), tenant, id });

/** What is done once for those of a tenant, and for each; and which messages go back to the queue. */
const batch = async (records: SQSRecord[], refuse: (event: Envelope) => boolean) => {
  const together: [string, string[]][] = [];
  const done: string[] = [];
  const handler = reactionByTenant(() => (tenant, events) => {
    together.push([tenant, events.map(({ id }) => id)]);
    return async (event) => {
      if (refuse(event)) throw new Error('it was throttled');
      done.push(event.id);
    };
  });
  const { batchItemFailures } = await handler({ Records: records }, {} as Context);
  return { together, done, back: batchItemFailures.map(({ itemIdentifier }) => itemIdentifier) };
};

describe('a reaction to the events of a tenant that come together', () => {
  const records = [
    recordOf('m1', eventOf('ten_1', 'evt_1')),
    recordOf('m2', eventOf('ten_2', 'evt_2')),
    recordOf('m3', { id: 'evt_3' }),
    recordOf('m4', eventOf('ten_1', 'evt_4')),
  ];

  it('does once for all of them what it does for all, and nothing for those that are no events', async () => {
    expect(await batch(records, () => false)).toEqual({
      together: [
        ['ten_1', ['evt_1', 'evt_4']],
        ['ten_2', ['evt_2']],
      ],
      done: ['evt_1', 'evt_2', 'evt_4'],
      back: ['m3'],
    });
  });

  it('has only those come again that have failed', async () => {
    const { done, back } = await batch(records, ({ id }) => id === 'evt_1');
    expect([done, back]).toEqual([
      ['evt_2', 'evt_4'],
      ['m1', 'm3'],
    ]);
  });
});
