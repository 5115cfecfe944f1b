import mqtt, { type MqttClient } from 'mqtt';
import * as z from 'zod';
import { enrollingClient, provisioningTopics } from '#shared/device/certificate.ts';
import { csrFor, newPrivateKey } from './csr.ts';

export type Claim = {
  /** Of the deployment. */
  template: string;
  /** PEM, of the claim. */
  cert: string;
  key: string;
  /** False: the endpoint answers only those who let it make their private key. */
  answersCsr: boolean;
};

export type Endpoint = { host: string; port: number; ca: string };

/** What a controller has once it was let in: which bank it is, and how it proves that. */
export type Enrolled = { bankId: string; cert: string; key: string };

const Made = z.object({
  certificatePem: z.string(),
  privateKey: z.string().optional(),
  certificateOwnershipToken: z.string(),
});
const Registered = z.object({ thingName: z.string() });
const Rejected = z.object({ errorCode: z.string(), errorMessage: z.string() });

const answerMs = 10_000;

/** A question of the provisioning API, and its answer. */
const ask = async <Shape extends z.ZodType>(
  client: MqttClient,
  topic: string,
  payload: object,
  shape: Shape,
): Promise<z.infer<Shape>> => {
  const answers = { accepted: `${topic}/accepted`, rejected: `${topic}/rejected` };
  await client.subscribeAsync(Object.values(answers), { qos: 1 });
  const { promise, resolve, reject } = Promise.withResolvers<z.infer<Shape>>();
  const timer = setTimeout(() => reject(new Error(`no answer to ${topic}`)), answerMs);
  const end = (): void => reject(new Error(`the connection ended before an answer to ${topic}`));
  const hear = (at: string, bytes: Buffer): void => {
    const said: unknown = JSON.parse(bytes.toString('utf8'));
    if (at === answers.accepted) resolve(shape.parse(said));
    if (at !== answers.rejected) return;
    const { errorCode, errorMessage } = Rejected.parse(said);
    reject(new Error(`${errorCode}: ${errorMessage}`));
  };
  client.on('message', hear);
  client.once('close', end);
  try {
    await client.publishAsync(topic, JSON.stringify(payload), { qos: 1 });
    return await promise;
  } finally {
    clearTimeout(timer);
    client.off('message', hear);
    client.off('close', end);
  }
};

/** Asks to be let in as the controller of this serial number. Throws why not. */
export const enrol = async (endpoint: Endpoint, claim: Claim, serialNumber: string): Promise<Enrolled> => {
  const { fromCsr, withKey, register } = provisioningTopics(claim.template);
  const { host, port, ca } = endpoint;
  const client = await mqtt.connectAsync(
    `mqtts://${host}:${port}`,
    {
      ca,
      cert: claim.cert,
      key: claim.key,
      clientId: `${enrollingClient}${serialNumber}`,
      protocolVersion: 5,
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: answerMs,
    },
    false,
  );
  client.on('error', () => undefined);
  try {
    const own = claim.answersCsr ? newPrivateKey() : null;
    const made =
      own === null
        ? await ask(client, withKey, {}, Made)
        : await ask(client, fromCsr, { certificateSigningRequest: csrFor(own, serialNumber) }, Made);
    const key = own ?? made.privateKey;
    if (key === undefined) throw new Error('a certificate came without its private key');
    const { certificateOwnershipToken } = made;
    const parameters = { SerialNumber: serialNumber };
    const { thingName } = await ask(client, register, { certificateOwnershipToken, parameters }, Registered);
    return { bankId: thingName, cert: made.certificatePem, key };
  } finally {
    await client.endAsync(true);
  }
};
