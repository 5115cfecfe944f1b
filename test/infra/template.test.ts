import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { archiveColumns } from '../../events/archive.ts';
import { catalogue } from '../../events/catalogue.ts';
import { pickupPageRoutes } from '../../shared/api/pickup-page.ts';
import { routes } from '../../shared/api/routes.ts';
import { uploadDays } from '../../shared/domain/import.ts';
import { incidentEvents } from '../../shared/domain/incident-kinds.ts';
import { plain, synthesized, Target, Text, target } from './template.ts';

const stack = synthesized('prod');

const functions = stack.all(
  'AWS::Lambda::Function',
  z.object({
    Role: Target,
    Runtime: z.string(),
    Architectures: z.array(z.string()),
    MemorySize: z.number(),
    Timeout: z.number(),
    LoggingConfig: z.object({ LogGroup: Target }),
    Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
  }),
);
/** A function is called by its file here: `http/transactions`. Two may share one. */
const entryOf = ({ properties }: (typeof functions)[number]) =>
  plain(properties.Environment.Variables.POWERTOOLS_SERVICE_NAME);
const functionBy = (logicalId: string) => {
  const found = functions.find((fn) => fn.logicalId === logicalId);
  if (!found) throw new Error(`no function ${logicalId}`);
  return found;
};

const queues = stack.all(
  'AWS::SQS::Queue',
  z.object({
    SqsManagedSseEnabled: z.boolean().optional(),
    VisibilityTimeout: z.number().optional(),
    RedrivePolicy: z.object({ deadLetterTargetArn: Target, maxReceiveCount: z.number() }).optional(),
  }),
);

const Statement = z.object({
  Effect: z.enum(['Allow', 'Deny']),
  Action: z.union([z.string().transform((action) => [action]), z.array(z.string())]),
  Resource: z.unknown().transform((resource) => [resource].flat().map(plain)),
});
const roles = stack
  .all(
    'AWS::IAM::Role',
    z.object({ Policies: z.array(z.object({ PolicyDocument: z.object({ Statement: z.array(Statement) }) })) }),
  )
  .map(({ logicalId, properties }) => ({
    logicalId,
    statements: properties.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement),
  }));
const statementsOf = (role: string) =>
  roles.filter(({ logicalId }) => logicalId === role).flatMap(({ statements }) => statements);

const DeadLetterConfig = z.object({ Arn: Target }).optional();
const rules = stack.all(
  'AWS::Events::Rule',
  z.object({
    EventPattern: z
      .object({
        source: z.array(z.string()),
        'detail-type': z.array(z.unknown()).optional(),
        detail: z.unknown().optional(),
      })
      .optional(),
    Targets: z.array(z.object({ Arn: Target, DeadLetterConfig, InputPath: z.string().optional() })),
  }),
);

const mappings = stack.all(
  'AWS::Lambda::EventSourceMapping',
  z.object({
    FunctionName: Target,
    EventSourceArn: Text,
    FunctionResponseTypes: z.array(z.string()).optional(),
    ScalingConfig: z.object({ MaximumConcurrency: z.number() }).optional(),
    BisectBatchOnFunctionError: z.boolean().optional(),
    MaximumRetryAttempts: z.number().optional(),
    MaximumRecordAgeInSeconds: z.number().optional(),
    ParallelizationFactor: z.number().optional(),
    FilterCriteria: z.object({ Filters: z.array(z.object({ Pattern: z.string() })) }).optional(),
    DestinationConfig: z.object({ OnFailure: z.object({ Destination: Target }) }).optional(),
  }),
);
const streamMappings = mappings.filter(({ properties }) => properties.EventSourceArn.endsWith('.StreamArn>'));
const queueMappings = mappings.filter((mapping) => !streamMappings.includes(mapping));

const alarms = stack.all(
  'AWS::CloudWatch::Alarm',
  z.object({
    AlarmDescription: z.string(),
    AlarmActions: z.array(Target),
    Namespace: z.string(),
    MetricName: z.string(),
    // What a log line says has none.
    Dimensions: z.array(z.object({ Name: z.string(), Value: Text })).default([]),
  }),
);

describe('the stacks', () => {
  it('stay below the 500 resources that CloudFormation allows each', () => {
    for (const count of stack.counts) expect(count).toBeLessThan(450);
  });

  it('names what scripts and operators need', () => {
    const queueNames = [
      ...['Journal', 'Ask', 'Presence', 'Deadlines', 'Deliver', 'Slow', 'Grants', 'Commands'],
      ...['BusDeadlines', 'Webhooks', 'Banks', 'Messages', 'Sms', 'Email', 'Signals', 'Search', 'Feed', 'LockBoards'],
      ...['ImportFiles', 'Imports', 'Exports', 'ExportPushes', 'Reconciliations', 'Replays'],
    ];
    expect(Object.keys(stack.outputs)).toEqual(
      expect.arrayContaining([
        ...['ApiUrl', 'ApiId', 'TableName', 'BusName', 'DevicePolicyName', 'ThingTypeName', 'CreateTenantFunctionName'],
        ...['OpsTopicArn', 'RootSecretArn', 'FailedRecordsBucketName', 'AnchorsBucketName'],
        'UploadsBucketName',
        'ExportsBucketName',
        ...['ArchiveBucketName', 'QueryResultsBucketName', 'ArchiveDatabaseName', 'ArchiveWorkGroupName'],
        'ArchiveDeadLetterQueueUrl',
        ...queueNames.flatMap((name) => [`${name}QueueUrl`, `${name}DeadLetterQueueUrl`]),
      ]),
    );
    const named = Object.entries(stack.outputs).filter(([name]) => name.endsWith('FunctionName'));
    expect(named.map(([, { Value }]) => plain(Value)).sort()).toEqual(
      functions.map(({ logicalId }) => `<${logicalId}>`).sort(),
    );
  });
});

