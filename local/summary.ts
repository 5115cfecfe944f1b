import { systemFile } from './paths.ts';
import type { System } from './system.ts';

/** What somebody wants to know who has just started it. */
export function summary(system: System, took: string): string {
  const [tenant] = system.tenants;
  return `
Latchwork is up, ${took} after npm start.

  API                ${system.apiUrl}
${system.tenants.map(({ name, apiKey }) => `  key of ${name.padEnd(17)}${apiKey}`).join('\n')}
${system.banks.map(({ name, doors, controlUrl }) => `  ${`${name}, ${doors.length} doors`.padEnd(27)}${controlUrl}`).join('\n')}
  webhooks received  ${system.webhookReceiver.receivedUrl}
  MQTT over TLS      ${system.mqtt.host}:${system.mqtt.port}
  all of it          ${systemFile}

Try it:
  curl -H 'Authorization: Bearer ${tenant?.apiKey}' '${system.apiUrl}/v1/banks'

Ctrl-C stops it; the data is there again at the next start.`;
}
