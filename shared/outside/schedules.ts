import {
  ConflictException,
  CreateScheduleCommand,
  DeleteScheduleCommand,
  ResourceNotFoundException,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import type { Instant } from '../domain/time.ts';
import { epochMs } from '../domain/time.ts';
import { openQueue, queueDelaySecondsMax } from './queues.ts';

/** A queue to wake, and where a wake-up goes that could not be delivered. */
export type ScheduleTarget = { queueUrl: string; queueArn: string; deadLetterArn: string };

export type Schedules = {
  /**
   * Sends `message` to the queue at `at`, never before. What is due within 15 minutes goes as a delayed message; the
   * rest as a schedule, which the name makes idempotent: one that exists already is success.
   */
  send: (name: string, at: Instant, message: unknown, now: Instant) => Promise<void>;
  /** A wake-up that nobody needs any more. One that is not there was never made, or has come. */
  forget: (name: string) => Promise<void>;
};

/** Scheduler counts in whole seconds: rounded up, so that nothing comes early. */
const expression = (at: Instant): string =>
  `at(${new Date(Math.ceil(epochMs(at) / 1000) * 1000).toISOString().slice(0, 19)})`;

export const openSchedules = (
  target: ScheduleTarget,
  group: { name: string; roleArn: string },
  client = new SchedulerClient(),
  queue = openQueue(target.queueUrl),
): Schedules => ({
  send: async (name, at, message, now) => {
    const seconds = (epochMs(at) - epochMs(now)) / 1000;
    if (seconds <= queueDelaySecondsMax) return queue.send(message, seconds);
    try {
      await client.send(
        new CreateScheduleCommand({
          Name: name,
          GroupName: group.name,
          ScheduleExpression: expression(at),
          ScheduleExpressionTimezone: 'UTC',
          FlexibleTimeWindow: { Mode: 'OFF' },
          ActionAfterCompletion: 'DELETE',
          Target: {
            Arn: target.queueArn,
            RoleArn: group.roleArn,
            Input: JSON.stringify(message),
            DeadLetterConfig: { Arn: target.deadLetterArn },
          },
        }),
      );
    } catch (error) {
      if (!(error instanceof ConflictException)) throw error;
    }
  },

  forget: async (name) => {
    try {
      await client.send(new DeleteScheduleCommand({ Name: name, GroupName: group.name }));
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
    }
  },
});
