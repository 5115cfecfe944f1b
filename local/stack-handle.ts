import * as z from 'zod';
import { Endpoint } from './endpoint.ts';

/** All that a test needs to know of the stack it runs against; also what `--serve` leaves in a file. */
export const StackHandle = Endpoint.extend({
  apiUrl: z.string(),
  outputs: z.record(z.string(), z.string()),
  stateDir: z.string(),
});
export type StackHandle = z.infer<typeof StackHandle>;

/** The stack's own output is the address on AWS; the engine serves the same API below its own port. */
export function apiUrlOf(endpoint: Endpoint, outputs: Record<string, string>): string {
  return `${endpoint.awsEndpointUrl}/_aws/execute-api/${outputOf(outputs, 'ApiId')}/$default`;
}

export function outputOf(outputs: Record<string, string>, name: string): string {
  const value = outputs[name];
  if (value === undefined) throw new Error(`the stack has no output ${name}`);
  return value;
}
