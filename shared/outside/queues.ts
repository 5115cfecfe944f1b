import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

/** The longest a queue delays a message by itself. */
export const queueDelaySecondsMax = 900;

/** `group`: whose it is, where one may send so much that others would wait; SQS then serves the groups in turn. */
export type Queue = { send: (message: unknown, delaySeconds?: number, group?: string) => Promise<void> };

export const openQueue = (queueUrl: string, client = new SQSClient()): Queue => ({
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
});
