import { Duration } from 'aws-cdk-lib';
import { EventBus, type IRuleTarget, Rule } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import { output } from './constructs/output.ts';
import { patternOf, Reaction, type ReactionProps } from './constructs/reaction.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import type { Data } from './data.ts';
import type { Stage } from './stages.ts';

/** From the table's stream to whoever reacts. */
export class Bus extends Construct {
  private readonly bus: EventBus;
  private readonly stage: Stage;

  constructor(scope: Construct, id: string, { stage, data }: { stage: Stage; data: Data }) {
    super(scope, id);
    this.stage = stage;
    this.bus = new EventBus(this, 'Bus', { eventBusName: `latchwork-${stage.name}` });

    const publish = new ServiceFunction(this, 'Publish', {
      stage,
      entry: 'stream/publish',
      name: 'Publish',
      impact: 'Nothing that happens has consequences: no webhooks, no grants at banks, no deadlines, no messages.',
      timeout: Duration.seconds(30),
    });
    data.streamCommits(publish);
    this.publishFrom(publish);

    output(this, 'BusName', this.bus.eventBusName);
  }

  publishFrom(fn: ServiceFunction): void {
    fn.allow({ actions: ['events:PutEvents'], resources: [this.bus.eventBusArn] });
    fn.tell('BUS_NAME', this.bus.eventBusName);
  }

  /** A function behind its own queue, woken by these events. */
  reaction(scope: Construct, id: string, props: Omit<ReactionProps, 'stage' | 'bus'>): Reaction {
    return new Reaction(scope, id, { ...props, stage: this.stage, bus: this.bus });
  }

  /** Hands every event to another service, which says itself what becomes of those that it does not take. */
  handAll(scope: Construct, id: string, target: IRuleTarget): void {
    new Rule(scope, id, { eventBus: this.bus, eventPattern: patternOf(['*']), targets: [target] });
  }
}
