import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { extname, join } from 'node:path';
import type { SimulatedBank } from './simulated-bank.ts';
import { pageView } from './view.ts';

/*
 * The panel of a bank for people: files of the folder `page`, and a stream of what the bank is like now. The page uses
 * the same requests as everybody else.
 */

const folder = join(import.meta.dirname, 'page');

/** What a page may load, and nothing else; by the address under `panel/`. */
const files: Record<string, string> = {
  'panel.css': 'text/css',
  'icon.svg': 'image/svg+xml',
  'panel.ts': 'text/javascript',
  'doors.ts': 'text/javascript',
  'dom.ts': 'text/javascript',
  'words.ts': 'text/javascript',
};

/** The page runs nothing, shows nothing and speaks to nobody that does not come from here. */
const policy = [
  "default-src 'none'",
  ...['script', 'style', 'img', 'connect'].map((kind) => `${kind}-src 'self'`),
  ...['base-uri', 'form-action', 'frame-ancestors'].map((what) => `${what} 'none'`),
].join('; ');

const headers = (type: string) => ({
  'content-type': `${type}; charset=utf-8`,
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
});

export const asksForPage = ({ method, headers: { accept = '' } }: IncomingMessage): boolean =>
  method === 'GET' && accept.includes('text/html');

/** What a browser gets at this path of a bank; nothing if there is no page. */
export const pageAt = async (path: readonly string[]): Promise<{ type: string; body: string } | undefined> => {
  const [noun, name, ...more] = path;
  if (noun !== 'panel' || more.length > 0) return undefined;
  if (name === undefined) return { type: 'text/html', body: await readFile(join(folder, 'panel.html'), 'utf8') };
  const type = Object.hasOwn(files, name) ? files[name] : undefined;
  if (type === undefined) return undefined;
  const text = await readFile(join(folder, name), 'utf8');
  return { type, body: extname(name) === '.ts' ? stripTypeScriptTypes(text) : text };
};

export const sendPage = (response: ServerResponse, { type, body }: { type: string; body: string }): void => {
  response.writeHead(200, headers(type)).end(body);
};

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** All banks of this process, for who opens the root in a browser. */
export const listPage = (banks: readonly { id: string; name: string; doors: number; controlUrl: string }[]) => ({
  type: 'text/html',
  body: `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Simulated banks</title>
<main>
<h1>Simulated banks</h1>
<ul>
${banks
  .map(({ id, name, doors, controlUrl }) => {
    const address = new URL(controlUrl).pathname;
    return `<li><a href="${escaped(address)}/panel">${escaped(name || id)}</a>, ${doors} doors, ${escaped(id)}</li>`;
  })
  .join('\n')}
</ul>
</main>
</html>
`,
});

/** A clock that was put back leaves a code without an end: it is looked at no more often than this. */
const leastWaitMs = 250;

/** Server-sent events: the bank as it is now, at once, after every change and with every code, as long as somebody looks. */
export const stream = (bank: SimulatedBank, response: ServerResponse): void => {
  response.writeHead(200, { ...headers('text/event-stream'), 'x-accel-buffering': 'no' });
  let isDue = false;
  let nextCode: NodeJS.Timeout | undefined;
  const send = (): void => {
    isDue = false;
    if (response.destroyed) return;
    const view = pageView(bank);
    response.write(`data: ${JSON.stringify(view)}\n\n`);
    clearTimeout(nextCode);
    if (view.presence) nextCode = setTimeout(send, Math.max(view.presence.leftMs, leastWaitMs));
  };
  // What follows from one input at once is told once.
  const soon = (): void => {
    if (!isDue) setImmediate(send);
    isDue = true;
  };
  send();
  const unwatch = bank.watch(soon);
  response.on('close', () => {
    unwatch();
    clearTimeout(nextCode);
  });
};
