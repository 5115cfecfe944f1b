import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

/** The longest a queue delays a message by itself. */
export const queueDelaySecondsMax = 900;

export type Queue = { send: (message: unknown, delaySeconds?: number) => Promise<void> };

export const openQueue = (queueUrl: string, client = new SQSClient()): Queue => ({
  send: async (message, delaySeconds = 0) => {
    await client.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: JSON.stringify(message),
        DelaySeconds: Math.min(queueDelaySecondsMax, Math.max(0, Math.ceil(delaySeconds))),
      }),
    );
  },
});
