import { Metrics } from '@aws-lambda-powertools/metrics';

/** Counted through the log, in CloudWatch's embedded format: no call of its own. Apart, so that only its users carry it. */
export const metrics = new Metrics();

/** Writes what was counted, if anything was. */
export const flushMetrics = (): void => {
  if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
};
