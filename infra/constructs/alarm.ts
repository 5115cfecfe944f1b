import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';

export type ImpactAlarmProps = {
  /** What it means to a customer, in one sentence; stands first in the alarm's text and in docs/operations.md. */
  impact: string;
  /** What was seen, so that whoever is woken knows where to look. */
  cause: string;
  metric: IMetric;
  /** It rings from this value on. */
  threshold?: number;
};

/** Rings at once and falls silent by itself. Who is told is decided in one place, for all (operations.ts). */
export const impactAlarm = (scope: Construct, id: string, { impact, cause, metric, threshold = 1 }: ImpactAlarmProps) =>
  new Alarm(scope, id, {
    alarmDescription: `${impact} Cause: ${cause} What to do: docs/operations.md`,
    metric,
    threshold,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: 1,
    // No news is good news: none of these metrics is reported while nothing happens.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });

export const alarmPeriod = Duration.minutes(5);
