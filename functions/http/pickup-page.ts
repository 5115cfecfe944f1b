import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { delegate, takeBack } from '#shared/domain/access.ts';
import { Branding, unbranded } from '#shared/domain/branding.ts';
import { credentialValue } from '#shared/domain/derived.ts';
import type { Fresh } from '#shared/domain/issuing.ts';
import type { TransactionDecision } from '#shared/domain/lifecycle.ts';
import { type Pickup, pickupOf } from '#shared/domain/pickup.ts';
import { pickupLink, readPickupToken } from '#shared/domain/pickup-link.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { Site } from '#shared/domain/site.ts';
import { instant } from '#shared/domain/time.ts';
import { Party, type Transaction } from '#shared/domain/transaction.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { log } from '#shared/lambda/log.ts';
import { flushMetrics, metrics } from '#shared/lambda/metrics.ts';
import { phoneOpener } from '#shared/lambda/open-by-phone.ts';
import { refuseUnless } from '#shared/lambda/problem.ts';
import { live, publicUrl } from '#shared/live.ts';
import { openShadows, type Shadows } from '#shared/outside/shadows.ts';
import {
  type Brand,
  type PickupPage,
  pageHeaders,
  personNotices,
  pickupPage,
  plainPage,
  type TypedPerson,
} from '#shared/page/pickup-page.ts';
import { type Notice, notices, openingOf, type Words, wordsFor } from '#shared/page/words.ts';
import { parseBank } from '#shared/store/banks.ts';
import { openCommands } from '#shared/store/commands.ts';
import type { Circumstances } from '#shared/store/commit.ts';
import { presenceFrom } from '#shared/store/presence.ts';
import { keys } from '#shared/store/rows.ts';
import { type Found, openTransactions } from '#shared/store/transactions.ts';

type Result = APIGatewayProxyStructuredResultV2 & { statusCode: number };

/** What is read of a link, and what somebody who has it asks for. */
type Visit = {
  event: APIGatewayProxyEventV2;
  token: string;
  tag: string;
  found: Found;
  pickup: Pickup;
  words: Words;
  rootKeys: RootKeys;
  circumstances: Circumstances;
};

export type PickupPageDeps = HttpDeps & { shadows: Shadows; publicUrl: string };

/** A form is smaller than this whatever is typed into it. */
const formBytesMax = 4 * 1024;

const formOf = ({ body = '', isBase64Encoded }: APIGatewayProxyEventV2): URLSearchParams => {
  const text = isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body;
  return new URLSearchParams(text.length > formBytesMax ? '' : text);
};

const isNotice = (text: string | undefined): text is Notice =>
  (notices as readonly (string | undefined)[]).includes(text);

/** By the code of a refusal whose reason has no words of its own. */
const noticeByCode: Partial<Record<Refusal['code'], Notice>> = {
  door_busy: 'door_busy',
  precondition_failed: 'changed',
  busy: 'busy',
};

const noticeOf = ({ reason, code }: Refusal): Notice =>
  isNotice(reason) ? reason : (noticeByCode[code] ?? 'not_possible');

const isPersonField = (field: unknown): field is keyof TypedPerson =>
  typeof field === 'string' && Object.hasOwn(personNotices, field);

const typedPerson = (form: URLSearchParams): TypedPerson => ({
  name: form.get('name')?.trim() ?? '',
  phone: form.get('phone')?.trim() ?? '',
  email: form.get('email')?.trim() ?? '',
});

/** The other person, or the first field that does not fit. */
const personOf = ({ name, phone: asTyped, email }: TypedPerson, { lang }: Words): Party | keyof TypedPerson => {
  const phone = asTyped.replaceAll(/[\s()./-]/g, '').replace(/^00/, '+');
  if (name === '' || !name.isWellFormed()) return 'name';
  const typed = { name, ...(phone && { phone }), ...(email && { email }), locale: lang };
  const party = Party.safeParse(typed);
  if (party.success) return party.data;
  const field = party.error.issues[0]?.path[0];
  return isPersonField(field) ? field : 'name';
};

