import { env } from './lambda/env.ts';
import { openSchedules, type Schedules } from './outside/schedules.ts';

/** Wake-ups to one of the stack's queues, by the name it has in the environment. Only its users carry the scheduler. */
export const schedulesTo = (queue: 'DEADLINES' | 'SLOW' | 'SMS'): Schedules =>
  openSchedules(
    {
      queueUrl: env(`${queue}_QUEUE_URL`),
      queueArn: env(`${queue}_QUEUE_ARN`),
      deadLetterArn: env(`${queue}_DEAD_LETTER_QUEUE_ARN`),
    },
    { name: env('SCHEDULE_GROUP'), roleArn: env('SCHEDULE_ROLE_ARN') },
  );
