import { inflateSync } from 'node:zlib';
import { encode } from 'uqr';
import { describe, expect, it } from 'vitest';
import { sampleVariables } from '#shared/domain/message-template.ts';
import { texts } from '#shared/domain/message-text.ts';
import { type EmailParts, emailOf } from '#shared/page/email.ts';

const variables = {
  ...sampleVariables('item_waits', 'en', 'https://p.example'),
  code: 'PIN: 482913.',
  pin: '482913',
};
const { subject, email: text } = texts.item_waits.en;
const partsOf = (more: Partial<EmailParts> = {}): EmailParts => ({
  text: { locale: 'en', subject, text },
  variables,
  branding: { color: null, logoUrl: null },
  qr: null,
  ...more,
});

describe('an e-mail', () => {
  it('says the same in plain text and in HTML', () => {
    const made = emailOf(partsOf());
    expect(made.subject).toBe('Your item waits for you at Central Station');
    expect(made.text).toContain(`PIN: 482913.\n\nPlease collect it by`);
    expect(made.text).toContain(`\n\n${variables.link}\n`);
    expect(made.html).toContain('<strong style="font-size:1.25em;letter-spacing:.04em">PIN: 482913.</strong>');
    expect(made.html).toContain(`<a href="${variables.link}" style="display:inline-block`);
    expect(made.html).toContain('>Show details</a>');
    expect(made.pictures).toEqual([]);
  });

  it('takes what others wrote for text', () => {
    const nasty = `"><script>alert('&')</script>`;
    const { html } = emailOf(
      partsOf({
        text: { locale: 'en', subject: nasty, text: `${nasty}\n{{place}}\n\n{{code}} {{support}}` },
        variables: { ...variables, place: nasty, brand: nasty, support: nasty, code: nasty },
        branding: { color: '#7a1fa2', logoUrl: `https://img.example/"onerror="x` },
      }),
    );
    expect(html).not.toMatch(/<script|"onerror|'&'/);
    expect(html).toContain('&quot;&gt;&lt;script&gt;');
  });

  it('has a subject of one line', () => {
    const made = emailOf(
      partsOf({
        text: { locale: 'en', subject: 'At {{place}}', text },
        variables: { ...variables, place: 'A\r\nBcc: x' },
      }),
    );
    expect(made.subject).toBe('At A Bcc: x');
  });

  it('wears the colour of the tenant, in letters that can be read on it', () => {
    const { html } = emailOf(partsOf({ branding: { color: '#ffd400', logoUrl: 'https://img.example/logo.png' } }));
    expect(html.match(/background:#ffd400;color:#000000/g)).toHaveLength(2);
    expect(html.match(/src="[^"]*"/g)).toEqual(['src="https://img.example/logo.png"']);
  });

  it('has no button of ours in a language that we do not speak', () => {
    const { html } = emailOf(partsOf({ text: { locale: 'fr', subject: 'Pour vous', text: '{{link}}' } }));
    expect(html).not.toContain('Show details');
    expect(html).toContain(`>${variables.link}</a>`);
  });

  it('has nothing to press for whom there is no page', () => {
    const { html } = emailOf(partsOf({ variables: { ...variables, link: '' } }));
    expect(html).not.toContain('Show details');
  });

  it('carries the QR code as a picture, dot for dot', () => {
    const { html, pictures } = emailOf(partsOf({ qr: 'LW1.some-token' }));
    expect(html).toContain('src="cid:qr"');
    const [{ name, png } = { name: '', png: new Uint8Array() }, ...more] = pictures;
    expect([name, more]).toEqual(['qr', []]);
    const { data } = encode('LW1.some-token', { ecc: 'M', border: 3 });
    const file = Buffer.from(png);
    const size = file.readUInt32BE(16);
    expect(size).toBe(data.length * 6);
    const length = file.readUInt32BE(33);
    expect(file.toString('latin1', 37, 41)).toBe('IDAT');
    const lines = inflateSync(file.subarray(41, 41 + length));
    const perLine = 1 + Math.ceil(size / 8);
    const isDark = (x: number, y: number): boolean =>
      ((lines[y * perLine + 1 + (x >> 3)] ?? 0) & (0x80 >> (x & 7))) === 0;
    const seen = data.map((row, y) => row.map((_, x) => isDark(x * 6 + 3, y * 6 + 3)));
    expect(seen).toEqual(data);
    expect(file.length).toBeLessThan(2_000);
  });
});