describe('what outlives a deployment', () => {
  const stateful = ['AWS::DynamoDB::Table', 'AWS::SecretsManager::Secret', 'AWS::S3::Bucket'];

  it.each(stateful)('%s is kept when the production stack goes', (type) => {
    const deletionPolicies = stack.all(type, z.unknown()).map(({ deletionPolicy }) => deletionPolicy);
    expect(new Set(deletionPolicies)).toEqual(new Set(['Retain']));
  });

  it.each(stateful)('%s goes with a local stack', (type) => {
    const deletionPolicies = synthesized('local')
      .all(type, z.unknown())
      .map(({ deletionPolicy }) => deletionPolicy);
    expect(new Set(deletionPolicies)).toEqual(new Set(['Delete']));
  });

  it('can be restored to any second, is encrypted, and is paid by use', () => {
    expect(stack.all('AWS::DynamoDB::Table', z.unknown())[0]?.properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: { SSEEnabled: true },
      StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
    });
  });

  it('is found by due time through an index that holds nothing but keys', () => {
    expect(stack.all('AWS::DynamoDB::Table', z.unknown())[0]?.properties).toMatchObject({
      GlobalSecondaryIndexes: [
        {
          IndexName: 'due',
          KeySchema: [
            { AttributeName: 'duePk', KeyType: 'HASH' },
            { AttributeName: 'dueAt', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
    });
  });
});

describe('what was uploaded', () => {
  it('is encrypted, not for the public, refused over plain HTTP, and gone after the days that we say', () => {
    const bucket = target(stack.outputs.UploadsBucketName?.Value);
    const uploads = stack.all('AWS::S3::Bucket', z.unknown()).find(({ logicalId }) => logicalId === bucket);
    expect(uploads?.properties).toMatchObject({
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: {} }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LifecycleConfiguration: { Rules: [{ ExpirationInDays: uploadDays, Status: 'Enabled' }] },
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    });
    const refusing = stack
      .all('AWS::S3::BucketPolicy', z.object({ Bucket: Target, PolicyDocument: z.unknown() }))
      .filter(({ properties }) => properties.Bucket === bucket)
      .map(({ properties }) => JSON.stringify(properties.PolicyDocument));
    expect(refusing).toEqual([expect.stringContaining('{"Bool":{"aws:SecureTransport":"false"}}')]);
  });
});

describe('the archive', () => {
  const streams = stack.all(
    'AWS::KinesisFirehose::DeliveryStream',
    z.looseObject({ ExtendedS3DestinationConfiguration: z.looseObject({ BucketARN: Target, RoleARN: Target }) }),
  );
  const destination = streams[0]?.properties.ExtendedS3DestinationConfiguration;
  const archiving = rules.filter(({ properties }) =>
    properties.Targets.some(({ Arn }) => streams.some(({ logicalId }) => logicalId === Arn)),
  );

  it('is handed every event of ours as it was put on the bus, and keeps those that it cannot be handed', () => {
    expect(archiving.map(({ properties }) => properties.EventPattern)).toEqual([{ source: ['latchwork'] }]);
    expect(archiving[0]?.properties.Targets).toEqual([
      expect.objectContaining({
        InputPath: '$.detail',
        DeadLetterConfig: { Arn: expect.stringMatching(/^ArchiveDead/) },
      }),
    ]);
  });

  it('gathers them in compressed files by the day, a line each, encrypted on the way', () => {
    expect(streams).toHaveLength(1);
    expect(streams[0]?.properties).toMatchObject({
      DeliveryStreamType: 'DirectPut',
      DeliveryStreamEncryptionConfigurationInput: { KeyType: 'AWS_OWNED_CMK' },
      ExtendedS3DestinationConfiguration: {
        BucketARN: target(stack.outputs.ArchiveBucketName?.Value),
        Prefix: 'events/dt=!{timestamp:yyyy-MM-dd}/',
        ErrorOutputPrefix: 'errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/',
        BufferingHints: { IntervalInSeconds: 900, SizeInMBs: 64 },
        CompressionFormat: 'GZIP',
        ProcessingConfiguration: { Enabled: true, Processors: [{ Type: 'AppendDelimiterToRecord' }] },
      },
    });
  });

  it('lies in a bucket that is encrypted, not for the public, and cheaper with the years', () => {
    const bucket = target(stack.outputs.ArchiveBucketName?.Value);
    const found = stack.all('AWS::S3::Bucket', z.unknown()).find(({ logicalId }) => logicalId === bucket);
    expect(found?.properties).toMatchObject({
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: {} }] },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
      VersioningConfiguration: { Status: 'Enabled' },
      LifecycleConfiguration: {
        Rules: [
          {
            ExpirationInDays: 3_653,
            NoncurrentVersionExpiration: { NoncurrentDays: 30 },
            Transitions: [
              { StorageClass: 'STANDARD_IA', TransitionInDays: 90 },
              { StorageClass: 'GLACIER_IR', TransitionInDays: 365 },
            ],
          },
        ],
      },
    });
  });

  it('is written by Firehose alone, which takes it from the rule alone', () => {
    const ofBucket = roles.filter(({ statements }) =>
      statements.some(({ Resource }) => Resource.some((it) => it.startsWith('<DataArchive'))),
    );
    expect(ofBucket.map(({ logicalId }) => logicalId)).toEqual([destination?.RoleARN]);
    expect(statementsOf(destination?.RoleARN ?? '').map(({ Action }) => Action)).toEqual([
      ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
      ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
    ]);
    const putting = roles.flatMap(({ statements }) =>
      statements.filter(({ Action }) => Action.some((it) => it.startsWith('firehose:'))),
    );
    expect(putting).toEqual([
      {
        Effect: 'Allow',
        Action: ['firehose:PutRecord', 'firehose:PutRecordBatch'],
        Resource: [`<${streams[0]?.logicalId}.Arn>`],
      },
    ]);
  });

  it('rings when the oldest event waits for an hour, and when one was given up', () => {
    const late = alarms.filter(({ properties }) => properties.Namespace === 'AWS/Firehose');
    expect(late.map(({ properties }) => [properties.MetricName, properties.Dimensions])).toEqual([
      ['DeliveryToS3.DataFreshness', [{ Name: 'DeliveryStreamName', Value: `<${streams[0]?.logicalId}>` }]],
    ]);
  });

  it('is a table of days that Athena works out, in a workgroup that nobody can have read without end', () => {
    const [table] = stack.all('AWS::Glue::Table', z.unknown());
    const bucket = target(stack.outputs.ArchiveBucketName?.Value);
    expect(table?.properties).toMatchObject({
      TableInput: {
        Name: 'events',
        PartitionKeys: [{ Name: 'dt', Type: 'string' }],
        Parameters: {
          'projection.enabled': 'true',
          'projection.dt.range': '2026-01-01,NOW',
          'storage.location.template': expect.anything(),
        },
        StorageDescriptor: { Columns: archiveColumns.map(({ name: Name, type: Type }) => ({ Name, Type })) },
      },
    });
    const Located = z.object({
      TableInput: z.object({
        Parameters: z.object({ 'storage.location.template': Text }),
        StorageDescriptor: z.object({ Location: Text }),
      }),
    });
    const { TableInput } = Located.parse(table?.properties);
    expect(TableInput.StorageDescriptor.Location).toBe(`s3://<${bucket}>/events/`);
    expect(TableInput.Parameters['storage.location.template']).toBe(`s3://<${bucket}>/events/dt=\${dt}/`);
    expect(stack.all('AWS::Athena::WorkGroup', z.unknown())[0]?.properties).toMatchObject({
      WorkGroupConfiguration: {
        EnforceWorkGroupConfiguration: true,
        BytesScannedCutoffPerQuery: 107_374_182_400,
        ResultConfiguration: { EncryptionConfiguration: { EncryptionOption: 'SSE_S3' } },
      },
    });
  });
});

