import { env } from './lambda/env.ts';
import { openSchedules, type Schedules } from './outside/schedules.ts';

/** Wake-ups for deadlines, to the deadlines queue. Apart from `live.ts`, so that only its users carry the scheduler. */
export const deadlineSchedules = (): Schedules =>
  openSchedules(
    { queueUrl: env('DEADLINES_QUEUE_URL'), queueArn: env('DEADLINES_QUEUE_ARN') },
    { name: env('SCHEDULE_GROUP'), roleArn: env('SCHEDULE_ROLE_ARN') },
  );
