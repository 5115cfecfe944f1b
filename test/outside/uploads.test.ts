import { createServer, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openUploads } from '../../shared/outside/uploads.ts';

/** The credentials of AWS's examples. */
const example = {
  region: 'us-east-1',
  credentials: async () => ({
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  }),
};
const signedAt = '2013-05-24T00:00:00.000Z';

let answer: { status: number; body: Uint8Array };
let asked: IncomingMessage | undefined;
const server = createServer((request, response) => {
  asked = request;
  response.writeHead(answer.status, { 'content-length': answer.body.length }).end(answer.body);
});
let endpoint: string;
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(() => new Promise((done) => server.close(done)));

describe('the link of an upload', () => {
  it('is good for one PUT of the announced size, where nothing lies yet, for so long', async () => {
    const uploads = openUploads('uploads', { ...example, endpoint: undefined });
    const { method, url, headers } = await uploads.link('ten_1/imp_1.csv', 412, signedAt, 900);
    const { origin, pathname, searchParams } = new URL(url);
    expect({ method, origin, pathname, headers }).toEqual({
      method: 'PUT',
      origin: 'https://uploads.s3.us-east-1.amazonaws.com',
      pathname: '/ten_1/imp_1.csv',
      headers: { 'if-none-match': '*' },
    });
    expect(Object.fromEntries(searchParams)).toMatchObject({
      'X-Amz-Date': '20130524T000000Z',
      'X-Amz-Expires': '900',
      'X-Amz-SignedHeaders': 'content-length;host;if-none-match',
      'X-Amz-Credential': 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request',
    });
    const other = await uploads.link('ten_1/imp_1.csv', 413, signedAt, 900);
    const signature = (link: string) => new URL(link).searchParams.get('X-Amz-Signature');
    expect(signature(other.url)).not.toBe(signature(url));
    expect(signature((await uploads.link('ten_1/imp_1.csv', 412, signedAt, 900)).url)).toBe(signature(url));
  });
});

describe('what was uploaded', () => {
  const read = (bytesMost = 10) => openUploads('uploads', { ...example, endpoint }).read('ten_1/imp_1.csv', bytesMost);

  it('is read as it is', async () => {
    answer = { status: 200, body: Uint8Array.of(1, 2, 3) };
    expect(await read()).toEqual(Uint8Array.of(1, 2, 3));
    expect(asked?.url).toMatch(/^\/uploads\/ten_1\/imp_1\.csv\?X-Amz-/);
  });

  it('is null where there is nothing', async () => {
    answer = { status: 404, body: new Uint8Array() };
    expect(await read()).toBeNull();
  });

  it('is not taken into memory when it is larger than it may be', async () => {
    answer = { status: 200, body: new Uint8Array(11) };
    await expect(read()).rejects.toThrow('has 11 bytes');
  });

  it('is asked for again when S3 cannot answer', async () => {
    answer = { status: 503, body: new TextEncoder().encode('SlowDown') };
    await expect(read()).rejects.toThrow('S3 answers 503');
  });
});
