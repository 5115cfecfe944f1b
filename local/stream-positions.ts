import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const LambdaState = z.looseObject({
  payload: z.looseObject({ dynamodb_stream_positions: z.looseObject({ data: z.record(z.string(), z.unknown()) }) }),
});

/**
 * MiniStack keeps how far a stream mapping has read, but not the stream: after a restart it would skip as many new
 * records as it had read. Without a position it starts at the beginning of the new, empty stream.
 */
export function forgetStreamPositions(engineState: string): void {
  const file = join(engineState, 'lambda.json');
  if (!existsSync(file)) return;
  const parsed = LambdaState.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) return;
  parsed.data.payload.dynamodb_stream_positions.data = {};
  writeFileSync(file, JSON.stringify(parsed.data));
}
