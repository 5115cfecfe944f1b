import { SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

/** The longest a queue delays a message by itself. */
export const queueDelaySecondsMax = 900;

/** `group`: whose it is, where one may send so much that others would wait; SQS then serves the groups in turn. */
export type Queue = { send: (message: unknown, delaySeconds?: number, group?: string) => Promise<void> };

/** Takes many messages at once, in as few requests as may be. */
export type BatchQueue = Queue & { sendAll: (messages: readonly unknown[], group?: string) => Promise<void> };

/** What one request may hold (SQS quotas: ten messages, and 1 MiB; a quarter of it is what every endpoint takes). */
const batch = { messages: 10, bytes: 256 * 1024 } as const;

const inBatches = (bodies: readonly string[]): string[][] => {
  const batches: string[][] = [];
  let bytes = 0;
  for (const body of bodies) {
    const size = Buffer.byteLength(body);
    const last = batches.at(-1);
    if (last === undefined || last.length === batch.messages || bytes + size > batch.bytes) {
      batches.push([body]);
      bytes = size;
    } else {
      last.push(body);
      bytes += size;
    }
  }
  return batches;
};

export const openQueue = (queueUrl: string, client = new SQSClient()): BatchQueue => ({
  send: async (message, delaySeconds = 0, group) => {
    await client.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: JSON.stringify(message),
        DelaySeconds: Math.min(queueDelaySecondsMax, Math.max(0, Math.ceil(delaySeconds))),
        ...(group !== undefined && { MessageGroupId: group }),
      }),
    );
  },

  sendAll: async (messages, group) => {
    const bodies = messages.map((message) => JSON.stringify(message));
    const ofGroup = group === undefined ? {} : { MessageGroupId: group };
    await Promise.all(
      inBatches(bodies).map(async (all) => {
        const [only] = all;
        if (all.length === 1)
          return client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: only, ...ofGroup }));
        const Entries = all.map((MessageBody, nth) => ({ Id: String(nth), MessageBody, ...ofGroup }));
        const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
        if (Failed.length > 0) throw new Error(`${Failed.length} messages were not taken: ${Failed[0]?.Code}`);
        return undefined;
      }),
    );
  },
});
