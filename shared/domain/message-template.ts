import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { Channel, MessageKind } from './message.ts';
import {
  codeText,
  isLanguage,
  languageOf,
  momentText,
  piecesOf,
  smsText,
  texts,
  type VariableName,
  type Variables,
  variableNames,
} from './message-text.ts';
import type { FieldError } from './refusal.ts';
import { smsParts } from './sms-parts.ts';
import { InstantText } from './time.ts';

/** What a tenant has people told of a kind of message, in a language and by a channel. */
export const MessageTemplate = z.object({
  id: field.text,
  tenant: field.text,
  kind: MessageKind,
  locale: field.text,
  channel: Channel,
  /** Of an e-mail. */
  subject: field.textOrNull,
  text: field.text,
  updatedAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type MessageTemplate = z.infer<typeof MessageTemplate>;

/** So many a tenant may have: they are all read at once by whoever sends. Nine kinds by two channels in eleven languages. */
export const templatesMax = 200;

/** An SMS of more parts costs more than a letter. */
export const smsPartsMax = 4;

const always: readonly VariableName[] = ['place', 'brand', 'support'];

/** What may stand in the text of a kind. Whose right was taken back has no door, no PIN and no page. */
export const variablesOf = (kind: MessageKind): readonly VariableName[] =>
  kind === 'taken_back' ? always : variableNames;

/** A subject is read by whoever sees the phone: nothing that opens a door stands there. */
const subjectVariables: readonly VariableName[] = ['place', 'door', 'until', 'brand'];

/** By one of them people learn how they open. */
const opening: readonly VariableName[] = ['code', 'pin', 'link'];

export type Draft = Pick<MessageTemplate, 'kind' | 'channel' | 'subject' | 'text'>;

const namedIn = (text: string): VariableName[] => piecesOf(text).flatMap((it) => ('name' in it ? [it.name] : []));

/** What stands in braces and is no variable that may stand there, in words. */
const strangersIn = (text: string, offered: readonly VariableName[]): string[] => {
  const known = namedIn(text);
  const left = piecesOf(text)
    .flatMap((it) => ('text' in it ? [it.text] : []))
    .join('\n');
  const misspelled = [...left.matchAll(/\{\{([^{}]*)\}\}/g)].map(([all]) => all);
  const torn = /\{\{|\}\}/.test(left.replaceAll(/\{\{[^{}]*\}\}/g, '')) ? ['braces that do not close'] : [];
  return [...known.filter((it) => !offered.includes(it)).map((it) => `{{${it}}}`), ...misspelled, ...torn];
};

const choice = (offered: readonly VariableName[]): string => offered.map((it) => `{{${it}}}`).join(', ');

/** What a text is filled in with where it is only looked at: as long as things usually are. */
export const sampleVariables = (kind: MessageKind, locale: string, publicUrl: string): Variables => {
  const pin = '123456';
  const hasDoor = kind !== 'taken_back';
  return {
    place: 'Central Station',
    door: hasDoor ? '12' : '',
    code: hasDoor ? codeText(languageOf(locale), 'pin', pin) : '',
    pin: hasDoor ? pin : '',
    until: hasDoor ? momentText(locale, '2030-09-25T11:00:00.000Z', 'UTC') : '',
    link: hasDoor ? exampleLink(publicUrl) : '',
    brand: 'Central Station',
    support: '+41445550100',
  };
};

/** A link as long as real ones, which opens nothing. */
export const exampleLink = (publicUrl: string): string => `${publicUrl}/p/${'EXAMPLE'.repeat(12).slice(0, 79)}`;

/** The same as it may be shown: nobody shall think that this is their PIN. */
export const withoutPin = (variables: Variables, locale: string): Variables => {
  const dots = '•'.repeat(variables.pin.length);
  return { ...variables, pin: dots, code: dots && codeText(languageOf(locale), 'pin', dots) };
};

/** Parts that an SMS of this text is sent in. */
export const partsOf = (text: string, brief: string | null, variables: Variables): number =>
  smsParts(smsText(text, brief, variables));

/** What keeps a text from being told, by where it stands. `at`: the pointer to the text as a whole. */
export const templateErrors = (draft: Draft, locale: string, publicUrl: string, at = ''): FieldError[] => {
  const { kind, channel, subject, text } = draft;
  const errors: FieldError[] = [];
  const offered = variablesOf(kind);
  const check = (pointer: string, value: string, may: readonly VariableName[]) => {
    for (const stranger of strangersIn(value, may))
      errors.push({ pointer: `${at}${pointer}`, detail: `has ${stranger}; what may stand there is ${choice(may)}` });
  };
  check('/text', text, offered);
  if (channel === 'sms' && subject !== null)
    errors.push({ pointer: `${at}/subject`, detail: 'is for e-mails: an SMS has none' });
  if (channel === 'email' && subject === null) errors.push({ pointer: `${at}/subject`, detail: 'is missing' });
  if (subject !== null)
    check(
      '/subject',
      subject,
      subjectVariables.filter((it) => offered.includes(it)),
    );
  if (kind !== 'taken_back' && !namedIn(text).some((it) => opening.includes(it)))
    errors.push({ pointer: `${at}/text`, detail: `must say how they open: by ${choice(opening)}` });
  const parts = channel === 'sms' ? partsOf(text, null, sampleVariables(kind, locale, publicUrl)) : 0;
  if (errors.length === 0 && parts > smsPartsMax)
    errors.push({ pointer: `${at}/text`, detail: `makes ${parts} parts of an SMS; at most ${smsPartsMax} are sent` });
  return errors;
};

/** In which somebody is told something, the best first: de-CH, de, what their tenant speaks, English. */
export const localesFor = (locale: string | undefined, ofTenant: string | null): string[] => {
  const named = [locale, ofTenant ?? undefined].flatMap((it) => (it === undefined ? [] : [it, it.slice(0, 2)]));
  return [...new Set([...named, 'en'])];
};

/** A text that somebody is told by a channel. `own`: the tenant's, null where it is ours. */
export type ChosenText = {
  locale: string;
  subject: string | null;
  text: string;
  brief: string | null;
  own: MessageTemplate | null;
};

/** In the first of the languages that there is a text in; in each the tenant's own comes before ours. */
export const textFor = (
  templates: readonly MessageTemplate[],
  { kind, channel }: Pick<MessageTemplate, 'kind' | 'channel'>,
  locales: readonly string[],
): ChosenText => {
  for (const locale of locales) {
    const own = templates.find((it) => it.kind === kind && it.channel === channel && it.locale === locale);
    if (own) return { locale, subject: own.subject, text: own.text, brief: null, own };
    if (isLanguage(locale)) return builtIn(kind, channel, locale);
  }
  return builtIn(kind, channel, 'en');
};

const builtIn = (kind: MessageKind, channel: Channel, locale: 'en' | 'de'): ChosenText => {
  const { sms, subject, email, ...rest } = texts[kind][locale];
  const brief = 'brief' in rest ? rest.brief : null;
  return channel === 'sms'
    ? { locale, subject: null, text: sms, brief, own: null }
    : { locale, subject, text: email, brief: null, own: null };
};
