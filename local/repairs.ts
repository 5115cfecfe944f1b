import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { GetRolePolicyCommand, IAMClient, PutRolePolicyCommand, paginateListRolePolicies } from '@aws-sdk/client-iam';
import * as z from 'zod';
import { clientOptions, type Endpoint } from './endpoint.ts';

/** Everything that is set right after a deployment because the local engine bends it. None of it is needed on AWS. */
export async function repair(endpoint: Endpoint, stackName: string): Promise<void> {
  const resources = await resourcesOf(endpoint, stackName);
  await allowSecretsByTheirFullArn(endpoint, resources);
}

type Resource = { type: string; id: string };

async function resourcesOf(endpoint: Endpoint, stackName: string): Promise<Resource[]> {
  const client = new CloudFormationClient(clientOptions(endpoint));
  const resources: Resource[] = [];
  for await (const page of paginateListStackResources({ client }, { StackName: stackName })) {
    for (const { ResourceType, PhysicalResourceId } of page.StackResourceSummaries ?? []) {
      if (ResourceType && PhysicalResourceId) resources.push({ type: ResourceType, id: PhysicalResourceId });
    }
  }
  return resources;
}

const Statement = z.looseObject({
  Action: z.union([z.string(), z.array(z.string())]),
  Resource: z.union([z.string(), z.array(z.string())]).optional(),
});
const Policy = z.looseObject({ Statement: z.array(Statement) });

/**
 * Gap: `Ref` of a secret gives its name where AWS gives its ARN, so that a policy made by `grantRead` names no secret
 * at all. Each role that was meant to read one is allowed the ARN that such a name belongs to.
 */
async function allowSecretsByTheirFullArn(endpoint: Endpoint, resources: readonly Resource[]): Promise<void> {
  const client = new IAMClient(clientOptions(endpoint));
  const secrets = new Set(resources.filter(({ type }) => type === 'AWS::SecretsManager::Secret').map(({ id }) => id));
  const roles = resources.filter(({ type }) => type === 'AWS::IAM::Role').map(({ id }) => id);
  await Promise.all(
    roles.map(async (role) => {
      const missing: unknown[] = [];
      for await (const page of paginateListRolePolicies({ client }, { RoleName: role })) {
        for (const name of page.PolicyNames ?? []) {
          if (name === repairedPolicy) continue;
          const found = await client.send(new GetRolePolicyCommand({ RoleName: role, PolicyName: name }));
          const policy = Policy.parse(JSON.parse(decodeURIComponent(found.PolicyDocument ?? '{"Statement":[]}')));
          for (const statement of policy.Statement) {
            const arns = [statement.Resource ?? []].flat().filter((resource) => secrets.has(resource));
            if (arns.length > 0) missing.push({ ...statement, Resource: arns.map((name) => fullArn(endpoint, name)) });
          }
        }
      }
      if (missing.length === 0) return;
      await client.send(
        new PutRolePolicyCommand({
          RoleName: role,
          PolicyName: repairedPolicy,
          PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: missing }),
        }),
      );
    }),
  );
}

const repairedPolicy = 'local-engine-secrets';

const fullArn = (endpoint: Endpoint, name: string) =>
  `arn:aws:secretsmanager:${endpoint.region}:${endpoint.accountId}:secret:${name}-??????`;
