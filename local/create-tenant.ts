import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { clientOptions, type Endpoint } from './endpoint.ts';
import { outputOf } from './stack-handle.ts';

export const NewTenant = z.object({ tenantId: z.string(), apiKey: z.string(), apiKeyId: z.string() });
export type NewTenant = z.infer<typeof NewTenant>;

/** A tenant is made by the operator, not over the API: whoever may call this function owns the account. */
export async function createTenant(
  endpoint: Endpoint,
  outputs: Record<string, string>,
  name: string,
): Promise<NewTenant> {
  const lambda = new LambdaClient(clientOptions(endpoint));
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName: outputOf(outputs, 'CreateTenantFunctionName'),
      Payload: JSON.stringify({ name }),
    }),
  );
  const payload = Buffer.from(answer.Payload ?? []).toString();
  if (answer.FunctionError) throw new Error(`the tenant ${name} could not be created: ${payload}`);
  return NewTenant.parse(JSON.parse(payload));
}
