import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ExportFiles, openExportFiles } from '../../shared/outside/export-files.ts';

type Answer = { status: number; body?: string; etag?: string };

/** What the bucket answers, one after the other, and what it was asked. */
let answers: Answer[] = [];
let asked: { method: string; path: string; query: URLSearchParams; type: string | undefined; body: Buffer }[] = [];

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '', 'http://bucket');
  asked.push({
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    type: request.headers['content-type'],
    body: await buffer(request),
  });
  const { status, body = '', etag } = answers.shift() ?? { status: 200 };
  response.writeHead(status, etag === undefined ? {} : { etag }).end(body);
});

let files: ExportFiles;
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  files = openExportFiles('files', {
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    credentials: async () => ({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' }),
  });
});
afterAll(() => new Promise((done) => server.close(done)));
beforeEach(() => {
  answers = [];
  asked = [];
});

const key = 'ten_1/exp_1.csv';
const failure = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;

describe('a file that is made of parts', () => {
  it('is begun, gets its parts, and is made of them by what each was answered', async () => {
    answers = [
      { status: 200, body: '<InitiateMultipartUploadResult><UploadId>u-1</UploadId></InitiateMultipartUploadResult>' },
      { status: 200, etag: '"tag-1"' },
      { status: 200, body: '<CompleteMultipartUploadResult/>' },
    ];
    expect(await files.begin(key, 'text/csv')).toBe('u-1');
    expect(await files.part(key, 'u-1', 1, Buffer.from('a,b\r\n'))).toBe('tag-1');
    expect(await files.finish(key, 'u-1', ['tag-1', 'tag-2'])).toBe(true);
    const [begin, part, finish] = asked;
    expect([begin?.method, begin?.path, begin?.type]).toEqual(['POST', `/files/${key}`, 'text/csv']);
    expect(begin?.query.has('uploads')).toBe(true);
    expect([part?.method, part?.query.get('partNumber'), part?.query.get('uploadId')]).toEqual(['PUT', '1', 'u-1']);
    expect(part?.body.toString()).toBe('a,b\r\n');
    expect(finish?.body.toString()).toBe(
      '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"tag-1"</ETag></Part>' +
        '<Part><PartNumber>2</PartNumber><ETag>"tag-2"</ETag></Part></CompleteMultipartUpload>',
    );
  });

  it('is tried again where S3 asks to slow down', async () => {
    answers = [
      { status: 503, body: failure('SlowDown') },
      { status: 200, etag: '"tag-1"' },
    ];
    expect(await files.part(key, 'u-1', 1, Buffer.from('a'))).toBe('tag-1');
    expect(asked.map(({ body }) => body.toString())).toEqual(['a', 'a']);
  });

  it('is known to be lost where S3 knows nothing of it', async () => {
    answers = [{ status: 404, body: failure('NoSuchUpload') }];
    expect(await files.part(key, 'u-1', 1, Buffer.from('a'))).toBeNull();
  });

  it.each([
    ['it was forgotten', 404, 'NoSuchUpload'],
    ['a part is another by now', 400, 'InvalidPart'],
    ['that is said after a 200', 200, 'InvalidPart'],
  ])('is not made where %s', async (_, status, code) => {
    answers = [{ status, body: failure(code) }];
    expect(await files.finish(key, 'u-1', ['tag-1'])).toBe(false);
  });

  it('is no file yet where S3 says 200 and then that something went wrong', async () => {
    answers = [{ status: 200, body: failure('InternalError') }];
    await expect(files.finish(key, 'u-1', ['tag-1'])).rejects.toThrow('InternalError');
  });
});

describe('the link to a file', () => {
  it('is good for a GET of that one, under the name that a browser saves it by, for so long', async () => {
    const url = new URL(await files.link(key, 'transactions.csv', '2026-03-02T09:30:00.000Z', 300));
    expect(url.pathname).toBe(`/files/${key}`);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      'response-content-disposition': 'attachment; filename="transactions.csv"',
      'X-Amz-Date': '20260302T093000Z',
      'X-Amz-Expires': '300',
    });
    expect(asked).toEqual([]);
  });
});
