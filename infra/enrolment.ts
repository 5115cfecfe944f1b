import { Aws, Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnPolicy, CfnProvisioningTemplate, CfnTopicRule } from 'aws-cdk-lib/aws-iot';
import { CfnEventInvokeConfig, CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import {
  CertificateRequest,
  EnrolmentParameters,
  enrollingClient,
  provisioningTopics,
} from '../shared/device/certificate.ts';
import { ruleNames } from '../shared/device/topics.ts';
import { alarmPeriod, impactAlarm } from './constructs/alarm.ts';
import { output } from './constructs/output.ts';
import { OwnRole } from './constructs/own-role.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import { acknowledgeWildcards } from './constructs/wildcards.ts';
import type { Data } from './data.ts';
import { anyBank, type Devices } from './devices.ts';
import type { Stage } from './stages.ts';

export type EnrolmentProps = { stage: Stage; data: Data; devices: Devices };

const impact =
  'New and replaced controllers are not let in, and banks that are to change their certificate keep the old one.';

/** How controllers come to certificates: by a claim of their tenant, and later by asking for another one. */
export class Enrolment extends Construct {
  private readonly stage: Stage;
  private readonly devices: Devices;
  private readonly template: string;

  constructor(scope: Construct, id: string, { stage, data, devices }: EnrolmentProps) {
    super(scope, id);
    this.stage = stage;
    this.devices = devices;
    this.template = `latchwork-${stage.name}-bank`;

    const enrol = new ServiceFunction(this, 'Enrol', { stage, entry: 'device/enrol', name: 'Enrol', impact });
    data.readWrite(enrol);
    devices.publishDown(enrol);
    this.issueCertificates(enrol);
    enrol.tell('DEVICE_POLICY_NAME', devices.policy.ref);

    this.provision(enrol);
    this.rotate(enrol);
    this.claim(data);
  }

  /** RegisterThing: the hook says which bank it is, the template what its certificate is good for. */
  private provision(hook: ServiceFunction): void {
    const { devices } = this;
    const mayAsk = new CfnPermission(this, 'HookPermission', {
      action: 'lambda:InvokeFunction',
      functionName: hook.lambda.functionArn,
      principal: 'iot.amazonaws.com',
      sourceAccount: Aws.ACCOUNT_ID,
      sourceArn: devices.arn(`provisioningtemplate/${this.template}`),
    });
    const things = [devices.arn(`thing/${anyBank}`)];
    const certificates = [devices.arn('cert/*')];
    const role = new OwnRole(this, 'ProvisioningRole', {
      description:
        'What AWS IoT acts as when it lets a controller in: it may attach a certificate to the thing of a bank.',
      assumedBy: new ServicePrincipal('iot.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    });
    // The thing may not be there yet, when a controller is quicker than we are.
    const thingActions = ['iot:DescribeThing', 'iot:CreateThing', 'iot:UpdateThing', 'iot:ListThingPrincipals'];
    for (const [actions, resources] of [
      [thingActions, things],
      [['iot:AttachThingPrincipal'], [...things, ...certificates]],
      [['iot:DescribeCertificate', 'iot:UpdateCertificate', 'iot:AttachPolicy'], certificates],
      [['iot:GetPolicy'], [devices.arn(`policy/${devices.policy.policyName}`)]],
    ] as const) {
      role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [...resources] }));
    }
    acknowledgeWildcards(
      role,
      [...things, ...certificates],
      'Banks come and go while the stack stays; certificates are named by their fingerprint.',
    );
    const bank = 'BankId';
    const template = new CfnProvisioningTemplate(this, 'Template', {
      templateName: this.template,
      description: 'Lets the controller of a registered bank in.',
      enabled: true,
      templateType: 'FLEET_PROVISIONING',
      provisioningRoleArn: role.roleArn,
      preProvisioningHook: { payloadVersion: '2020-04-01', targetArn: hook.lambda.functionArn },
      templateBody: JSON.stringify({
        // What the controller says of itself, and what the hook makes of it.
        Parameters: Object.fromEntries(
          [...Object.keys(EnrolmentParameters.shape), bank, 'AWS::IoT::Certificate::Id'].map((name) => [
            name,
            { Type: 'String' },
          ]),
        ),
        Resources: {
          certificate: {
            Type: 'AWS::IoT::Certificate',
            Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
          },
          policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: devices.policy.policyName } },
          thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: bank } } },
        },
      }),
    });
    // AWS IoT tries both when the template is made.
    template.node.addDependency(mayAsk, role, devices.policy);
    output(this, 'ProvisioningTemplateName', template.ref);
  }

  /** A bank asks for its next certificate. It does so until it is answered, so that nothing need wait in a queue. */
  private rotate(fn: ServiceFunction): void {
    const ruleName = ruleNames.certificate;
    const mayCall = new CfnPermission(this, 'RulePermission', {
      action: 'lambda:InvokeFunction',
      functionName: fn.lambda.functionArn,
      principal: 'iot.amazonaws.com',
      sourceAccount: Aws.ACCOUNT_ID,
      sourceArn: this.devices.arn(`rule/${ruleName}`),
    });
    const lost = this.devices.ingestErrors;
    lost.grantSendMessages(fn);
    new CfnEventInvokeConfig(this, 'Lost', {
      functionName: fn.lambda.functionName,
      qualifier: '$LATEST',
      maximumEventAgeInSeconds: Duration.minutes(5).toSeconds(),
      destinationConfig: { onFailure: { destination: lost.queueArn } },
    });
    const rule = new CfnTopicRule(this, ruleName, {
      ruleName,
      topicRulePayload: {
        awsIotSqlVersion: '2016-03-23',
        // Who asks, and with which certificate, is for the broker to say.
        sql: `SELECT clientid() AS bankId, principal() AS certificateId, ${Object.keys(CertificateRequest.shape).join(', ')}`,
        actions: [{ lambda: { functionArn: fn.lambda.functionArn } }],
        errorAction: {
          sqs: { queueUrl: lost.queueUrl, roleArn: this.devices.ingestRole.roleArn, useBase64: false },
        },
      },
    });
    rule.node.addDependency(mayCall, this.devices.ingestRole);
    impactAlarm(this, `${ruleName}Missing`, {
      impact,
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

  /** The certificate that controllers ask with before they have one of their own. */
  private claim(data: Data): void {
    const { devices, stage } = this;
    const policy = new CfnPolicy(this, 'ClaimPolicy', {
      policyName: `latchwork-${stage.name}-claim`,
      policyDocument: claimPolicy(this.template, stage.enrolByCsr, (resource) => devices.arn(resource)),
    });
    const claims = new ServiceFunction(this, 'Claims', {
      stage,
      entry: 'operator/claims',
      name: 'Claims',
      impact: 'Claims of controllers cannot be made or revoked.',
    });
    data.readWrite(claims);
    this.issueCertificates(claims);
    claims.allow({
      actions: ['iot:DetachPolicy'],
      resources: [devices.arn('cert/*')],
      wildcard: 'Certificates are named by their fingerprint; it names those of claims that it knows.',
    });
    claims.tell('CLAIM_POLICY_NAME', policy.ref);
    claims.tell('PROVISIONING_TEMPLATE_NAME', this.template);
    output(this, 'ClaimPolicyName', policy.ref);
  }

  private issueCertificates(fn: ServiceFunction): void {
    const { devices } = this;
    fn.allow({
      actions: ['iot:CreateCertificateFromCsr'],
      resources: ['*'],
      wildcard: 'iot:CreateCertificateFromCsr knows no resource.',
    });
    fn.allow({
      actions: ['iot:DescribeCertificate', 'iot:UpdateCertificate', 'iot:AttachPolicy', 'iot:AttachThingPrincipal'],
      resources: [devices.arn('cert/*'), devices.arn(`thing/${anyBank}`)],
      wildcard: 'Certificates are named by their fingerprint, which is known only once they are made.',
    });
  }
}

/** What a claim is good for: to ask. Connected under no name that is a bank's. */
function claimPolicy(template: string, byCsr: boolean, arn: (resource: string) => string) {
  const { fromCsr, withKey, register } = provisioningTopics(template);
  const asked = [byCsr ? fromCsr : withKey, register];
  const answers = asked.flatMap((topic) => [`${topic}/accepted`, `${topic}/rejected`]);
  const allow = (action: string, resources: string[]) => ({
    Effect: 'Allow',
    Action: action,
    Resource: resources.map(arn),
  });
  return {
    Version: '2012-10-17',
    Statement: [
      allow('iot:Connect', [`client/${enrollingClient}*`]),
      allow(
        'iot:Publish',
        asked.map((topic) => `topic/${topic}`),
      ),
      allow(
        'iot:Subscribe',
        answers.map((topic) => `topicfilter/${topic}`),
      ),
      allow(
        'iot:Receive',
        answers.map((topic) => `topic/${topic}`),
      ),
    ],
  };
}
