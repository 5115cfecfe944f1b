import { Duration } from 'aws-cdk-lib';
import { Rule, type Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import { ServiceFunction, type ServiceFunctionProps } from './service-function.ts';
import { DeadLetterQueue } from './service-queue.ts';

export type ScheduledFunctionProps = Omit<ServiceFunctionProps, 'timeout'> & { schedule: Schedule };

/** A function that runs by the clock, and whose lost runs are kept and ring. */
export class ScheduledFunction extends Construct {
  readonly fn: ServiceFunction;

  constructor(scope: Construct, id: string, { schedule, ...props }: ScheduledFunctionProps) {
    super(scope, id);
    const { stage, entry, impact } = props;
    this.fn = new ServiceFunction(this, 'Function', { ...props, timeout: Duration.minutes(5) });

    const dead = new DeadLetterQueue(this, 'Dead', { stage, impact, cause: `runs of ${entry} were given up.` });
    this.fn.lambda.configureAsyncInvoke({
      onFailure: { bind: () => ({ destination: dead.queue.queueArn }) },
      retryAttempts: 2,
    });
    this.fn.allow({ actions: ['sqs:SendMessage'], resources: [dead.queue.queueArn] });
    new Rule(this, 'Rule', {
      schedule,
      targets: [new LambdaFunction(this.fn.lambda, { deadLetterQueue: dead.queue })],
    });
  }
}
