import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

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

export type BucketConfig = {
  region: string;
  /** Instead of AWS's own; then the bucket stands in the path. */
  endpoint: string | undefined;
  credentials: () => Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>;
};

/** What the Lambda runtime says, in the variables that every SDK reads. */
export const bucketFromEnvironment = (): BucketConfig => {
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

export type Signed = {
  method: 'PUT' | 'GET' | 'POST' | 'HEAD';
  key: string;
  /** Whoever uses the URL has to send them. */
  headers?: Record<string, string>;
  query?: Record<string, string>;
  seconds: number;
  at: Date;
};

/** Makes a URL by which one thing may be done with one object of a bucket, for so long. */
export type Sign = (request: Signed) => Promise<string>;

/**
 * By AWS's signer alone: S3's client with its streams, checksums and XML would be a third of a function that has to sign
 * one address.
 */
export const openSigning = (bucket: string, { region, endpoint, credentials }: BucketConfig): Sign => {
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
  return async ({ method, key, headers = {}, query: asked = {}, seconds, at }) => {
    const request = {
      method,
      protocol: base.protocol,
      hostname: base.hostname,
      path: path(key),
      query: asked,
      headers: { host: base.host, 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD', ...headers },
    };
    const { query = {} } = await signer.presign(request, {
      expiresIn: seconds,
      signingDate: at,
      // S3 looks for these in headers alone.
      unhoistableHeaders: new Set(Object.keys(headers)),
    });
    const url = new URL(path(key), base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    return url.href;
  };
};
