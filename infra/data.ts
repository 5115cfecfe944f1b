import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  AttributeType,
  BillingMode,
  ProjectionType,
  StreamViewType,
  Table,
  TableEncryption,
} from 'aws-cdk-lib/aws-dynamodb';
import { Match, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  CfnBucket,
  ObjectLockRetention,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { output } from './constructs/output.ts';
import type { OwnRole } from './constructs/own-role.ts';
import type { ServiceFunction } from './constructs/service-function.ts';
import type { ServiceQueue } from './constructs/service-queue.ts';
import { acknowledgeWildcards } from './constructs/wildcards.ts';
import type { Stage } from './stages.ts';

/** Lambda writes a stream batch that failed below this prefix and lets nobody choose another one. */
const failedPrefix = 'aws/lambda/*';

/** Everything that outlives a deployment, and the only way to it. */
export class Data extends Construct {
  private readonly table: Table;
  private readonly rootSecret: Secret;
  private readonly failedRecords: Bucket;
  private readonly anchors: Bucket;
  private readonly uploads: Bucket;
  private readonly exports: Bucket;
  private readonly archive: Bucket;
  private readonly queryResults: Bucket;
  private readonly stage: Stage;

  constructor(scope: Construct, id: string, { stage }: { stage: Stage }) {
    super(scope, id);
    this.stage = stage;
    const removalPolicy = stage.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;

    this.table = new Table(this, 'Table', {
      partitionKey: { name: 'PK', type: AttributeType.STRING },
      sortKey: { name: 'SK', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: 'ttl',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryption.AWS_MANAGED,
      deletionProtection: stage.retain,
      removalPolicy,
    });
    // Sparse: only what has a due time is in it, spread over 16 partitions by the store.
    this.table.addGlobalSecondaryIndex({
      indexName: 'due',
      partitionKey: { name: 'duePk', type: AttributeType.STRING },
      sortKey: { name: 'dueAt', type: AttributeType.STRING },
      projectionType: ProjectionType.KEYS_ONLY,
    });

    this.rootSecret = new Secret(this, 'RootSecret', {
      description: `Latchwork ${stage.name}: what the values of all credentials are derived from`,
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ version: 1 }),
        generateStringKey: 'key',
        passwordLength: 64,
        excludePunctuation: true,
      },
      removalPolicy,
    });
    Validations.of(this.rootSecret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'A credential keeps the key version it was derived with; replacing the key on a timer would end all of them.',
    });

    this.failedRecords = new Bucket(this, 'FailedRecords', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: stage.enforceTls,
      // They are published and deleted within a quarter of an hour; what is older needs a person, and waits for one.
      lifecycleRules: [{ expiration: Duration.days(90) }],
      removalPolicy,
    });
    Validations.of(this.failedRecords).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Only Lambda writes here and only schedule/republish reads; both log what they do.',
    });

    const { mode, days } = stage.anchorLock;
    const locked = Duration.days(days);
    this.anchors = new Bucket(this, 'Anchors', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: stage.enforceTls,
      // Object Lock keeps versions; a bucket that has it cannot do without them.
      versioned: true,
      objectLockDefaultRetention:
        mode === 'COMPLIANCE' ? ObjectLockRetention.compliance(locked) : ObjectLockRetention.governance(locked),
      removalPolicy,
    });
    Validations.of(this.anchors).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Only schedule/anchor writes here, once per tenant and hour, and what it wrote cannot be changed.',
    });

    this.uploads = new Bucket(this, 'Uploads', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: stage.enforceTls,
      // They hold personal data, and are needed for minutes.
      lifecycleRules: [{ expiration: Duration.days(7) }],
      removalPolicy,
    });
    // CDK's own way is a function that sets it after the deployment; CloudFormation does it by itself.
    if (this.uploads.node.defaultChild instanceof CfnBucket)
      this.uploads.node.defaultChild.notificationConfiguration = {
        eventBridgeConfiguration: { eventBridgeEnabled: true },
      };
    Validations.of(this.uploads).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Files come by links that http/imports and http/reconciliations give and log, each for one file.',
    });

    this.exports = new Bucket(this, 'Exports', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: stage.enforceTls,
      // They may hold personal data. An upload that was not finished within three days is begun anew.
      lifecycleRules: [{ expiration: Duration.days(7), abortIncompleteMultipartUploadAfter: Duration.days(3) }],
      removalPolicy,
    });
    Validations.of(this.exports).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Files are fetched by links that http/exports and http/reconciliations give and log, each for one file and five minutes.',
    });

    this.archive = new Bucket(this, 'Archive', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: stage.enforceTls,
      // Nothing is ever written over; what somebody deletes by mistake can be had back for a month.
      versioned: true,
      lifecycleRules: [
        {
          // Both are read at once, by Athena too. S3 leaves objects below 128 KB where they are: they would cost more there.
          transitions: [
            { storageClass: StorageClass.INFREQUENT_ACCESS, transitionAfter: Duration.days(90) },
            { storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL, transitionAfter: Duration.days(365) },
          ],
          expiration: Duration.days(stage.archiveDays),
          noncurrentVersionExpiration: Duration.days(30),
          abortIncompleteMultipartUploadAfter: Duration.days(3),
        },
      ],
      removalPolicy,
    });
    Validations.of(this.archive).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Only Firehose writes here; Athena keeps who asked what, for 45 days, and nothing of ours reads.',
    });

    // Apart from the archive, so that nobody who asks may write there.
    this.queryResults = new Bucket(this, 'QueryResults', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: stage.enforceTls,
      lifecycleRules: [{ expiration: Duration.days(7) }],
      removalPolicy,
    });
    Validations.of(this.queryResults).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Only Athena writes here, for a week; it keeps who asked what itself.',
    });

    output(this, 'TableName', this.table.tableName);
    output(this, 'RootSecretArn', this.rootSecret.secretArn);
    output(this, 'FailedRecordsBucketName', this.failedRecords.bucketName);
    output(this, 'AnchorsBucketName', this.anchors.bucketName);
    output(this, 'UploadsBucketName', this.uploads.bucketName);
    output(this, 'ExportsBucketName', this.exports.bucketName);
    output(this, 'ArchiveBucketName', this.archive.bucketName);
    output(this, 'QueryResultsBucketName', this.queryResults.bucketName);
  }

  read(fn: ServiceFunction): void {
    this.permit(fn, ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query']);
  }

  /** A transaction is authorised by the actions of its parts; whole items are put, so there is no UpdateItem. */
  readWrite(fn: ServiceFunction): void {
    this.read(fn);
    this.permit(fn, ['dynamodb:PutItem', 'dynamodb:DeleteItem']);
  }

  private permit(fn: ServiceFunction, actions: string[]): void {
    fn.allow({ actions, resources: [this.table.tableArn] });
    fn.tell('TABLE_NAME', this.table.tableName);
  }

  /** What is past its due time, over all tenants. */
  findDue(fn: ServiceFunction): void {
    fn.allow({ actions: ['dynamodb:Query'], resources: [`${this.table.tableArn}/index/due`] });
  }

  readRootSecret(fn: ServiceFunction): void {
    fn.allow({ actions: ['secretsmanager:GetSecretValue'], resources: [this.rootSecret.secretArn] });
    fn.tell('ROOT_SECRET_ARN', this.rootSecret.secretArn);
  }

  /** Starts the function with every new commit: the rows `C#<sequence>`, each of which holds its events. */
  streamCommits(fn: ServiceFunction): void {
    fn.startedBy(
      new DynamoEventSource(this.table, {
        startingPosition: StartingPosition.TRIM_HORIZON,
        filters: [
          FilterCriteria.filter({
            eventName: FilterRule.isEqual('INSERT'),
            dynamodb: { Keys: { SK: { S: FilterRule.beginsWith('C#') } } },
          }),
        ],
        batchSize: 10,
        parallelizationFactor: 4,
        bisectBatchOnError: true,
        reportBatchItemFailures: true,
        retryAttempts: 5,
        maxRecordAge: Duration.seconds(this.stage.streamRecordMaxAgeSeconds),
        // CDK's own S3OnFailureDestination would also let the function read and delete everything in the bucket.
        onFailure: { bind: () => ({ destination: this.failedRecords.bucketArn }) },
      }),
    );
    acknowledgeWildcards(fn, ['*'], 'dynamodb:ListStreams, which Lambda asks for, knows no resource.');
    fn.allow({ actions: ['s3:ListBucket'], resources: [this.failedRecords.bucketArn] });
    fn.allow({
      actions: ['s3:PutObject'],
      resources: [this.failedRecords.arnForObjects(failedPrefix)],
      wildcard: 'Lambda names the objects after the batch that failed.',
    });
  }

  mendFailedRecords(fn: ServiceFunction): void {
    fn.allow({ actions: ['s3:ListBucket'], resources: [this.failedRecords.bucketArn] });
    fn.allow({
      actions: ['s3:GetObject', 's3:DeleteObject'],
      resources: [this.failedRecords.arnForObjects(failedPrefix)],
      wildcard: 'Lambda names the objects after the batch that failed.',
    });
    fn.tell('FAILED_RECORDS_BUCKET', this.failedRecords.bucketName);
  }

  /** Reads what is to be anchored, notes how far it has come, and puts anchors, which it can neither read nor delete. */
  anchor(fn: ServiceFunction): void {
    this.read(fn);
    this.permit(fn, ['dynamodb:PutItem']);
    fn.allow({
      actions: ['s3:PutObject'],
      resources: [this.anchors.arnForObjects('*')],
      wildcard: 'An anchor is named after its tenant and hour; nothing else lies in this bucket.',
    });
    fn.tell('ANCHORS_BUCKET', this.anchors.bucketName);
  }

  /** Lets the function give links by which others upload. */
  takeUploads(fn: ServiceFunction): void {
    fn.allow({
      actions: ['s3:PutObject'],
      resources: [this.uploads.arnForObjects('*.csv')],
      wildcard: 'A file is named after the import or reconciliation that it is for.',
    });
    fn.tell('UPLOADS_BUCKET', this.uploads.bucketName);
  }

  readUploads(fn: ServiceFunction): void {
    // Without it S3 says of what is not there that it is forbidden.
    fn.allow({ actions: ['s3:ListBucket'], resources: [this.uploads.bucketArn] });
    fn.allow({
      actions: ['s3:GetObject'],
      resources: [this.uploads.arnForObjects('*.csv')],
      wildcard: 'A file is named after the import that it is for.',
    });
    fn.tell('UPLOADS_BUCKET', this.uploads.bucketName);
  }

  /** Lets the function give links by which others fetch files. */
  giveExports(fn: ServiceFunction): void {
    this.permitExports(fn, ['s3:GetObject']);
  }

  /** Parts of files, and what was made of them. */
  writeExports(fn: ServiceFunction): void {
    // Without it S3 says of what is not there that it is forbidden.
    fn.allow({ actions: ['s3:ListBucket'], resources: [this.exports.bucketArn] });
    this.permitExports(fn, ['s3:PutObject', 's3:GetObject']);
  }

  private permitExports(fn: ServiceFunction, actions: string[]): void {
    const wildcard = 'A file is named after its tenant and its export; nothing else lies in this bucket.';
    fn.allow({ actions, resources: [this.exports.arnForObjects('*')], wildcard });
    fn.tell('EXPORTS_BUCKET', this.exports.bucketName);
  }

  /** Lets Firehose, acting as the role, put files below these prefixes; answers the bucket's ARN. */
  fillArchive(role: OwnRole, prefixes: readonly string[]): string {
    const resources = prefixes.map((it) => this.archive.arnForObjects(`${it}*`));
    // What Firehose asks for (its developer guide, "Grant Firehose access to an Amazon S3 destination").
    const ofBucket = ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'];
    role.addToPrincipalPolicy(new PolicyStatement({ actions: ofBucket, resources: [this.archive.bucketArn] }));
    const ofObjects = ['s3:PutObject', 's3:GetObject', 's3:AbortMultipartUpload'];
    role.addToPrincipalPolicy(new PolicyStatement({ actions: ofObjects, resources }));
    acknowledgeWildcards(role, resources, 'Firehose names the files after the time that they are of.');
    return this.archive.bucketArn;
  }

  /** Where the files of a prefix lie, as Athena wants it said. */
  archivedAt(prefix: string): string {
    return this.archive.s3UrlForObject(prefix);
  }

  queryResultsAt(prefix: string): string {
    return this.queryResults.s3UrlForObject(prefix);
  }

  /** Tells the queue of every file that has come. */
  announceUploads(queue: ServiceQueue): void {
    new Rule(this, 'Uploaded', {
      eventPattern: {
        source: ['aws.s3'],
        detailType: Match.exactString('Object Created'),
        detail: { bucket: { name: [this.uploads.bucketName] } },
      },
      targets: [new SqsQueue(queue.queue, { deadLetterQueue: queue.deadLetters.queue })],
    });
  }
}
