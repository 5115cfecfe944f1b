import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type * as z from 'zod';

/* What the controls of simulated banks have in common: HTTP on loopback, JSON in and out. */

type Problem = { status: number; code: string; detail: string; errors?: { field: string; detail: string }[] };

export class Refused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

export const read = <T extends z.ZodType>(schema: T, body: unknown): z.output<T> => {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [];
    return { field: [...issue.path, ...unknown].join('.') || 'body', detail: issue.message };
  });
  const [first] = errors;
  throw new Refused({ status: 400, code: 'bad_request', detail: `${first?.field}: ${first?.detail}`, errors });
};

export const notFound = (detail: string): Refused => new Refused({ status: 404, code: 'not_found', detail });

const bodyMax = 32 * 1024;

export const rawBodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > bodyMax) throw new Refused({ status: 413, code: 'too_large', detail: 'the body is too large' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
};

export const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  if (request.method !== 'POST') return undefined;
  const text = await rawBodyOf(request);
  try {
    return JSON.parse(text || '{}');
  } catch {
    throw new Refused({ status: 400, code: 'bad_request', detail: 'the body is not JSON' });
  }
};

export const pathOf = ({ url = '/' }: IncomingMessage): string[] => {
  try {
    return new URL(url, 'http://control').pathname.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    throw notFound('the address cannot be read');
  }
};

/** A page of somebody else, open in the same browser, must not open doors here. */
export const isForeign = ({ headers: { origin, host } }: IncomingMessage): boolean =>
  origin !== undefined && URL.parse(origin)?.host !== host;

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export const json = 'application/json';

export const send = (response: ServerResponse, status: number, type: string, body: unknown): void => {
  response.writeHead(status, { 'content-type': type }).end(`${JSON.stringify(body)}\n`);
};

/** Serves until it is stopped. What is refused is told as a problem, and what goes wrong as one of the simulator's own. */
export const listen = async (
  { host, port }: { host: string; port: number },
  handle: Handler,
  log: (text: string) => void,
): Promise<{ url: string; stop(): Promise<void> }> => {
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      const isOurs = error instanceof Refused;
      if (!isOurs) log(`control: ${String(error)}`);
      const problem = isOurs ? error.problem : { status: 500, code: 'internal', detail: String(error) };
      send(response, problem.status, 'application/problem+json', {
        title: problem.code.replaceAll('_', ' '),
        ...problem,
      });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const listening = typeof address === 'object' && address ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listening}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
