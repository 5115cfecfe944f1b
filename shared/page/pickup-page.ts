import { hash } from 'node:crypto';
import { encode } from 'uqr';
import { type Branding, inkOn } from '../domain/branding.ts';
import type { Pickup } from '../domain/pickup.ts';
import type { Site } from '../domain/site.ts';
import { epochMs, type Instant } from '../domain/time.ts';
import { Html, html } from './html.ts';
import { script } from './pickup-script.ts';
import { style } from './pickup-style.ts';
import type { Notice, Opening, Words } from './words.ts';

/** How a tenant is shown: as far as it has said. */
export type Brand = Pick<Branding, 'name' | 'color' | 'logoUrl'>;

export const plainBrand: Brand = { name: null, color: null, logoUrl: null };

/** What the form of somebody who goes in one's place holds, as it was typed. */
export type TypedPerson = { name: string; phone: string; email: string };

/** What does not fit in that form, by the field. */
export const personNotices = {
  name: 'not_a_name',
  phone: 'not_a_phone',
  email: 'not_an_email',
} as const satisfies Record<keyof TypedPerson, Notice>;

/** What the page shows. Values of credentials are made for it, and stay nowhere. */
export type PickupPage = {
  words: Words;
  /** What the forms send along: who has seen another state is told that it has changed. */
  version: number;
  /** The page from where it is shown: the last part of its address, or `../` and that in answer to a form. */
  here: string;
  pickup: Pickup;
  bank: { name: string; timeZone: string; isOffline: boolean };
  site: Pick<Site, 'name' | 'address' | 'position' | 'support'>;
  /** Whose page it is. */
  brand: Brand;
  /** By credential id: what is typed or shown. */
  values: ReadonlyMap<string, string>;
  /** The pages of those to whom it was handed on, by credential id. */
  links: ReadonlyMap<string, string>;
  notice: Notice | null;
  /** In answer to a form that came to nothing: what was typed, and the first field that is wrong, if one is. */
  typed: { person: TypedPerson; wrong: keyof TypedPerson | null } | null;
  opening: { state: Opening; door: string } | null;
};

const sourceOf = (text: string): string => `'sha256-${hash('sha256', text, 'base64')}'`;

/** In light and dark alike: its letters go with it. */
const colorsOf = ({ color }: Brand): string =>
  color === null ? '' : `:root{--brand:${color};--onbrand:${inkOn(color)}}`;

const policyOf = (brand: Brand): string => {
  const colors = colorsOf(brand);
  return [
    "default-src 'none'",
    `style-src ${sourceOf(style)}${colors === '' ? '' : ` ${sourceOf(colors)}`}`,
    `script-src ${sourceOf(script)}`,
    "connect-src 'self'",
    "form-action 'self'",
    // The one server that the tenant named, which learns that somebody looks and nothing else.
    `img-src data:${brand.logoUrl === null ? '' : ` ${new URL(brand.logoUrl).origin}`}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
};

/** Of every page: it is one person's, so nobody keeps it, finds it, frames it or learns its address from it. */
export const pageHeaders = (brand = plainBrand) => ({
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': policyOf(brand),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex, nofollow',
});

const frame = ({ lang }: Words, title: string, body: Html, brand = plainBrand): string =>
  html`<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="format-detection" content="telephone=no">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Html(style)}</style>${brand.color !== null && html`<style>${new Html(colorsOf(brand))}</style>`}
</head>
<body>
${body}
<script>${new Html(script)}</script>
</body>
</html>
`.text;

/** A page that says one thing: a link that leads nowhere, or a fault of ours. */
export const plainPage = (words: Words, { title, text }: { title: string; text: string }): string =>
  frame(words, title, html`<main><section class="hero"><h1>${title}</h1><p>${text}</p></section></main>`);

const localTime = (at: Instant, { dates }: Words, timeZone: string): string =>
  new Intl.DateTimeFormat(dates, {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  }).format(epochMs(at));

/** A moment by the clock at the bank; the script adds how long that is. */
const moment = (at: Instant, { words, bank: { timeZone } }: PickupPage, says: string): Html =>
  html`<time datetime="${at}">${localTime(at, words, timeZone)}</time>
<span class="countdown" data-at="${at}" data-says="${says}" data-over="${words.over}" data-clock="${words.onYourClock}" data-zone="${timeZone}" hidden></span>`;

const qrCode = (text: string, title: string): Html => {
  const { size, data } = encode(text, { ecc: 'M', border: 3 });
  const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join('');
  return html`<svg class="qr" role="img" aria-label="${title}" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges"><path d="${path}" fill="#000"/></svg>`;
};

