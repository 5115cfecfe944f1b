import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import {
  Effect,
  type IGrantable,
  type IPrincipal,
  type IRole,
  PolicyStatement,
  type Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  Architecture,
  type IEventSource,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { FilterPattern, LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import { alarmPeriod, impactAlarm } from './alarm.ts';
import { bundlingWith } from './bundling.ts';
import { output } from './output.ts';
import { OwnRole } from './own-role.ts';
import { acknowledgeWildcards } from './wildcards.ts';

export type ServiceFunctionProps = {
  stage: Stage;
  /** Its file below `functions/`, without the ending. */
  entry: string;
  /** Its output is `<name>FunctionName`. */
  name: string;
  /** What its failure means to a customer; becomes the alarm's text. */
  impact: string;
  timeout?: Duration;
  memoryMb?: 256 | 512;
  /** Its SDK client loads them at once, whether it uses them or not. */
  needsEventStreams?: boolean;
  environment?: Record<string, string>;
};

/** A statement of a policy. A `*` in one of the resources fails the checks unless `wildcard` says why it must be. */
export type Permission = {
  actions: string[];
  resources: string[];
  wildcard?: string;
  conditions?: Record<string, Record<string, string>>;
};

const root = join(import.meta.dirname, '..', '..');

/** One function with what all of ours have: a role of its own, its log, its alarm, one way of bundling. */
export class ServiceFunction extends Construct implements IGrantable {
  readonly lambda: NodejsFunction;
  readonly grantPrincipal: IPrincipal;
  readonly timeout: Duration;
  private readonly role: Role;
  private readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: ServiceFunctionProps) {
    super(scope, id);
    const {
      stage,
      entry,
      name,
      impact,
      timeout = Duration.seconds(10),
      environment,
      memoryMb = 256,
      needsEventStreams = false,
    } = props;
    this.timeout = timeout;

    const logGroup = new LogGroup(this, 'Log', {
      retention: stage.logRetentionDays,
      removalPolicy: stage.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    // Not the managed AWSLambdaBasicExecutionRole: that one may write to every log of the account.
    this.role = new OwnRole(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup = logGroup;
    logGroup.grantWrite(this.role);
    this.grantPrincipal = this.role;

    this.lambda = new NodejsFunction(this, 'Function', {
      entry: join(root, 'functions', `${entry}.ts`),
      projectRoot: root,
      depsLockFilePath: join(root, 'package-lock.json'),
      description: `Latchwork ${stage.name}: ${entry}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: memoryMb,
      timeout,
      role: this.role,
      logGroup,
      // Drops the START, END and REPORT lines of each call: as many bytes as our own line, at $0.50 a GB.
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: SystemLogLevel.WARN,
      applicationLogLevelV2: stage.logLevel === 'DEBUG' ? ApplicationLogLevel.DEBUG : ApplicationLogLevel.INFO,
      environment: {
        STAGE: stage.name,
        LOG_LEVEL: stage.logLevel,
        POWERTOOLS_SERVICE_NAME: entry,
        POWERTOOLS_METRICS_NAMESPACE: 'Latchwork',
        ...environment,
      },
      bundling: bundlingWith({ eventStreams: needsEventStreams }),
    });

    impactAlarm(this, 'Failing', {
      impact,
      cause: `function ${entry} failed.`,
      metric: this.lambda.metricErrors({ period: alarmPeriod }),
    });
    output(this, `${name}FunctionName`, this.lambda.functionName);
  }

  /** Of the role that it acts as. */
  get roleArn(): string {
    return this.role.roleArn;
  }

  allow({ actions, resources, wildcard, conditions }: Permission): void {
    this.role.addToPrincipalPolicy(new PolicyStatement({ actions, resources, ...(conditions && { conditions }) }));
    if (wildcard) acknowledgeWildcards(this, resources, wildcard);
  }

  deny(actions: string[], resources: string[]): void {
    this.role.addToPrincipalPolicy(new PolicyStatement({ effect: Effect.DENY, actions, resources }));
  }

  /** Lets it hand the role to that AWS service, which then acts as the role. */
  allowPassing(role: IRole, service: string): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['iam:PassRole'],
        resources: [role.roleArn],
        conditions: { StringEquals: { 'iam:PassedToService': service } },
      }),
    );
  }

  /** Where something is that it may use; the other half of every grant. */
  tell(variable: string, value: string): void {
    this.lambda.addEnvironment(variable, value);
  }

  /** The highest value that a number in its log lines has; costs the function nothing but the field. */
  highest(field: string): Metric {
    return this.logged(field, 'Maximum');
  }

  /** What a number in its log lines adds up to. */
  total(field: string): Metric {
    return this.logged(field, 'Sum');
  }

  private logged(field: string, statistic: 'Maximum' | 'Sum'): Metric {
    const [namespace, metricName] = ['Latchwork', `${field[0]?.toUpperCase()}${field.slice(1)}`];
    this.logGroup.addMetricFilter(metricName, {
      filterPattern: FilterPattern.exists(`$.${field}`),
      metricNamespace: namespace,
      metricName,
      metricValue: `$.${field}`,
    });
    return new Metric({ namespace, metricName, period: alarmPeriod, statistic });
  }

  startedBy(source: IEventSource): void {
    this.lambda.addEventSource(source);
  }
}
