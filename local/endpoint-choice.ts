import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { accountId, type Endpoint, region } from './endpoint.ts';
import { localDir } from './paths.ts';
import { PlainError } from './say.ts';

/** Which AWS the local system runs on: an engine of our own, or the one that AWS_ENDPOINT_URL names. */
export type EndpointChoice =
  | { own: true; dir: string; httpPort: number | undefined; mqttPort: number | undefined }
  | { own: false; dir: string; endpoint: Endpoint };

export function chooseEndpoint(env: NodeJS.ProcessEnv = process.env): EndpointChoice {
  const awsEndpointUrl = env.AWS_ENDPOINT_URL?.replace(/\/+$/, '');
  if (!awsEndpointUrl) {
    return {
      own: true,
      dir: join(localDir, 'state'),
      httpPort: portIn(env, 'LATCHWORK_PORT'),
      mqttPort: portIn(env, 'LATCHWORK_MQTT_PORT'),
    };
  }
  const host = env.LATCHWORK_MQTT_HOST;
  const port = portIn(env, 'LATCHWORK_MQTT_PORT');
  const caFile = env.LATCHWORK_MQTT_CA_FILE;
  if (!host || port === undefined || !caFile || !existsSync(caFile)) {
    const missing = [
      !host && 'LATCHWORK_MQTT_HOST',
      port === undefined && 'LATCHWORK_MQTT_PORT',
      !(caFile && existsSync(caFile)) && 'LATCHWORK_MQTT_CA_FILE (a file that exists)',
    ].filter(Boolean);
    throw new PlainError(
      `AWS_ENDPOINT_URL is set, so no engine of our own is started; where banks connect is missing: ${missing.join(', ')}.`,
    );
  }
  return {
    own: false,
    // What was deployed and seeded there is remembered per endpoint.
    dir: join(localDir, `state-${createHash('sha256').update(awsEndpointUrl).digest('hex').slice(0, 8)}`),
    endpoint: {
      awsEndpointUrl,
      region: env.AWS_REGION ?? region,
      accountId: env.LATCHWORK_ACCOUNT_ID ?? accountId,
      mqtt: { host, port, caFile },
    },
  };
}

function portIn(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = env[name];
  if (!text) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new PlainError(`${name}=${text} is not a port.`);
  return port;
}
