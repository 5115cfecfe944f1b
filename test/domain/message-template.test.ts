import { describe, expect, it } from 'vitest';
import {
  type Draft,
  exampleLink,
  localesFor,
  type MessageTemplate,
  partsOf,
  sampleVariables,
  templateErrors,
  textFor,
  withoutPin,
} from '#shared/domain/message-template.ts';
import { momentText, smsText, texts } from '#shared/domain/message-text.ts';
import { smsParts } from '#shared/domain/sms-parts.ts';

/** As long as what API Gateway gives. */
const publicUrl = 'https://a1b2c3d4e5.execute-api.ap-southeast-1.amazonaws.com';
const sms = (text: string, more: Partial<Draft> = {}): Draft => ({
  kind: 'item_waits',
  channel: 'sms',
  subject: null,
  text,
  ...more,
});
const email = (subject: string | null, text: string, more: Partial<Draft> = {}): Draft =>
  sms(text, { channel: 'email', subject, ...more });
const errorsOf = (draft: Draft) => templateErrors(draft, 'en', publicUrl);

describe('a text of a tenant', () => {
  it.each([
    ['an SMS with a PIN', sms('{{place}}: {{pin}}')],
    ['an SMS with a link', sms('{{brand}}: {{link}}')],
    ['an SMS with how they open', sms('{{code}} bis {{until}}')],
    ['an e-mail', email('For you at {{place}}', 'Hello!\n\n{{code}}\n\n{{link}}\n')],
    ['that there is nothing to come for', sms('Not to {{place}}, please.', { kind: 'taken_back' })],
    ['braces that are none of ours', sms('{a} }{ {{code}}')],
  ])('may be %s', (_, draft) => {
    expect(errorsOf(draft)).toEqual([]);
  });

  it.each([
    ['a variable that there is not', sms('{{pni}} {{link}}'), '/text', '{{pni}}'],
    ['one with spaces', sms('{{ pin }} {{link}}'), '/text', '{{ pin }}'],
    ['braces that do not close', sms('{{code}} {{pin'), '/text', 'braces'],
    ['no word of how to open', sms('Come!'), '/text', 'must say how they open'],
    ['a door for who may not come', sms('{{door}}', { kind: 'taken_back' }), '/text', '{{door}}'],
    ['an SMS with a subject', sms('{{code}}', { subject: 'x' }), '/subject', 'an SMS has none'],
    ['an e-mail without one', email(null, '{{code}}'), '/subject', 'is missing'],
    ['a subject with a PIN', email('{{pin}}', '{{code}}'), '/subject', '{{pin}}'],
    ['more parts of an SMS than are sent', sms(`{{code}}${'long '.repeat(130)}`), '/text', '5 parts'],
  ])('cannot have %s, and is told where', (_, draft, pointer, says) => {
    const errors = errorsOf(draft);
    expect(errors).toMatchObject([{ pointer }]);
    expect(errors[0]?.detail).toContain(says);
  });

  it('is pointed to where it stands in a request', () => {
    expect(templateErrors(sms('Come!'), 'en', publicUrl, '/draft')).toMatchObject([{ pointer: '/draft/text' }]);
  });

  it('is counted in parts with a link of full length, and shown with dots for the PIN', () => {
    const sample = sampleVariables('item_waits', 'en', publicUrl);
    expect(exampleLink(publicUrl)).toHaveLength(publicUrl.length + 3 + 79);
    expect(withoutPin(sample, 'de')).toMatchObject({ pin: '••••••', code: 'PIN: ••••••.', place: sample.place });
    expect(partsOf('PIN {{pin}}', null, sample)).toBe(1);
    expect(partsOf('PIN {{pin}} {{link}}', null, sample)).toBe(1);
    expect(partsOf('Your item is at {{place}}: {{pin}} {{link}}', null, sample)).toBe(2);
  });
});

describe('the language that somebody is told in', () => {
  it.each([
    ['de-CH', 'fr', ['de-CH', 'de', 'fr', 'en']],
    ['de', null, ['de', 'en']],
    [undefined, 'fr-CH', ['fr-CH', 'fr', 'en']],
    ['en-GB', 'en', ['en-GB', 'en']],
    [undefined, null, ['en']],
  ])('of %s, where the tenant speaks %s, is the first there is of %j', (locale, ofTenant, all) => {
    expect(localesFor(locale, ofTenant)).toEqual(all);
  });

  it('has the words of the tenant before ours, by each channel for itself', () => {
    const own: MessageTemplate = {
      ...sms('Gern: {{code}}'),
      id: 'mtp_1',
      tenant: 'ten_1',
      locale: 'de',
      updatedAt: '2026-03-01T12:00:00.000Z',
      version: 1,
      hash: '',
    };
    const chosen = (channel: 'sms' | 'email', locales: string[]) =>
      textFor([own], { kind: 'item_waits', channel }, locales);
    expect(chosen('sms', ['de-CH', 'de', 'en'])).toMatchObject({ locale: 'de', text: own.text, own, brief: null });
    expect(chosen('email', ['de-CH', 'de', 'en'])).toMatchObject({ locale: 'de', text: texts.item_waits.de.email });
    expect(chosen('sms', ['fr', 'en'])).toMatchObject({ locale: 'en', text: texts.item_waits.en.sms, own: null });
  });

  it('writes times in letters that an SMS has', () => {
    for (const locale of ['en', 'en-US', 'de', 'de-CH', 'fr', 'it', 'zz'])
      expect(momentText(locale, '2026-03-04T12:00:00.000Z', 'Europe/Zurich')).toMatch(/^[^\u00a0\u202f]*(13:00|01:00)/);
  });
});

describe('an SMS', () => {
  const { sms: whole, brief } = texts.item_waits.en;
  const variables = (at: string) => ({
    ...sampleVariables('item_waits', 'en', at),
  });

  it('is brief where that makes one part of it, and whole where it takes more all the same', () => {
    const short = smsText(whole, brief, variables('https://p.example'));
    expect(short).toBe(`Central Station, door 12. PIN: 123456. ${exampleLink('https://p.example')}`);
    expect(smsParts(short)).toBe(1);
    const long = smsText(whole, brief, variables(publicUrl));
    expect(long).toMatch(/^Your item is at Central Station, door 12\. PIN: 123456\. Please collect it by /);
    expect(smsParts(long)).toBe(2);
  });

  it('without a link is whole', () => {
    expect(smsText(whole, brief, { ...variables(publicUrl), link: '' })).toMatch(/^Your item is at/);
  });
});
