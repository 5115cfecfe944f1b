import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { brandingFields, contrast, inkOn } from '#shared/domain/branding.ts';

const Fields = z.strictObject(brandingFields).partial();
const takes = (said: object): boolean => Fields.safeParse(said).success;

describe('the colour of a tenant', () => {
  it('has contrasts as WCAG gives them', () => {
    expect(contrast('#ffffff', '#000000')).toBeCloseTo(21);
    expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
    expect(contrast('#0B6B4A', '#ffffff')).toBeCloseTo(contrast('#ffffff', '#0b6b4a'));
  });

  it('is read in white or black, whichever it is, at 4.5 to 1 or better', () => {
    expect([inkOn('#0b6b4a'), inkOn('#ffd400')]).toEqual(['#ffffff', '#000000']);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), (number) => {
        const color = `#${number.toString(16).padStart(6, '0')}`;
        expect(contrast(color, inkOn(color))).toBeGreaterThanOrEqual(4.5);
      }),
    );
  });
});

describe('what a tenant says of itself', () => {
  it.each([
    ['a name', { name: 'Post & Co' }],
    ['a colour', { color: '#7A1FA2' }],
    ['a logo', { logoUrl: 'https://img.example:8443/logo.png?v=2' }],
    ['whom SMS are from', { smsSenderId: 'Post24' }],
    ['a language', { locale: 'de-CH' }],
    ['a logo of an encoded name', { logoUrl: 'https://img.example/l%C3%B6go.png' }],
    ['nothing any more', { name: null, color: null, logoUrl: null, support: null, smsSenderId: null, locale: null }],
  ])('may be %s', (_, said) => {
    expect(takes(said)).toBe(true);
  });

  it.each([
    ['a name of spaces', { name: '  ' }],
    ['a name of two lines', { name: 'Post\nBcc: x' }],
    ['a colour by its name', { color: 'rebeccapurple' }],
    ['a colour that closes a style', { color: '#fff}</style' }],
    ['a logo in the clear', { logoUrl: 'http://img.example/logo.png' }],
    ['a logo on a host that is a word of a policy', { logoUrl: 'https://a;sandbox/logo.png' }],
    ['a logo behind a password', { logoUrl: 'https://me:secret@img.example/logo.png' }],
    ['a logo whose address has a control character', { logoUrl: 'https://img.example/logo\u0099.png' }],
    ['a logo whose address has letters that are to be encoded', { logoUrl: 'https://img.example/lögo.png' }],
    ['a sender of twelve letters', { smsSenderId: 'PostAndMore1' }],
    ['a sender of digits', { smsSenderId: '12345' }],
    ['a sender with a space', { smsSenderId: 'Post Co' }],
    ['a locale that is none', { locale: 'german' }],
    ['a field that there is not', { colour: '#ffffff' }],
  ])('cannot be %s', (_, said) => {
    expect(takes(said)).toBe(false);
  });
});
