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
  private readonly stage: Stage;
  private readonly slow: ServiceQueue;

  constructor(scope: Construct, id: string, { stage, data, bus, schedules }: WebhooksProps) {
    super(scope, id);
    this.stage = stage;

    const lane = (name: string, queueName: string, impact: string, maxConcurrency: number) => {
      const fn = new ServiceFunction(this, name, {
        stage,
        entry: 'queue/deliver',
        name,
        impact,
        // An endpoint has 15 s to answer (design.md section 7).
        timeout: Duration.seconds(30),
        environment: { WEBHOOK_WAITS_SECONDS: stage.webhookWaitsSeconds },
      });
      const queue = new ServiceQueue(this, `${queueName}Queue`, {
        stage,
        name: queueName,
        impact,
        consumer: fn,
        maxConcurrency,
        lateAfter: Duration.minutes(30),
      });
      return { fn, queue };
    };
    // The same code twice: an endpoint that is slow, failing or new waits in its own lane and delays nobody else.
    const fast = lane('Deliver', 'Deliver', 'Customers get their webhooks late or not at all.', 50);
    const slow = lane(
      'DeliverSlow',
      'Slow',
      'Endpoints that are new or failed get their webhooks late or not at all.',
      10,
    );
    this.slow = slow.queue;
    for (const { fn } of [fast, slow]) {
      data.readWrite(fn);
      data.readRootSecret(fn);
      this.reachEndpoints(fn);
      // Every further attempt is made in the slow lane, at once or at its time.
      this.retryFrom(fn);
      schedules.scheduleFrom(fn, slow.queue);
    }

    const fanOut = bus.reaction(this, 'FanOut', {
      entry: 'bus/webhooks',
      name: 'Webhooks',
      impact: 'Events are not handed to webhook delivery: customers hear of them late or not at all.',
      // A thousand endpoints are a thousand rows and a hundred requests to the queue. Not longer: what fails comes back
      // only after six times that.
      timeout: Duration.seconds(20),
      to: ['*'],
    });
    data.readWrite(fanOut.fn);
    fast.queue.sendFrom(fanOut.fn);
    this.retryFrom(fanOut.fn);

    const replays = bus.reaction(this, 'Replay', {
      entry: 'bus/replays',
      name: 'Replays',
      impact: 'What customers want to be sent again stands still; what happens now reaches them.',
      to: ['webhook_endpoint.replay_started'],
      // A replay has one message: so many go on at once, whosever they are.
      batchSize: 1,
      maxConcurrency: 5,
      timeout: Duration.seconds(20),
    });
    data.readWrite(replays.fn);
    this.retryFrom(replays.fn);
    // What is left after a turn.
    replays.queue.sendFrom(replays.fn);
  }

  /** Lets the function ask for the next attempt at an endpoint that failed or was slow. */
  retryFrom(fn: ServiceFunction): void {
    this.slow.sendFrom(fn);
  }

  /** Which addresses of endpoints the function takes: everywhere but on a laptop only public ones. */
  reachEndpoints(fn: ServiceFunction): void {
    if (this.stage.webhookAllowLoopback) fn.tell('WEBHOOK_ALLOW_LOOPBACK', 'true');
  }
}
