import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import type { ServiceFunction } from './constructs/service-function.ts';
import type { Data } from './data.ts';
import type { Stage } from './stages.ts';

/** What happened to a tenant, in one order, to be read by those who do not want to be called. */
export class Feed extends Construct {
  constructor(scope: Construct, id: string, { stage, data, bus }: { stage: Stage; data: Data; bus: Bus }) {
    super(scope, id);
    const { fn } = bus.reaction(this, 'Number', {
      entry: 'bus/feed',
      name: 'Feed',
      impact: 'What happens comes into the feed late: who follows it hears of nothing new.',
      to: ['*'],
      // All batches of a tenant move the same end; more of them at once would only be in each other's way. SQS allows
      // no fewer.
      maxConcurrency: 2,
    });
    data.readWrite(fn);
    tellFeedDays(fn, stage);
  }
}

/** Who writes the feed and who reads it have to agree on when an event is gone. */
export const tellFeedDays = (fn: ServiceFunction, stage: Stage): void => fn.tell('FEED_DAYS', String(stage.feedDays));
