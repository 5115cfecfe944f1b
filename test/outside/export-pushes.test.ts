import { createServer, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExportDestination } from '../../shared/api/export-destinations.ts';
import { openExportPushes } from '../../shared/outside/export-pushes.ts';
import type { BucketConfig } from '../../shared/outside/signed-requests.ts';

type Asked = { method: string; path: string; query: URLSearchParams; headers: IncomingHttpHeaders; body: string };
type Answer = { status: number; body?: string };

/** What S3 answers, and what it was asked. */
let answer: (it: Asked) => Answer;
let asked: Asked[] = [];

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '', 'http://bucket');
  const it = {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body: (await buffer(request)).toString(),
  };
  asked.push(it);
  const { status, body = '' } = answer(it);
  response.writeHead(status).end(body);
});

let config: BucketConfig;
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  config = {
    region: 'eu-central-1',
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    credentials: async () => ({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' }),
  };
});
afterAll(() => new Promise((done) => server.close(done)));
beforeEach(() => {
  asked = [];
  answer = () => ({ status: 200, body: '<CopyObjectResult><ETag>"tag"</ETag></CopyObjectResult>' });
});

const finance = { tenant: `ten_${'0'.repeat(26)}`, name: 'finance', bucket: 'books', account: '111122223333' };
const file = { key: 'ten_1/exp_1.csv', bytes: 10, contentType: 'text/csv' };
const push = (more: object = {}, partBytes = 10) =>
  openExportPushes('exports', config, { partBytes })(
    file,
    ExportDestination.parse({ ...finance, ...more }),
    'in/a.csv',
  );
const failure = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;

describe('a file', () => {
  it('is copied by S3 itself, without tags, into a bucket of that account alone', async () => {
    expect(await push()).toBeNull();
    expect(asked.map(({ method, path, body }) => [method, path, body])).toEqual([['PUT', '/books/in/a.csv', '']]);
    const [it] = asked;
    const said = {
      'x-amz-copy-source': 'exports/ten_1/exp_1.csv',
      'x-amz-expected-bucket-owner': '111122223333',
      'x-amz-tagging-directive': 'REPLACE',
    };
    expect(it?.headers).toMatchObject(said);
    // Whoever changed one of them on the way would be refused.
    expect(it?.query.get('X-Amz-SignedHeaders')?.split(';')).toEqual(expect.arrayContaining(Object.keys(said)));
  });

  it('is signed for the region that the bucket lies in', async () => {
    await push({ region: 'eu-west-1' });
    expect(asked[0]?.query.get('X-Amz-Credential')).toContain('/eu-west-1/s3/');
  });

  it('is copied in parts where it is too large for one copy', async () => {
    answer = ({ method, query }) => {
      if (method === 'PUT')
        return {
          status: 200,
          body: `<CopyPartResult><ETag>&quot;tag-${query.get('partNumber')}&quot;</ETag></CopyPartResult>`,
        };
      return { status: 200, body: query.has('uploads') ? '<R><UploadId>u-1</UploadId></R>' : '<R/>' };
    };
    expect(await push({}, 4)).toBeNull();
    const parts = asked.filter(({ method }) => method === 'PUT');
    expect(parts.map(({ query, headers }) => [query.get('partNumber'), headers['x-amz-copy-source-range']])).toEqual([
      ['1', 'bytes=0-3'],
      ['2', 'bytes=4-7'],
      ['3', 'bytes=8-9'],
    ]);
    expect(asked.map(({ headers }) => headers['x-amz-expected-bucket-owner'])).toEqual(asked.map(() => '111122223333'));
    expect(asked[0]?.headers['content-type']).toBe('text/csv');
    expect(asked.at(-1)?.body.match(/tag-\d/g)).toEqual(['tag-1', 'tag-2', 'tag-3']);
  });

  it.each([
    ['access_denied', 403, 'AccessDenied'],
    ['no_such_bucket', 404, 'NoSuchBucket'],
    ['wrong_region', 301, 'PermanentRedirect'],
    ['wrong_region', 400, 'AuthorizationQueryParametersError'],
    ['encryption_key', 400, 'KMS.DisabledException'],
    ['file_gone', 404, 'NoSuchKey'],
    ['refused', 400, 'InvalidRequest'],
    ['access_denied', 200, 'AccessDenied'],
  ])('does not get there for the reason %s where S3 says %d %s', async (reason, status, said) => {
    answer = () => ({ status, body: failure(said) });
    expect(await push()).toEqual({ reason, said });
    expect(asked).toHaveLength(1);
  });

  it('is copied in the end where S3 asked to slow down', async () => {
    answer = () => (asked.length === 1 ? { status: 503, body: failure('SlowDown') } : { status: 200 });
    expect(await push()).toBeNull();
    expect(asked).toHaveLength(2);
  });

  it('does not get there where nobody answers, which is no failure of ours', async () => {
    const nowhere = { ...config, endpoint: 'http://127.0.0.1:1' };
    const to = ExportDestination.parse(finance);
    expect(await openExportPushes('exports', nowhere, { waitsMs: [1] })(file, to, 'in/a.csv')).toEqual({
      reason: 'unavailable',
      said: null,
    });
  });

  it('is a failure of ours where S3 says yes, and not what has to come with it', async () => {
    answer = () => ({ status: 200, body: '<R/>' });
    await expect(push({}, 4)).rejects.toThrow('S3 says no UploadId');
  });
});
