import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import { ServiceQueue } from './constructs/service-queue.ts';
import type { Data } from './data.ts';
import type { Schedules } from './schedules.ts';
import type { Stage } from './stages.ts';

export type WebhooksProps = { stage: Stage; data: Data; bus: Bus; schedules: Schedules };

/** Events to customers' endpoints: a delivery per endpoint, then attempt after attempt. */
export class Webhooks extends Construct {
  private readonly queues: ServiceQueue[];

  constructor(scope: Construct, id: string, { stage, data, bus, schedules }: WebhooksProps) {
    super(scope, id);

    const lane = (name: string, queueName: string, impact: string, maxConcurrency: number) => {
      const fn = new ServiceFunction(this, name, {
        stage,
        entry: 'queue/deliver',
        name,
        impact,
        // An endpoint has 15 s to answer (design.md section 7).
        timeout: Duration.seconds(30),
        environment: {
          WEBHOOK_WAITS_SECONDS: stage.webhookWaitsSeconds,
          ...(stage.webhookAllowPrivate && { WEBHOOK_ALLOW_PRIVATE: 'true' }),
        },
      });
      const queue = new ServiceQueue(this, `${queueName}Queue`, {
        stage,
        name: queueName,
        impact,
        consumer: fn,
        maxConcurrency,
        lateAfter: Duration.minutes(30),
      });
      data.readWrite(fn);
      data.readRootSecret(fn);
      return { fn, queue };
    };
    // The same code twice: an endpoint that is slow or failing waits in its own lane and delays nobody else.
    const lanes = [
      lane('Deliver', 'Deliver', 'Customers get their webhooks late or not at all.', 50),
      lane('DeliverSlow', 'Slow', 'Endpoints that failed before get their webhooks late or not at all.', 10),
    ];
    this.queues = lanes.map(({ queue }) => queue);
    for (const { fn } of lanes) {
      this.deliverFrom(fn);
      for (const queue of this.queues) schedules.scheduleFrom(fn, queue);
    }

    const fanOut = bus.reaction(this, 'FanOut', {
      entry: 'bus/webhooks',
      name: 'Webhooks',
      impact: 'Events are not handed to webhook delivery: customers hear of them late or not at all.',
      to: ['*'],
    });
    data.readWrite(fanOut.fn);
    this.deliverFrom(fanOut.fn);
  }

  /** Lets the function send a delivery to its next attempt, in either lane. */
  deliverFrom(fn: ServiceFunction): void {
    for (const queue of this.queues) queue.sendFrom(fn);
  }
}
