import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import type { Data } from './data.ts';
import { exportHeap } from './export-heap.ts';
import { tellFeedDays } from './feed.ts';
import type { Stage } from './stages.ts';

/** Rows of a period are written into a file, in turns, or compared with a file of a customer’s. */
export class Exports extends Construct {
  constructor(scope: Construct, id: string, { stage, data, bus }: { stage: Stage; data: Data; bus: Bus }) {
    super(scope, id);
    const run = bus.reaction(this, 'Run', {
      entry: 'bus/exports',
      name: 'Exports',
      impact: 'Exports that are under way stand still; files that are there can be fetched.',
      to: ['export.created'],
      // A turn ends with the first part that is stored after a minute.
      timeout: Duration.minutes(5),
      memoryMb: 512,
      // An export has one message: so many go on at once, whosever they are.
      batchSize: 1,
      maxConcurrency: 3,
      lateAfter: Duration.minutes(30),
    });
    run.fn.tell('NODE_OPTIONS', exportHeap);
    data.readWrite(run.fn);
    data.readRootSecret(run.fn);
    data.writeExports(run.fn);
    tellFeedDays(run.fn, stage);
    // What is left after a turn.
    run.queue.sendFrom(run.fn);

    const compare = bus.reaction(this, 'Compare', {
      entry: 'bus/reconciliations',
      name: 'Reconciliations',
      impact: 'Files of orders that were uploaded are not compared: reconciliations stay as they are.',
      to: ['reconciliation.uploaded'],
      // A file and 200,000 transactions in one go.
      timeout: Duration.minutes(10),
      memoryMb: 512,
      batchSize: 1,
      maxConcurrency: 2,
      lateAfter: Duration.minutes(30),
    });
    compare.fn.tell('NODE_OPTIONS', exportHeap);
    data.readWrite(compare.fn);
    data.readRootSecret(compare.fn);
    data.readUploads(compare.fn);
    data.writeExports(compare.fn);
  }
}
