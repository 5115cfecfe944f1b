import { Duration, Validations } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import { alarmPeriod, impactAlarm } from './alarm.ts';
import { output } from './output.ts';
import type { ServiceFunction } from './service-function.ts';

const retention = Duration.days(14);

export type DeadLetterQueueProps = { stage: Stage; impact: string; cause: string };

/** Where work ends that could not be done. One message is an alarm. */
export class DeadLetterQueue extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string, { stage, impact, cause }: DeadLetterQueueProps) {
    super(scope, id);
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: stage.enforceTls,
      retentionPeriod: retention,
    });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is a dead-letter queue itself; the check only knows those of other queues.',
    });
    impactAlarm(this, 'Filled', {
      impact,
      cause,
      metric: this.queue.metricApproximateNumberOfMessagesVisible({ period: alarmPeriod, statistic: 'Maximum' }),
    });
  }
}

export type ServiceQueueProps = {
  stage: Stage;
  /** Its outputs are `<name>QueueUrl` and `<name>DeadLetterQueueUrl`, its variable `<NAME>_QUEUE_URL`. */
  name: string;
  /** What it means to a customer when messages wait or are given up. */
  impact: string;
  consumer: ServiceFunction;
  maxConcurrency: number;
  batchSize?: number;
  deliveryDelay?: Duration;
  /** The alarm rings when the oldest message is so old; more than 15 minutes where messages are sent with a delay. */
  lateAfter?: Duration;
};

/** A queue with the one function that empties it, its dead-letter queue and its alarms. */
export class ServiceQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: DeadLetterQueue;
  private readonly variable: string;

  constructor(scope: Construct, id: string, props: ServiceQueueProps) {
    super(scope, id);
    const { stage, name, impact, consumer, lateAfter = Duration.minutes(5) } = props;
    this.variable = name.toUpperCase();

    this.deadLetters = new DeadLetterQueue(this, 'Dead', {
      stage,
      impact,
      cause: `messages of queue ${name} were given up.`,
    });
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: stage.enforceTls,
      retentionPeriod: retention,
      // Six times the function's timeout, as AWS asks, so that a throttled call is not mistaken for a lost one.
      visibilityTimeout: Duration.seconds(consumer.timeout.toSeconds() * 6),
      deliveryDelay: props.deliveryDelay,
      deadLetterQueue: { queue: this.deadLetters.queue, maxReceiveCount: 5 },
    });
    consumer.startedBy(
      new SqsEventSource(this.queue, {
        batchSize: props.batchSize ?? 10,
        maxConcurrency: props.maxConcurrency,
        reportBatchItemFailures: true,
      }),
    );
    impactAlarm(this, 'Late', {
      impact,
      cause: `the oldest message of queue ${name} is older than ${lateAfter.toMinutes()} minutes.`,
      metric: this.queue.metricApproximateAgeOfOldestMessage({ period: alarmPeriod, statistic: 'Maximum' }),
      threshold: lateAfter.toSeconds(),
    });
    output(this, `${name}QueueUrl`, this.queue.queueUrl);
    output(this, `${name}DeadLetterQueueUrl`, this.deadLetters.queue.queueUrl);
  }

  sendFrom(fn: ServiceFunction): void {
    fn.allow({ actions: ['sqs:SendMessage'], resources: [this.queue.queueArn] });
    fn.tell(`${this.variable}_QUEUE_URL`, this.queue.queueUrl);
  }

  /** Lets schedules that the function makes send here, acting as `role`. */
  scheduleFrom(fn: ServiceFunction, role: IGrantable): void {
    for (const queue of [this.queue, this.deadLetters.queue]) queue.grantSendMessages(role);
    fn.tell(`${this.variable}_QUEUE_ARN`, this.queue.queueArn);
    fn.tell(`${this.variable}_DEAD_LETTER_QUEUE_ARN`, this.deadLetters.queue.queueArn);
  }
}
