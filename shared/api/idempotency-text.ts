import { needsIdempotencyKey } from './route.ts';
import { routes } from './routes.ts';

const without = routes.filter((route) => route.method === 'POST' && !needsIdempotencyKey(route));

/** Which requests need an `Idempotency-Key`, to go on a sentence with. */
export const whoNeedsKey = `every POST but those that only ask, or may be repeated as they are (${without
  .map(({ id }) => `\`${id}\``)
  .join(', ')})`;
