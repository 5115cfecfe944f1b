import { Aws, Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnPolicy, CfnThingType, CfnTopicRule } from 'aws-cdk-lib/aws-iot';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type * as z from 'zod';
import { Ask } from '../shared/device/ask.ts';
import { JournalBatch } from '../shared/device/messages.ts';
import { ruleNames, topics } from '../shared/device/topics.ts';
import type { Bus } from './bus.ts';
import { alarmPeriod, impactAlarm } from './constructs/alarm.ts';
import { output } from './constructs/output.ts';
import { OwnRole } from './constructs/own-role.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import { DeadLetterQueue, ServiceQueue } from './constructs/service-queue.ts';
import type { Data } from './data.ts';
import type { Stage } from './stages.ts';

/** Bank ids are thing names; a thing of somebody else in the same account is out of our reach. */
export const anyBank = 'bnk_*';

const ingestImpact = 'What a bank sent did not reach its queue; journals are sent again, an ask is not.';

export type DevicesProps = { stage: Stage; data: Data; bus: Bus };

/** The link to the banks: what they may do, what they send, what they are told. */
export class Devices extends Construct {
  private readonly stage: Stage;
  private readonly thingType: CfnThingType;
  /** What a certificate of a bank lets it do. */
  readonly policy: CfnPolicy;
  /** Where that ends up which an IoT rule could not hand on, and as whom rules act. */
  readonly ingestErrors: Queue;
  readonly ingestRole: OwnRole;
  /** What banks send is emptied from these, whoever put it there. */
  private readonly heard: ServiceQueue[];

