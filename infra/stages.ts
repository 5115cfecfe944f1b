import type { Node } from 'constructs';
import { feedDays } from '../shared/api/events.ts';
import {
  type ExportDestination,
  ExportDestinations,
  everyTenant,
  exportDestinationsMax,
} from '../shared/api/export-destinations.ts';

/** Everything that differs between stages. What stands nowhere here is the same on a laptop and in production. */
export type Stage = {
  name: StageName;
  /** Tables, secrets and buckets outlive the stack. */
  retain: boolean;
  logRetentionDays: 7 | 30 | 90;
  logLevel: 'DEBUG' | 'INFO';
  /** Requests per second and at once that the gateway lets through: what a runaway client can cost at most. */
  apiRequestsPerSecond: number;
  apiBurst: number;
  /** What one API key may send, unless it has a limit of its own. The gateway's is for all of them together. */
  apiKeyRequestsPerMinute: number;
  /** Seconds before each further attempt at a customer's endpoint, comma-separated; then the delivery is dead. */
  webhookWaitsSeconds: string;
  /** Webhooks may go to private and loopback addresses. */
  webhookAllowLoopback: boolean;
  /** The address that e-mail to people comes from; null: none is sent. Its identity is made, and is to be verified. */
  emailFrom: string | null;
  /** Parts of SMS that a tenant may send on a day (UTC); above that people are told by e-mail, or the next day. */
  smsPerDay: number;
  /** Seconds before each further attempt at telling somebody something, comma-separated; then nobody could be told. */
  messageWaitsSeconds: string;
  /** A door command that is unacknowledged for so long is sent again. */
  commandResendSeconds: number;
  /** After how many seconds a bank whose connection broke is suspected, is offline, and is back: `suspect,offline,steady`. */
  connectivityWaitsSeconds: string;
  /** How long nobody, us included, can change or delete an anchor; `COMPLIANCE` holds against the root user as well. */
  anchorLock: { mode: 'COMPLIANCE' | 'GOVERNANCE'; days: number };
  /** For how many days the feed keeps an event. */
  feedDays: number;
  /** Buckets of customers that exports may be put into, and by whom. */
  exportDestinations: readonly ExportDestination[];
  /** Seconds before each further attempt at putting a file there, comma-separated; then it was not to be. */
  exportPushWaitsSeconds: string;
  /** For how many days the archive keeps an event. */
  archiveDays: number;
  /** How old a stream record may grow in retries before it goes to the bucket of failed records. */
  streamRecordMaxAgeSeconds: number;
  /** Queues, topics and buckets refuse plain HTTP, which is all that the local engine speaks. */
  enforceTls: boolean;
  /** On AWS the ARN of a named shadow ends with its name; the local engine checks the thing's ARN only. */
  shadowNameInArn: boolean;
  /** The local engine serves every API below its own address, on AWS each has a host of its own. */
  apiBelowEngine: boolean;
  /** Controllers enrol with a CSR; the local engine answers only those who let it make their private key. */
  enrolByCsr: boolean;
};

export type StageName = 'local' | 'dev' | 'prod';

/** The stacks of a stage; the second is made of what the first holds. */
export const stackNames = (stage: StageName) =>
  ({ core: `latchwork-${stage}`, edge: `latchwork-${stage}-edge` }) as const;

const prod: Stage = {
  name: 'prod',
  retain: true,
  logRetentionDays: 90,
  logLevel: 'INFO',
  apiRequestsPerSecond: 1_000,
  apiBurst: 2_000,
  // 100 a second: a create, a few reads and a cancel of 25 parcels each second.
  apiKeyRequestsPerMinute: 6_000,
  // 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: the published schedule (design.md section 7).
  webhookWaitsSeconds: '5,300,1800,7200,18000,36000,50400,72000,86400',
  webhookAllowLoopback: false,
  // Whose address it is, is the operator's to say: `-c emailFrom=…`.
  emailFrom: null,
  // 500 parcels in a quiet language. What one tenant can spend on a day, some $50, is to be chosen, not to be found out.
  smsPerDay: 1_000,
  // 30 s, 2 min, 10 min, 30 min, 2 h, 6 h: an outage of minutes delays a message by minutes, one of a night loses none.
  messageWaitsSeconds: '30,120,600,1800,7200,21600',
  commandResendSeconds: 2,
  // AWS advises to wait some seconds; a controller that restarts is back within a minute, mobile networks within three.
  connectivityWaitsSeconds: '15,180,60',
  // Ten years, as long as business records are kept in most of Europe.
  anchorLock: { mode: 'COMPLIANCE', days: 3_653 },
  feedDays,
  // Whose they are, is the operator's to say: `-c exportDestinations=…` (docs/operations.md).
  exportDestinations: [],
  // 1 min, 5 min, 30 min, 2 h, 6 h, 12 h: whoever mends the policy of a bucket on the same day need not ask again.
  exportPushWaitsSeconds: '60,300,1800,7200,21600,43200',
  // As long as the anchors, by which what lies there can be proved.
  archiveDays: 3_653,
  // A stream forgets after 24 h; what cannot be published within half of that is kept in S3 to be published later.
  streamRecordMaxAgeSeconds: 43_200,
  enforceTls: true,
  shadowNameInArn: true,
  apiBelowEngine: false,
  enrolByCsr: true,
};

