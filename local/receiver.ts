import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import * as z from 'zod';

/** A customer's system in small: takes webhooks, checks their signature and shows what came. */
export type Receiver = {
  url: string;
  receivedUrl: string;
  received: () => readonly Received[];
  /** Known only once the endpoint is registered; what came before is checked then. */
  verifyWith: (secret: string) => void;
  stop: () => Promise<void>;
};

export const Received = z.object({
  receivedAt: z.string(),
  headers: z.record(z.string(), z.string()),
  /** As it came: a signature is made over bytes. */
  body: z.string(),
  verified: z.boolean(),
});
export type Received = z.infer<typeof Received>;

export async function startReceiver(port: number, file: string): Promise<Receiver> {
  mkdirSync(dirname(file), { recursive: true });
  const received = remembered(file);
  const early: Received[] = [];
  let webhook: Webhook | undefined;

  const keep = (message: Received) => {
    received.push(message);
    appendFileSync(file, `${JSON.stringify(message)}\n`);
  };
  const server = createServer(async (request, response) => {
    if (request.method === 'GET' && request.url === '/received') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(received));
      return;
    }
    if (request.method !== 'POST' || request.url !== '/') {
      response.writeHead(404).end();
      return;
    }
    const message = {
      receivedAt: new Date().toISOString(),
      headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
      body: await text(request),
      verified: false,
    };
    if (webhook) keep({ ...message, verified: isGenuine(webhook, message) });
    else early.push(message);
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });

  const url = `http://127.0.0.1:${port}/`;
  return {
    url,
    receivedUrl: `${url}received`,
    received: () => received,
    verifyWith: (secret) => {
      const known = new Webhook(secret);
      webhook = known;
      for (const message of early.splice(0)) keep({ ...message, verified: isGenuine(known, message) });
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function isGenuine(webhook: Webhook, message: Pick<Received, 'body' | 'headers'>): boolean {
  try {
    webhook.verify(message.body, message.headers);
    return true;
  } catch {
    return false;
  }
}

/** A line that was cut off by a crash is left out. */
function remembered(file: string): Received[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [Received.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    });
}
