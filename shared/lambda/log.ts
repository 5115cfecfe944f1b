import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';

/** One line per invocation; PINs, keys and personal data never enter it. */
export const log = new Logger();

/** Counted through the log, in CloudWatch's embedded format: no call of its own. */
export const metrics = new Metrics();

/** Writes what was counted, if anything was. */
export const flushMetrics = (): void => {
  if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
};
