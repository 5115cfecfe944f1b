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

/** A destination of exports, as an operator sets it up. */
const books = { tenant: `ten_${'0'.repeat(26)}`, name: 'finance', bucket: 'books', account: '111122223333' };

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

  it('put exports into the buckets that the operator lists, of which there are none at first', () => {
    const listed = (stage: 'local' | 'prod', overrides: Record<string, unknown> = {}) =>
      ['bus/export-pushes', 'http/exports']
        .flatMap((entry) => variablesOf(synthesized(stage, overrides), entry))
        .map((it) => JSON.parse(String(it.EXPORT_DESTINATIONS)));
    expect(listed('prod')).toEqual([[], []]);
    expect(listed('local')).toEqual([[expect.objectContaining({ name: 'finance' })], [expect.anything()]]);
    const whole = [{ ...books, prefix: '' }];
    expect(listed('prod', { exportDestinations: [books] })).toEqual([whole, whole]);
    expect(listed('prod', { exportDestinations: JSON.stringify([books]) })).toEqual([whole, whole]);
  });

  it.each([
    ['is no list', '{', /exportDestinations: is no JSON/],
    ['leaves something out', [{ name: 'finance' }], /\[0\]\.tenant: .*\[0\]\.account/],
    ['names a bucket with dots', [{ ...books, bucket: 'a.b.example' }], /\[0\]\.bucket: the name of a bucket, without/],
    ['says an account as a number', [{ ...books, account: 111122223333 }], /\[0\]\.account: .* 12 digits, as a string/],
    ['has a prefix that ends within a name', [{ ...books, prefix: 'in' }], /\[0\]\.prefix: .*end with a slash/],
    ['says what nobody knows', [{ ...books, keyArn: 'x' }], /\[0\]: .*keyArn/],
    ['names two alike', [books, { ...books, bucket: 'other' }], /\[1\]\.name: ten_0+ has more than one finance/],
    ['names one as one of everybody', [books, { ...books, tenant: '*' }], /\[0\]\.name: ten_0+ has more than one/],
    [
      'is longer than functions can be told',
      Array.from({ length: 30 }, (_, nth) => ({ ...books, name: `n${nth}` })),
      /3000/,
    ],
  ])('refuse a list of buckets that %s', (_, exportDestinations, words) => {
    expect(() => synthesized('prod', { exportDestinations })).toThrow(words);
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
