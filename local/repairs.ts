import { CloudFormationClient, GetTemplateCommand, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { GetRolePolicyCommand, IAMClient, PutRolePolicyCommand, paginateListRolePolicies } from '@aws-sdk/client-iam';
import { PutObjectLockConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { clientOptions, type Endpoint } from './endpoint.ts';

/*
 * What is set right after a deployment because the local engine bends it. None of it is needed on AWS, and nothing of
 * it is in the product: the policies there name what AWS checks.
 */

type Stack = { endpoint: Endpoint; resources: readonly { type: string; id: string; logicalId: string }[] };

/** Each row: the resource that the engine checks where a policy rightly names another one. */
const checkedInstead: ((resource: string, stack: Stack) => string | undefined)[] = [
  // `Ref` of a secret gives its name where AWS gives its ARN, so that the policy names no secret at all.
  (resource, { endpoint: { region, accountId }, resources }) =>
    resources.some(({ type, id }) => type === 'AWS::SecretsManager::Secret' && id === resource)
      ? `arn:aws:secretsmanager:${region}:${accountId}:secret:${resource}-??????`
      : undefined,
  // A schedule's group stands in the body of CreateSchedule, where it is not looked for: all are taken for `default`.
  (resource) => {
    const schedule = /^(arn:aws:scheduler:[^:]*:[^:]*:schedule)\/[^/]+\/(.+)$/.exec(resource);
    return schedule ? `${schedule[1]}/default/${schedule[2]}` : undefined;
  },
  // What a policy is attached to stands in the body, and the name of a connection is not looked for.
  (resource) => (/^arn:aws:iot:[^:]*:[^:]*:(cert|client)\//.test(resource) ? '*' : undefined),
  // Who an e-mail comes from stands in the body, where it is not looked for.
  (resource) => (/^arn:aws:ses:[^:]*:[^:]*:identity\//.test(resource) ? '*' : undefined),
];

/** By the action that a policy rightly names: the one that the engine wants to see as well, and AWS does not know. */
const checkedToo = new Map([['sqs:SendMessage', 'sqs:SendMessageBatch']]);

export async function repair(endpoint: Endpoint, stackNames: readonly string[]): Promise<void> {
  const all = await Promise.all(stackNames.map((name) => resourcesOf(endpoint, name)));
  const stack = { endpoint, resources: all.flat() };
  const iam = new IAMClient(clientOptions(endpoint));
  const roles = stack.resources.filter(({ type }) => type === 'AWS::IAM::Role');
  await Promise.all([
    ...roles.map(({ id }) => allowWhatIsChecked(iam, id, stack)),
    ...stackNames.map((name, nth) => lockObjects(endpoint, name, all[nth] ?? [])),
  ]);
}

const Lock = z.object({
  Rule: z.object({ DefaultRetention: z.object({ Mode: z.enum(['COMPLIANCE', 'GOVERNANCE']), Days: z.int() }) }),
});
const Template = z.object({
  Resources: z.record(z.string(), z.object({ Properties: z.looseObject({}).optional() })),
});

/** Object Lock of buckets, which the engine does not read out of a template. */
async function lockObjects(endpoint: Endpoint, StackName: string, resources: Stack['resources']): Promise<void> {
  const client = new CloudFormationClient(clientOptions(endpoint));
  const { TemplateBody = '{}' } = await client.send(new GetTemplateCommand({ StackName }));
  const template = Template.parse(JSON.parse(TemplateBody));
  const s3 = new S3Client({ ...clientOptions(endpoint), forcePathStyle: true });
  for (const { id, logicalId } of resources.filter(({ type }) => type === 'AWS::S3::Bucket')) {
    const lock = Lock.safeParse(template.Resources[logicalId]?.Properties?.ObjectLockConfiguration);
    if (!lock.success) continue;
    const { Rule } = lock.data;
    await s3.send(
      new PutObjectLockConfigurationCommand({
        Bucket: id,
        ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule },
      }),
    );
  }
}

async function resourcesOf(endpoint: Endpoint, stackName: string): Promise<Stack['resources']> {
  const client = new CloudFormationClient(clientOptions(endpoint));
  const resources: { type: string; id: string; logicalId: string }[] = [];
  for await (const page of paginateListStackResources({ client }, { StackName: stackName })) {
    for (const { ResourceType, PhysicalResourceId, LogicalResourceId } of page.StackResourceSummaries ?? []) {
      if (ResourceType && PhysicalResourceId && LogicalResourceId)
        resources.push({ type: ResourceType, id: PhysicalResourceId, logicalId: LogicalResourceId });
    }
  }
  return resources;
}

const oneOrMore = z.union([z.string(), z.array(z.string())]).optional();
const Statement = z.looseObject({ Action: oneOrMore, Resource: oneOrMore });
const Policy = z.looseObject({ Statement: z.array(Statement) });

const repaired = 'local-engine';

/** Gives the role a second policy: the statements of its own that the engine misreads, in the engine's words. */
async function allowWhatIsChecked(client: IAMClient, RoleName: string, stack: Stack): Promise<void> {
  const reworded: z.infer<typeof Statement>[] = [];
  for await (const page of paginateListRolePolicies({ client }, { RoleName })) {
    for (const PolicyName of page.PolicyNames ?? []) {
      if (PolicyName === repaired) continue;
      const found = await client.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
      const policy = Policy.parse(JSON.parse(decodeURIComponent(found.PolicyDocument ?? '{"Statement":[]}')));
      reworded.push(...policy.Statement.flatMap((statement) => inEngineWords(statement, stack)));
    }
  }
  if (reworded.length === 0) return;
  await client.send(
    new PutRolePolicyCommand({
      RoleName,
      PolicyName: repaired,
      PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: reworded }),
    }),
  );
}

function inEngineWords(statement: z.infer<typeof Statement>, stack: Stack): z.infer<typeof Statement>[] {
  const resources = [statement.Resource ?? []]
    .flat()
    .flatMap((resource) => checkedInstead.flatMap((row) => row(resource, stack) ?? []));
  const actions = [statement.Action ?? []].flat().flatMap((action) => checkedToo.get(action) ?? []);
  return [
    ...(resources.length > 0 ? [{ ...statement, Resource: resources }] : []),
    ...(actions.length > 0 ? [{ ...statement, Action: actions }] : []),
  ];
}
