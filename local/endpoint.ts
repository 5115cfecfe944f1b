import * as z from 'zod';

/** Where AWS is, for everything that is started from here. Nothing outside local/ and test/ knows more than this. */
export const Endpoint = z.object({
  awsEndpointUrl: z.string(),
  region: z.string(),
  accountId: z.string(),
  mqtt: z.object({ host: z.string(), port: z.number(), caFile: z.string() }),
});
export type Endpoint = z.infer<typeof Endpoint>;

export const region = 'us-east-1';
export const accountId = '000000000000';

/** Root on the local engine; worthless anywhere else. */
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** What every SDK client of the harness is made with. */
export const clientOptions = (endpoint: Endpoint) => ({
  endpoint: endpoint.awsEndpointUrl,
  region: endpoint.region,
  credentials,
});

/**
 * The environment for tools that find AWS by it (the CDK, its app). Made from nothing, so that a profile, a session
 * token or a proxy of the developer's own account never meets the local engine, or the other way round.
 */
export function awsEnvironment(endpoint: Endpoint): Record<string, string> {
  return {
    ...pick(['PATH', 'HOME', 'TMPDIR', 'LANG', 'TERM', 'CI']),
    AWS_ENDPOINT_URL: endpoint.awsEndpointUrl,
    AWS_ENDPOINT_URL_S3: endpoint.awsEndpointUrl,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: endpoint.region,
    AWS_DEFAULT_REGION: endpoint.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    CDK_DEFAULT_ACCOUNT: endpoint.accountId,
    CDK_DEFAULT_REGION: endpoint.region,
  };
}

export const pick = (names: readonly string[]) =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
