import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Instant } from '../domain/time.ts';

/** Files that customers upload by themselves: we give them a link, and read what came. */
export type Uploads = {
  /** A link for one PUT of so many bytes, and no other number; where a file lies already it is refused. */
  link: (key: string, bytes: number, signedAt: Instant, seconds: number) => Promise<UploadLink>;
  /** Null where nothing was uploaded, or it was deleted since; at most so many bytes are taken into memory. */
  read: (key: string, bytesMost: number) => Promise<Uint8Array | null>;
};

/** Whoever uploads sends these headers as well; that of the length, which is signed too, comes with every body. */
export type UploadLink = { method: 'PUT'; url: string; headers: Record<string, string> };

/** The SHA-256 that AWS's signer asks for. */
class Hash {
  private readonly hash;
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = key === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(key));
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(bytesOf(data));
  }
  digest = async (): Promise<Uint8Array> => this.hash.digest();
}

const bytesOf = (data: string | ArrayBuffer | ArrayBufferView): Uint8Array => {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
};

export type UploadsConfig = {
  region: string;
  /** Instead of AWS's own; then the bucket stands in the path. */
  endpoint: string | undefined;
  credentials: () => Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>;
};

/** What the Lambda runtime says, in the variables that every SDK reads. */
const fromEnvironment = (): UploadsConfig => {
  const { AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
  return {
    region: AWS_REGION ?? '',
    endpoint: AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL,
    credentials: async () => {
      const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN } = process.env;
      return {
        accessKeyId: AWS_ACCESS_KEY_ID,
        secretAccessKey: AWS_SECRET_ACCESS_KEY,
        ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
      };
    },
  };
};

/** Long enough for what is asked of S3 by the function itself. */
const readSeconds = 60;

/**
 * By AWS's signer alone, and `fetch`: S3's client with its streams, checksums and XML would be a third of a function
 * that has to sign one address.
 */
export const openUploads = (bucket: string, config: UploadsConfig = fromEnvironment()): Uploads => {
  const { region, endpoint, credentials } = config;
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials,
    sha256: Hash,
    uriEscapePath: false,
    applyChecksum: false,
  });
  const base = new URL(endpoint ?? `https://${bucket}.s3.${region}.amazonaws.com`);
  const path = (key: string): string => `/${endpoint === undefined ? '' : `${bucket}/`}${key}`;

  const presigned = async (
    method: 'PUT' | 'GET',
    key: string,
    headers: Record<string, string>,
    options: { expiresIn: number; signingDate: Date },
  ): Promise<string> => {
    const request = {
      method,
      protocol: base.protocol,
      hostname: base.hostname,
      path: path(key),
      headers: { host: base.host, 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD', ...headers },
    };
    const { query = {} } = await signer.presign(request, options);
    const url = new URL(path(key), base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    return url.href;
  };

  return {
    link: async (key, bytes, signedAt, seconds) => {
      const headers = { 'if-none-match': '*' };
      const signed = { ...headers, 'content-length': String(bytes) };
      const options = { expiresIn: seconds, signingDate: new Date(signedAt) };
      return { method: 'PUT', url: await presigned('PUT', key, signed, options), headers };
    },

    read: async (key, bytesMost) => {
      const url = await presigned('GET', key, {}, { expiresIn: readSeconds, signingDate: new Date() });
      const answer = await fetch(url, { signal: AbortSignal.timeout(readSeconds * 1000) });
      if (answer.status === 404) return null;
      if (!answer.ok) throw new Error(`S3 answers ${answer.status} for an upload: ${await answer.text()}`);
      const length = Number(answer.headers.get('content-length'));
      if (!(length <= bytesMost)) throw new Error(`the upload ${key} has ${length} bytes`);
      return answer.bytes();
    },
  };
};
