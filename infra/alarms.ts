import { Aws, type Stack } from 'aws-cdk-lib';
import { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { output } from './constructs/output.ts';
import type { ServiceFunction } from './constructs/service-function.ts';
import type { Stage } from './stages.ts';

/** The one topic that tells the people who run it. */
export class Alarms extends Construct {
  private readonly topic: Topic;

  constructor(scope: Construct, id: string, { stage }: { stage: Stage }) {
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
  }

  tellFrom(fn: ServiceFunction): void {
    fn.allow({ actions: ['sns:Publish'], resources: [this.topic.topicArn] });
    fn.tell('OPS_TOPIC_ARN', this.topic.topicArn);
  }

  /** Every alarm of the stack rings here. Said once, last, so that no construct can forget it. */
  hearAll(stack: Stack): void {
    const action = new SnsAction(this.topic);
    for (const construct of stack.node.findAll()) {
      if (construct instanceof Alarm) construct.addAlarmAction(action);
    }
  }
}
