import { isDeepStrictEqual } from 'node:util';
import * as contract from '#shared/api/message-templates.ts';
import { delegated, entitled, toldUntil } from '#shared/domain/audience.ts';
import { Branding, inkOn, unbranded } from '#shared/domain/branding.ts';
import { apply, born } from '#shared/domain/decision.ts';
import type { Channel, MessageKind } from '#shared/domain/message.ts';
import {
  type ChosenText,
  localesFor,
  MessageTemplate,
  partsOf,
  sampleVariables,
  templateErrors,
  templatesMax,
  textFor,
  variablesOf,
  withoutPin,
} from '#shared/domain/message-template.ts';
import { filledIn, momentText, shorterOf, type Variables } from '#shared/domain/message-text.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { Site } from '#shared/domain/site.ts';
import { Transaction } from '#shared/domain/transaction.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { refuseErrors, refuseUnless } from '#shared/lambda/problem.ts';
import { mayShow } from '#shared/lambda/sandbox.ts';
import { live, publicUrl } from '#shared/live.ts';
import { emailOf } from '#shared/page/email.ts';
import { parseBank } from '#shared/store/banks.ts';
import { commitBranding, commitMessageTemplate, commitMessageTemplateEnd } from '#shared/store/commit.ts';
import { keys, ranges } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';
import { type Manner, readManner } from '#shared/store/telling.ts';

type Place = { kind: MessageKind; locale: string; channel: Channel };

const isAt =
  ({ kind, locale, channel }: Place) =>
  (it: MessageTemplate): boolean =>
    it.kind === kind && it.locale === locale && it.channel === channel;

export type MessageTemplateDeps = HttpDeps & { publicUrl: string };

