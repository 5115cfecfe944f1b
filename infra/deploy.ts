import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cdk, request, stop } from './cdk.ts';

const wanted = request(['dev', 'prod'], 'dev');
if (!credentialsInSight()) {
  stop(
    `no AWS credentials found, so stage ${wanted.stage} cannot be deployed.
  Sign in first (aws configure, aws sso login), name a profile (AWS_PROFILE), or set AWS_ACCESS_KEY_ID,
  AWS_SECRET_ACCESS_KEY and AWS_REGION. Once per account and region: npx cdk bootstrap.
  Without an account: npm start runs everything on this machine, npm run synth writes the template.`,
  );
}
cdk('deploy', wanted);

/** Looked for before synthesis, which takes ten seconds; whether they are valid is for AWS to say. */
function credentialsInSight(): boolean {
  const { env } = process;
  const variables = [
    'AWS_ACCESS_KEY_ID',
    'AWS_PROFILE',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  ];
  const files = [
    env.AWS_SHARED_CREDENTIALS_FILE ?? join(homedir(), '.aws', 'credentials'),
    env.AWS_CONFIG_FILE ?? join(homedir(), '.aws', 'config'),
  ];
  return (
    variables.some((name) => env[name]) || files.some((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
  );
}
