import { createServer, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import * as z from 'zod';
import type { Endpoint } from '../local/endpoint.ts';

/** One request to an AWS service as it went over the wire: a retry inside the SDK is a request of its own. */
export type Recorded = {
  /** Who sent it: the application id that stands in the SDK's user agent. */
  by: string;
  service: string;
  operation: string;
  path: string;
  body: string;
  status: number;
  answer: string;
};

export type Recorder = {
  /** An endpoint like the engine's, which it passes everything on to. */
  url: string;
  /** What came since the last time. */
  take: () => Recorded[];
  /**
   * What the engine never does: of two transactions that are at one item at the same moment, DynamoDB refuses the later
   * with `TransactionConflict`. While this runs, so does the recorder.
   */
  withConflicts: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Milliseconds since the last request came or was answered. */
  quietForMs: () => number;
  stop: () => Promise<void>;
};

/**
 * Stands between whoever calls AWS and the engine, and writes down what passes. Nothing in the product is changed for
 * it but the address, so what is counted is what is called.
 */
export async function startRecorder(endpoint: Endpoint): Promise<Recorder> {
  const engine = new URL(endpoint.awsEndpointUrl);
  let recorded: Recorded[] = [];
  let lastAt = performance.now();
  let conflicts: ReturnType<typeof conflictsInFlight> | undefined;

  const passOn = (incoming: IncomingMessage, body: Buffer): Promise<{ incoming: IncomingMessage; body: Buffer }> =>
    new Promise((resolve, reject) => {
      // Headers as they came, `host` too: the signature covers it.
      const outgoing = request(
        {
          host: engine.hostname,
          port: engine.port,
          method: incoming.method,
          path: incoming.url,
          headers: incoming.headers,
        },
        (answer) => {
          buffer(answer).then((text) => resolve({ incoming: answer, body: text }), reject);
        },
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });

  const server = createServer(async (incoming, outgoing) => {
    lastAt = performance.now();
    try {
      const body = await buffer(incoming);
      const refused = conflicts?.enter(incoming, body);
      if (refused !== undefined) {
        recorded.push({ ...addressed(incoming), body: body.toString(), status: 400, answer: refused });
        outgoing.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' }).end(refused);
        return;
      }
      const answer = await passOn(incoming, body);
      const status = answer.incoming.statusCode ?? 502;
      recorded.push({ ...addressed(incoming), body: body.toString(), status, answer: answer.body.toString() });
      outgoing.writeHead(status, answer.incoming.headers).end(answer.body);
    } catch {
      // As AWS does when it is out of reach: the SDK tries again, and that is recorded.
      outgoing.destroy();
    }
    lastAt = performance.now();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the recorder has no port');

  return {
    url: `http://127.0.0.1:${address.port}`,
    take: () => {
      const taken = recorded;
      recorded = [];
      return taken;
    },
    withConflicts: async (work) => {
      conflicts = conflictsInFlight();
      try {
        return await work();
      } finally {
        conflicts = undefined;
      }
    },
    quietForMs: () => performance.now() - lastAt,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const addressed = ({ headers, method, url = '' }: IncomingMessage) => {
  const { pathname } = new URL(url, 'http://any');
  const target = headers['x-amz-target'];
  return {
    // Powertools adds words of its own behind a hyphen.
    by: /\bapp\/([A-Za-z0-9_]+)/.exec(headers['user-agent'] ?? '')?.[1] ?? '',
    service: /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? '',
    // The JSON protocols name the operation in a header, the others are told by method and path.
    operation: typeof target === 'string' ? (target.split('.').at(-1) ?? '') : (method ?? ''),
    path: pathname,
  };
};

const Key = z.object({ PK: z.object({ S: z.string() }), SK: z.object({ S: z.string() }) });
const Transaction = z.object({
  TransactItems: z.array(
    z.union([
      z.object({ Put: z.object({ Item: Key }) }).transform(({ Put }) => Put.Item),
      z.object({ Delete: z.object({ Key }) }).transform((it) => it.Delete.Key),
    ]),
  ),
});

/** How long DynamoDB is at a transaction (limits.md E3). The engine, with hundreds at once, takes seconds for each. */
const transactionMs = 20;

const conflictsInFlight = () => {
  const held = new Set<string>();
  return {
    /** The answer to a transaction that comes too late; nothing for one that may go on. */
    enter: (incoming: IncomingMessage, body: Buffer): string | undefined => {
      if (addressed(incoming).operation !== 'TransactWriteItems') return undefined;
      const items = Transaction.parse(JSON.parse(body.toString())).TransactItems.map(({ PK, SK }) => `${PK.S}|${SK.S}`);
      if (!items.some((it) => held.has(it))) {
        for (const it of items) held.add(it);
        setTimeout(() => {
          for (const it of items) held.delete(it);
        }, transactionMs);
        return undefined;
      }
      const reasons = items.map((it) => (held.has(it) ? 'TransactionConflict' : 'None'));
      return JSON.stringify({
        __type: 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',
        Message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.join(', ')}]`,
        CancellationReasons: reasons.map((Code) =>
          Code === 'None' ? { Code } : { Code, Message: 'Transaction is ongoing for the item' },
        ),
      });
    },
  };
};
