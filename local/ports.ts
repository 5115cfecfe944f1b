import { connect, createServer } from 'node:net';
import { until } from './until.ts';

const host = '127.0.0.1';

/** The port if it can be opened now (0 lets the system choose), otherwise undefined. */
function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : undefined));
    });
  });
}

export const isFree = async (port: number) => (await tryPort(port)) !== undefined;

/** `preferred` if it is still free, otherwise any free port that is not in `except`. */
export async function freePort(preferred?: number, except: readonly number[] = []): Promise<number> {
  if (preferred !== undefined && !except.includes(preferred) && (await isFree(preferred))) return preferred;
  for (;;) {
    const port = await tryPort(0);
    if (port !== undefined && !except.includes(port)) return port;
  }
}

export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}

export const closed = (port: number, withinMs: number) =>
  until(`port ${port} is closed`, async () => !(await isOpen(port)), { withinMs });
