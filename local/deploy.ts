import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CreateBucketCommand, DeleteBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { stackNames, stages } from '../infra/stages.ts';
import { bringAssembly } from './assembly.ts';
import { type Command, run } from './command.ts';
import { awsEnvironment, clientOptions, type Endpoint } from './endpoint.ts';
import { fingerprint } from './fingerprint.ts';
import { readJson, writeJson } from './json-file.ts';
import { withLock } from './lock.ts';
import { binDir, root } from './paths.ts';
import { repair } from './repairs.ts';

/** What is deployed, one made of what the other holds. */
export const stacks = Object.values(stackNames('local'));

/** What the stacks say about themselves, by output name. */
export type StackOutputs = Record<string, string>;

export type Deployment = {
  endpoint: Endpoint;
  /** The state: what was deployed last is remembered here, next to what the engine knows. */
  dir: string;
  /** Context that differs from stage `local`, as `key=value`. */
  overrides?: readonly string[];
  signal?: AbortSignal | undefined;
};

const Memory = z.object({ deployed: z.string() });

/** Brings the stacks to what the sources say, if they are not there yet, and answers with their outputs. */
export async function deploy(deployment: Deployment, note: (text: string) => void): Promise<StackOutputs> {
  const { dir, endpoint, overrides = [] } = deployment;
  return withLock(join(dir, 'deploy.lock'), async () => {
    const memoryFile = join(dir, 'deployed.json');
    const sources = fingerprint(root, { overrides });
    // Addresses of the engine are written into what is deployed.
    const wanted = `${sources} ${endpoint.awsEndpointUrl}`;
    // The memory may be younger than the engine, which keeps nothing of a run that was killed.
    const before = await outputsOfAll(endpoint);
    if (before && readJson(memoryFile, Memory)?.deployed === wanted) {
      note('unchanged');
      return before;
    }
    rmSync(memoryFile, { force: true });
    // An output folder of its own: two runs in one clone would overwrite each other's.
    const assembly = join(dir, 'cdk.out');
    await Promise.all([
      bootstrap(deployment),
      bringAssembly({ fingerprint: sources, to: assembly }, (folder) => synthesis(deployment, folder)),
    ]);
    await cdk(deployment, 'the deployment', [
      'deploy',
      ...stacks,
      '--app',
      assembly,
      '--require-approval=never',
      '--progress=events',
    ]);
    const outputs = await outputsOfAll(endpoint);
    if (!outputs) throw new Error(`the stacks ${stacks.join(' and ')} were deployed and are not there`);
    await repair(endpoint, stacks);
    await makeCustomersBuckets(endpoint);
    writeJson(memoryFile, { deployed: wanted });
    return outputs;
  });
}

async function synthesis(deployment: Deployment, assembly: string): Promise<void> {
  const context = ['stage=local', ...(deployment.overrides ?? [])].flatMap((override) => ['--context', override]);
  const args = ['synth', ...stacks, '--quiet', '--output', assembly, ...context];
  await cdk(deployment, 'the synthesis of the stacks', args);
}

async function bootstrap(deployment: Deployment): Promise<void> {
  const { endpoint } = deployment;
  if (await outputsOf(endpoint, 'CDKToolkit')) return;
  const environment = `aws://${endpoint.accountId}/${endpoint.region}`;
  // Away from cdk.json, with which it would synthesise the whole application first and not use it.
  await cdk(deployment, 'cdk bootstrap', ['bootstrap', environment], deployment.dir);
  // It denies plain HTTP, which is all that the engine speaks.
  const s3 = new S3Client({ ...clientOptions(endpoint), forcePathStyle: true });
  await s3.send(
    new DeleteBucketPolicyCommand({ Bucket: `cdk-hnb659fds-assets-${endpoint.accountId}-${endpoint.region}` }),
  );
}

/** Those that exports are pushed to for trial: elsewhere they are customers’, and nothing of the stacks. */
async function makeCustomersBuckets(endpoint: Endpoint): Promise<void> {
  const s3 = new S3Client({ ...clientOptions(endpoint), forcePathStyle: true });
  for (const { bucket } of stages.local.exportDestinations) await s3.send(new CreateBucketCommand({ Bucket: bucket }));
}

const cdk = ({ endpoint, dir, signal }: Deployment, what: string, args: readonly string[], cwd = root) =>
  run({
    what,
    file: join(binDir, 'cdk'),
    args: [...args, '--no-notices', '--no-version-reporting', '--no-color'],
    cwd,
    env: {
      ...awsEnvironment(endpoint),
      CDK_HOME: join(dir, 'cdk-home'),
      CDK_DISABLE_CLI_TELEMETRY: 'true',
    },
    logFile: join(dir, `cdk-${args[0]}.log`),
    signal,
  } satisfies Command);

/** The outputs of all stacks, undefined unless all are usable. */
async function outputsOfAll(endpoint: Endpoint): Promise<StackOutputs | undefined> {
  const all = await Promise.all(stacks.map((name) => outputsOf(endpoint, name)));
  return all.every((it) => it !== undefined) ? Object.assign({}, ...all) : undefined;
}

/** The outputs of a stack that is usable, undefined when there is none. */
async function outputsOf(endpoint: Endpoint, name: string): Promise<StackOutputs | undefined> {
  const cloudFormation = new CloudFormationClient(clientOptions(endpoint));
  const answer = await cloudFormation.send(new DescribeStacksCommand({ StackName: name })).catch((error: unknown) => {
    if (error instanceof Error && error.message.includes('does not exist')) return undefined;
    throw error;
  });
  const stack = answer?.Stacks?.[0];
  if (!stack?.StackStatus || !['CREATE_COMPLETE', 'UPDATE_COMPLETE'].includes(stack.StackStatus)) return undefined;
  return Object.fromEntries((stack.Outputs ?? []).map((output) => [output.OutputKey ?? '', output.OutputValue ?? '']));
}
