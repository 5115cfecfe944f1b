import {
  CloudWatchLogsClient,
  paginateDescribeLogGroups,
  paginateFilterLogEvents,
} from '@aws-sdk/client-cloudwatch-logs';
import {
  EventBridgeClient,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  TestEventPatternCommand,
} from '@aws-sdk/client-eventbridge';
import {
  LambdaClient,
  paginateListEventSourceMappings,
  paginateListFunctions,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { clientOptions } from '../local/endpoint.ts';
import { outputOf, type StackHandle } from '../local/stack-handle.ts';

/** The names that the stack's outputs give its functions, by the names they have on AWS. */
const functionNames = (outputs: Record<string, string>): Map<string, string> =>
  new Map(
    Object.entries(outputs).flatMap(([output, physical]): [string, string][] => {
      const [, name] = /^(\w+)FunctionName$/.exec(output) ?? [];
      return name === undefined ? [] : [[physical, name]];
    }),
  );

/** Sends everything that the deployed functions ask of AWS past the recorder, each under its own name. */
export async function reroute(stack: StackHandle, to: string): Promise<void> {
  const client = new LambdaClient(clientOptions(stack));
  const names = functionNames(stack.outputs);
  for await (const { Functions = [] } of paginateListFunctions({ client }, {})) {
    await Promise.all(
      Functions.map(async ({ FunctionName = '', Environment }) => {
        const name = names.get(FunctionName);
        if (name === undefined) return;
        // Queue addresses are absolute, and the SDK follows them rather than its endpoint.
        const known = Object.entries(Environment?.Variables ?? {}).map(([variable, value]) => [
          variable,
          value.replace(stack.awsEndpointUrl, to),
        ]);
        const Variables = { ...Object.fromEntries(known), AWS_ENDPOINT_URL: to, AWS_SDK_UA_APP_ID: name };
        await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
      }),
    );
  }
}

/** An entry as it was put on the bus. */
export type BusEntry = { DetailType: string; Detail: string };

/** The functions that the deployed rules wake for each of these, as the engine itself matches them. */
export async function wakeUps(stack: StackHandle, entries: readonly BusEntry[]): Promise<Map<BusEntry, string[]>> {
  const events = new EventBridgeClient(clientOptions(stack));
  const EventBusName = outputOf(stack.outputs, 'BusName');
  const readers = await queueReaders(stack);
  const { Rules = [] } = await events.send(new ListRulesCommand({ EventBusName }));
  const woken = new Map<BusEntry, string[]>(entries.map((entry) => [entry, []]));
  for (const { Name, EventPattern } of Rules) {
    if (EventPattern === undefined) continue;
    const { Targets = [] } = await events.send(new ListTargetsByRuleCommand({ Rule: Name, EventBusName }));
    const names = Targets.filter(({ Arn = '' }) => !isStream(Arn)).map(({ Arn = '' }) => readers.get(Arn) ?? Arn);
    for (const entry of entries) {
      const { Result } = await events.send(new TestEventPatternCommand({ EventPattern, Event: eventOf(entry) }));
      if (Result) woken.get(entry)?.push(...names);
    }
  }
  return woken;
}

/** What is handed to Firehose wakes nobody. */
const isStream = (arn: string): boolean => arn.startsWith('arn:aws:firehose:');

const eventOf = ({ DetailType, Detail }: BusEntry): string =>
  JSON.stringify({
    version: '0',
    id: 'bench',
    account: '000000000000',
    region: 'us-east-1',
    time: '2026-01-01T00:00:00Z',
    resources: [],
    source: 'latchwork',
    'detail-type': DetailType,
    detail: JSON.parse(Detail),
  });

/** Who empties which queue. */
async function queueReaders(stack: StackHandle): Promise<Map<string, string>> {
  const client = new LambdaClient(clientOptions(stack));
  const names = functionNames(stack.outputs);
  const readers = new Map<string, string>();
  for await (const { EventSourceMappings = [] } of paginateListEventSourceMappings({ client }, {})) {
    for (const { EventSourceArn = '', FunctionArn = '' } of EventSourceMappings) {
      const name = names.get(FunctionArn.split(':').at(-1) ?? '');
      if (name !== undefined) readers.set(EventSourceArn, name);
    }
  }
  return readers;
}

/** What CloudWatch adds to every line (its API reference, PutLogEvents). */
const lineOverhead = 26;

/**
 * The average line that the functions wrote since then, in bytes. Only our own lines of JSON: the engine also keeps what
 * the stack tells Lambda to leave out, START, END and REPORT.
 */
export async function averageLogLine(stack: StackHandle, startTime: number): Promise<number> {
  const client = new CloudWatchLogsClient(clientOptions(stack));
  const sizes: number[] = [];
  for await (const { logGroups = [] } of paginateDescribeLogGroups({ client }, {})) {
    for (const { logGroupName } of logGroups) {
      for await (const { events = [] } of paginateFilterLogEvents({ client }, { logGroupName, startTime })) {
        const own = events.flatMap(({ message = '' }) => (message.startsWith('{') ? [message] : []));
        sizes.push(...own.map((line) => Buffer.byteLength(line) + lineOverhead));
      }
    }
  }
  if (sizes.length === 0) throw new Error('no function has written a line');
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
}
