import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { EmailIdentity, Identity } from 'aws-cdk-lib/aws-ses';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import { impactAlarm } from './constructs/alarm.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import { ServiceQueue } from './constructs/service-queue.ts';
import type { Data } from './data.ts';
import type { Schedules } from './schedules.ts';
import type { Stage } from './stages.ts';

/** From so much of its SMS of a day on, somebody is told before people are not. */
const warnPercent = 70;

/** One is a wrong number, and stands in its transaction's messages; so many have a reason of ours. */
const deadAtOnce = 5;

export type NotificationsProps = { stage: Stage; data: Data; bus: Bus; schedules: Schedules };

/** Messages to people: SMS by SNS, e-mail by SES. */
export class Notifications extends Construct {
  private readonly queue: ServiceQueue;

  constructor(scope: Construct, id: string, { stage, data, bus, schedules }: NotificationsProps) {
    super(scope, id);
    const send = new ServiceFunction(this, 'Send', {
      stage,
      entry: 'queue/send-message',
      name: 'SendMessage',
      impact: 'People are told late or not at all that an item or a door waits for them: they have no PIN.',
      environment: { SMS_PER_DAY: String(stage.smsPerDay), MESSAGE_WAITS_SECONDS: stage.messageWaitsSeconds },
    });
    data.readWrite(send);
    data.readRootSecret(send);
    send.allow({
      actions: ['sns:Publish'],
      resources: ['*'],
      wildcard: 'A phone number is no resource that a policy could name; topics are denied below.',
    });
    send.deny(['sns:Publish'], ['arn:*:sns:*:*:*']);
    this.queue = new ServiceQueue(this, 'Sending', {
      stage,
      name: 'Sending',
      impact: 'People are told late or not at all that an item or a door waits for them: they have no PIN.',
      consumer: send,
      // SNS takes 20 SMS a second. And the SMS of a tenant are counted one after the other.
      maxConcurrency: 5,
      batchSize: 1,
      lateAfter: Duration.minutes(30),
    });
    this.queue.sendFrom(send);
    impactAlarm(this, 'SmsNearlyUsedUp', {
      impact: 'A tenant will soon get no more SMS sent today: people are told by e-mail, or tomorrow.',
      cause: `a tenant used ${warnPercent} % of its SMS of the day.`,
      metric: send.highest('smsUsedPercent'),
      threshold: warnPercent,
    });

    impactAlarm(this, 'MessagesDead', {
      impact: 'Several people were told by no channel that an item or a door waits for them: they have no PIN.',
      cause: `${deadAtOnce} messages or more ended dead.`,
      metric: send.total('deadMessages'),
      threshold: deadAtOnce,
    });

    const { fn: plan } = bus.reaction(this, 'Messages', {
      entry: 'bus/messages',
      name: 'Messages',
      impact:
        'Recipients, and those they send instead, are not told that an item or a door waits for them, or that they are late.',
      to: [
        'transaction.deposited',
        // The deadline that they are reminded of is another, or runs again.
        'transaction.extended',
        'transaction.move_cancelled',
        'transaction.moved',
        'transaction.credentials_reissued',
        'credential.superseded',
        'credential.delegated',
        'credential.taken_back',
      ],
      // Who is sent something waits for the deposit.
      besides: {
        to: ['transaction.reserved', 'transaction.started', 'transaction.overdue'],
        where: { workflow: ['loan', 'rental'] },
      },
    });
    data.readWrite(plan);
    this.queue.sendFrom(plan);
    schedules.scheduleFrom(plan, this.queue);
    if (stage.emailFrom !== null) this.sendEmail(stage.emailFrom, stage, send, plan);
  }

  /** Lets the function have a message sent that was forgotten. */
  sendFrom(fn: ServiceFunction): void {
    this.queue.sendFrom(fn);
  }

  /** The identity is the address alone, so that nothing can be sent in the name of others of its domain. */
  private sendEmail(from: string, stage: Stage, send: ServiceFunction, plan: ServiceFunction): void {
    const identity = new EmailIdentity(this, 'Identity', { identity: Identity.email(from) });
    // It was verified by hand.
    if (stage.retain) identity.applyRemovalPolicy(RemovalPolicy.RETAIN);
    const { emailIdentityArn } = identity;
    send.allow({ actions: ['ses:SendEmail'], resources: [emailIdentityArn] });
    for (const fn of [send, plan]) fn.tell('EMAIL_FROM', from);
  }
}
