import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import { alarmPeriod, impactAlarm } from './constructs/alarm.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import { DeadLetterQueue } from './constructs/service-queue.ts';
import type { Data } from './data.ts';
import type { Stage } from './stages.ts';
import type { Webhooks } from './webhooks.ts';

export type SweepProps = { stage: Stage; data: Data; bus: Bus; webhooks: Webhooks };

/** The net below everything else: every 15 minutes it expires what is past due and mends what got lost. */
export class Sweep extends Construct {
  constructor(scope: Construct, id: string, { stage, data, bus, webhooks }: SweepProps) {
    super(scope, id);
    const impact = 'What a lost message left behind is not mended: compartments stay held, events stay unsent.';
    const fn = new ServiceFunction(this, 'Function', {
      stage,
      entry: 'schedule/sweep',
      name: 'Sweep',
      impact,
      timeout: Duration.minutes(5),
    });
    data.readWrite(fn);
    data.findDue(fn);
    data.readRootSecret(fn);
    data.mendFailedRecords(fn);
    bus.publishFrom(fn);
    webhooks.retryFrom(fn);

    const dead = new DeadLetterQueue(this, 'Dead', { stage, impact, cause: 'runs of the sweep were given up.' });
    fn.lambda.configureAsyncInvoke({
      onFailure: { bind: () => ({ destination: dead.queue.queueArn }) },
      retryAttempts: 2,
    });
    fn.allow({ actions: ['sqs:SendMessage'], resources: [dead.queue.queueArn] });
    new Rule(this, 'Rule', {
      schedule: Schedule.rate(Duration.minutes(15)),
      targets: [new LambdaFunction(fn.lambda, { deadLetterQueue: dead.queue })],
    });

    impactAlarm(this, 'Mended', {
      impact:
        'Something had got lost and was mended up to 15 minutes late; it will happen again until its cause is found.',
      cause: 'the sweep found work that a schedule, a message or the stream should have done.',
      metric: new Metric({
        namespace: 'Latchwork',
        metricName: 'SweepMended',
        // What Powertools adds to every metric of a function.
        dimensionsMap: { service: 'schedule/sweep' },
        period: alarmPeriod,
        statistic: 'Sum',
      }),
    });
  }
}
