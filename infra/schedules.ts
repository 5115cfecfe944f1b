import { Aws, Stack } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import { OwnRole } from './constructs/own-role.ts';
import type { ServiceFunction } from './constructs/service-function.ts';
import type { ServiceQueue } from './constructs/service-queue.ts';
import type { Stage } from './stages.ts';

const roles = new WeakMap<ServiceQueue, OwnRole>();

/** What schedules of a queue act as when they are due: it may put messages there, nothing else. */
const roleOf = (queue: ServiceQueue): OwnRole => {
  const role =
    roles.get(queue) ??
    new OwnRole(queue, 'ScheduleRole', {
      description: 'What a schedule acts as when it is due: it may put messages into this queue, nothing else.',
      // Without the account a schedule of somebody else could act as it (the confused deputy).
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    });
  roles.set(queue, role);
  return role;
};

/** One-time schedules that functions make while they run: messages later than the 15 minutes a queue can wait. */
export class Schedules extends Construct {
  private readonly group: ScheduleGroup;

  constructor(scope: Construct, id: string, { stage }: { stage: Stage }) {
    super(scope, id);
    this.group = new ScheduleGroup(this, 'Group', { scheduleGroupName: `latchwork-${stage.name}` });
  }

  /** Lets the function have messages put into the queue at any later time. */
  scheduleFrom(fn: ServiceFunction, queue: ServiceQueue): void {
    const role = roleOf(queue);
    queue.scheduleFrom(fn, role);
    this.permit(fn, 'scheduler:CreateSchedule');
    fn.allowPassing(role, 'scheduler.amazonaws.com');
    fn.tell('SCHEDULE_GROUP', this.group.scheduleGroupName);
    fn.tell('SCHEDULE_ROLE_ARN', role.roleArn);
  }

  /** Lets the function take back what it had scheduled. */
  forgetFrom(fn: ServiceFunction): void {
    this.permit(fn, 'scheduler:DeleteSchedule');
  }

  private permit(fn: ServiceFunction, action: string): void {
    const resource = Stack.of(this).formatArn({
      service: 'scheduler',
      resource: 'schedule',
      resourceName: `${this.group.scheduleGroupName}/*`,
    });
    const wildcard = 'A schedule is named after what is due; its group is ours alone.';
    fn.allow({ actions: [action], resources: [resource], wildcard });
  }
}
