import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import type { Data } from './data.ts';
import { exportHeap } from './export-heap.ts';

/** Rows of a period are written into a file, in turns. */
export class Exports extends Construct {
  constructor(scope: Construct, id: string, { data, bus }: { data: Data; bus: Bus }) {
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
    // What is left after a turn.
    run.queue.sendFrom(run.fn);
  }
}
