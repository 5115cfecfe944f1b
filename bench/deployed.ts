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

/** The functions that the deployed rules wake for an event of a type, as the engine itself matches them. */
export async function wakeUps(stack: StackHandle, eventTypes: readonly string[]): Promise<Map<string, string[]>> {
  const events = new EventBridgeClient(clientOptions(stack));
  const EventBusName = outputOf(stack.outputs, 'BusName');
  const readers = await queueReaders(stack);
  const { Rules = [] } = await events.send(new ListRulesCommand({ EventBusName }));
  const woken = new Map<string, string[]>(eventTypes.map((type) => [type, []]));
  for (const { Name, EventPattern } of Rules) {
    if (EventPattern === undefined) continue;
    const { Targets = [] } = await events.send(new ListTargetsByRuleCommand({ Rule: Name, EventBusName }));
    const names = Targets.map(({ Arn = '' }) => readers.get(Arn) ?? Arn);
    for (const type of eventTypes) {
      const { Result } = await events.send(new TestEventPatternCommand({ EventPattern, Event: eventOf(type) }));
      if (Result) woken.get(type)?.push(...names);
    }
  }
  return woken;
}

const eventOf = (type: string): string =>
  JSON.stringify({
    version: '0',
    id: 'bench',
    account: '000000000000',
    region: 'us-east-1',
    time: '2026-01-01T00:00:00Z',
    resources: [],
    source: 'latchwork',
    'detail-type': type,
    detail: {},
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
