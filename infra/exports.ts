import { Aws, Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import { output } from './constructs/output.ts';
import type { ServiceFunction } from './constructs/service-function.ts';
import type { Data } from './data.ts';
import { exportHeap } from './export-heap.ts';
import { tellFeedDays } from './feed.ts';
import type { Stage } from './stages.ts';

/** Rows of a period are written into a file, in turns, and put into a customer’s bucket, or compared with a file of theirs. */
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

    const { fn: push, queue: pushes } = bus.reaction(this, 'Push', {
      entry: 'bus/export-pushes',
      name: 'ExportPushes',
      impact:
        'Files of exports come late or not at all into the buckets of customers; they can be fetched all the same.',
      to: ['export.completed'],
      // S3 copies, and takes its time for a file of many gigabytes.
      timeout: Duration.minutes(10),
      batchSize: 1,
      maxConcurrency: 3,
      lateAfter: Duration.minutes(30),
    });
    data.readWrite(push);
    data.giveExports(push);
    tellExportDestinations(push, stage);
    push.tell('EXPORT_PUSH_WAITS_SECONDS', stage.exportPushWaitsSeconds);
    // What is to be tried again.
    pushes.sendFrom(push);
    // Customers name it in the policies of their buckets.
    output(this, 'ExportPushesRoleArn', push.roleArn);
    this.reachDestinations(push, stage);

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

  /** To put files there, and nothing else; whether it may is also for the policy of each bucket to say. */
  private reachDestinations(push: ServiceFunction, { exportDestinations }: Stage): void {
    for (const files of new Set(exportDestinations.map(({ bucket, prefix }) => `${bucket}/${prefix}*`)))
      push.allow({
        actions: ['s3:PutObject'],
        resources: [`arn:${Aws.PARTITION}:s3:::${files}`],
        wildcard: 'A file is named after its period and its export.',
      });
    for (const kmsKeyArn of new Set(exportDestinations.flatMap((it) => it.kmsKeyArn ?? []))) {
      const [, , , region] = kmsKeyArn.split(':');
      push.allow({
        // S3 asks for the second where a file is so large that it is copied in parts.
        actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
        resources: [kmsKeyArn],
        conditions: { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } },
      });
    }
  }
}

/** Who takes the names of destinations, and who knows what they stand for, have to be told the same. */
export const tellExportDestinations = (fn: ServiceFunction, { exportDestinations }: Stage): void =>
  fn.tell('EXPORT_DESTINATIONS', JSON.stringify(exportDestinations));