/** Of the local engine, made there by local/deploy.ts, for whoever wants to see a file arrive; named as in the examples. */
const trial: ExportDestination = {
  tenant: everyTenant,
  name: 'finance',
  bucket: 'latchwork-trial',
  account: '000000000000',
  prefix: 'exports/',
};

export const stages: Record<StageName, Stage> = {
  prod,
  dev: {
    ...prod,
    name: 'dev',
    retain: false,
    logRetentionDays: 30,
    apiRequestsPerSecond: 100,
    apiBurst: 200,
    anchorLock: { mode: 'GOVERNANCE', days: 1 },
  },
  local: {
    ...prod,
    name: 'local',
    retain: false,
    logRetentionDays: 7,
    // Tests and fuzzers ask as fast as they can.
    apiKeyRequestsPerMinute: 60_000,
    webhookAllowLoopback: true,
    emailFrom: 'messages@latchwork.example',
    exportDestinations: [trial],
    // Who pulls a plug wants to see it.
    connectivityWaitsSeconds: '2,4,2',
    anchorLock: { mode: 'COMPLIANCE', days: 1 },
    // The local engine retries a poisoned batch until it is this old, and only then sends it to the bucket.
    streamRecordMaxAgeSeconds: 60,
    enforceTls: false,
    shadowNameInArn: false,
    apiBelowEngine: true,
    enrolByCsr: false,
  },
};

/** The stage named by the context, with what a test wants shorter than the table says. */
export function stageOf(node: Node): Stage {
  const name: unknown = node.tryGetContext('stage') ?? 'dev';
  const stage = Object.values(stages).find((known) => known.name === name);
  if (!stage) throw new Error(`there is no stage '${name}'; known are ${Object.keys(stages).join(', ')}`);
  return {
    ...stage,
    emailFrom: node.tryGetContext('emailFrom') ?? stage.emailFrom,
    webhookWaitsSeconds: String(node.tryGetContext('webhookWaitsSeconds') ?? stage.webhookWaitsSeconds),
    messageWaitsSeconds: String(node.tryGetContext('messageWaitsSeconds') ?? stage.messageWaitsSeconds),
    exportDestinations: destinationsIn(node.tryGetContext('exportDestinations')) ?? stage.exportDestinations,
    exportPushWaitsSeconds: String(node.tryGetContext('exportPushWaitsSeconds') ?? stage.exportPushWaitsSeconds),
    commandResendSeconds: Number(node.tryGetContext('commandResendSeconds') ?? stage.commandResendSeconds),
  };
}

/** From the command line it comes as JSON, from cdk.json as a list. What is wrong with it is said by entry and field. */
function destinationsIn(context: unknown): ExportDestinations | undefined {
  if (context === undefined) return undefined;
  const { data, error } = ExportDestinations.safeParse(typeof context === 'string' ? listIn(context) : context);
  if (data === undefined) {
    const said = error.issues.map(({ path: [nth, ...field], message }) =>
      [nth === undefined ? '' : `[${String(nth)}]`, ...field.map((it) => `.${String(it)}`), `: ${message}`].join(''),
    );
    throw new Error(said.map((it) => `exportDestinations${it}`).join('; '));
  }
  const { length } = JSON.stringify(data);
  if (length > exportDestinationsMax)
    throw new Error(
      `exportDestinations: the list has ${length} characters, of which functions can be told ${exportDestinationsMax}`,
    );
  return data;
}

function listIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(
      'exportDestinations: is no JSON, or not on one line; it is a list such as [{"tenant":"ten_…","name":"finance",…}]',
    );
  }
}
