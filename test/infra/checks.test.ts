import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { synthesized } from './template.ts';

const production = synthesized('prod');

describe('AWS’s own checks', () => {
  it('find nothing that is not accounted for (cdk-nag, AwsSolutions)', () => {
    expect(new AwsSolutionsChecks().validateScope(production.app).violations).toEqual([]);
  });

  it('were set aside nowhere without a reason', () => {
    const reasons = production.app.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.values(z.record(z.string(), z.string()).parse(data)));
    expect(reasons).not.toEqual([]);
    for (const reason of reasons) expect(reason).toMatch(/^.{30,}\.$/);
  });
});

describe('the runbook', () => {
  const runbook = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operations.md'), 'utf8');
  const alarms = production.all('AWS::CloudWatch::Alarm', z.object({ AlarmDescription: z.string() }));
  const impacts = [...new Set(alarms.map(({ properties }) => properties.AlarmDescription.split(' Cause: ')[0] ?? ''))];

  it.each(impacts)('says what to do when: %s', (impact) => {
    expect(runbook).toContain(impact);
  });
});
