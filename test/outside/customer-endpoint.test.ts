import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type CustomerEndpointOptions,
  isPublicAddress,
  openCustomerEndpoints,
  refusedUrl,
} from '#shared/outside/customer-endpoint.ts';

const atEnd: (() => void)[] = [];
afterEach(() => {
  for (const step of atEnd.splice(0)) step();
});

const listening = async (server: Server | ReturnType<typeof createTlsServer>): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};

const serving = (listener: RequestListener): Promise<number> => listening(createServer(listener));

const loopback = [{ address: '127.0.0.1', family: 4 }];

const posted = (url: string, options: Partial<CustomerEndpointOptions> = {}, body = '{}') =>
  openCustomerEndpoints({ allowLoopback: true, timeoutMs: 2_000, resolve: async () => loopback, ...options }).post(
    url,
    { 'content-type': 'application/json', 'webhook-id': 'evt_1' },
    body,
  );

const hostile = [
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '169.254.170.2',
  '100.64.0.1',
  '100.100.100.200',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '198.18.0.1',
  '198.51.100.7',
  '203.0.113.9',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:169.254.169.254',
  '::ffff:8.8.8.8',
  '64:ff9b::169.254.169.254',
  '64:ff9b:1::10.0.0.1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
];

describe('addresses', () => {
  it.each(hostile)('refuse %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '1.1.1.1', '52.94.236.248', '2606:4700:4700::1111', '2a00:1450:4001:80b::200e'])(
    'take %s',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

describe('the URL of an endpoint', () => {
  it.each([
    ['http://hooks.shop.com/', 'must start with https://'],
    ['ftp://hooks.shop.com/', 'must start with https://'],
    ['file:///etc/passwd', 'must start with https://'],
    ['hooks.shop.com', 'must be a URL'],
    ['https://user:secret@hooks.shop.com/', 'must not contain a user name or password'],
    ['https://user@hooks.shop.com/', 'must not contain a user name or password'],
    ['https://hooks.shop.com:8443/', 'must use port 443'],
    ['https://hooks.shop.com:22/', 'must use port 443'],
    ['https://localhost/', 'must lead to a public address'],
    ['https://localhost./', 'must lead to a public address'],
    ['https://api.localhost/', 'must lead to a public address'],
    ['https://printer.local/', 'must lead to a public address'],
    ['https://metadata.google.internal/', 'must lead to a public address'],
    ['https://intranet/', 'must lead to a public address'],
    ['https://127.0.0.1/', 'must lead to a public address'],
    // Other spellings of 127.0.0.1 and 169.254.169.254.
    ['https://127.1/', 'must lead to a public address'],
    ['https://2130706433/', 'must lead to a public address'],
    ['https://0x7f000001/', 'must lead to a public address'],
    ['https://0177.0.0.1/', 'must lead to a public address'],
    ['https://0xa9.0xfe.0xa9.0xfe/', 'must lead to a public address'],
    ['https://①②⑦.0.0.1/', 'must lead to a public address'],
    ['https://[::1]/', 'must lead to a public address'],
    ['https://[::ffff:a9fe:a9fe]/', 'must lead to a public address'],
    ['https://[fd00:ec2::254]/', 'must lead to a public address'],
  ])('refuses %s', (url, why) => {
    expect(refusedUrl(url, false)).toBe(why);
  });

  it.each([
    'https://hooks.shop.com/latchwork?tenant=7',
    'https://hooks.shop.com:443/',
    'https://8.8.8.8/',
    'https://bücher.example.com/',
    'https://[2606:4700:4700::1111]/',
  ])('takes %s', (url) => {
    expect(refusedUrl(url, false)).toBeNull();
  });

  it('may be private on the local stage, but no other protocol and without credentials', () => {
    expect(refusedUrl('http://127.0.0.1:3000/', true)).toBeNull();
    expect(refusedUrl('http://user:secret@127.0.0.1:3000/', true)).toBe('must not contain a user name or password');
    expect(refusedUrl('gopher://127.0.0.1/', true)).toBe('must start with http:// or https://');
  });
});

describe('a name that resolves', () => {
  it.each(hostile)('to %s is refused', async (address) => {
    const resolve = async () => [{ address, family: address.includes(':') ? 6 : 4 }];
    const reply = await posted('https://hooks.shop.com/', { allowLoopback: false, resolve });
    expect(reply).toMatchObject({ status: null, error: 'the URL must lead to a public address' });
  });

  it('to a public and a private address is refused, since any of them could be connected to', async () => {
    const resolve = async () => [{ address: '8.8.8.8', family: 4 }, ...loopback];
    const reply = await posted('https://hooks.shop.com/', { allowLoopback: false, resolve });
    expect(reply.error).toBe('the URL must lead to a public address');
  });

  it('to nothing is not known', async () => {
    expect((await posted('https://hooks.shop.com/', { resolve: async () => [] })).error).toBe(
      'the host name has no address',
    );
    const resolve = async () => Promise.reject(Object.assign(new Error('queryA'), { code: 'ENOTFOUND' }));
    expect((await posted('https://hooks.shop.com/', { resolve })).error).toBe('the host name is not known');
  });

  it('is asked once, and the address that was checked is the one connected to', async () => {
    let asked = 0;
    const port = await serving((request, response) => response.end(request.headers.host));
    const resolve = async () => {
      asked += 1;
      // A second question would be answered with an address where nobody listens.
      return asked === 1 ? loopback : [{ address: '127.0.0.2', family: 4 }];
    };
    const reply = await posted(`http://hooks.shop.com:${port}/`, { resolve });
    expect(reply).toMatchObject({ status: 200, error: null });
    expect(asked).toBe(1);
  });

  it('keeps us waiting no longer than the timeout', async () => {
    const reply = await posted('http://hooks.shop.com/', { timeoutMs: 30, resolve: () => new Promise(() => {}) });
    expect(reply).toMatchObject({ status: null, error: 'no answer within 0.03 s' });
  });

  it('is the name that TLS asks for, although an address is connected to', async () => {
    let asked: string | undefined;
    const port = await listening(
      createTlsServer({
        SNICallback: (name, done) => {
          asked = name;
          done(new Error('no certificate'));
        },
      }),
    );
    const reply = await posted(`https://hooks.shop.com:${port}/`);
    expect(asked).toBe('hooks.shop.com');
    expect(reply.status).toBeNull();
    expect(reply.error).toMatch(/^(TLS could not be agreed on|the connection was closed)/);
  });
});

/** A DNS server that answers for any name, each time with the next of these IPv4 addresses, and asks not to keep them. */
const rebinding = async (addresses: readonly string[]) => {
  let asked = 0;
  const server = createSocket('udp4');
  server.on('message', (query, { port, address }) => {
    const octets = (addresses[asked % addresses.length] ?? '').split('.').map(Number);
    asked += 1;
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    // One answer to the one question, for the name at byte 12: type A, class IN, good for 0 s, four bytes.
    const header = [...query.subarray(0, 2), 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    const answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...octets];
    server.send(Buffer.from([...header, ...question, ...answer]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd.push(() => server.close());
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.address().port}`]);
  const resolve = async (host: string) =>
    (await resolver.resolve4(host)).map((address) => ({ address, family: 4 as const }));
  return { resolve, asked: () => asked };
};

describe('a DNS server that says something else each time', () => {
  it('is asked once for each attempt, and what it says then is refused, or is all that is connected to', async () => {
    let visits = 0;
    const port = await serving((_, response) => {
      visits += 1;
      response.writeHead(204).end();
    });
    // The local stage takes loopback, which so stands for the public address of the trap; the others are what it is for.
    const traps = ['169.254.169.254', '10.0.0.1', '192.168.1.1', '100.100.100.200', '0.0.0.0'];
    const { resolve, asked } = await rebinding(traps.flatMap((trap) => ['127.0.0.1', trap]));
    const replies = [];
    for (const _ of [...traps, ...traps]) replies.push(await posted(`http://rebind.shop.com:${port}/`, { resolve }));
    expect(asked()).toBe(replies.length);
    expect(replies.map(({ status, error }) => status ?? error)).toEqual(
      traps.flatMap(() => [204, 'the URL must lead to a public address']),
    );
    expect(visits).toBe(traps.length);
  });

  it('leads nowhere by an address that is not public, whatever it said before', async () => {
    const inner = hostile.filter((address) => !address.includes(':'));
    const { resolve, asked } = await rebinding(inner);
    for (const _ of inner)
      expect(await posted('https://rebind.shop.com/', { allowLoopback: false, resolve })).toMatchObject({
        status: null,
        error: 'the URL must lead to a public address',
      });
    expect(asked()).toBe(inner.length);
  });
});

describe('a request', () => {
  it('is a POST with what was given, byte for byte', async () => {
    const seen: { method?: string; id?: unknown; length?: unknown; body: string } = { body: '' };
    const port = await serving((request, response) => {
      Object.assign(seen, {
        method: request.method,
        id: request.headers['webhook-id'],
        length: request.headers['content-length'],
      });
      request.on('data', (chunk: Buffer) => {
        seen.body += chunk.toString('utf8');
      });
      request.on('end', () => response.writeHead(204).end());
    });
    const reply = await posted(`http://127.0.0.1:${port}/hook?x=1`, {}, '{"note":"ä€😀"}');
    expect(reply).toMatchObject({ status: 204, error: null, retryAfter: null });
    expect(seen).toEqual({ method: 'POST', id: 'evt_1', length: '20', body: '{"note":"ä€😀"}' });
  });

  it('follows no redirect', async () => {
    const visited: string[] = [];
    const port = await serving((request, response) => {
      visited.push(request.url ?? '');
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
    });
    expect(await posted(`http://127.0.0.1:${port}/start`)).toMatchObject({
      status: 302,
      error: 'redirects are not followed',
    });
    expect(visited).toEqual(['/start']);
  });

  it('brings back why it failed, in the words of the receiver, on one line and cut short', async () => {
    const port = await serving((_, response) =>
      response.writeHead(503, { 'retry-after': '120' }).end(`down\r\n\u001b[31m for maintenance ${'.'.repeat(5_000)}`),
    );
    const reply = await posted(`http://127.0.0.1:${port}/`);
    expect(reply).toMatchObject({ status: 503, retryAfter: '120' });
    expect(reply.error).toMatch(/^down \[31m for maintenance \.+$/);
    // Of the first 1 KB; a line break and what steers a terminal became one space each.
    expect(reply.error).toHaveLength(1_022);
  });

  it('brings back whole characters only', async () => {
    const port = await serving((_, response) => response.writeHead(500).end(`x${'€'.repeat(500)}`));
    expect((await posted(`http://127.0.0.1:${port}/`)).error).toBe(`x${'€'.repeat(341)}`);
  });

  it('reads no more than 64 KB of an answer that never ends', async () => {
    let written = 0;
    const closed = Promise.withResolvers<void>();
    const port = await serving((_, response) => {
      response.on('close', () => closed.resolve());
      const more = (): void => {
        while (!response.destroyed) {
          written += 16_384;
          if (!response.write('x'.repeat(16_384))) break;
        }
      };
      response.on('drain', more);
      more();
    });
    expect(await posted(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200, error: null });
    await closed.promise;
    // What the operating system had buffered on the way comes on top.
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  it('counts a success whose body is broken off or never comes', async () => {
    const brokenOff = await serving((_, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('x', () => response.destroy());
    });
    expect(await posted(`http://127.0.0.1:${brokenOff}/`)).toMatchObject({ status: 200, error: null });
    const silent = await serving((_, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.flushHeaders();
    });
    expect(await posted(`http://127.0.0.1:${silent}/`, { timeoutMs: 100 })).toMatchObject({ status: 200, error: null });
  });

  it('gives up on who does not answer', async () => {
    const port = await serving(() => {});
    const reply = await posted(`http://127.0.0.1:${port}/`, { timeoutMs: 50 });
    expect(reply).toMatchObject({ status: null, error: 'no answer within 0.05 s' });
    expect(reply.durationMs).toBeGreaterThanOrEqual(45);
  });

  it.each([
    ['refuses', async () => 1, 'the connection was refused'],
    [
      'hangs up',
      () => serving((request) => request.socket.destroy()),
      'the connection was closed before an answer came',
    ],
    [
      'speaks no HTTP',
      () => serving((request) => request.socket.end('SSH-2.0-OpenSSH_9.6\r\n')),
      'the answer is not valid HTTP (HPE_INVALID_CONSTANT)',
    ],
  ])('says plainly that the receiver %s', async (_, start, error) => {
    expect(await posted(`http://127.0.0.1:${await start()}/`)).toMatchObject({ status: null, error });
  });
});
