import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  DescribeCertificateCommand,
  DescribeThingCommand,
  IoTClient,
} from '@aws-sdk/client-iot';
import * as z from 'zod';
import { clientOptions, type Endpoint } from './endpoint.ts';
import { readJson, writeJson } from './json-file.ts';
import { outputOf } from './stack-handle.ts';
import { until } from './until.ts';

export type BankIdentity = { certFile: string; keyFile: string };

const Memory = z.object({ certificateId: z.string() });

/** What an installer does once per bank: a certificate of its own, with the device policy, on the thing of that name. */
export async function bankIdentity(
  endpoint: Endpoint,
  outputs: Record<string, string>,
  dir: string,
  bankId: string,
): Promise<BankIdentity> {
  const iot = new IoTClient(clientOptions(endpoint));
  const folder = join(dir, 'banks', bankId);
  const identity = { certFile: join(folder, 'certificate.pem'), keyFile: join(folder, 'private.key') };
  const memoryFile = join(folder, 'identity.json');
  const known = readJson(memoryFile, Memory);
  if (known && existsSync(identity.keyFile) && (await isActive(iot, known.certificateId))) return identity;

  // The product makes the thing when it hears that the bank was registered, a moment after the answer.
  await until(`the thing ${bankId} exists`, () => iot.send(new DescribeThingCommand({ thingName: bankId })));
  const made = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  const { certificateArn: principal, certificateId, certificatePem, keyPair } = made;
  if (!principal || !certificateId || !certificatePem || !keyPair?.PrivateKey) {
    throw new Error(`the certificate of ${bankId} came incomplete`);
  }
  await iot.send(new AttachPolicyCommand({ policyName: outputOf(outputs, 'DevicePolicyName'), target: principal }));
  await iot.send(new AttachThingPrincipalCommand({ thingName: bankId, principal }));

  mkdirSync(folder, { recursive: true });
  writeFileSync(identity.certFile, certificatePem);
  writeFileSync(identity.keyFile, keyPair.PrivateKey, { mode: 0o600 });
  writeJson(memoryFile, { certificateId });
  return identity;
}

async function isActive(iot: IoTClient, certificateId: string): Promise<boolean> {
  try {
    const found = await iot.send(new DescribeCertificateCommand({ certificateId }));
    return found.certificateDescription?.status === 'ACTIVE';
  } catch {
    return false;
  }
}
