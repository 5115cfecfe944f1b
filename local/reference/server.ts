import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** Answers with files that are held in memory. */
const answering =
  (files: ReadonlyMap<string, string>) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    const [path = ''] = (request.url ?? '').slice(1).split('?');
    const name = path === '' ? 'index.html' : path;
    const text = files.get(name);
    if (text === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such page.');
      return;
    }
    const type = name.endsWith('.html') ? 'text/html' : 'application/json';
    response
      .writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'x-content-type-options': 'nosniff' })
      .end(text);
  };

export type ReferenceServer = { url: string; stop: () => Promise<void> };

/** Shows the pages of the reference on this machine. */
export async function startReference(port: number, files: ReadonlyMap<string, string>): Promise<ReferenceServer> {
  const server = createServer(answering(files));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${port}/`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
