import { appendFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/*
 * LATCHWORK_API_KEY=… npm run export-trail -- --api URL --transaction ID --out FILE
 *
 * The audit trail of a transaction as JSON Lines, byte for byte what the API says of each event.
 */

const { api, transaction, out } = parseArgs({
  options: { api: { type: 'string' }, transaction: { type: 'string' }, out: { type: 'string' } },
}).values;
const key = process.env.LATCHWORK_API_KEY;
if (!api || !transaction || !out || !key) {
  process.stdout.write('usage: LATCHWORK_API_KEY=… npm run export-trail -- --api URL --transaction ID --out FILE\n');
  process.exit(2);
}

writeFileSync(out, '');
let cursor: string | null = null;
let count = 0;
do {
  const url = new URL(`${api}/v1/transactions/${encodeURIComponent(transaction)}/events?limit=100`);
  if (cursor !== null) url.searchParams.set('cursor', cursor);
  const response: Response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  if (!response.ok) {
    process.stdout.write(`the API answered ${response.status}: ${await response.text()}\n`);
    process.exit(1);
  }
  const page = JSON.parse(await response.text());
  for (const event of page.data) appendFileSync(out, `${JSON.stringify(event)}\n`);
  count += page.data.length;
  cursor = page.nextCursor;
} while (cursor !== null);
process.stdout.write(`${count} events of ${transaction} are in ${out}\n`);
