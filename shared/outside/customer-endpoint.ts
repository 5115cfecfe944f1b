import { lookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What came of a request: a status, or why there was none. `error` is for the customer to read. */
export type Reply = { status: number | null; error: string | null; retryAfter: string | null; durationMs: number };

export type CustomerEndpoints = {
  /** Always comes back, at the latest after the timeout; whatever goes wrong is in the reply. */
  post: (url: string, headers: Record<string, string>, body: string) => Promise<Reply>;
  /** The same within a time of its own, for whom the answer's text matters; of a long one only the beginning. */
  ask: (
    url: string,
    headers: Record<string, string>,
    body: string,
    withinMs: number,
  ) => Promise<Reply & { text: string }>;
};

type Address = { address: string; family: number };

export type CustomerEndpointOptions = {
  /** Loopback, plain HTTP and any port too: for a stage whose customers run on the same machine. */
  allowLoopback: boolean;
  resolve?: (host: string) => Promise<Address[]>;
  timeoutMs?: number;
};

/** An endpoint has so long for everything, from its name's resolution to the last byte (design.md section 7). */
export const timeoutMs = 15_000;

/** What an answer may hold beyond this is not read. */
const answerBytesMax = 64 * 1024;

/** As much of an answer that was no success is kept for its owner. */
const quotedBytesMax = 1_024;

/** All of IPv6 that is given out so far. Outside lie `::127.0.0.1` and whatever ipaddr.js does not know yet. */
const globalIpv6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** Neither private, loopback, link-local, metadata, CGNAT, multicast nor reserved, nor one of these inside an IPv6 one. */
export const isPublicAddress = (text: string): boolean => {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv6 ? address.match(globalIpv6) : true;
};

const isLoopback = (text: string): boolean => ipaddr.isValid(text) && ipaddr.parse(text).range() === 'loopback';

const literalOf = ({ hostname }: URL): string | null => {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return ipaddr.isValid(bare) ? bare : null;
};

/** Names that no public DNS answers for: RFC 6761, RFC 9476 and what cloud and home networks use. */
const ownName = /(^|\.)(localhost|local|internal|intranet|lan|home\.arpa|test|invalid|example|onion|alt)$/;

const notPublic = 'must lead to a public address';

/**
 * Why webhooks do not go to this URL, as far as it can be seen without resolving its name; null when they do. Reads
 * like a field error: `url` "must start with https://".
 */
export const refusedUrl = (text: string, allowLoopback: boolean): string | null => {
  const url = URL.parse(text);
  if (url === null) return 'must be a URL';
  // They would stand in the list of endpoints, and in the logs of every proxy.
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password';
  const literal = literalOf(url);
  if (allowLoopback) {
    if (!['http:', 'https:'].includes(url.protocol)) return 'must start with http:// or https://';
    return literal === null || isLoopback(literal) || isPublicAddress(literal) ? null : notPublic;
  }
  if (url.protocol !== 'https:') return 'must start with https://';
  if (url.port !== '') return 'must use port 443';
  if (literal !== null) return isPublicAddress(literal) ? null : notPublic;
  const name = url.hostname.replace(/\.$/, '');
  return ownName.test(name) || !name.includes('.') ? notPublic : null;
};

/** An error whose text the customer may read. */
class Refused extends Error {}

/** What Node's codes mean, for somebody who does not run Node. */
const plainly: Record<string, string> = {
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be resolved',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed before an answer came',
  EPIPE: 'the connection was closed before an answer came',
  ETIMEDOUT: 'no connection could be made in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the host cannot be reached',
};

const tlsCode = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/;

/** Codes only: messages of the system name addresses and files that are none of the customer's business. */
const told = (error: unknown, limitMs: number): string => {
  if (error instanceof Refused) return error.message;
  if (error instanceof Error && ['TimeoutError', 'AbortError'].includes(error.name))
    return `no answer within ${limitMs / 1000} s`;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (tlsCode.test(code)) return `TLS could not be agreed on (${code})`;
  if (code.startsWith('HPE_')) return `the answer is not valid HTTP (${code})`;
  return plainly[code] ?? `the request failed${code && ` (${code})`}`;
};

/** One line of text without what could steer a terminal or a page. */
const quoted = (answer: Buffer): string =>
  // As of a stream: half a character at the end is left out.
  new TextDecoder()
    .decode(answer.subarray(0, quotedBytesMax), { stream: true })
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();

type Answer = { status: number; retryAfter: string | null; start: Buffer };

const failureOf = ({ status, start }: Answer): string | null => {
  if (status >= 200 && status < 300) return null;
  if (status >= 300 && status < 400) return 'redirects are not followed';
  return quoted(start) || 'an answer without a text';
};

/** Rejects when the signal comes first: a name's resolution cannot be broken off. */
const unlessAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });

