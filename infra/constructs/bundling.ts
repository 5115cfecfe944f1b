import { LogLevel, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';

const unusedCredentialSources = [
  '@aws-sdk/credential-provider-http',
  '@aws-sdk/credential-provider-ini',
  '@aws-sdk/credential-provider-process',
  '@aws-sdk/credential-provider-sso',
  '@aws-sdk/credential-provider-web-identity',
  '@smithy/credential-provider-imds',
];

/** How esbuild makes a function; the bench makes what it compares them with in the same way. */
export const bundling = {
  format: OutputFormat.ESM,
  target: 'node24',
  minify: true,
  // The SDK ships as CommonJS first; its ES modules are what esbuild can leave parts out of.
  mainFields: ['module', 'main'],
  // Our pinned SDK is bundled, not the one the runtime happens to bring. All but these, which the SDK imports only
  // where no credentials stand in the environment; on Lambda they always do. A fifth of a bundle (110 KiB).
  externalModules: unusedCredentialSources,
  logLevel: LogLevel.WARNING,
};
