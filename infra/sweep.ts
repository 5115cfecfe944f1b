import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Schedule } from 'aws-cdk-lib/aws-events';
import type { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import { alarmPeriod, impactAlarm } from './constructs/alarm.ts';
import { ScheduledFunction, type ScheduledFunctionProps } from './constructs/scheduled-function.ts';
import type { Data } from './data.ts';
import type { Notifications } from './notifications.ts';
import type { Stage } from './stages.ts';
import type { Webhooks } from './webhooks.ts';

type MenderProps = Omit<ScheduledFunctionProps, 'schedule'> & {
  /** What it found, when it had something to mend. */
  found: string;
};

/** Looks every 15 minutes for what got lost, and rings when it had to mend something. */
class Mender extends ScheduledFunction {
  constructor(scope: Construct, id: string, { found, ...props }: MenderProps) {
    super(scope, id, { ...props, schedule: Schedule.rate(Duration.minutes(15)) });

    impactAlarm(this, 'Mended', {
      impact:
        'Something had got lost and was mended up to 15 minutes late; it will happen again until its cause is found.',
      cause: found,
      metric: new Metric({
        namespace: 'Latchwork',
        metricName: 'SweepMended',
        // What Powertools adds to every metric of a function.
        dimensionsMap: { service: props.entry },
        period: alarmPeriod,
        statistic: 'Sum',
      }),
    });
  }
}

export type SweepProps = { stage: Stage; data: Data; webhooks: Webhooks; notifications: Notifications };

/** The net below everything else: it expires what is past due and mends what got lost. */
export class Sweep extends Mender {
  constructor(scope: Construct, id: string, { stage, data, webhooks, notifications }: SweepProps) {
    super(scope, id, {
      stage,
      entry: 'schedule/sweep',
      name: 'Sweep',
      impact:
        'What a lost message left behind is not mended: compartments stay held, webhooks and messages stay unsent.',
      found: 'the sweep found work that a schedule or a message should have done.',
    });
    data.readWrite(this.fn);
    data.findDue(this.fn);
    data.readRootSecret(this.fn);
    webhooks.retryFrom(this.fn);
    notifications.sendFrom(this.fn);
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
