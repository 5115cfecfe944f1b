import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import { createTransaction } from '../shared/api/transactions.ts';
import type { Recorder } from './recorder.ts';
import { layoutOf, parcelFor } from './sample.ts';
import type { Answer, Caller, Workbench } from './workbench.ts';

export type Race = {
  callers: number;
  won: number;
  /** Refused as `bank_full`. */
  full: number;
  /** Anything else, by what it was. */
  otherwise: string[];
  /** Doors that two callers were given. */
  doubles: number;
  /** Transactions attempted by the caller that attempted most, and by all together. */
  most: number;
  attempts: number;
  /** Times that somebody was told to come back (503), and did. */
  sentBack: number;
};

const callers = 200;
const doors = 100;

const Given = z.object({ door: z.string() });
const Refused = z.object({ code: z.string(), reason: z.string().optional() });

/** Told to come back, it comes back, with the same idempotency key: 503 is not an answer yet. */
const persist = async (ask: Caller, body: Record<string, unknown>): Promise<Answer & { sentBack: number }> => {
  const idempotencyKey = crypto.randomUUID();
  for (let sentBack = 0; ; sentBack += 1) {
    const answer = await ask(createTransaction, { body, idempotencyKey });
    if (answer.status !== 503) return { ...answer, sentBack };
    await pause(1_000);
  }
};

/** Everybody wants a compartment of the same bank at the same moment, each from a function environment of its own. */
export async function race(bench: Workbench, recorder: Recorder): Promise<Race> {
  const { id: bankId } = await bench.newBank(layoutOf(doors));
  const asks = Array.from({ length: callers }, (_, nth) => bench.caller(recorder.url, `caller${nth}`));
  recorder.take();
  const answers = await Promise.all(asks.map((ask) => persist(ask, parcelFor(bankId))));
  const attempts = recorder.take().filter(({ operation }) => operation === 'TransactWriteItems');
  const perCaller = [...Map.groupBy(attempts, ({ by }) => by).values()].map(({ length }) => length);
  const sentBack = answers.reduce((total, it) => total + it.sentBack, 0);
  const given = answers.flatMap(({ status, body }) => (status === 201 ? [Given.parse(body).door] : []));
  const refused = answers.flatMap(({ status, body }) => (status === 201 ? [] : [Refused.parse(body)]));
  return {
    callers,
    won: given.length,
    full: refused.filter(({ reason }) => reason === 'bank_full').length,
    otherwise: refused.filter(({ reason }) => reason !== 'bank_full').map(({ code, reason }) => reason ?? code),
    doubles: given.length - new Set(given).size,
    most: Math.max(...perCaller),
    attempts: attempts.length,
    sentBack,
  };
}
