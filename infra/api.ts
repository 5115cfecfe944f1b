import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AccessLogField, AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpMethod, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { pickupPageRoutes } from '../shared/api/pickup-page.ts';
import type { Noun } from '../shared/api/route.ts';
import { routes } from '../shared/api/routes.ts';
import { alarmPeriod, impactAlarm } from './constructs/alarm.ts';
import { output } from './constructs/output.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import type { Data } from './data.ts';
import type { Devices } from './devices.ts';
import { tellExportDestinations } from './exports.ts';
import { tellFeedDays } from './feed.ts';
import type { Stage } from './stages.ts';
import type { Webhooks } from './webhooks.ts';

export type ApiProps = { stage: Stage; data: Data; devices: Devices; webhooks: Webhooks };

/** What has a function of its own: the nouns of the contract, and the page that people open who have a link. */
type Served = Noun | 'pickup-page';

/** What each one's failure means, and what its function may do beyond nothing. */
const nouns: Record<Served, { name: string; impact: string; storesData: boolean }> = {
  transactions: {
    name: 'HttpTransactions',
    impact: 'Integrators cannot create, change or see transactions.',
    storesData: true,
  },
  credentials: {
    name: 'HttpCredentials',
    impact: 'Credentials cannot be issued, sent again, revoked or handed on, and apps get no tokens.',
    storesData: true,
  },
  'pickup-page': {
    name: 'HttpPickupPage',
    impact: 'Whoever opens the link they were sent sees no page: no PIN, no QR code, no door.',
    storesData: true,
  },
  commands: { name: 'HttpCommands', impact: 'Doors cannot be opened by API call.', storesData: true },
  'api-keys': { name: 'HttpApiKeys', impact: 'API keys cannot be made or revoked.', storesData: true },
  sites: { name: 'HttpSites', impact: 'Sites cannot be registered or seen.', storesData: true },
  banks: {
    name: 'HttpBanks',
    impact: 'Banks and compartments cannot be registered, changed or seen.',
    storesData: true,
  },
  'lock-boards': {
    name: 'HttpLockBoards',
    impact:
      'What happens at banks with lock boards is not heard, and who types a code there stands before a closed door.',
    storesData: true,
  },
  'assignment-policies': {
    name: 'HttpAssignmentPolicies',
    impact: 'How compartments are chosen cannot be seen or changed.',
    storesData: true,
  },
  'workflow-terms': {
    name: 'HttpWorkflowTerms',
    impact: 'What tenants and sites say of workflows cannot be seen or changed.',
    storesData: true,
  },
  'message-templates': {
    name: 'HttpMessageTemplates',
    impact: 'What people are told, and how a tenant is shown to them, cannot be seen or changed.',
    storesData: true,
  },
  assets: { name: 'HttpAssets', impact: 'Assets cannot be registered or seen.', storesData: true },
  'stock-units': {
    name: 'HttpStockUnits',
    impact: 'Goods cannot be put into stock, and what is in stock cannot be seen.',
    storesData: true,
  },
  incidents: {
    name: 'HttpIncidents',
    impact: 'Incidents cannot be seen, taken, resolved or reported.',
    storesData: true,
  },
  imports: {
    name: 'HttpImports',
    impact: 'Files of transactions cannot be uploaded, and how far an import has come cannot be seen.',
    storesData: true,
  },
  exports: {
    name: 'HttpExports',
    impact: 'Exports cannot be asked for, and their files cannot be fetched.',
    storesData: true,
  },
  reconciliations: {
    name: 'HttpReconciliations',
    impact: 'Files of orders cannot be uploaded, and what a reconciliation found cannot be seen.',
    storesData: true,
  },
  'webhook-endpoints': {
    name: 'HttpWebhookEndpoints',
    impact: 'Webhook endpoints cannot be registered or pinged, and deliveries cannot be seen.',
    storesData: true,
  },
  events: { name: 'HttpEvents', impact: 'The feed cannot be read.', storesData: true },
  documents: { name: 'HttpDocuments', impact: 'The API description cannot be read.', storesData: false },
  'event-documents': {
    name: 'HttpEventDocuments',
    impact: 'The description of events and of what banks say cannot be read.',
    storesData: false,
  },
};

/** The HTTP API: its routes are the contract's, each served by the function of its noun. */
export class Api extends Construct {
  private readonly publicUrl: string;

