import { SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { openQueue } from '#shared/outside/queues.ts';

/** A client that keeps what it is to send, and takes what it is told to take. */
const asking = (takes: (id: string) => boolean = () => true) => {
  const requests: string[][] = [];
  const client = new SQSClient({ region: 'eu-central-1' });
  client.send = async (command: unknown) => {
    if (command instanceof SendMessageCommand) {
      requests.push([command.input.MessageBody ?? '']);
      return {};
    }
    if (!(command instanceof SendMessageBatchCommand)) throw new Error('nothing else is sent');
    const entries = command.input.Entries ?? [];
    requests.push(entries.map((it) => it.MessageBody ?? ''));
    return { Failed: entries.filter(({ Id }) => !takes(Id ?? '')).map(({ Id }) => ({ Id, Code: 'InternalError' })) };
  };
  return { requests, queue: openQueue('https://sqs.example/q', client) };
};

describe('many messages to a queue', () => {
  it.each([
    [0, []],
    [1, [1]],
    [10, [10]],
    [11, [10, 1]],
    [1_000, Array(100).fill(10)],
  ])('of which there are %i go in as few requests as may be', async (count, sizes) => {
    const { requests, queue } = asking();
    const messages = Array.from({ length: count }, (_, nth) => ({ nth }));
    await queue.sendAll(messages);
    expect(requests.map((it) => it.length)).toEqual(sizes);
    expect(requests.flat().map((body) => JSON.parse(body))).toEqual(messages);
  });

  it('go in more requests where they are large', async () => {
    const { requests, queue } = asking();
    await queue.sendAll(Array.from({ length: 5 }, () => 'x'.repeat(100_000)));
    expect(requests.map((it) => it.length)).toEqual([2, 2, 1]);
  });

  it('fail together when one was not taken, so that whoever sends them begins again', async () => {
    const { queue } = asking((id) => id !== '3');
    await expect(queue.sendAll([1, 2, 3, 4, 5])).rejects.toThrow('1 messages were not taken: InternalError');
  });
});