export const messageTemplateHandlers = (deps: MessageTemplateDeps): Handlers => {
  const readBranding = async (tenant: string, consistent: boolean): Promise<Branding> => {
    const row = await deps.table.get(keys.branding(tenant), consistent);
    return row === undefined ? unbranded(tenant) : Branding.parse(row);
  };

  const ofBranding = (it: Branding): Answer => ({
    body: contract.BrandingView.parse({ ...it, inkColor: it.color === null ? null : inkOn(it.color) }),
    etag: it.version,
  });

  const view = ({ kind, channel }: Place, { locale, subject, text, brief, own }: ChosenText) => ({
    kind,
    locale,
    channel,
    subject,
    text,
    by: own === null ? ('latchwork' as const) : ('tenant' as const),
    variables: [...variablesOf(kind)],
    smsParts: channel === 'sms' ? partsOf(text, brief, sampleVariables(kind, locale, deps.publicUrl)) : null,
    updatedAt: own?.updatedAt ?? null,
    version: own?.version ?? 0,
  });

  const ofOwn = (own: MessageTemplate): contract.MessageTemplateView => view(own, { ...own, brief: null, own });

  const refuseChanged = (ifMatch: number | undefined, version: number, what: string): void => {
    if (ifMatch !== undefined && ifMatch !== version)
      throw new Refusal('precondition_failed', `${what} is at version ${version} now`);
  };

  /** Somebody else was faster: whoever said which version they had seen is told so, everybody else may try again. */
  const lostTo = (error: unknown, ifMatch: number | undefined, what: string): never => {
    if (!(error instanceof Lost)) throw error;
    if (ifMatch !== undefined) throw new Refusal('precondition_failed', `${what} was changed meanwhile`);
    throw new Refusal('busy', `somebody else changes ${what} at this moment; try again`, { retryAfterSeconds: 1 });
  };

  /** Where and until when it is to be told of; nothing that opens a door. */
  const variablesFor = async (
    { caller, body }: Call<typeof contract.previewMessage>,
    { branding }: Manner,
    locale: string,
  ): Promise<Variables> => {
    const { kind, transactionId } = body;
    const sample = sampleVariables(kind, locale, deps.publicUrl);
    const ofTenant = branding.support?.phone ?? branding.support?.email;
    if (transactionId === undefined)
      return { ...sample, brand: branding.name ?? sample.place, support: ofTenant ?? sample.support };
    const row = await deps.table.get(keys.transaction(caller.tenant, transactionId));
    const transaction = row && Transaction.parse(row);
    if (!transaction || !mayShow(caller, transaction))
      throw new Refusal('not_found', `there is no transaction ${transactionId}`);
    const [bankRow, siteRow] = await deps.table.batchGet([
      keys.bank(transaction.bankId),
      keys.site(caller.tenant, transaction.siteId),
    ]);
    if (bankRow === undefined) throw new Error(`there is no bank ${transaction.bankId}`);
    const { name, config } = parseBank(bankRow);
    const { support } = siteRow === undefined ? {} : Site.parse(siteRow);
    const told = [...entitled(transaction), ...delegated(transaction)].find((it) => it.kind === kind);
    return {
      ...sample,
      place: name,
      door: sample.door && (transaction.door ?? sample.door),
      until: told === undefined ? sample.until : momentText(locale, toldUntil(transaction, told), config.timeZone),
      brand: branding.name ?? name,
      support: support?.phone ?? support?.email ?? ofTenant ?? '',
    };
  };

  return {
    [contract.listMessageTemplates.id]: (call: Call<typeof contract.listMessageTemplates>) => {
      const { PK, ...between } = ranges.messageTemplates(call.caller.tenant);
      return listAnswer(deps.table, PK, call, (row) => ofOwn(MessageTemplate.parse(row)), { between });
    },

    [contract.getMessageTemplate.id]: async ({ caller, params }: Call<typeof contract.getMessageTemplate>) => {
      const { branding, templates } = await readManner(deps.table, caller.tenant, false);
      const chosen = textFor(templates, params, localesFor(params.locale, branding.locale));
      const body = view(params, chosen);
      // What stands in another place has an entity tag there.
      return { body, etag: chosen.locale === params.locale ? body.version : 0 };
    },

    [contract.putMessageTemplate.id]: async (call: Call<typeof contract.putMessageTemplate>) => {
      const { body, caller, params, now, circumstances, ifMatch } = call;
      const { tenant } = caller;
      const said = { subject: body.subject ?? null, text: body.text };
      refuseErrors(templateErrors({ ...params, ...said }, params.locale, deps.publicUrl));
      const { templates } = await readManner(deps.table, tenant, true);
      const before = templates.find(isAt(params));
      refuseChanged(ifMatch, before?.version ?? 0, 'the template');
      refuseUnless(
        before !== undefined || templates.length < templatesMax,
        'conflict',
        `there are ${templatesMax} templates, and no more can be kept`,
      );
      if (before !== undefined && before.subject === said.subject && before.text === said.text)
        return { body: ofOwn(before), etag: before.version };
      const set = { ...said, updatedAt: now };
      const { after, writes } = commitMessageTemplate(
        before === undefined
          ? born({ id: deps.newId('mtp'), tenant, ...params, ...set, version: 1, hash: '' }, 'message_template.created')
          : apply(before, [{ type: 'message_template.updated', set }]),
        circumstances,
      );
      await deps.table.write(writes).catch((error: unknown) => lostTo(error, ifMatch, 'the template'));
      return { body: ofOwn(after), etag: after.version };
    },

    [contract.deleteMessageTemplate.id]: async (call: Call<typeof contract.deleteMessageTemplate>) => {
      const { caller, params, now, circumstances, ifMatch } = call;
      const row = await deps.table.get(keys.messageTemplate(caller.tenant, params), true);
      if (row === undefined) throw new Refusal('not_found', 'there is no text of yours');
      const before = MessageTemplate.parse(row);
      refuseChanged(ifMatch, before.version, 'the template');
      const { writes } = commitMessageTemplateEnd(
        apply(before, [{ type: 'message_template.removed', set: {} }]),
        circumstances,
      );
      await deps.table.write(writes).catch((error: unknown) => lostTo(error, ifMatch, 'the template'));
      return { body: { ...params, deletedAt: now } };
    },

    [contract.previewMessage.id]: async (call: Call<typeof contract.previewMessage>) => {
      const { body, caller } = call;
      const { kind, channel, draft } = body;
      const said = draft && { kind, channel, subject: draft.subject ?? null, text: draft.text };
      if (said) refuseErrors(templateErrors(said, body.locale, deps.publicUrl, '/draft'));
      const manner = await readManner(deps.table, caller.tenant, false);
      const chosen: ChosenText = said
        ? { ...said, locale: body.locale, brief: null, own: null }
        : textFor(manner.templates, body, localesFor(body.locale, manner.branding.locale));
      const variables = await variablesFor(call, manner, chosen.locale);
      const { locale } = chosen;
      const shown = withoutPin(variables, locale);
      const by = said || chosen.own !== null ? 'tenant' : 'latchwork';
      if (channel === 'email') {
        const { subject, text, html } = emailOf({
          text: chosen,
          variables: shown,
          branding: manner.branding,
          qr: null,
        });
        return { body: { locale, by, subject, text, html, smsParts: null } };
      }
      const text = filledIn(shorterOf(chosen.text, chosen.brief, variables), shown);
      const smsParts = partsOf(chosen.text, chosen.brief, variables);
      return { body: { locale, by, subject: null, text, html: null, smsParts } };
    },

    [contract.getBranding.id]: async ({ caller }: Call<typeof contract.getBranding>) =>
      ofBranding(await readBranding(caller.tenant, false)),

    [contract.updateBranding.id]: async (call: Call<typeof contract.updateBranding>) => {
      const { body, caller, now, circumstances, ifMatch } = call;
      const before = await readBranding(caller.tenant, true);
      refuseChanged(ifMatch, before.version, 'the branding');
      if (isDeepStrictEqual({ ...before, ...body }, before)) return ofBranding(before);
      const emission = { type: 'branding.updated' as const, set: { ...body, updatedAt: now } };
      const { after, writes } = commitBranding(apply(before, [emission]), circumstances);
      await deps.table.write(writes).catch((error: unknown) => lostTo(error, ifMatch, 'the branding'));
      return ofBranding(after);
    },
  };
};

export const handler = endpoint(
  [
    contract.listMessageTemplates,
    contract.getMessageTemplate,
    contract.putMessageTemplate,
    contract.deleteMessageTemplate,
    contract.previewMessage,
    contract.getBranding,
    contract.updateBranding,
  ],
  () => {
    const deps = { ...live(), publicUrl: publicUrl() };
    return { deps, handlers: messageTemplateHandlers(deps) };
  },
);
