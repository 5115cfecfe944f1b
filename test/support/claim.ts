import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { csrFor, newPrivateKey } from '../../device-sim/csr.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { aws, stack } from './stack.ts';

const Answer = z.object({ claimId: z.string(), certificatePem: z.string().optional(), template: z.string() });

/** What `claim` of the settings of simulated banks takes. */
export type ClaimFiles = { template: string; certFile: string; keyFile: string; answersCsr: boolean };

const order = async (what: object): Promise<z.infer<typeof Answer>> => {
  const answer = await aws.lambda.send(
    new InvokeCommand({ FunctionName: outputOf(stack.outputs, 'ClaimsFunctionName'), Payload: JSON.stringify(what) }),
  );
  const payload = Buffer.from(answer.Payload ?? []).toString();
  if (answer.FunctionError) throw new Error(`the claim was refused: ${payload}`);
  return Answer.parse(JSON.parse(payload));
};

/** What the operator does once per tenant or batch: a key, a request, and a claim for the tenant's controllers. */
export const issueClaim = async (tenantId: string): Promise<ClaimFiles & { claimId: string }> => {
  const key = newPrivateKey();
  const made = await order({ action: 'issue', tenantId, name: 'a batch', csr: csrFor(key, 'claim') });
  const { claimId, certificatePem = '', template } = made;
  const dir = join(stack.stateDir, 'claims');
  mkdirSync(dir, { recursive: true });
  const files = { certFile: join(dir, `${claimId}.pem`), keyFile: join(dir, `${claimId}.key`) };
  writeFileSync(files.certFile, certificatePem);
  writeFileSync(files.keyFile, key, { mode: 0o600 });
  return { claimId, template, ...files, answersCsr: false };
};

export const revokeClaim = async (claimId: string): Promise<void> => {
  await order({ action: 'revoke', claimId, reason: 'not needed any more' });
};