  constructor(scope: Construct, id: string, { stage, data, bus }: DevicesProps) {
    super(scope, id);
    this.stage = stage;

    this.thingType = new CfnThingType(this, 'ThingType', {
      thingTypeName: `latchwork-${stage.name}-bank`,
      thingTypeProperties: {
        thingTypeDescription: 'A bank of compartments; its thing, client id and bank id are one name.',
        searchableAttributes: ['tenant', 'site'],
      },
    });
    this.policy = new CfnPolicy(this, 'Policy', {
      policyName: `latchwork-${stage.name}-bank`,
      policyDocument: devicePolicy((resource) => this.arn(resource)),
    });
    output(this, 'ThingTypeName', this.thingType.ref);
    output(this, 'DevicePolicyName', this.policy.ref);

    const errors = new DeadLetterQueue(this, 'IngestErrors', {
      stage,
      impact: ingestImpact,
      cause: 'the action of an IoT rule failed; the message holds the reason and the payload.',
    });
    this.ingestErrors = errors.queue;
    output(this, 'IngestErrorsQueueUrl', this.ingestErrors.queueUrl);
    this.ingestRole = new OwnRole(this, 'IngestRole', {
      description: 'What the IoT rules act as: they may put messages into their queues, nothing else.',
      assumedBy: new ServicePrincipal('iot.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    });
    this.ingestErrors.grantSendMessages(this.ingestRole);

    this.heard = this.heed(data);
    this.tell(data, bus);
  }

  /** What comes up from the banks, each behind a queue of its own: an ask is a person waiting, a journal may be long. */
  private heed(data: Data): ServiceQueue[] {
    const { stage } = this;
    const journal = new ServiceFunction(this, 'Journal', {
      stage,
      entry: 'device/journal',
      name: 'Journal',
      impact: 'What happens at doors is not recorded: deposits and pickups stay unknown until it works again.',
      timeout: Duration.seconds(30),
    });
    const journalQueue = new ServiceQueue(this, 'JournalQueue', {
      stage,
      name: 'Journal',
      impact: 'What happened at doors is recorded late; what was given up, the bank sends again.',
      consumer: journal,
      maxConcurrency: 50,
      // A gap is looked at again with a delay.
      lateAfter: Duration.minutes(20),
    });
    data.readWrite(journal);
    data.readRootSecret(journal);
    this.publishDown(journal);
    this.writeShadows(journal, 'grants-*');
    // Whose tokens it takes, before the grants that need it.
    this.writeShadows(journal, 'config');
    journalQueue.sendFrom(journal);

    const ask = new ServiceFunction(this, 'Ask', {
      stage,
      entry: 'device/ask',
      name: 'Ask',
      impact: 'People whose credential their bank does not know yet stand before a closed door.',
    });
    const askQueue = new ServiceQueue(this, 'AskQueue', {
      stage,
      name: 'Ask',
      impact: 'People whose credential their bank does not know yet stand before a closed door.',
      consumer: ask,
      maxConcurrency: 20,
      lateAfter: Duration.minutes(1),
    });
    data.readWrite(ask);
    data.readRootSecret(ask);
    this.publishDown(ask);
    this.commandDoors(ask);

    const presence = new ServiceFunction(this, 'Presence', {
      stage,
      entry: 'device/presence',
      name: 'Presence',
      impact: 'Whether banks are online is not known: nobody is told of one that is gone.',
      environment: { CONNECTIVITY_WAITS_SECONDS: stage.connectivityWaitsSeconds },
    });
    const presenceQueue = new ServiceQueue(this, 'PresenceQueue', {
      stage,
      name: 'Presence',
      impact: 'That a bank went offline, or is back, is told late.',
      consumer: presence,
      maxConcurrency: 10,
      // What broke is looked at again with a delay.
      lateAfter: Duration.minutes(20),
    });
    data.readWrite(presence);
    presenceQueue.sendFrom(presence);

    this.ingest([
      { ruleName: ruleNames.journal, sql: fromBank(JournalBatch), queue: journalQueue, namedByBanks: true },
      { ruleName: ruleNames.ask, sql: fromBank(Ask), queue: askQueue, namedByBanks: true },
      { ruleName: 'lw_presence', sql: lifecycleEvents, queue: presenceQueue, namedByBanks: false },
    ]);
    return [journalQueue, askQueue];
  }

  /** Lets an adapter put what a vendor tells where the rules put what banks tell themselves: their journal, their asks. */
  hearFrom(fn: ServiceFunction): void {
    for (const queue of this.heard) queue.sendFrom(fn);
  }

  private ingest(rules: { ruleName: string; sql: string; queue: ServiceQueue; namedByBanks: boolean }[]): void {
    const { ingestErrors: errors, ingestRole: role } = this;
    for (const { ruleName, sql, queue, namedByBanks } of rules) {
      queue.queue.grantSendMessages(role);
      const rule = new CfnTopicRule(this, ruleName, {
        ruleName,
        topicRulePayload: {
          awsIotSqlVersion: '2016-03-23',
          sql,
          actions: [{ sqs: { queueUrl: queue.queue.queueUrl, roleArn: role.roleArn, useBase64: false } }],
          errorAction: { sqs: { queueUrl: errors.queueUrl, roleArn: role.roleArn, useBase64: false } },
        },
      });
      // IoT tries the role when the rule is made; its policy must be there by then.
      rule.node.addDependency(role);
      if (!namedByBanks) continue;
      impactAlarm(this, `${ruleName}Missing`, {
        impact: ingestImpact,
        cause: `a bank named the IoT rule ${ruleName}, which is not there or switched off.`,
        metric: new Metric({
          namespace: 'AWS/IoT',
          metricName: 'RuleNotFound',
          dimensionsMap: { RuleName: ruleName },
          period: alarmPeriod,
          statistic: 'Sum',
        }),
      });
    }
  }

  /** What goes down to the banks because of an event. */
  private tell(data: Data, bus: Bus): void {
    const grants = bus.reaction(this, 'Grants', {
      entry: 'bus/grants',
      name: 'Grants',
      impact: 'Banks do not learn who may open what: new credentials fail there, revoked ones still open.',
      to: ['transaction.*', 'credential.*', 'bank.controller_replaced', 'bank.enrolled'],
      // Not what the bank did itself, with grants that it had.
      where: { changesGrants: [true] },
      // After another controller came, the credentials of up to 120 doors are made anew.
      timeout: Duration.seconds(30),
    });
    data.readWrite(grants.fn);
    data.readRootSecret(grants.fn);
    this.writeShadows(grants.fn, 'grants-*');
    // Before the first token of an issuer its key.
    this.writeShadows(grants.fn, 'config');

    const commands = bus.reaction(this, 'Commands', {
      entry: 'bus/commands',
      name: 'Commands',
      impact: 'Door commands whose first message was lost are not sent again, and stay in the shadow when answered.',
      // To send again, or to take out of the shadow. A command that opened was acknowledged before.
      to: [
        'command.queued',
        'command.acknowledged',
        'command.rejected',
        'command.failed',
        'command.timed_out',
        'command.superseded',
      ],
      deliveryDelay: Duration.seconds(this.stage.commandResendSeconds),
    });
    data.readWrite(commands.fn);
    this.commandDoors(commands.fn);

    const banks = bus.reaction(this, 'Banks', {
      entry: 'bus/banks',
      name: 'Banks',
      impact:
        'New banks cannot connect, and what was revoked still can: things, settings and certificates stay as they were.',
      to: [
        'bank.registered',
        'bank.updated',
        'bank.enrolled',
        'bank.certificate_rotation_requested',
        'bank.certificate_rotated',
        'bank.certificate_revoked',
        'bank.controller_replaced',
        'bank.decommissioned',
      ],
    });
    data.read(banks.fn);
    data.readRootSecret(banks.fn);
    this.registerThings(banks.fn);
    this.writeShadows(banks.fn, 'config');
    this.dismissCertificates(banks.fn);
  }

  /** Lets the function put open commands into the banks' `doors` shadows. */
  commandDoors(fn: ServiceFunction): void {
    this.writeShadows(fn, 'doors-*');
  }

  private writeShadows(fn: ServiceFunction, shadow: string): void {
    fn.allow({
      actions: ['iot:GetThingShadow', 'iot:UpdateThingShadow'],
      resources: [this.arn(this.stage.shadowNameInArn ? `thing/${anyBank}/${shadow}` : `thing/${anyBank}`)],
      wildcard: 'Banks come and go while the stack stays; these are the shadows it writes, of any bank.',
    });
  }

  private registerThings(fn: ServiceFunction): void {
    fn.allow({
      actions: ['iot:CreateThing', 'iot:UpdateThing'],
      resources: [this.arn(`thing/${anyBank}`)],
      wildcard: 'Banks come and go while the stack stays.',
    });
    fn.tell('THING_TYPE_NAME', this.thingType.ref);
  }

  private dismissCertificates(fn: ServiceFunction): void {
    fn.allow({
      actions: ['iot:ListThingPrincipals', 'iot:DetachThingPrincipal', 'iot:DeleteConnection'],
      resources: [this.arn(`thing/${anyBank}`), this.arn(`client/${anyBank}`)],
      wildcard: 'Banks come and go while the stack stays.',
    });
    fn.allow({
      actions: ['iot:DetachPolicy', 'iot:UpdateCertificate', 'iot:DetachThingPrincipal'],
      resources: [this.arn('cert/*')],
      wildcard: 'Certificates are named by their fingerprint; it asks which are attached to the bank’s thing.',
    });
    fn.tell('DEVICE_POLICY_NAME', this.policy.ref);
  }

  publishDown(fn: ServiceFunction): void {
    fn.allow({
      actions: ['iot:Publish'],
      resources: [this.arn(`topic/lw/${anyBank}/down/*`)],
      wildcard: 'Banks come and go while the stack stays; only what goes down to a bank.',
    });
  }

  arn(resource: string): string {
    return `arn:${Aws.PARTITION}:iot:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;
  }
}

/**
 * Basic Ingest: the bank names the rule in its topic, so it has no FROM and nothing else can set it off. Field by field,
 * never `*`: a payload that brings a `bankId` of its own is not asked for it.
 */
const fromBank = ({ shape }: z.ZodObject): string =>
  `SELECT clientid() AS bankId, timestamp() AS brokerTime, ${Object.keys(shape).join(', ')}`;

/** AWS IoT tells of every client of the account; the fifth part of the topic is its id, which for a bank is its own. */
const lifecycleEvents = [
  'SELECT topic(5) AS bankId, eventType, timestamp, versionNumber, sessionIdentifier, disconnectReason',
  "FROM '$aws/events/presence/+/+'",
  "WHERE regexp_matches(topic(5), '^bnk_')",
].join(' ');

/** What a bank may do, by its own name only. At most 2,048 characters without blanks (limits.md F1). */
export function devicePolicy(arn: (resource: string) => string) {
  const me = `\${iot:Connection.Thing.ThingName}`;
  const { journal, ask, certificate, shadow } = topics(me);
  const down = `lw/${me}/down/*`;
  const answers = `${shadow('*').get}/*`;
  const allow = (action: string, resources: string[]) => ({
    Effect: 'Allow',
    Action: action,
    Resource: resources.map(arn),
  });
  return {
    Version: '2012-10-17',
    Statement: [
      { ...allow('iot:Connect', [`client/${me}`]), Condition: { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } } },
      allow(
        'iot:Publish',
        [journal, ask, certificate, shadow('*').get, shadow('doors-*').update].map((topic) => `topic/${topic}`),
      ),
      // Wider than what is received, so that one subscription with `+` serves all shadows (50 per connection).
      allow(
        'iot:Subscribe',
        [down, answers, `${shadow('*').update}/*`].map((filter) => `topicfilter/${filter}`),
      ),
      allow(
        'iot:Receive',
        [down, answers, shadow('*').delta, `${shadow('doors-*').update}/*`].map((topic) => `topic/${topic}`),
      ),
    ],
  };
}
