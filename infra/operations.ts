import { Aws, Stack } from 'aws-cdk-lib';
import { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import { output } from './constructs/output.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import type { Data } from './data.ts';
import type { Stage } from './stages.ts';

export type OperationsProps = { stage: Stage; data: Data; bus: Bus };

/** What the people who run it need: one topic that tells them, and the tools that only they may use. */
export class Operations extends Construct {
  private readonly topic: Topic;

  constructor(scope: Construct, id: string, { stage, data, bus }: OperationsProps) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', {
      displayName: `Latchwork ${stage.name}`,
      enforceSSL: stage.enforceTls,
    });
    // A policy of our own replaces the one that let CloudWatch in.
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    output(this, 'OpsTopicArn', this.topic.topicArn);

    const { fn: signals } = bus.reaction(this, 'Signals', {
      entry: 'bus/signals',
      name: 'Signals',
      impact:
        'You are not told of conflicts, moves that stopped half-way, what fails at doors and banks, and disabled endpoints.',
      to: [
        'transaction.conflicted',
        'transaction.overdue',
        'transaction.scan_failed',
        'transaction.rejected',
        'webhook_endpoint.disabled',
        'compartment.*',
        'bank.offline',
        'bank.online',
        'bank.power_lost',
        'bank.tampered',
        'bank.journal_truncated',
      ],
    });
    signals.allow({ actions: ['sns:Publish'], resources: [this.topic.topicArn] });
    signals.tell('OPS_TOPIC_ARN', this.topic.topicArn);

    // Nothing triggers it: who may invoke it is a matter of the account's own IAM.
    const createTenant = new ServiceFunction(this, 'CreateTenant', {
      stage,
      entry: 'operator/create-tenant',
      name: 'CreateTenant',
      impact: 'A new tenant could not be created.',
    });
    data.readWrite(createTenant);
    data.readRootSecret(createTenant);
  }

  /** Every alarm of the stack rings here. Said once, last, so that no construct can forget it. */
  hearAllAlarms(): void {
    const action = new SnsAction(this.topic);
    for (const construct of Stack.of(this).node.findAll()) {
      if (construct instanceof Alarm) construct.addAlarmAction(action);
    }
  }
}
