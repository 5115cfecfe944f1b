import { LogLevel, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';

/** Imported by the SDK only where no credentials stand in the environment; on Lambda they always do. */
const unusedCredentialSources = [
  '@aws-sdk/credential-provider-http',
  '@aws-sdk/credential-provider-ini',
  '@aws-sdk/credential-provider-process',
  '@aws-sdk/credential-provider-sso',
  '@aws-sdk/credential-provider-web-identity',
  '@smithy/credential-provider-imds',
];

/**
 * Imported by the SDK only when an operation sends or receives a stream of events; we call none. But some clients, S3's
 * for one, load it at once: test/functions/bundles.test.ts finds a function that would not start without it.
 */
const eventStreams = '@smithy/core/event-streams';

/** How esbuild makes a function; the bench makes what it compares them with in the same way. */
export const bundling = {
  format: OutputFormat.ESM,
  target: 'node24',
  minify: true,
  // The SDK ships as CommonJS first; its ES modules are what esbuild can leave parts out of.
  mainFields: ['module', 'main'],
  // Our pinned SDK is bundled, not the one the runtime happens to bring. All but what it imports when first needed, and
  // with us never needs: a quarter of a bundle (130 KiB).
  externalModules: [...unusedCredentialSources, eventStreams],
  logLevel: LogLevel.WARNING,
};

export const bundlingWith = (needs: { eventStreams: boolean }) =>
  needs.eventStreams ? { ...bundling, externalModules: unusedCredentialSources } : bundling;