describe('the anchors', () => {
  const lockOf = (stage: 'local' | 'dev' | 'prod') => {
    const { all, outputs } = synthesized(stage);
    const bucket = target(outputs.AnchorsBucketName?.Value);
    return all('AWS::S3::Bucket', z.unknown()).find(({ logicalId }) => logicalId === bucket)?.properties;
  };

  it.each([
    ['prod', { Mode: 'COMPLIANCE', Days: 3_653 }],
    ['dev', { Mode: 'GOVERNANCE', Days: 1 }],
    ['local', { Mode: 'COMPLIANCE', Days: 1 }],
  ] as const)('of %s are locked: %j', (stage, DefaultRetention) => {
    expect(lockOf(stage)).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention } },
      VersioningConfiguration: { Status: 'Enabled' },
    });
  });
});

describe('every function', () => {
  it('runs on Node 24, on arm64, with 256 MB, or twice that where large files are written', () => {
    for (const fn of functions) {
      const MemorySize = ['bus/exports', 'bus/reconciliations'].includes(entryOf(fn)) ? 512 : 256;
      expect(fn.properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], MemorySize });
    }
  });

  it('has a role of its own, with no policy of AWS’s making nor one beside it', () => {
    expect(stack.all('AWS::IAM::Policy', z.unknown())).toEqual([]);
    expect(new Set(functions.map(({ properties }) => properties.Role)).size).toBe(functions.length);
    for (const { properties } of stack.all('AWS::IAM::Role', z.unknown())) {
      expect(properties).not.toHaveProperty('ManagedPolicyArns');
    }
  });

  it('has an alarm on its errors', () => {
    const watched = alarms
      .filter(({ properties }) => properties.Namespace === 'AWS/Lambda' && properties.MetricName === 'Errors')
      .map(({ properties }) => properties.Dimensions[0]?.Value);
    expect(watched.sort()).toEqual(functions.map(({ logicalId }) => `<${logicalId}>`).sort());
  });

  it('has a log of its own that ends some day', () => {
    const logs = stack.all('AWS::Logs::LogGroup', z.object({ RetentionInDays: z.number() }));
    for (const { properties } of functions) {
      expect(logs.map(({ logicalId }) => logicalId)).toContain(properties.LoggingConfig.LogGroup);
    }
    expect(new Set(functions.map(({ properties }) => properties.LoggingConfig.LogGroup)).size).toBe(functions.length);
  });

  it('that is invoked asynchronously says where a lost call goes', () => {
    const targets = [
      ...rules.flatMap(({ properties }) => properties.Targets.map(({ Arn }) => Arn)),
      ...stack
        .all('AWS::IoT::TopicRule', ErrorAction())
        .flatMap(({ properties }) => properties.TopicRulePayload.Actions),
    ];
    const invoked = targets.filter((id) => functions.some(({ logicalId }) => logicalId === id));
    const configured = stack.all(
      'AWS::Lambda::EventInvokeConfig',
      z.object({
        FunctionName: Target,
        DestinationConfig: z.object({ OnFailure: z.object({ Destination: Target }) }),
      }),
    );
    expect(invoked).not.toEqual([]);
    expect(configured.map(({ properties }) => properties.FunctionName)).toEqual(expect.arrayContaining(invoked));
  });
});

