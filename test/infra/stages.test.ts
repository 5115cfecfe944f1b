import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { plain, synthesized, Target } from './template.ts';

const variablesOf = (stack: ReturnType<typeof synthesized>, entry: string) => {
  const Configured = z.object({ Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }) });
  const variables = stack
    .all('AWS::Lambda::Function', Configured)
    .map(({ properties }) => properties.Environment.Variables)
    .filter(({ POWERTOOLS_SERVICE_NAME }) => POWERTOOLS_SERVICE_NAME === entry);
  expect(variables).not.toEqual([]);
  return variables;
};

/** What a test wishes otherwise, in one stack. */
const shorter = { webhookWaitsSeconds: '1,1', commandResendSeconds: '1', messageWaitsSeconds: '1,2' };

describe('stages', () => {
  it('deliver webhooks to private addresses on a laptop only', () => {
    const allowed = (stage: 'local' | 'dev' | 'prod') =>
      ['queue/deliver', 'http/webhook-endpoints']
        .flatMap((entry) => variablesOf(synthesized(stage), entry))
        .map(({ WEBHOOK_ALLOW_LOOPBACK }) => WEBHOOK_ALLOW_LOOPBACK);
    expect(allowed('local')).toEqual(['true', 'true', 'true']);
    expect(allowed('dev')).toEqual([undefined, undefined, undefined]);
    expect(allowed('prod')).toEqual([undefined, undefined, undefined]);
  });

  it('wait between attempts as published, unless a test wants it shorter', () => {
    const waits = (overrides: Record<string, unknown>) =>
      variablesOf(synthesized('local', overrides), 'queue/deliver').map(
        ({ WEBHOOK_WAITS_SECONDS }) => WEBHOOK_WAITS_SECONDS,
      );
    const published = '5,300,1800,7200,18000,36000,50400,72000,86400';
    expect(waits({})).toEqual([published, published]);
    expect(waits(shorter)).toEqual(['1,1', '1,1']);
  });

  it('tell who writes the feed and who reads it the same of how long it is kept', () => {
    const days = (stage: 'local' | 'dev' | 'prod') =>
      ['bus/feed', 'http/events']
        .flatMap((entry) => variablesOf(synthesized(stage), entry))
        .map(({ FEED_DAYS }) => FEED_DAYS);
    for (const stage of ['local', 'dev', 'prod'] as const) expect(days(stage)).toEqual(['30', '30']);
  });

  it('wait between attempts to tell somebody something as documented, unless a test wants it shorter', () => {
    const waits = (overrides: Record<string, unknown>) =>
      ['queue/send-sms', 'queue/send-email']
        .flatMap((entry) => variablesOf(synthesized('local', overrides), entry))
        .map((it) => it.MESSAGE_WAITS_SECONDS);
    const documented = '30,120,600,1800,7200,21600';
    expect(waits({})).toEqual([documented, documented]);
    expect(waits(shorter)).toEqual(['1,2', '1,2']);
  });

  it('send e-mail where somebody said in whose name', () => {
    const from = (stage: 'local' | 'prod', overrides: Record<string, unknown> = {}) => {
      const stack = synthesized(stage, overrides);
      const identities = stack.all('AWS::SES::EmailIdentity', z.object({ EmailIdentity: z.string() }));
      const said = variablesOf(stack, 'queue/send-email').map(({ EMAIL_FROM }) => EMAIL_FROM);
      return [identities.map(({ properties }) => properties.EmailIdentity), said];
    };
    expect(from('local')).toEqual([['messages@latchwork.example'], ['messages@latchwork.example']]);
    expect(from('prod')).toEqual([[], [undefined]]);
    expect(from('prod', { emailFrom: 'a@b.example' })).toEqual([['a@b.example'], ['a@b.example']]);
  });

  it('resend a door command after 2 seconds, unless a test wants it sooner', () => {
    const delay = (overrides: Record<string, unknown>) => {
      const stack = synthesized('local', overrides);
      const commands = stack.outputs.CommandsQueueUrl;
      const queues = stack.all('AWS::SQS::Queue', z.object({ DelaySeconds: z.number().optional() }));
      return queues.find(({ logicalId }) => `<${logicalId}>` === plain(commands?.Value))?.properties.DelaySeconds;
    };
    expect(delay({})).toBe(2);
    expect(delay(shorter)).toBe(1);
  });

  it('refuse a name that nobody knows', () => {
    expect(() => synthesized('dev', { stage: 'staging' })).toThrow(/no stage 'staging'.*prod, dev, local/);
  });

  it('differ in no resource', () => {
    const types = (stage: 'local' | 'prod') =>
      synthesized(stage).all('AWS::Lambda::Function', z.object({ Role: Target })).length;
    expect(types('local')).toBe(types('prod'));
  });
});
