import { randomUUID } from 'node:crypto';
import * as z from 'zod';

export type Answer = { status: number; headers: Headers; body: unknown };

export type RequestOptions = {
  body?: unknown;
  headers?: Record<string, string>;
  /** Of a POST; a new one unless the caller wants to repeat itself. */
  idempotencyKey?: string;
};

/** Our public HTTP API as an integrator sees it: the start-up, the demo and the tests know no other way in. */
export type ApiClient = ReturnType<typeof apiClient>;

export function apiClient(apiUrl: string, apiKey?: string) {
  async function request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
        ...(options.body !== undefined && { 'content-type': 'application/json' }),
        ...(method === 'POST' && { 'idempotency-key': options.idempotencyKey ?? randomUUID() }),
        ...options.headers,
      },
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parsed(text) };
  }

  /** The answer if it is a success of that shape; otherwise an error that says what came instead. */
  async function expecting<Shape extends z.ZodType>(
    shape: Shape,
    method: string,
    path: string,
    options: RequestOptions = {},
  ): Promise<z.infer<Shape>> {
    const answer = await request(method, path, options);
    if (answer.status >= 300) throw new UnexpectedAnswer(`${method} ${path}`, answer);
    return shape.parse(answer.body);
  }

  return {
    request,
    get: <Shape extends z.ZodType>(path: string, shape: Shape) => expecting(shape, 'GET', path),
    post: <Shape extends z.ZodType>(path: string, body: unknown, shape: Shape, options: RequestOptions = {}) =>
      expecting(shape, 'POST', path, { ...options, body }),
    patch: <Shape extends z.ZodType>(path: string, body: unknown, shape: Shape, options: RequestOptions = {}) =>
      expecting(shape, 'PATCH', path, { ...options, body }),
  };
}

export class UnexpectedAnswer extends Error {
  readonly answer: Answer;
  constructor(what: string, answer: Answer) {
    super(`${what} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    this.answer = answer;
  }
}

/** What is made has an id; whoever needs more of it asks for more. */
export const Made = z.object({ id: z.string() });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
