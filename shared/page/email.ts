import { encode } from 'uqr';
import { type Branding, inkOn } from '../domain/branding.ts';
import type { ChosenText } from '../domain/message-template.ts';
import {
  filledIn,
  isLanguage,
  type Language,
  piecesOf,
  type VariableName,
  type Variables,
} from '../domain/message-text.ts';
import type { EmailContent } from '../outside/email.ts';
import { Html, html } from './html.ts';
import { pngOf } from './png.ts';

/** What an e-mail is made of: a text as it was chosen, and what it is filled in with. */
export type EmailParts = {
  text: Pick<ChosenText, 'locale' | 'subject' | 'text'>;
  variables: Variables;
  branding: Pick<Branding, 'color' | 'logoUrl'>;
  /** What the picture of a QR code says; null: whoever reads it opens with something else. */
  qr: string | null;
};

const words = {
  en: { open: 'Show details', qr: 'QR code to open with', help: 'Questions?' },
  de: { open: 'Details anzeigen', qr: 'QR-Code zum Öffnen', help: 'Fragen?' },
} as const satisfies Record<Language, Record<string, string>>;

/** Of who has not said in which colour. */
const usualColor = '#0b6b4a';
/** Six dots to a module: sharp on a phone, and some 1 KB. */
const dotsPerModule = 6;
const qrName = 'qr';

/**
 * Only for readers that turn colours around by themselves or not at all: inline styles alone hold in all of them, so they
 * say the light look, and this says the dark one where it is understood.
 */
const style = `:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (prefers-color-scheme:dark){.ground{background:#121614!important}.sheet{background:#1c221f!important;color:#eef2ef!important}.soft{color:#b3bdb6!important;border-color:#3a443e!important}.link{color:#6fd3a8!important}}`;

const link = (href: string, shown: string): Html =>
  html`<a class="link" href="${href}" style="color:#0b6b4a;overflow-wrap:anywhere">${shown}</a>`;

const button = ({ variables, branding }: EmailParts, label: string): Html => {
  const color = branding.color ?? usualColor;
  return html`<a href="${variables.link}" style="display:inline-block;padding:12px 20px;border-radius:8px;background:${color};color:${inkOn(color)};font-weight:600;text-decoration:none">${label}</a>`;
};

const strong = (shown: string): Html => html`<strong style="font-size:1.25em;letter-spacing:.04em">${shown}</strong>`;

const shownAs: Partial<Record<VariableName, (value: string) => Html>> = {
  code: strong,
  pin: strong,
  link: (value) => link(value, value),
};

/** Lines stay lines. */
const lines = (text: string): Html =>
  html`${text.split('\n').map((line, nth) => (nth === 0 ? html`${line}` : html`<br>${line}`))}`;

const paragraph = (parts: EmailParts, text: string): Html | null => {
  const { variables } = parts;
  const language = parts.text.locale.slice(0, 2);
  const isLinkAlone = text.trim() === '{{link}}';
  if (isLinkAlone && variables.link === '') return null;
  // A button of ours would speak another language than the text around it.
  const inside =
    isLinkAlone && isLanguage(language)
      ? button(parts, words[language].open)
      : html`${piecesOf(text).map((it) =>
          'name' in it ? (shownAs[it.name] ?? lines)(variables[it.name]) : lines(it.text),
        )}`;
  return html`<p style="margin:0 0 16px">${inside}</p>`;
};

const header = ({ variables, branding }: EmailParts): Html => {
  const color = branding.color ?? usualColor;
  const logo =
    branding.logoUrl !== null &&
    html`<img src="${branding.logoUrl}" alt="" height="32" style="height:32px;max-width:160px;vertical-align:middle;margin-right:12px">`;
  return html`<div style="padding:16px 20px;background:${color};color:${inkOn(color)};font-weight:700">${logo}${variables.brand}</div>`;
};

const picture = (title: string): Html =>
  html`<p style="margin:0 0 16px"><img src="cid:${qrName}" alt="${title}" width="220" height="220" style="display:block;width:220px;height:220px;max-width:100%;background:#ffffff;border-radius:8px"></p>`;

const footer = ({ variables: { support } }: EmailParts, help: string): Html | null => {
  if (support === '') return null;
  const href = support.includes('@') ? `mailto:${support}` : `tel:${support}`;
  return html`<div class="soft" style="padding:12px 20px;border-top:1px solid #d3d8d3;color:#4d5750;font-size:15px">${help} ${link(href, support)}</div>`;
};

/** What somebody is sent, in plain text and in HTML, which loads nothing but the picture that the tenant named. */
export const emailOf = (parts: EmailParts): EmailContent => {
  const { text, variables, qr } = parts;
  const language = text.locale.slice(0, 2);
  const said = isLanguage(language) ? words[language] : words.en;
  const subject = filledIn(text.subject ?? '', variables)
    .replaceAll(/\s+/g, ' ')
    .trim();
  const page = html`<!doctype html>
<html lang="${text.locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no,date=no,address=no">
<title>${subject}</title>
<style>${new Html(style)}</style>
</head>
<body class="ground" style="margin:0;padding:16px;background:#f4f5f2">
<div class="sheet" style="max-width:544px;margin:0 auto;overflow:hidden;border-radius:12px;background:#ffffff;color:#1b211d;font:17px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif">
${header(parts)}
<div style="padding:20px 20px 4px">
${text.text
  .trim()
  .split(/\n{2,}/)
  .map((it) => paragraph(parts, it))}
${qr !== null && picture(said.qr)}
</div>
${footer(parts, said.help)}
</div>
</body>
</html>
`.text;
  const modules = qr === null ? null : encode(qr, { ecc: 'M', border: 3 }).data;
  return {
    subject,
    text: filledIn(text.text, variables),
    html: page,
    pictures: modules === null ? [] : [{ name: qrName, png: pngOf(modules, dotsPerModule) }],
  };
};
