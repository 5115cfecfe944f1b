import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { EmailIdentity, Identity } from 'aws-cdk-lib/aws-ses';
import { Construct } from 'constructs';
import type { Api } from './api.ts';
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

export type NotificationsProps = { stage: Stage; data: Data; bus: Bus; schedules: Schedules; api: Api };

/** Messages to people: SMS by SNS, e-mail by SES. */
export class Notifications extends Construct {
  private readonly queues: readonly ServiceQueue[];

  constructor(scope: Construct, id: string, { stage, data, bus, schedules, api }: NotificationsProps) {
    super(scope, id);
    const impact = 'People are told late or not at all that an item or a door waits for them: they have no PIN.';
    const channel = (name: 'Sms' | 'Email') => {
      const fn = new ServiceFunction(this, `Send${name}`, {
        stage,
        entry: `queue/send-${name.toLowerCase()}`,
        name: `Send${name}`,
        impact,
        environment: { MESSAGE_WAITS_SECONDS: stage.messageWaitsSeconds },
      });
      data.readWrite(fn);
      data.readRootSecret(fn);
      api.linkFrom(fn);
      const queue = new ServiceQueue(this, name, {
        stage,
        name,
        impact,
        consumer: fn,
        // SNS takes 20 SMS a second, SES 14 e-mails at first. And the SMS of a tenant are counted one after the other.
        maxConcurrency: 5,
        batchSize: 1,
        lateAfter: Duration.minutes(30),
      });
      // One metric, whichever of them counts.
      return { fn, queue, deadMessages: fn.total('deadMessages') };
    };
    const [sms, email] = [channel('Sms'), channel('Email')];
    this.queues = [sms.queue, email.queue];
    // What one channel does not take goes to the other.
    for (const { fn } of [sms, email]) this.sendFrom(fn);
    sms.fn.tell('SMS_PER_DAY', String(stage.smsPerDay));
    sms.fn.allow({
      actions: ['sns:Publish'],
      resources: ['*'],
      wildcard: 'A phone number is no resource that a policy could name; topics are denied below.',
    });
    sms.fn.deny(['sns:Publish'], ['arn:*:sns:*:*:*']);
    impactAlarm(this, 'SmsNearlyUsedUp', {
      impact: 'A tenant will soon get no more SMS sent today: people are told by e-mail, or tomorrow.',
      cause: `a tenant used ${warnPercent} % of its SMS of the day.`,
      metric: sms.fn.highest('smsUsedPercent'),
      threshold: warnPercent,
    });

    impactAlarm(this, 'MessagesDead', {
      impact: 'Several people were told by no channel that an item or a door waits for them: they have no PIN.',
      cause: `${deadAtOnce} messages or more ended dead.`,
      metric: sms.deadMessages,
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
    this.sendFrom(plan);
    schedules.scheduleFrom(plan, sms.queue);
    if (stage.emailFrom !== null) this.sendEmail(stage.emailFrom, stage, email.fn, [sms.fn, email.fn, plan]);
  }

  /** Lets the function have a message sent that was forgotten. */
  sendFrom(fn: ServiceFunction): void {
    for (const queue of this.queues) queue.sendFrom(fn);
  }

  /** The identity is the address alone, so that nothing can be sent in the name of others of its domain. `tells`: whoever asks whether there is e-mail. */
  private sendEmail(from: string, stage: Stage, email: ServiceFunction, tells: readonly ServiceFunction[]): void {
    const identity = new EmailIdentity(this, 'Identity', { identity: Identity.email(from) });
    // It was verified by hand.
    if (stage.retain) identity.applyRemovalPolicy(RemovalPolicy.RETAIN);
    email.allow({ actions: ['ses:SendEmail'], resources: [identity.emailIdentityArn] });
    for (const fn of tells) fn.tell('EMAIL_FROM', from);
  }
}
