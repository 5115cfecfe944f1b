import { Aws, Duration } from 'aws-cdk-lib';
import { CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { type IRuleTarget, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { CfnDatabase, CfnTable } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnDeliveryStream } from 'aws-cdk-lib/aws-kinesisfirehose';
import { Construct } from 'constructs';
import { archiveColumns } from '../events/archive.ts';
import type { Bus } from './bus.ts';
import { alarmPeriod, impactAlarm } from './constructs/alarm.ts';
import { output } from './constructs/output.ts';
import { OwnRole } from './constructs/own-role.ts';
import { DeadLetterQueue } from './constructs/service-queue.ts';
import type { Data } from './data.ts';
import type { Stage } from './stages.ts';

/** Of a query; at $5 a TB some 50 cents, and more than a year of an operator with a thousand parcels a day. */
const scanLimitBytes = 100 * 1024 ** 3;

const events = 'events/';
const errors = 'errors/';

const impact =
  'What happens is archived late, and what Firehose or the rule gives up is not in the archive: queries do not see it.';

/** Every event, in files by the day, and a table by which Athena reads them (ADR 017). */
export class Archive extends Construct {
  constructor(scope: Construct, id: string, { stage, data, bus }: { stage: Stage; data: Data; bus: Bus }) {
    super(scope, id);
    const stream = this.stream(data);
    bus.handAll(this, 'Rule', this.target(stage, stream));

    // The age of the oldest event that is not in a file yet: it grows while S3 takes none, and after 24 h Firehose drops.
    impactAlarm(this, 'Late', {
      impact,
      cause: 'the oldest event that is not in a file yet is older than an hour.',
      metric: new Metric({
        namespace: 'AWS/Firehose',
        metricName: 'DeliveryToS3.DataFreshness',
        dimensionsMap: { DeliveryStreamName: stream.ref },
        period: alarmPeriod,
        statistic: 'Maximum',
      }),
      threshold: Duration.hours(1).toSeconds(),
    });
    this.table(stage, data);
  }

  private stream(data: Data): CfnDeliveryStream {
    const role = new OwnRole(this, 'StreamRole', { assumedBy: new ServicePrincipal('firehose.amazonaws.com') });
    const bucketArn = data.fillArchive(role, [events, errors]);
    return new CfnDeliveryStream(this, 'Stream', {
      deliveryStreamType: 'DirectPut',
      deliveryStreamEncryptionConfigurationInput: { keyType: 'AWS_OWNED_CMK' },
      extendedS3DestinationConfiguration: {
        bucketArn,
        roleArn: role.roleArn,
        // By the day that Firehose took it, in UTC.
        prefix: `${events}dt=!{timestamp:yyyy-MM-dd}/`,
        errorOutputPrefix: `${errors}!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/`,
        // As seldom as it can be: queries are the faster the fewer files there are.
        bufferingHints: { intervalInSeconds: 900, sizeInMBs: 64 },
        compressionFormat: 'GZIP',
        processingConfiguration: { enabled: true, processors: [{ type: 'AppendDelimiterToRecord', parameters: [] }] },
      },
    });
  }

  private target(stage: Stage, stream: CfnDeliveryStream): IRuleTarget {
    const role = new OwnRole(this, 'RuleRole', { assumedBy: new ServicePrincipal('events.amazonaws.com') });
    // EventBridge puts several at once where it can.
    const actions = ['firehose:PutRecord', 'firehose:PutRecordBatch'];
    role.addToPrincipalPolicy(new PolicyStatement({ actions, resources: [stream.attrArn] }));
    const dead = new DeadLetterQueue(this, 'Dead', { stage, impact, cause: 'events for the archive were given up.' });
    output(this, 'ArchiveDeadLetterQueueUrl', dead.queue.queueUrl);
    return {
      bind: ({ ruleRef }) => {
        dead.queue.addToResourcePolicy(
          new PolicyStatement({
            principals: [new ServicePrincipal('events.amazonaws.com')],
            actions: ['sqs:SendMessage'],
            resources: [dead.queue.queueArn],
            conditions: { ArnEquals: { 'aws:SourceArn': ruleRef.ruleArn } },
          }),
        );
        return {
          arn: stream.attrArn,
          role,
          // Only our own envelope: what EventBridge puts around it says nothing more.
          input: RuleTargetInput.fromEventPath('$.detail'),
          deadLetterConfig: { arn: dead.queue.queueArn },
        };
      },
    };
  }

  private table(stage: Stage, data: Data): void {
    const database = new CfnDatabase(this, 'Database', {
      catalogId: Aws.ACCOUNT_ID,
      databaseInput: { name: `latchwork_${stage.name}`, description: `Latchwork ${stage.name}: the archive` },
    });
    const location = data.archivedAt(events);
    new CfnTable(this, 'Events', {
      catalogId: Aws.ACCOUNT_ID,
      databaseName: database.ref,
      tableInput: {
        name: 'events',
        description: 'Every event; docs/archive.md says what is in it',
        tableType: 'EXTERNAL_TABLE',
        partitionKeys: [{ name: 'dt', type: 'string', comment: 'The day that it was archived, UTC' }],
        parameters: {
          classification: 'json',
          // Athena works out the days by itself: there is nothing to crawl, and nothing to add every night.
          'projection.enabled': 'true',
          'projection.dt.type': 'date',
          'projection.dt.format': 'yyyy-MM-dd',
          'projection.dt.range': '2026-01-01,NOW',
          'storage.location.template': `${location}dt=\${dt}/`,
        },
        storageDescriptor: {
          location,
          columns: [...archiveColumns],
          inputFormat: 'org.apache.hadoop.mapred.TextInputFormat',
          outputFormat: 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat',
          serdeInfo: { serializationLibrary: 'org.openx.data.jsonserde.JsonSerDe' },
        },
      },
    });
    const workGroup = new CfnWorkGroup(this, 'WorkGroup', {
      name: `latchwork-${stage.name}`,
      description: 'Questions to the archive',
      recursiveDeleteOption: !stage.retain,
      workGroupConfiguration: {
        // Whoever asks in it can choose neither another place nor a higher limit.
        enforceWorkGroupConfiguration: true,
        bytesScannedCutoffPerQuery: scanLimitBytes,
        publishCloudWatchMetricsEnabled: true,
        resultConfiguration: {
          outputLocation: data.queryResultsAt('answers/'),
          encryptionConfiguration: { encryptionOption: 'SSE_S3' },
        },
      },
    });
    output(this, 'ArchiveDatabaseName', database.ref);
    output(this, 'ArchiveWorkGroupName', workGroup.ref);
  }
}
