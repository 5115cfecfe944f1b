import { Schedule } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import { ScheduledFunction } from './constructs/scheduled-function.ts';
import type { Data } from './data.ts';
import type { Stage } from './stages.ts';

/** Finding transactions by what is known of them, and the proof that their history was not changed afterwards. */
export class Search extends Construct {
  constructor(scope: Construct, id: string, { stage, data, bus }: { stage: Stage; data: Data; bus: Bus }) {
    super(scope, id);
    const index = bus.reaction(this, 'Index', {
      entry: 'bus/search',
      name: 'Search',
      impact: 'New and changed transactions are not found by search, and what happens is anchored late.',
      // Every chain is anchored; of transactions there are lookup rows besides.
      to: ['*'],
    });
    data.readWrite(index.fn);
    data.readRootSecret(index.fn);

    const anchor = new ScheduledFunction(this, 'Anchor', {
      stage,
      entry: 'schedule/anchor',
      name: 'Anchor',
      impact: 'What happened is not anchored: until it is, a change of the audit trail could not be proved.',
      // The hour before is over by then, also for messages that were on their way.
      schedule: Schedule.cron({ minute: '10' }),
      // The client of S3 carries them, though nothing of ours reads a stream of events.
      needsEventStreams: true,
    });
    data.anchor(anchor.fn);
  }
}