/** Node gives an address 250 ms before it tries the next, and gives up after the last: too short between continents. */
const patience = { autoSelectFamilyAttemptTimeout: 2_000 };

/** The answer's status counts once it is there; a body that is too long, broken off or late changes nothing. */
const exchange = async (
  url: URL,
  addresses: Address[],
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
): Promise<Answer> => {
  // Loaded when first needed, as the SDK does: a quarter of what a cold start imports.
  const { request: send } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
  return new Promise((resolve, reject) => {
    // The name is not resolved again: what was checked is what is connected to, whatever DNS says by now.
    const pinned: LookupFunction = (_host, { all }, done) => {
      const [first] = addresses;
      if (all || first === undefined) done(null, addresses);
      else done(null, first.address, first.family);
    };
    const request = send(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      lookup: pinned,
      signal,
      // A connection kept through a function's sleep is dead when it wakes, and would fail an attempt.
      agent: false,
      ...patience,
    });
    let answered = false;
    request.on('error', (error) => {
      if (!answered) reject(error);
    });
    request.on('response', (response) => {
      answered = true;
      const read: Buffer[] = [];
      let bytes = 0;
      const done = () =>
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: response.headers['retry-after'] ?? null,
          start: Buffer.concat(read),
        });
      response.on('data', (chunk: Buffer) => {
        if (bytes < quotedBytesMax) read.push(chunk);
        bytes += chunk.length;
        if (bytes >= answerBytesMax) response.destroy();
      });
      response.on('error', done);
      response.on('close', done);
    });
    request.end(body);
  });
};

/** Systems of customers, wherever they say those are: nothing about them is trusted. */
export const openCustomerEndpoints = (options: CustomerEndpointOptions): CustomerEndpoints => {
  const { allowLoopback, resolve = (host) => lookup(host, { all: true }) } = options;
  const limitMs = options.timeoutMs ?? timeoutMs;

  /** Every address of the host; none, if one of them is not public: that is a trap, or a mistake worth telling. */
  const addressesOf = async (url: URL): Promise<Address[]> => {
    const literal = literalOf(url);
    const found = literal === null ? await resolve(url.hostname) : [{ address: literal, family: 0 }];
    if (found.length === 0) throw new Refused('the host name has no address');
    const allowed = (address: string) => isPublicAddress(address) || (allowLoopback && isLoopback(address));
    if (!found.every(({ address }) => allowed(address))) throw new Refused(`the URL ${notPublic}`);
    return found;
  };

  const ask: CustomerEndpoints['ask'] = async (address, headers, body, withinMs) => {
    const startedAt = performance.now();
    const reply = (status: number | null, error: string | null, retryAfter: string | null, text = '') => ({
      status,
      error,
      retryAfter,
      durationMs: Math.round(performance.now() - startedAt),
      text,
    });
    const refused = refusedUrl(address, allowLoopback);
    if (refused !== null) return reply(null, `the URL ${refused}`, null);
    const signal = AbortSignal.timeout(withinMs);
    try {
      const url = new URL(address);
      const addresses = await unlessAborted(addressesOf(url), signal);
      const answer = await exchange(url, addresses, headers, body, signal);
      return reply(answer.status, failureOf(answer), answer.retryAfter, answer.start.toString('utf8'));
    } catch (error) {
      return reply(null, told(error, withinMs), null);
    }
  };

  return {
    ask,
    post: async (url, headers, body) => {
      const { text: _, ...reply } = await ask(url, headers, body, limitMs);
      return reply;
    },
  };
};
