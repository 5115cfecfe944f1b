import type { Duration } from 'aws-cdk-lib';
import { type EventBus, type EventPattern, Match, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import { Envelope } from '../../events/envelope.ts';
import type { Stage } from '../stages.ts';
import { ServiceFunction, type ServiceFunctionProps } from './service-function.ts';
import { ServiceQueue } from './service-queue.ts';

type Where = Record<string, (string | boolean)[]>;

export type ReactionProps = {
  stage: Stage;
  bus: EventBus;
  /** Its file below `functions/`, without the ending. */
  entry: string;
  name: string;
  impact: string;
  /** Event types it is woken by; `transaction.*` is all of that entity, `*` is everything. */
  to: readonly string[];
  /** Only those whose data says so. */
  where?: Where;
  /** And by these, where their data says so: of others it is not even woken. */
  besides?: { to: readonly string[]; where: Where };
  deliveryDelay?: Duration;
  maxConcurrency?: number;
  timeout?: Duration;
  memoryMb?: ServiceFunctionProps['memoryMb'];
  batchSize?: number;
  lateAfter?: Duration;
};

/** Something that happens because of an event: a rule, a queue, a function. It may hear an event twice, late, unordered. */
export class Reaction extends Construct {
  readonly fn: ServiceFunction;
  readonly queue: ServiceQueue;

  constructor(scope: Construct, id: string, props: ReactionProps) {
    super(scope, id);
    const {
      stage,
      bus,
      entry,
      name,
      impact,
      to,
      where,
      besides,
      timeout,
      memoryMb,
      maxConcurrency = 20,
      ...queue
    } = props;
    this.fn = new ServiceFunction(this, 'Function', {
      ...{ stage, entry, name, impact },
      ...(timeout && { timeout }),
      ...(memoryMb && { memoryMb }),
    });
    this.queue = new ServiceQueue(this, 'Queue', {
      stage,
      name,
      impact,
      consumer: this.fn,
      maxConcurrency,
      ...(queue.deliveryDelay && { deliveryDelay: queue.deliveryDelay }),
      ...(queue.batchSize && { batchSize: queue.batchSize }),
      ...(queue.lateAfter && { lateAfter: queue.lateAfter }),
    });
    const wakenBy = (ruleId: string, eventPattern: EventPattern) =>
      new Rule(this, ruleId, {
        eventBus: bus,
        eventPattern,
        // Without its own dead-letter queue a rule drops what it cannot deliver for 24 h and says so nowhere.
        targets: [new SqsQueue(this.queue.queue, { deadLetterQueue: this.queue.deadLetters.queue })],
      });
    wakenBy('Rule', patternOf(to, where));
    if (besides) wakenBy('Besides', patternOf(besides.to, besides.where));
  }
}

/** Only our own events: what others may put on the bus one day is not theirs to make us believe. */
export const patternOf = (types: readonly string[], where?: Where): EventPattern => ({
  source: [Envelope.shape.source.value],
  ...(!types.includes('*') && {
    detailType: types.flatMap((type) =>
      type.endsWith('.*') ? Match.prefix(type.slice(0, -1)) : Match.exactString(type),
    ),
  }),
  ...(where && { detail: { data: where } }),
});