describe('every alarm', () => {
  it('rings at the operators’ topic', () => {
    const topics = stack.all('AWS::SNS::Topic', z.unknown()).map(({ logicalId }) => logicalId);
    for (const { properties } of alarms) expect(properties.AlarmActions).toEqual(topics);
  });

  it('says what it means to a customer, what was seen, and where to read on', () => {
    for (const { properties } of alarms) {
      expect(properties.AlarmDescription).toMatch(/^[A-Z].+[.;] Cause: .+\. What to do: docs\/operations\.md$/);
    }
  });
});

describe('every queue', () => {
  const deadLetters = new Set([
    ...queues.flatMap(({ properties }) => properties.RedrivePolicy?.deadLetterTargetArn ?? []),
    // Those of a rule's target, of an asynchronous call and of the IoT rules have no queue before them.
    ...rules.flatMap(({ properties }) => properties.Targets.flatMap((it) => it.DeadLetterConfig?.Arn ?? [])),
    ...stack
      .all('AWS::IoT::TopicRule', ErrorAction())
      .map(({ properties }) => properties.TopicRulePayload.ErrorAction.Sqs.QueueUrl),
  ]);
  const working = queues.filter(({ logicalId }) => !deadLetters.has(logicalId));

  it('has a dead-letter queue, after at least five attempts, or is one', () => {
    expect(working.length).toBe(27);
    for (const { properties } of working) {
      expect(properties.RedrivePolicy?.maxReceiveCount).toBeGreaterThanOrEqual(5);
    }
  });

  it('is encrypted by SQS and refuses plain HTTP', () => {
    for (const { properties } of queues) expect(properties.SqsManagedSseEnabled).toBe(true);
    const refusing = stack
      .all(
        'AWS::SQS::QueuePolicy',
        z.object({ Queues: z.array(Target), PolicyDocument: z.object({ Statement: z.array(z.unknown()) }) }),
      )
      .filter(({ properties }) =>
        JSON.stringify(properties.PolicyDocument).includes('{"Bool":{"aws:SecureTransport":"false"}}'),
      )
      .flatMap(({ properties }) => properties.Queues);
    expect(refusing.sort()).toEqual(queues.map(({ logicalId }) => logicalId).sort());
  });

  it('rings when something was given up, and when the oldest message waits too long', () => {
    const on = (metric: string) =>
      alarms
        .filter(({ properties }) => properties.Namespace === 'AWS/SQS' && properties.MetricName === metric)
        .map(({ properties }) => properties.Dimensions[0]?.Value.replace(/^<(.+)\.QueueName>$/, '$1'))
        .sort();
    expect(on('ApproximateNumberOfMessagesVisible')).toEqual([...deadLetters].sort());
    expect(on('ApproximateAgeOfOldestMessage')).toEqual(working.map(({ logicalId }) => logicalId).sort());
  });

  it('is emptied by one function, which says which messages failed and how many it takes at once', () => {
    expect(queueMappings.map(({ properties }) => properties.EventSourceArn).sort()).toEqual(
      working.map(({ logicalId }) => `<${logicalId}.Arn>`).sort(),
    );
    for (const { properties } of queueMappings) {
      expect(properties.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
      expect(properties.ScalingConfig?.MaximumConcurrency).toBeGreaterThanOrEqual(2);
    }
  });

  it('hides a message for six times as long as its function may take', () => {
    for (const { properties } of queueMappings) {
      const queue = queues.find(({ logicalId }) => properties.EventSourceArn === `<${logicalId}.Arn>`);
      const { Timeout } = functionBy(properties.FunctionName).properties;
      expect(queue?.properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * Timeout);
    }
  });
});

describe('the stream of the table', () => {
  it('starts one function, with new commits only, and never blocks on a poisoned one', () => {
    expect(streamMappings).toHaveLength(1);
    const { properties } = streamMappings[0] ?? {};
    expect(properties).toMatchObject({
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 5,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    expect(properties?.MaximumRecordAgeInSeconds).toBeGreaterThanOrEqual(3_600);
    expect(properties?.FilterCriteria?.Filters.map(({ Pattern }) => JSON.parse(Pattern))).toEqual([
      { eventName: ['INSERT'], dynamodb: { Keys: { SK: { S: [{ prefix: 'C#' }] } } } },
    ]);
  });

  it('leaves what failed in the bucket that it is published from later', () => {
    const bucket = target(stack.outputs.FailedRecordsBucketName?.Value);
    expect(streamMappings[0]?.properties.DestinationConfig?.OnFailure.Destination).toBe(bucket);
    const republish = functions.find((fn) => entryOf(fn) === 'schedule/republish');
    expect(plain(republish?.properties.Environment.Variables.FAILED_RECORDS_BUCKET)).toBe(`<${bucket}>`);
  });
});

describe('what looks for the lost', () => {
  it('counts what it mended, and rings, whichever function did it', () => {
    const mended = alarms.filter(({ properties }) => properties.MetricName === 'SweepMended');
    const counting = mended.flatMap(({ properties }) => properties.Dimensions.map(({ Value }) => plain(Value)));
    expect(counting.sort()).toEqual(['schedule/republish', 'schedule/sweep']);
  });
});

describe('every rule of the bus', () => {
  it('has a dead-letter queue for what it cannot hand over', () => {
    for (const { properties } of rules) {
      for (const { DeadLetterConfig } of properties.Targets) expect(DeadLetterConfig?.Arn).toBeDefined();
    }
  });

  const Prefix = z.object({ prefix: z.string() });
  const matches = (pattern: unknown, type: string) =>
    typeof pattern === 'string' ? pattern === type : type.startsWith(Prefix.parse(pattern).prefix);
  const consumers = rules.flatMap(({ properties: { EventPattern, Targets } }) => {
    const mapping = queueMappings.find(({ properties }) => properties.EventSourceArn === `<${Targets[0]?.Arn}.Arn>`);
    return EventPattern && mapping
      ? [{ entry: entryOf(functionBy(mapping.properties.FunctionName)), pattern: EventPattern }]
      : [];
  });

  const reactions = consumers.filter(({ entry }) => entry.startsWith('bus/'));

  it('hears our own events only, and only types that exist', () => {
    expect(reactions).toHaveLength(19);
    for (const { pattern } of reactions) {
      expect(pattern.source).toEqual(['latchwork']);
      for (const type of pattern['detail-type'] ?? []) {
        expect(Object.keys(catalogue).filter((it) => matches(type, it))).not.toEqual([]);
      }
    }
  });

  const hearsAll = ['bus/feed', 'bus/search', 'bus/webhooks'];

  it.each<[string, string[]]>([
    ['transaction.deposited', ['bus/deadlines', 'bus/grants', 'bus/messages']],
    ['transaction.created', ['bus/grants']],
    ['transaction.reserved', ['bus/deadlines', 'bus/grants', 'bus/messages']],
    ['transaction.completed', ['bus/deadlines', 'bus/grants', 'bus/waiting']],
    ['transaction.extended', ['bus/deadlines', 'bus/grants', 'bus/messages']],
    ['transaction.conflicted', ['bus/grants', 'bus/incidents', 'bus/signals']],
    ['command.opened', []],
    ['credential.superseded', ['bus/grants', 'bus/messages']],
    ['credential.delegated', ['bus/grants', 'bus/messages']],
    ['credential.taken_back', ['bus/grants', 'bus/messages']],
    ['command.queued', ['bus/commands', 'bus/deadlines', 'bus/lock-boards']],
    ['command.acknowledged', ['bus/commands']],
    ['transaction.waitlisted', ['bus/deadlines', 'bus/grants', 'bus/waiting']],
    ['bank.registered', ['bus/banks', 'bus/policies']],
    ['bank.updated', ['bus/banks']],
    ['bank.enrolled', ['bus/banks', 'bus/grants']],
    ['bank.controller_replaced', ['bus/banks', 'bus/grants']],
    ['bank.certificate_revoked', ['bus/banks']],
    ['compartment.lock_jammed', ['bus/incidents', 'bus/signals']],
    ['import.started', ['bus/imports']],
    ['import.completed', []],
    ['export.created', ['bus/exports']],
    ['export.completed', ['bus/export-pushes']],
    ['export.push_failed', ['bus/incidents', 'bus/signals']],
    ['reconciliation.uploaded', ['bus/reconciliations']],
    ['export_schedule.ran', ['bus/deadlines']],
    ['incident.opened', ['bus/deadlines']],
    ['incident.resolved', []],
    ['incident.escalated', ['bus/deadlines', 'bus/signals']],
    ['webhook_endpoint.disabled', ['bus/incidents', 'bus/signals']],
  ])('%s wakes %j, and who hears everything', (type, expected) => {
    const woken = reactions.filter(
      ({ pattern }) => !pattern['detail-type'] || pattern['detail-type'].some((it) => matches(it, type)),
    );
    expect(woken.map(({ entry }) => entry).sort()).toEqual([...expected, ...hearsAll].sort());
  });

  it('wakes incidents by what opens one or may end its cause, and by nothing else', () => {
    const woken = reactions.filter(({ entry }) => entry === 'bus/incidents');
    expect(woken.flatMap(({ pattern }) => pattern['detail-type'] ?? []).toSorted()).toEqual(
      incidentEvents().toSorted(),
    );
  });

  it('that is no reaction hears of files that come into the bucket of uploads, and of nothing else', () => {
    const bucket = target(stack.outputs.UploadsBucketName?.Value);
    expect(consumers.filter((it) => !reactions.includes(it))).toEqual([
      {
        entry: 'queue/import-files',
        pattern: {
          source: ['aws.s3'],
          'detail-type': ['Object Created'],
          detail: { bucket: { name: [{ Ref: bucket }] } },
        },
      },
    ]);
  });

  it('tells the banks only of what they did not do themselves, and people of reservations only who come for them', () => {
    const asking = reactions.filter(({ pattern }) => pattern.detail !== undefined);
    expect(asking.map(({ entry, pattern }) => [entry, pattern.detail])).toEqual([
      ['bus/grants', { data: { changesGrants: [true] } }],
      ['bus/messages', { data: { workflow: ['loan', 'rental'] } }],
    ]);
  });
});

function ErrorAction() {
  return z.object({
    RuleName: z.string(),
    TopicRulePayload: z.object({
      Sql: z.string(),
      Actions: z.tuple([
        z.union([
          z.object({ Sqs: z.object({ QueueUrl: Target }) }).transform(({ Sqs }) => Sqs.QueueUrl),
          z.object({ Lambda: z.object({ FunctionArn: Target }) }).transform(({ Lambda }) => Lambda.FunctionArn),
        ]),
      ]),
      ErrorAction: z.object({ Sqs: z.object({ QueueUrl: Target }) }),
    }),
  });
}

describe('every IoT rule', () => {
  const iotRules = stack.all('AWS::IoT::TopicRule', ErrorAction());

  it('hands what it got to a queue of its own, or to a function that is asked again, and what went wrong to another', () => {
    const destinations = iotRules.map(({ properties }) => properties.TopicRulePayload.Actions[0]);
    expect(new Set(destinations).size).toBe(4);
    const called = destinations.flatMap((id) => functions.filter(({ logicalId }) => logicalId === id).map(entryOf));
    expect(called).toEqual(['device/enrol']);
    for (const { properties } of iotRules) {
      expect(destinations).not.toContain(properties.TopicRulePayload.ErrorAction.Sqs.QueueUrl);
    }
  });

  it('takes the bank from the connection, and only known fields from the payload', () => {
    expect(
      Object.fromEntries(iotRules.map(({ properties }) => [properties.RuleName, properties.TopicRulePayload.Sql])),
    ).toEqual({
      lw_journal: 'SELECT clientid() AS bankId, timestamp() AS brokerTime, journalId, entries',
      lw_ask: 'SELECT clientid() AS bankId, timestamp() AS brokerTime, askId, method, verifier, at',
      // The topic is AWS IoT's own, to which no client may publish; its last part is the client's id.
      lw_presence:
        'SELECT topic(5) AS bankId, eventType, timestamp, versionNumber, sessionIdentifier, disconnectReason ' +
        "FROM '$aws/events/presence/+/+' WHERE regexp_matches(topic(5), '^bnk_')",
      lw_certificate: 'SELECT clientid() AS bankId, principal() AS certificateId, rotation, csr',
    });
  });
});

describe('the HTTP API', () => {
  const integrations = stack.all(
    'AWS::ApiGatewayV2::Integration',
    z.object({ IntegrationUri: Target, PayloadFormatVersion: z.string() }),
  );
  const served = Object.fromEntries(
    stack.all('AWS::ApiGatewayV2::Route', z.object({ RouteKey: z.string(), Target: Text })).map(({ properties }) => {
      const integration = integrations.find(({ logicalId }) => properties.Target === `integrations/<${logicalId}>`);
      return [properties.RouteKey, integration && entryOf(functionBy(integration.properties.IntegrationUri))];
    }),
  );

  it('serves every route of the contract by the function of its noun, and everything else by our own 404', () => {
    const contract = Object.fromEntries(routes.map(({ method, path, noun }) => [`${method} ${path}`, `http/${noun}`]));
    const forPeople = Object.fromEntries(
      pickupPageRoutes.flatMap(({ methods, path }) => methods.map((it) => [`${it} ${path}`, 'http/pickup-page'])),
    );
    expect(served).toEqual({ ...contract, ...forPeople, $default: 'http/documents' });
  });

  it('logs no path: that of a pickup page is all that somebody needs to open the door', () => {
    const logged = stack.all(
      'AWS::ApiGatewayV2::Stage',
      z.object({ AccessLogSettings: z.object({ Format: z.string() }) }),
    );
    for (const { properties } of logged)
      expect(properties.AccessLogSettings.Format).not.toMatch(/path|requestUri|resource/i);
  });

  it('hands requests over in payload format 2.0', () => {
    for (const { properties } of integrations) expect(properties.PayloadFormatVersion).toBe('2.0');
  });

  it('bounds what a runaway client can cost', () => {
    expect(stack.all('AWS::ApiGatewayV2::Stage', z.unknown())[0]?.properties).toMatchObject({
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 1_000, ThrottlingBurstLimit: 2_000 },
    });
  });
});

describe('least privilege', () => {
  const logging = ['logs:CreateLogStream', 'logs:PutLogEvents'];
  const read = ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'];
  const readWrite = [...read, 'dynamodb:DeleteItem', 'dynamodb:PutItem'];
  const secret = 'secretsmanager:GetSecretValue';
  const send = 'sqs:SendMessage';
  const schedule = ['iam:PassRole', 'scheduler:CreateSchedule'];
  const shadows = ['iot:GetThingShadow', 'iot:UpdateThingShadow'];
  const issue = [
    ...['iot:CreateCertificateFromCsr', 'iot:DescribeCertificate', 'iot:UpdateCertificate'],
    ...['iot:AttachPolicy', 'iot:AttachThingPrincipal'],
  ];
  const consume = [
    ...['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'],
    ...['sqs:GetQueueAttributes', 'sqs:GetQueueUrl'],
  ];
  const readStream = [
    ...['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
  ];

  it.each([
    ['http/transactions', [...readWrite, secret]],
    ['http/credentials', [...readWrite, secret]],
    ['http/commands', [...readWrite, secret, ...shadows]],
    ['http/pickup-page', [...readWrite, secret, ...shadows]],
    ['http/api-keys', [...readWrite, secret]],
    ['http/sites', [...readWrite, secret]],
    ['http/banks', [...readWrite, secret]],
    ['http/lock-boards', [...readWrite, secret, send]],
    ['http/message-templates', [...readWrite, secret]],
    ['http/assets', [...readWrite, secret]],
    ['http/stock-units', [...readWrite, secret]],
    ['http/incidents', [...readWrite, secret]],
    ['http/webhook-endpoints', [...readWrite, secret, send]],
    ['http/events', [...readWrite, secret]],
    // It gives links to upload by, which may do what it may do.
    ['http/imports', [...readWrite, secret, 's3:PutObject']],
    ['queue/import-files', [...consume, ...readWrite, 's3:GetObject', 's3:ListBucket']],
    ['bus/imports', [...consume, ...readWrite, secret, send]],
    // Likewise, to fetch by.
    ['http/exports', [...readWrite, secret, 's3:GetObject']],
    ['bus/exports', [...consume, ...readWrite, secret, 's3:GetObject', 's3:ListBucket', 's3:PutObject', send]],
    // Where the operator has set up buckets of customers: `s3:PutObject` for those alone, as below.
    ['bus/export-pushes', [...consume, ...readWrite, 's3:GetObject', send]],
    ['http/reconciliations', [...readWrite, secret, 's3:GetObject', 's3:PutObject']],
    ['bus/reconciliations', [...consume, ...readWrite, secret, 's3:GetObject', 's3:ListBucket', 's3:PutObject']],
    ['http/documents', []],
    ['http/event-documents', []],
    ['stream/publish', [...readStream, 'events:PutEvents', 's3:ListBucket', 's3:PutObject']],
    ['bus/grants', [...consume, ...readWrite, secret, ...shadows]],
    ['bus/commands', [...consume, ...readWrite, ...shadows]],
    ['bus/lock-boards', [...consume, ...readWrite, secret, send]],
    ['bus/deadlines', [...consume, ...readWrite, ...schedule, 'scheduler:DeleteSchedule', send]],
    ['bus/webhooks', [...consume, ...readWrite, send]],
    ['bus/replays', [...consume, ...readWrite, send]],
    [
      'bus/banks',
      [
        ...[...consume, ...read, secret, ...shadows, 'iot:CreateThing', 'iot:UpdateThing', 'iot:ListThingPrincipals'],
        ...['iot:DetachPolicy', 'iot:DetachThingPrincipal', 'iot:UpdateCertificate', 'iot:DeleteConnection'],
      ],
    ],
    ['bus/messages', [...consume, ...readWrite, ...schedule, send]],
    ['queue/send-sms', [...consume, ...readWrite, secret, send, 'sns:Publish']],
    // Where somebody said in whose name: `ses:SendEmail` for that alone, as below.
    ['queue/send-email', [...consume, ...readWrite, secret, send]],
    ['bus/signals', [...consume, 'sns:Publish']],
    ['bus/incidents', [...consume, ...readWrite]],
    ['bus/feed', [...consume, ...readWrite]],
    ['bus/search', [...consume, ...readWrite, secret]],
    ['queue/deadlines', [...consume, ...readWrite, secret, ...schedule, send]],
    ['queue/deliver', [...consume, ...readWrite, secret, ...schedule, send]],
    ['device/journal', [...consume, ...readWrite, secret, 'iot:Publish', send, ...shadows]],
    ['device/ask', [...consume, ...readWrite, secret, 'iot:Publish', ...shadows]],
    ['schedule/sweep', [...readWrite, secret, send]],
    ['schedule/republish', ['events:PutEvents', 's3:DeleteObject', 's3:GetObject', 's3:ListBucket', send]],
    // It can write an anchor and not read or delete one.
    ['schedule/anchor', [...read, 'dynamodb:PutItem', 's3:PutObject', send]],
    ['operator/create-tenant', [...readWrite, secret]],
    ['device/enrol', [...readWrite, ...issue, 'iot:Publish', send, 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl']],
    ['operator/claims', [...readWrite, ...issue, 'iot:DetachPolicy']],
  ])('%s may do this and nothing else', (entry, actions) => {
    const holders = functions.filter((fn) => entryOf(fn) === entry);
    expect(holders).not.toEqual([]);
    for (const { properties } of holders) {
      const allowed = statementsOf(properties.Role).filter(({ Effect }) => Effect === 'Allow');
      expect([...new Set(allowed.flatMap(({ Action }) => Action))].sort()).toEqual([...logging, ...actions].sort());
    }
  });

  it('reaches the index of due times from the sweep alone', () => {
    const reaching = functions.filter(({ properties }) =>
      statementsOf(properties.Role).some(({ Resource }) => Resource.some((it) => it.endsWith('/index/due'))),
    );
    expect(reaching.map(entryOf)).toEqual(['schedule/sweep']);
  });

  it('keeps the SMS function away from every topic', () => {
    const messages = functions.find((fn) => entryOf(fn) === 'queue/send-sms');
    expect(statementsOf(messages?.properties.Role ?? '')).toContainEqual({
      Effect: 'Deny',
      Action: ['sns:Publish'],
      Resource: ['arn:*:sns:*:*:*'],
    });
  });

  it('sends e-mail in the name of one address alone, where there is one', () => {
    const named = synthesized('prod', { emailFrom: 'messages@operator.example' });
    const Roles = z.object({
      Policies: z.array(z.object({ PolicyDocument: z.object({ Statement: z.array(Statement) }) })),
    });
    const allowed = named
      .all('AWS::IAM::Role', Roles)
      .flatMap(({ properties }) => properties.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement))
      .filter(({ Action }) => Action.some((it) => it.startsWith('ses:')));
    expect(allowed.map(({ Action }) => Action)).toEqual([['ses:SendEmail']]);
    expect(allowed[0]?.Resource).toEqual([expect.stringMatching(/:identity\/<Notifications\w+>$/)]);
    expect(named.all('AWS::SES::EmailIdentity', z.unknown()).map((it) => it.deletionPolicy)).toEqual(['Retain']);
  });

  it('puts exports below the prefix of each bucket that was set up, and by its key, and reaches nothing else there', () => {
    const tenant = `ten_${'0'.repeat(26)}`;
    const books = { tenant, name: 'finance', bucket: 'books', account: '111122223333', prefix: 'in/' };
    const kmsKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd';
    const exportDestinations = [
      books,
      { ...books, name: 'audit' },
      { ...books, name: 'vault', bucket: 'vault', kmsKeyArn },
    ];
    const set = synthesized('prod', { exportDestinations: JSON.stringify(exportDestinations) });
    const Configured = z.object({
      Role: Target,
      Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
    });
    const told = set
      .all('AWS::Lambda::Function', Configured)
      .filter(({ properties }) => properties.Environment.Variables.EXPORT_DESTINATIONS !== undefined)
      .map(({ properties }) => properties);
    expect(told.map(({ Environment }) => Environment.Variables.POWERTOOLS_SERVICE_NAME).sort()).toEqual([
      'bus/export-pushes',
      'http/exports',
    ]);
    const Conditioned = Statement.extend({ Condition: z.unknown().optional() });
    const Roles = z.object({
      Policies: z.array(z.object({ PolicyDocument: z.object({ Statement: z.array(Conditioned) }) })),
    });
    const foreign = set.all('AWS::IAM::Role', Roles).flatMap(({ logicalId, properties }) =>
      properties.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
        .filter(({ Resource }) => Resource.some((it) => /books|vault|kms/.test(it)))
        .map((it) => ({ ...it, logicalId })),
    );
    const pusher = told.find(({ Environment }) => Environment.Variables.POWERTOOLS_SERVICE_NAME !== 'http/exports');
    expect(new Set(foreign.map(({ logicalId }) => logicalId))).toEqual(new Set([pusher?.Role]));
    expect(foreign.map(({ Action, Resource, Condition }) => ({ Action, Resource, Condition }))).toEqual([
      {
        Action: ['s3:PutObject'],
        Resource: [expect.stringMatching(/:s3:::books\/in\/\*$/), expect.stringMatching(/:s3:::vault\/in\/\*$/)],
      },
      {
        Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
        Resource: [kmsKeyArn],
        Condition: { StringEquals: { 'kms:ViaService': 's3.eu-west-1.amazonaws.com' } },
      },
    ]);
  });

  it('has a wildcard only where nothing narrower can be named', () => {
    const iot = 'arn:aws:iot:ap-southeast-1:123456789012';
    const schedules = 'arn:aws:scheduler:ap-southeast-1:123456789012:schedule/latchwork-prod/*';
    // The reason of each stands where it is granted, and in what cdk-nag is told.
    const known = [
      'stream/publish *',
      'stream/publish <bucket>/aws/lambda/*',
      'schedule/republish <bucket>/aws/lambda/*',
      'schedule/anchor <anchors>/*',
      'http/imports <uploads>/*.csv',
      'queue/import-files <uploads>/*.csv',
      'http/exports <exports>/*',
      'bus/exports <exports>/*',
      'bus/export-pushes <exports>/*',
      'http/reconciliations <uploads>/*.csv',
      'http/reconciliations <exports>/*',
      'bus/reconciliations <uploads>/*.csv',
      'bus/reconciliations <exports>/*',
      `http/commands ${iot}:thing/bnk_*/doors-*`,
      `http/pickup-page ${iot}:thing/bnk_*/doors-*`,
      `device/ask ${iot}:thing/bnk_*/doors-*`,
      `device/ask ${iot}:topic/lw/bnk_*/down/*`,
      `device/journal ${iot}:thing/bnk_*/grants-*`,
      `device/journal ${iot}:thing/bnk_*/config`,
      `device/journal ${iot}:topic/lw/bnk_*/down/*`,
      `bus/commands ${iot}:thing/bnk_*/doors-*`,
      `bus/grants ${iot}:thing/bnk_*/grants-*`,
      `bus/grants ${iot}:thing/bnk_*/config`,
      `bus/banks ${iot}:thing/bnk_*`,
      `bus/banks ${iot}:thing/bnk_*/config`,
      `bus/banks ${iot}:client/bnk_*`,
      `bus/banks ${iot}:cert/*`,
      'device/enrol *',
      `device/enrol ${iot}:topic/lw/bnk_*/down/*`,
      `device/enrol ${iot}:thing/bnk_*`,
      `device/enrol ${iot}:cert/*`,
      'operator/claims *',
      `operator/claims ${iot}:thing/bnk_*`,
      `operator/claims ${iot}:cert/*`,
      `bus/deadlines ${schedules}`,
      `bus/messages ${schedules}`,
      `bus/waiting ${schedules}`,
      `queue/deadlines ${schedules}`,
      `queue/deliver ${schedules}`,
      'queue/send-sms *',
    ];
    const wild = functions.flatMap((fn) =>
      statementsOf(fn.properties.Role)
        .filter(({ Effect }) => Effect === 'Allow')
        .flatMap(({ Resource }) => Resource.filter((resource) => resource.includes('*')))
        .map(
          (it) =>
            `${entryOf(fn)} ${it
              .replace(/<DataFailedRecords[^>]*>/, '<bucket>')
              .replace(/<DataAnchors[^>]*>/, '<anchors>')
              .replace(/<DataUploads[^>]*>/, '<uploads>')
              .replace(/<DataExports[^>]*>/, '<exports>')}`,
        ),
    );
    expect([...new Set(wild)].sort()).toEqual(known.sort());
    const actions = roles.flatMap(({ statements }) => statements.flatMap(({ Action }) => Action));
    expect(actions.filter((action) => action.includes('*'))).toEqual([]);
  });

  it('gives the roles of schedules and IoT rules nothing but sending to our queues', () => {
    const functionRoles = functions.map(({ properties }) => properties.Role);
    const others = roles.filter(
      ({ logicalId, statements }) =>
        !functionRoles.includes(logicalId) && statements.some(({ Action }) => Action.includes('sqs:SendMessage')),
    );
    // Deadlines, webhooks, messages, and the rules of IoT.
    expect(others).toHaveLength(4);
    for (const { statements } of others) {
      for (const { Action, Resource } of statements) {
        expect(Action).toContain('sqs:SendMessage');
        expect(Action.every((action) => action.startsWith('sqs:'))).toBe(true);
        expect(queues.map(({ logicalId }) => `<${logicalId}.Arn>`)).toEqual(expect.arrayContaining(Resource));
      }
    }
  });
});
