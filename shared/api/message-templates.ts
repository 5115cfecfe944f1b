import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { Branding, brandingFields, Locale, onOneLine } from '../domain/branding.ts';
import { Channel, MessageKind } from '../domain/message.ts';
import { MessageTemplate } from '../domain/message-template.ts';
import { variableNames } from '../domain/message-text.ts';
import type { Route } from './route.ts';
import { listOf, page } from './shapes.ts';

/** Lines and letters, without what only machines read. */
const written = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((it) => !/\p{Cc}/u.test(it.replaceAll('\n', '')), 'no control characters but line breaks');

const Place = { kind: MessageKind, locale: Locale, channel: Channel };

/** What is to be said. */
const Draft = {
  /** Of an e-mail. Whoever sees the phone reads it, so neither PIN nor link stand there. */
  subject: onOneLine(150).nullish(),
  /**
   * With `{{name}}` for what differs. Unless a right was taken back, `{{code}}`, `{{pin}}` or `{{link}}` stand in it. Of an
   * e-mail, lines apart by an empty one are paragraphs; HTML is made of it, and none is taken.
   */
  text: written(4_000),
};

export const MessageTemplateView = MessageTemplate.pick({ subject: true, text: true })
  .extend({
    ...Place,
    /** `tenant`: written by you · `latchwork`: what holds until you do. */
    by: z.enum(['tenant', 'latchwork']),
    /** What may stand in the text. */
    variables: z.array(z.enum(variableNames)),
    /** Parts that an SMS of usual length goes out in; of an e-mail none. */
    smsParts: field.count.nullable(),
    updatedAt: field.momentOrNull,
    version: field.count,
  })
  .meta({ id: 'MessageTemplate' });
export type MessageTemplateView = z.infer<typeof MessageTemplateView>;

export const MessagePreview = z
  .object({
    /** In which language it would be told. */
    locale: field.text,
    by: z.enum(['tenant', 'latchwork']),
    subject: field.textOrNull,
    text: field.text,
    /** Of an e-mail. */
    html: field.textOrNull,
    smsParts: field.count.nullable(),
  })
  .meta({ id: 'MessagePreview' });
export type MessagePreview = z.infer<typeof MessagePreview>;

export const BrandingView = Branding.omit({ tenant: true, hash: true })
  .extend({
    ...brandingFields,
    /** Of the letters on the colour: of white and black the one with more contrast, which is at least 4.5 to 1. */
    inkColor: field.textOrNull,
  })
  .meta({ id: 'Branding' });
export type BrandingView = z.infer<typeof BrandingView>;

const one = {
  noun: 'message-templates',
  path: '/v1/message-templates/{kind}/{locale}/{channel}',
  params: z.object(Place),
  status: 200,
} as const;

export const listMessageTemplates = {
  id: 'list-message-templates',
  noun: 'message-templates',
  method: 'GET',
  path: '/v1/message-templates',
  summary: 'List the texts that you have people told instead of ours',
  permission: 'banks:read',
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(MessageTemplateView)),
  problems: [],
} as const satisfies Route;

export const getMessageTemplate = {
  ...one,
  id: 'get-message-template',
  method: 'GET',
  summary: 'Read what people are told of a kind, in a language, by a channel',
  permission: 'banks:read',
  response: () => MessageTemplateView,
  problems: [],
  etag: true,
} as const satisfies Route;

export const putMessageTemplate = {
  ...one,
  id: 'put-message-template',
  method: 'PUT',
  summary: 'Have people told your own text',
  permission: 'banks:write',
  body: once(() => z.strictObject(Draft)),
  response: () => MessageTemplateView,
  problems: ['precondition_failed', 'conflict'],
  etag: true,
} as const satisfies Route;

export const deleteMessageTemplate = {
  ...one,
  id: 'delete-message-template',
  method: 'DELETE',
  summary: 'Have people told our text again',
  permission: 'banks:write',
  response: once(() => z.object({ ...Place, deletedAt: field.moment }).meta({ id: 'DeletedMessageTemplate' })),
  problems: ['precondition_failed'],
} as const satisfies Route;

export const previewMessage = {
  id: 'preview-message',
  noun: 'message-templates',
  method: 'POST',
  path: '/v1/message-templates/preview',
  summary: 'See what somebody would be told, with a PIN of dots and an example of a link',
  permission: 'banks:read',
  body: once(() =>
    z.strictObject({
      ...Place,
      /** Whose place, door and deadline it tells of; without it examples. */
      transactionId: z.string().min(1).max(64).optional(),
      /** A text to be tried; without it what holds now. */
      draft: z.strictObject(Draft).optional(),
    }),
  ),
  status: 200,
  response: () => MessagePreview,
  problems: [],
  asks: true,
} as const satisfies Route;

const ofTenant = {
  noun: 'message-templates',
  path: '/v1/branding',
  status: 200,
  response: () => BrandingView,
  etag: true,
} as const;

export const getBranding = {
  ...ofTenant,
  id: 'get-branding',
  method: 'GET',
  summary: 'Read how you are shown to people, in messages and on the pickup page',
  permission: 'banks:read',
  problems: [],
} as const satisfies Route;

export const updateBranding = {
  ...ofTenant,
  id: 'update-branding',
  method: 'PATCH',
  summary: 'Set how you are shown to people; what is left out stays, `null` takes it away',
  permission: 'banks:write',
  body: once(() => z.strictObject(brandingFields).partial()),
  problems: ['precondition_failed'],
} as const satisfies Route;