const mapOf = ({ address, position }: PickupPage['site']): string | null => {
  const base = 'https://www.openstreetmap.org';
  if (position) {
    const { latitude, longitude } = position;
    return `${base}/?mlat=${latitude}&mlon=${longitude}#map=18/${latitude}/${longitude}`;
  }
  return address ? `${base}/search?query=${encodeURIComponent(address)}` : null;
};

const titleOf = ({ words, pickup: { task, situation } }: PickupPage): { title: string; text: string } => {
  const own = words.tasks[task];
  switch (situation) {
    case 'ready':
      return { title: own.ready, text: own.what };
    case 'ahead':
      return { title: own.ahead, text: '' };
    case 'done':
    case 'completed':
      return { title: own.done, text: '' };
    default:
      return words.situations[situation];
  }
};

const place = (page: PickupPage): Html => {
  const { words, bank, site, pickup } = page;
  const map = mapOf(site);
  const untilWord =
    pickup.situation === 'ahead' ? words.awaitedBy : pickup.task === 'bring_back' ? words.dueBack : words.until;
  return html`<section><dl>
<dt>${words.at}</dt><dd>${bank.name}${bank.name !== site.name && html`<br>${site.name}`}${site.address && html`<br>${site.address}`}
${map !== null && html`<br><a class="map" href="${map}" rel="noreferrer noopener">${words.map}</a>`}</dd>
${pickup.from !== null && html`<dt>${words.from}</dt><dd>${moment(pickup.from, page, words.opensIn)}</dd>`}
${pickup.until !== null && html`<dt>${untilWord}</dt><dd>${moment(pickup.until, page, words.left)}</dd>`}
</dl></section>`;
};

/** Another form of the same page: sent with the version that its sender has seen. */
const formTo = ({ here, version }: PickupPage, action: string, inside: Html, opens?: string): Html =>
  html`<form method="post" action="${here}/${action}"${opens !== undefined && html` data-opens="${opens}"`}><input type="hidden" name="version" value="${version}">${inside}</form>`;

const openForm = (page: PickupPage): Html | null => {
  const { words, pickup, bank } = page;
  if (pickup.opens === null || pickup.door === null || bank.isOffline) return null;
  const inside = html`<label for="code">${words.code}</label>
<input class="code" id="code" name="code" inputmode="numeric" autocomplete="off" pattern="[0-9]{6}" maxlength="6" required>
<p data-trouble role="alert" hidden>${words.noAnswer}</p>
<button class="first">${words.open(pickup.door)}</button>`;
  return html`<section><h2>${words.openByPhone}</h2><p class="soft">${words.openHint}</p>${formTo(page, 'open', inside, words.isOpening)}</section>`;
};

const pinOf = (value: string, summary: string, hint: string): Html =>
  html`<details><summary>${summary}</summary><p class="pin">${value}</p><p class="soft centre">${hint}</p></details>`;

const proofs = ({ words, pickup, values }: PickupPage): Html | null => {
  const shown = pickup.credentials.flatMap(({ id, method }): Html[] => {
    const value = values.get(id);
    if (method === 'badge') return [html`<p>${words.badge}</p>`];
    if (method === 'barcode') return [html`<p>${words.barcode}</p>`];
    if (value === undefined) return [];
    if (method === 'qr') return [html`${qrCode(value, words.qr)}<p class="soft centre">${words.qrHint}</p>`];
    return method === 'pin' ? [pinOf(value, words.showPin, words.pinHint)] : [];
  });
  const scan = pickup.isScanned && pickup.situation === 'ready' && html`<p>${words.scan}</p>`;
  return shown.length === 0 ? null : html`<section><h2>${words.howToOpen}</h2>${shown}${scan}</section>`;
};

/** With what was typed into it; what is wrong with that is said below, and one is there at once. */
const personField = ({ words, typed }: PickupPage, field: keyof TypedPerson, more: Html, hint?: Html): Html => {
  const isWrong = typed?.wrong === field;
  const wrong = isWrong && html` aria-invalid="true" aria-describedby="${field}-wrong" autofocus`;
  return html`<label for="${field}">${words[field]}${hint}</label><input id="${field}" name="${field}" ${more} autocomplete="off" value="${typed?.person[field]}"${wrong}>${
    isWrong && html`<p class="wrong" id="${field}-wrong">${words.notices[personNotices[field]]}</p>`
  }`;
};

