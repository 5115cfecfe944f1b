import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type RootKeys, RootSecret, rootKeysFrom } from '../domain/root-key.ts';

/** Read at cold start and again after 15 minutes, never per request. */
const refreshMs = 15 * 60_000;

/** The root secret, cached. A failed refresh keeps what is known; only the first read can fail. */
export const openRootKeys = (secretId: string, client = new SecretsManagerClient()): (() => Promise<RootKeys>) => {
  let known: { keys: RootKeys; readAt: number } | undefined;
  let reading: Promise<RootKeys> | undefined;
  const read = async (): Promise<RootKeys> => {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
    const keys = rootKeysFrom(RootSecret.parse(JSON.parse(SecretString ?? '{}')));
    known = { keys, readAt: Date.now() };
    return keys;
  };
  return async () => {
    if (known && Date.now() - known.readAt < refreshMs) return known.keys;
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return known ? reading.catch(() => known?.keys ?? Promise.reject(new Error('no root key'))) : reading;
  };
};
