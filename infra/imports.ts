import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import { ServiceQueue } from './constructs/service-queue.ts';
import type { Data } from './data.ts';
import type { Stage } from './stages.ts';

/** Files of transactions: each is checked as a whole, then its rows are created in turns. */
export class Imports extends Construct {
  constructor(scope: Construct, id: string, { stage, data, bus }: { stage: Stage; data: Data; bus: Bus }) {
    super(scope, id);
    const impact = 'Files that were uploaded are not checked: imports and reconciliations stay as they are.';
    const check = new ServiceFunction(this, 'Check', {
      stage,
      entry: 'queue/import-files',
      name: 'ImportFiles',
      impact,
      // 10,000 rows are read and checked in one go.
      timeout: Duration.minutes(2),
    });
    data.readWrite(check);
    data.readUploads(check);
    const files = new ServiceQueue(this, 'Files', {
      stage,
      name: 'ImportFiles',
      impact,
      consumer: check,
      // A file each: several would fill the memory of one call.
      batchSize: 1,
      maxConcurrency: 2,
      lateAfter: Duration.minutes(15),
    });
    data.announceUploads(files);

    const run = bus.reaction(this, 'Run', {
      entry: 'bus/imports',
      name: 'Imports',
      impact: 'Imports that are under way stand still; what they have created stays.',
      to: ['import.started'],
      timeout: Duration.minutes(1),
      // An import has one message, and gives way after 20 s: so many imports go on at once, whosever they are.
      batchSize: 1,
      maxConcurrency: 5,
      lateAfter: Duration.minutes(30),
    });
    data.readWrite(run.fn);
    data.readRootSecret(run.fn);
    // What is left after a turn.
    run.queue.sendFrom(run.fn);
  }
}
