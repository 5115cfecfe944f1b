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

type MenderProps = {
  stage: Stage;
  entry: string;
  name: string;
  impact: string;
  /** What it found, when it had something to mend. */
  found: string;
  needsEventStreams?: boolean;
};

/** Looks every 15 minutes for what got lost, and rings when it had to mend something. */
class Mender extends Construct {
  protected readonly fn: ServiceFunction;

  constructor(scope: Construct, id: string, props: MenderProps) {
    super(scope, id);
    const { stage, entry, name, impact, found, needsEventStreams } = props;
    this.fn = new ServiceFunction(this, 'Function', {
      stage,
      entry,
      name,
      impact,
      timeout: Duration.minutes(5),
      needsEventStreams,
    });

    const dead = new DeadLetterQueue(this, 'Dead', { stage, impact, cause: `runs of ${entry} were given up.` });
    this.fn.lambda.configureAsyncInvoke({
      onFailure: { bind: () => ({ destination: dead.queue.queueArn }) },
      retryAttempts: 2,
    });
    this.fn.allow({ actions: ['sqs:SendMessage'], resources: [dead.queue.queueArn] });
    new Rule(this, 'Rule', {
      schedule: Schedule.rate(Duration.minutes(15)),
      targets: [new LambdaFunction(this.fn.lambda, { deadLetterQueue: dead.queue })],
    });

    impactAlarm(this, 'Mended', {
      impact:
        'Something had got lost and was mended up to 15 minutes late; it will happen again until its cause is found.',
      cause: found,
      metric: new Metric({
        namespace: 'Latchwork',
        metricName: 'SweepMended',
        // What Powertools adds to every metric of a function.
        dimensionsMap: { service: entry },
        period: alarmPeriod,
        statistic: 'Sum',
      }),
    });
  }
}

/** The net below everything else: it expires what is past due and mends what got lost. */
export class Sweep extends Mender {
  constructor(
    scope: Construct,
    id: string,
    { stage, data, webhooks }: { stage: Stage; data: Data; webhooks: Webhooks },
  ) {
    super(scope, id, {
      stage,
      entry: 'schedule/sweep',
      name: 'Sweep',
      impact: 'What a lost message left behind is not mended: compartments stay held, webhooks stay unsent.',
      found: 'the sweep found work that a schedule or a message should have done.',
    });
    data.readWrite(this.fn);
    data.findDue(this.fn);
    data.readRootSecret(this.fn);
    webhooks.retryFrom(this.fn);
  }
}

/** The net below the stream: it publishes what the publisher gave up on. */
export class Republish extends Mender {
  constructor(scope: Construct, id: string, { stage, data, bus }: { stage: Stage; data: Data; bus: Bus }) {
    super(scope, id, {
      stage,
      entry: 'schedule/republish',
      name: 'Republish',
      impact: 'Events that the stream gave up on stay unsent: what they tell of has no consequences.',
      found: 'events were published that the stream had given up on.',
      // The client of S3 carries them, though nothing of ours reads a stream of events.
      needsEventStreams: true,
    });
    data.mendFailedRecords(this.fn);
    bus.publishFrom(this.fn);
  }
}