  constructor(scope: Construct, id: string, { stage, data, devices, webhooks }: ApiProps) {
    super(scope, id);

    const serve = (noun: Served) => {
      const { name, impact, storesData } = nouns[noun];
      const fn = new ServiceFunction(this, name, { stage, entry: `http/${noun}`, name, impact });
      if (storesData) {
        data.readWrite(fn);
        data.readRootSecret(fn);
        fn.tell('API_KEY_REQUESTS_PER_MINUTE', String(stage.apiKeyRequestsPerMinute));
      }
      // One permission per function, not one per route: 50 statements fewer in as many resources.
      const integration = new HttpLambdaIntegration(name, fn.lambda, { scopePermissionToRoute: false });
      return { fn, integration };
    };
    const served: Record<Served, ReturnType<typeof serve>> = {
      transactions: serve('transactions'),
      credentials: serve('credentials'),
      'pickup-page': serve('pickup-page'),
      commands: serve('commands'),
      'api-keys': serve('api-keys'),
      sites: serve('sites'),
      banks: serve('banks'),
      'lock-boards': serve('lock-boards'),
      'assignment-policies': serve('assignment-policies'),
      'workflow-terms': serve('workflow-terms'),
      'message-templates': serve('message-templates'),
      assets: serve('assets'),
      'stock-units': serve('stock-units'),
      incidents: serve('incidents'),
      imports: serve('imports'),
      exports: serve('exports'),
      reconciliations: serve('reconciliations'),
      'webhook-endpoints': serve('webhook-endpoints'),
      events: serve('events'),
      documents: serve('documents'),
      'event-documents': serve('event-documents'),
    };
    // The one thing that is not deferred: a person stands in front of the door.
    for (const noun of ['commands', 'pickup-page'] as const) devices.commandDoors(served[noun].fn);
    for (const noun of ['webhook-endpoints', 'banks', 'lock-boards'] as const) webhooks.reachEndpoints(served[noun].fn);
    webhooks.retryFrom(served['webhook-endpoints'].fn);
    devices.hearFrom(served['lock-boards'].fn);
    for (const noun of ['events', 'exports', 'webhook-endpoints'] as const) tellFeedDays(served[noun].fn, stage);
    tellExportDestinations(served.exports.fn, stage);
    for (const noun of ['imports', 'reconciliations'] as const) data.takeUploads(served[noun].fn);
    for (const noun of ['exports', 'reconciliations'] as const) data.giveExports(served[noun].fn);

    const api = new HttpApi(this, 'Api', {
      apiName: `latchwork-${stage.name}`,
      createDefaultStage: false,
      // An unknown route is our own 404 problem, not the gateway's.
      defaultIntegration: served.documents.integration,
    });
    for (const { method, path, noun } of routes) {
      api.addRoutes({ path, methods: [HttpMethod[method]], integration: served[noun].integration });
    }
    for (const { methods, path } of pickupPageRoutes)
      api.addRoutes({
        path,
        methods: methods.map((it) => HttpMethod[it]),
        integration: served['pickup-page'].integration,
      });
    this.publicUrl = stage.apiBelowEngine ? `/_aws/execute-api/${api.apiId}/$default` : api.apiEndpoint;
    for (const noun of ['transactions', 'credentials', 'pickup-page', 'message-templates'] as const)
      this.linkFrom(served[noun].fn);
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason:
        'Our handlers authenticate: an authorizer cannot answer with our problem details, and caches revoked keys.',
    });

    const accessLog = new LogGroup(this, 'AccessLog', {
      retention: stage.logRetentionDays,
      removalPolicy: stage.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    new HttpStage(this, 'Stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: stage.apiRequestsPerSecond, burstLimit: stage.apiBurst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLog),
        // What the gateway answers by itself (413, 429, 503) stands nowhere else. No address, no path: those are personal,
        // and the path of a pickup page is a secret.
        format: AccessLogFormat.custom(
          JSON.stringify({
            requestId: AccessLogField.contextRequestId(),
            route: '$context.routeKey',
            status: AccessLogField.contextStatus(),
            latencyMs: AccessLogField.contextResponseLatency(),
            error: AccessLogField.contextErrorMessage(),
          }),
        ),
      },
    });

    impactAlarm(this, 'Failing', {
      impact: 'Integrators get 5xx answers.',
      cause: 'the HTTP API answered at least five requests with a server error.',
      metric: api.metricServerError({ period: alarmPeriod, statistic: 'Sum' }),
      threshold: 5,
    });
    impactAlarm(this, 'Slow', {
      impact: 'Integrators, and people who wait for a door, wait long for an answer.',
      cause: 'one in a hundred requests took 3 seconds or more.',
      metric: api.metricLatency({ period: alarmPeriod, statistic: 'p99' }),
      threshold: Duration.seconds(3).toMilliseconds(),
    });
    output(this, 'ApiUrl', api.apiEndpoint);
    output(this, 'ApiId', api.apiId);
  }

  /** Lets it tell people the links to their pages. */
  linkFrom(fn: ServiceFunction): void {
    fn.tell('PUBLIC_URL', this.publicUrl);
  }
}
