import createClient, { type Client } from 'openapi-fetch';
import type { components, paths } from './schema.ts';

export type Schemas = components['schemas'];

export type LatchworkOptions = {
  /** Where the API is, without `/v1`. */
  baseUrl: string;
  /** `lw_live_…` or `lw_test_…`. */
  apiKey?: string;
  /** How often a request is sent again that was answered with 429 or 503, or not at all; 2 unless said. */
  retries?: number;
  /** The longest that is waited before a request is sent again, in milliseconds; what wants more is answered as it is. */
  longestWaitMs?: number;
  fetch?: (request: Request) => Promise<Response>;
};

export type Latchwork = Client<paths, 'application/json'>;

/**
 * The API, typed from its OpenAPI document. Each POST carries an `Idempotency-Key`, drawn anew unless you give one, and
 * keeps it when it is sent again: whatever gets lost on the way, it has its effect once.
 */
export const latchwork = ({
  baseUrl,
  apiKey,
  retries = 2,
  longestWaitMs = 10_000,
  fetch = (request) => globalThis.fetch(request),
}: LatchworkOptions): Latchwork => {
  const client = createClient<paths, 'application/json'>({
    baseUrl,
    // As the document says of every parameter that takes several values.
    querySerializer: { array: { style: 'form', explode: false } },
    fetch: insistent(fetch, retries, longestWaitMs),
    ...(apiKey !== undefined && { headers: { authorization: `Bearer ${apiKey}` } }),
  });
  client.use({
    onRequest: ({ request }) => {
      if (request.method === 'POST' && !request.headers.has('idempotency-key'))
        request.headers.set('idempotency-key', crypto.randomUUID());
      return request;
    },
  });
  return client;
};

/** A refusal of the API, RFC 9457. `code` is stable; docs/problems says of each what to do. */
export class LatchworkProblem extends Error {
  readonly problem: Schemas['Problem'];

  constructor(problem: Schemas['Problem']) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = 'LatchworkProblem';
    this.problem = problem;
  }

  get code(): string {
    return this.problem.code;
  }

  /** Why, where the domain has a word for it: `bank_full`, `on_hold` … New ones may come. */
  get reason(): string | undefined {
    return this.problem.reason;
  }
}

type Outcome<Data> = { data?: Data; error?: unknown; response: Response };

/** What was answered; throws a `LatchworkProblem` if that is a refusal: `await orThrow(api.GET('/v1/sites'))`. */
export const orThrow = async <Data>(outcome: Promise<Outcome<Data>>): Promise<Data> => {
  const { data, error, response } = await outcome;
  if (response.ok && data !== undefined) return data;
  if (isProblem(error)) throw new LatchworkProblem(error);
  // The gateway's own, or of something between here and there.
  throw new Error(`answered ${response.status}: ${JSON.stringify(error ?? data ?? '')}`);
};

const isProblem = (error: unknown): error is Schemas['Problem'] =>
  typeof error === 'object' && error !== null && 'code' in error && 'detail' in error;

const insistent =
  (fetch: (request: Request) => Promise<Response>, retries: number, longestWaitMs: number) =>
  async (request: Request): Promise<Response> => {
    for (let attempt = 0; ; attempt += 1) {
      // A body can be read once, so each attempt gets a request of its own.
      const answer = await fetch(request.clone()).catch((error: unknown) => {
        if (attempt >= retries || request.signal.aborted) throw error;
        return null;
      });
      if (answer !== null && answer.status !== 429 && answer.status !== 503) return answer;
      const seconds = Number(answer?.headers.get('retry-after') ?? 2 ** attempt);
      // Callers who were refused together do not come back together.
      const waitMs = seconds * 1000 * (1 + Math.random() / 4);
      if (answer !== null && (attempt >= retries || !(waitMs <= longestWaitMs))) return answer;
      await new Promise((done) => setTimeout(done, Math.min(waitMs, longestWaitMs)));
    }
  };
