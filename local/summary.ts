import type { Inbox } from './inboxes.ts';
import { systemFile } from './paths.ts';
import type { System } from './system.ts';

/** What somebody wants to know who has just started it. */
export function summary(system: System, inboxes: readonly Inbox[], took: string): string {
  const rows = [
    ['API', system.apiUrl],
    ...system.tenants.map(({ name, apiKey }) => [`Key of ${name}`, apiKey]),
    ...system.banks.map(({ name, doors, controlUrl }) => [`${name}, ${doors.length} doors`, controlUrl]),
    ['Webhooks received', system.webhookReceiver.receivedUrl],
    ...inboxes.map(({ what, url }) => [what, url]),
    ['Reference of the API', system.referenceUrl],
    ['MQTT over TLS', `${system.mqtt.host}:${system.mqtt.port}`],
    ['All of this, for scripts', systemFile],
  ];
  return `
Latchwork is up, ${took} after npm start.

${rows.map(([what = '', value]) => `  ${what.padEnd(26)}${value}`).join('\n')}

The panel of a bank, in a browser: its doors, its keypad, and a switch for everything that goes wrong
${system.banks.map(({ controlUrl }) => `  ${controlUrl}/panel`).join('\n')}

Try it:
  curl -H 'Authorization: Bearer ${system.tenants[0]?.apiKey}' '${system.apiUrl}/v1/banks'

A day of it, 60 times as fast, in another terminal:
  npm run sim -- --banks 5 --traffic mixed --faults flaky

Ctrl-C stops it; the data is there again at the next start.`;
}
