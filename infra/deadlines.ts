import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import { ServiceQueue } from './constructs/service-queue.ts';
import type { Data } from './data.ts';
import type { Schedules } from './schedules.ts';
import type { Stage } from './stages.ts';

export type DeadlinesProps = { stage: Stage; data: Data; bus: Bus; schedules: Schedules };

/** What is due: a schedule or a delayed message per deadline, and the function that acts when it comes. */
export class Deadlines extends Construct {
  private readonly queue: ServiceQueue;
  private readonly schedules: Schedules;

  constructor(scope: Construct, id: string, { stage, data, bus, schedules }: DeadlinesProps) {
    super(scope, id);

    const act = new ServiceFunction(this, 'Act', {
      stage,
      entry: 'queue/deadlines',
      name: 'Deadlines',
      impact:
        'Reservations, deposits, pickups and door commands expire late, scheduled exports are made late, and incidents are escalated late: only by the sweep, every 15 minutes.',
    });
    data.readWrite(act);
    data.readRootSecret(act);
    const queue = new ServiceQueue(this, 'Queue', {
      stage,
      name: 'Deadlines',
      impact:
        'Reservations, deposits, pickups and door commands expire late, scheduled exports are made late, and incidents are escalated late: only by the sweep, every 15 minutes.',
      consumer: act,
      maxConcurrency: 20,
      lateAfter: Duration.minutes(30),
    });
    this.queue = queue;
    this.schedules = schedules;
    // What arrives early goes back for the rest of its time.
    queue.sendFrom(act);
    schedules.scheduleFrom(act, queue);

    const plan = bus.reaction(this, 'Plan', {
      entry: 'bus/deadlines',
      name: 'BusDeadlines',
      impact: 'New deadlines are not scheduled: what is due is only found by the sweep, every 15 minutes.',
      // Whatever sets a deadline, begins what the next one is for, or ends it before its time.
      to: [
        'transaction.reserved',
        'transaction.waitlisted',
        'transaction.updated',
        'transaction.deposited',
        'transaction.deposit_failed',
        'transaction.started',
        'transaction.extended',
        'transaction.completed',
        'transaction.cancelled',
        'transaction.recall_started',
        'transaction.move_started',
        'transaction.move_redirected',
        'transaction.move_cancelled',
        'transaction.taken_out',
        'transaction.moved',
        'command.queued',
        'export_schedule.created',
        'export_schedule.updated',
        'export_schedule.ran',
        'incident.opened',
        'incident.recurred',
        'incident.acknowledged',
        'incident.reopened',
        'incident.escalated',
      ],
    });
    // The reminder that is not needed any more is taken back as well.
    data.readWrite(plan.fn);
    queue.sendFrom(plan.fn);
    schedules.scheduleFrom(plan.fn, queue);
    schedules.forgetFrom(plan.fn);
  }
  /** Lets the function have what is due at a later time looked at then. */
  wakeFrom(fn: ServiceFunction): void {
    this.queue.sendFrom(fn);
    this.schedules.scheduleFrom(fn, this.queue);
  }
}