/** The pages of those who hold a link: the link itself says who they are, and what they may. */
export const pickupPages = (deps: PickupPageDeps) => {
  const transactions = openTransactions(deps);
  const commands = openCommands(deps.table);
  const openByPhone = phoneOpener(deps);

  const page = (statusCode: number, body: string, brand?: Brand): Result => ({
    statusCode,
    headers: pageHeaders(brand),
    body,
  });

  /** Back to the page, which says what came of it: reloading that does nothing again. */
  const back = ({ token }: Visit, said: { notice: Notice } | { command: string }): Result => ({
    statusCode: 303,
    headers: { ...pageHeaders(), location: `../${token}?${new URLSearchParams(said)}` },
    body: '',
  });

  /** `kept`: it answers a form that came to nothing, which stands there as it was sent. Nobody's number is in an address. */
  const show = async (visit: Visit, kept?: { typed: PickupPage['typed']; notice: Notice | null }): Promise<Result> => {
    const { event, token, found, pickup, words, rootKeys, circumstances } = visit;
    const { id: transactionId, tenant, bankId, siteId, version } = found.transaction;
    const { notice: said, command: commandId } = event.queryStringParameters ?? {};
    const { typed = null, notice = isNotice(said) ? said : null } = kept ?? {};
    const [rows, command] = await Promise.all([
      deps.table.batchGet([
        keys.bank(bankId),
        keys.site(tenant, siteId),
        keys.connectivity(bankId),
        keys.branding(tenant),
      ]),
      commandId === undefined ? null : commands.read(tenant, commandId, circumstances),
    ]);
    const [bankRow, siteRow, presenceRow, brandingRow] = rows;
    if (bankRow === undefined) throw new Error(`there is no bank ${bankId}`);
    const { name, config } = parseBank(bankRow);
    const branding = brandingRow === undefined ? unbranded(tenant) : Branding.parse(brandingRow);
    const site = Site.parse(siteRow);
    const handedOn = pickup.handedOn.map(({ credential }) => credential);
    const values = [...pickup.credentials, ...handedOn].map(
      (it) => [it.id, credentialValue(rootKeys, { bankId, transactionId }, it) ?? ''] as const,
    );
    const links = handedOn.map(
      (it) => [it.id, pickupLink(rootKeys, deps.publicUrl, { tenant, transactionId }, it)] as const,
    );
    const isTheirs = command !== null && command.transactionId === transactionId && command.credential !== null;
    const body = pickupPage({
      words,
      version,
      here: typed === null ? token : `../${token}`,
      pickup,
      bank: {
        name,
        timeZone: config.timeZone,
        isOffline: presenceFrom(presenceRow)?.connectivity === 'offline',
      },
      site: { ...site, support: site.support ?? branding.support },
      brand: branding,
      values: new Map(values.filter(([, value]) => value !== '')),
      links: new Map(links),
      notice,
      typed,
      opening: isTheirs ? { state: openingOf[command.state], door: command.door } : null,
    });
    return page(kept === undefined ? 200 : notice === null ? 422 : 409, body, branding);
  };

  /** Whoever has typed in who goes in their place need not do so again because somebody else was faster. */
  const refused = async (visit: Visit, action: string | undefined, refusal: Refusal): Promise<Result> => {
    const { event, tag, found, circumstances } = visit;
    const { tenant, id } = found.transaction;
    const notice = noticeOf(refusal);
    const now = action === 'hand-on' ? await transactions.readConsistent(tenant, id, circumstances.now) : null;
    const pickup = now && pickupOf(now.transaction, tag, circumstances.now);
    if (!pickup || pickup.handsOn === null) return back(visit, { notice });
    const typed = { person: typedPerson(formOf(event)), wrong: null };
    return show({ ...visit, found: now, pickup }, { typed, notice });
  };

  /** What was asked for is done as long as things are as they were shown. */
  const change = async (
    { tag, found, circumstances }: Visit,
    form: URLSearchParams,
    decide: (transaction: Transaction, pickup: Pickup, fresh: Fresh) => TransactionDecision,
  ): Promise<void> => {
    await transactions.change(found, circumstances, ({ transaction }, fresh) => {
      const pickup = pickupOf(transaction, tag, circumstances.now);
      const isAsShown = pickup !== null && form.get('version') === String(transaction.version);
      refuseUnless(isAsShown, 'precondition_failed', 'it was changed since the page was shown');
      return decide(transaction, pickup, fresh);
    });
  };

  const act = async (visit: Visit, action: string | undefined): Promise<Result> => {
    const { event, found, pickup, words, circumstances } = visit;
    const form = formOf(event);
    const { now } = circumstances;
    if (action === 'open') {
      refuseUnless(pickup.opens !== null, 'invalid_transition', 'it is not opened from a page now');
      const code = form.get('code')?.replaceAll(/\s/g, '') ?? '';
      const whose = { transaction: found.transaction, credential: pickup.opens };
      return back(visit, { command: (await openByPhone(whose, code, circumstances, () => [])).id });
    }
    if (action === 'hand-on') {
      const person = typedPerson(form);
      const to = personOf(person, words);
      if (typeof to === 'string' && pickup.handsOn === null) return back(visit, { notice: 'not_possible' });
      if (typeof to === 'string') return await show(visit, { typed: { person, wrong: to }, notice: null });
      await change(visit, form, (transaction, { handsOn, together }, fresh) => {
        refuseUnless(handsOn !== null, 'invalid_transition', 'it cannot be handed on');
        const delegation = { to, access: { method: 'pin' as const }, keepsOwn: false, together, by: 'by_recipient' };
        return delegate(transaction, handsOn.id, delegation, fresh, now);
      });
      return back(visit, { notice: 'handed_on' });
    }
    await change(visit, form, (transaction, { handedOn }) => {
      const given = handedOn.find(({ credential: { id } }) => id === form.get('credential'));
      refuseUnless(given !== undefined, 'invalid_transition', 'they have it no more');
      return takeBack(transaction, given.credential.id, 'by_recipient');
    });
    return back(visit, { notice: 'back' });
  };

  return async (event: APIGatewayProxyEventV2): Promise<Result> => {
    const asked = event.headers['accept-language'];
    const { token = '', action } = event.pathParameters ?? {};
    const now = instant(deps.clock());
    const rootKeys = await deps.rootKeys();
    const named = readPickupToken(rootKeys, token);
    const found = named && (await transactions.read(named.tenant, named.transactionId, now));
    const pickup = named && found && pickupOf(found.transaction, named.tag, now);
    if (!pickup) {
      const words = wordsFor(undefined, asked);
      return page(404, plainPage(words, words.gone));
    }
    const words = wordsFor(pickup.party?.locale, asked);
    const circumstances: Circumstances = {
      actor: { type: 'recipient', id: pickup.actorId },
      now,
      newId: deps.newId,
    };
    const visit: Visit = { event, token, tag: named.tag, found, pickup, words, rootKeys, circumstances };
    if (event.requestContext.http.method !== 'POST') return show(visit);
    try {
      return await act(visit, action);
    } catch (error) {
      if (error instanceof Refusal) return refused(visit, action, error);
      throw error;
    }
  };
};

let served: ReturnType<typeof pickupPages> | undefined;

/** One log line per request, without its path: whoever reads that may do what its holder may. */
export const handler = middy<APIGatewayProxyEventV2, Result>().handler(async (event) => {
  served ??= pickupPages({ ...live(), shadows: openShadows(), publicUrl: publicUrl() });
  const { requestId, http } = event.requestContext;
  const result = await served(event).catch((error: unknown): Result => {
    log.error('failed', error instanceof Error ? error : new Error(String(error)));
    metrics.addMetric('RequestFailed', 'Count', 1);
    const words = wordsFor(undefined, event.headers['accept-language']);
    return { statusCode: 500, headers: pageHeaders(), body: plainPage(words, words.failed) };
  });
  log.info('request', { route: event.routeKey, status: result.statusCode, requestId });
  flushMetrics();
  return { ...result, ...(http.method === 'HEAD' && { body: '' }) };
});