const handOn = (page: PickupPage): Html | null => {
  const { words, pickup, typed } = page;
  if (pickup.handsOn === null) return null;
  const optional = html` <span>(${words.optional})</span>`;
  const inside = html`${personField(page, 'name', html`maxlength="120" required`)}
${personField(page, 'phone', html`type="tel"`, optional)}
${personField(page, 'email', html`type="email"`, optional)}
<button>${words.handOnNow}</button>`;
  return html`<section><details${typed !== null && html` open`}><summary>${words.handOn}</summary><p class="soft">${words.handOnHint}</p>${formTo(page, 'hand-on', inside)}</details></section>`;
};

const handedOn = (page: PickupPage): Html[] =>
  page.pickup.handedOn.map(({ credential: { id }, party }) => {
    const { words, links, values } = page;
    const [link, pin] = [links.get(id), values.get(id)];
    const inside = html`<input type="hidden" name="credential" value="${id}"><button>${words.takeBack}</button>`;
    return html`<section><h2>${words.handedOnTo}: ${party.name ?? words.somebody}</h2>
${
  link !== undefined &&
  html`<p><a href="${link}" rel="noreferrer">${words.theirLink}</a></p><p><a class="button" href="sms:?&amp;body=${encodeURIComponent(link)}">${words.sendBySms}</a></p>`
}
${pin !== undefined && pinOf(pin, words.theirPin, words.pinHint)}
${formTo(page, 'take-back', inside)}</section>`;
  });

const help = ({ words, site: { support } }: PickupPage): Html => {
  const { phone, email } = support ?? {};
  return html`<section><h2>${words.help}</h2>
${phone !== undefined && html`<p><a class="button" href="tel:${phone}">${words.call} ${phone}</a></p>`}
${email !== undefined && html`<p>${words.write} <a href="mailto:${email}">${email}</a></p>`}
${phone === undefined && email === undefined && html`<p>${words.helpHint}</p>`}</section>`;
};

const status = ({ words, notice, opening, typed, here }: PickupPage): Html | null => {
  if (opening !== null) {
    const isWaiting = opening.state === 'under_way';
    const looks = opening.state === 'not_opened' ? 'status warn' : 'status';
    return html`<div class="${looks}" role="status" tabindex="-1"${isWaiting && html` data-wait`}><p>${words.openings[opening.state](opening.door)}</p>${
      isWaiting && html`<p><a href="">${words.look}</a></p>`
    }</div>`;
  }
  if (notice === null) return null;
  const looks = notice === 'handed_on' || notice === 'back' ? 'status' : 'status warn';
  return html`<div class="${looks}" role="status" tabindex="-1"><p>${words.notices[notice]}</p>${
    // It would take away what was typed.
    typed === null && html`<p><a href="${here}">OK</a></p>`
  }</div>`;
};

const banner = ({ brand: { name, logoUrl }, bank }: PickupPage): Html | null =>
  name === null && logoUrl === null
    ? null
    : html`<header class="brand">${logoUrl !== null && html`<img src="${logoUrl}" alt="${name === null ? bank.name : ''}" height="32">`}<span>${name}</span></header>`;

/** The page of whoever holds a link, whole. */
export const pickupPage = (page: PickupPage): string => {
  const { words, pickup, bank } = page;
  const { title, text } = titleOf(page);
  const isOpen = pickup.door !== null;
  const isOverdue = pickup.isOverdue && pickup.task === 'bring_back' && pickup.situation === 'ready';
  return frame(
    words,
    title,
    html`<main>
${banner(page)}
${status(page)}
<section class="hero"><h1>${title}</h1>
${isOpen && pickup.situation !== 'ahead' && html`<p class="door">${words.door(pickup.door ?? '')}</p>`}
${text !== '' && html`<p>${text}</p>`}
${isOverdue && html`<p><strong>${words.overdue}</strong></p>`}</section>
${bank.isOffline && isOpen && html`<section class="warn"><p>${words.offline}</p></section>`}
${place(page)}
${proofs(page)}
${openForm(page)}
${handedOn(page)}
${handOn(page)}
${help(page)}
</main>`,
    page.brand,
  );
};
