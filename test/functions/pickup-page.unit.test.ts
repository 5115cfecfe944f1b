import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { presenceCodeAt } from '#shared/device/presence.ts';
import { revoke } from '#shared/domain/access.ts';
import { newCompartment } from '#shared/domain/compartment.ts';
import { born } from '#shared/domain/decision.ts';
import { bankKeyOf, pinOf } from '#shared/domain/derived.ts';
import { type CreateInput, cancel, create, hold } from '#shared/domain/lifecycle.ts';
import { pickupToken } from '#shared/domain/pickup-link.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import type { Site } from '#shared/domain/site.ts';
import { epochMs, type Instant, plusSeconds } from '#shared/domain/time.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { commitBankLog, commitSite } from '#shared/store/commit.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';
import { decisionWrites, openTransactions } from '#shared/store/transactions.ts';
import { pickupPages } from '../../functions/http/pickup-page.ts';
import { bankOf, chosen, doorOf, freshFor, minutes, parcelInput, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryShadows } from '../support/memory-shadows.ts';
import { memoryTable } from '../support/memory-table.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const tenant = `ten_${'0'.repeat(26)}`;
const of = `txn_${'0'.repeat(26)}`;
const bankKey = bankKeyOf(rootKeys, 'bnk_1', { generation: 1, keyVersion: 1 });
const codeAt = (at: Instant): string => presenceCodeAt(bankKey, epochMs(at) / 1000);
const tokenOf = (id: string): string => pickupToken(rootKeys, { tenant, transactionId: of }, { id, keyVersion: 1 });

const eventOf = (
  method: string,
  token: string,
  more: Partial<APIGatewayProxyEventV2> = {},
): APIGatewayProxyEventV2 => ({
  version: '2.0',
  routeKey: `${method} /p/{token}`,
  rawPath: '',
  rawQueryString: '',
  headers: {},
  pathParameters: { token },
  isBase64Encoded: false,
  requestContext: {
    accountId: '',
    apiId: '',
    domainName: '',
    domainPrefix: '',
    requestId: '',
    routeKey: '',
    stage: '',
    time: '',
    timeEpoch: 0,
    http: { method, path: '', protocol: '', sourceIp: '', userAgent: '' },
  },
  ...more,
});

/** A parcel promised at door 1, and people with links. */
const world = async (more: Partial<CreateInput> = {}) => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const bank = bankOf([doorOf('1')], { tenant });
  const { id: bankId, siteId } = bank;
  const circumstances = { actor: { type: 'system' as const, id: 'test' }, now: startedAt, newId };
  const head = { tenant, bankId, siteId, door: null, version: 1, hash: '' };
  const site: Site = { id: siteId, tenant, name: 'Quay', timeZone: 'UTC', createdAt: startedAt, version: 1, hash: '' };
  await table.write([
    ...bankWrites(bank),
    ...commitSite(born(site, 'site.created'), circumstances).writes,
    ...commitBankLog(born(head, 'bank.registered', [], { name: '', doors: 1 }), circumstances).writes,
  ]);
  const input = parcelInput(of, { tenant, ...more });
  const decision = create(input, newCompartment('1'), 6, chosen, freshFor(of), startedAt);
  await table.write(decisionWrites(rootKeys, decision, null, circumstances).writes);
  let now = minutes(10);
  const deps = {
    table,
    newId,
    rootKeys: async () => rootKeys,
    clock: () => epochMs(now),
    shadows: memoryShadows(),
    publicUrl: 'https://api.example',
  };
  const visit = pickupPages(deps);
  const transactions = openTransactions(deps);
  const read = async () => {
    const found = await transactions.read(tenant, of, now);
    if (found === null) throw new Error('there is no transaction');
    return found;
  };
  return {
    table,
    at: (moment: Instant) => {
      now = moment;
    },
    read,
    change: async (decide: Parameters<typeof transactions.change>[2]) =>
      transactions.change(await read(), { ...circumstances, now }, decide),
    look: async (token: string, query: Record<string, string> = {}) => {
      const { statusCode, body = '' } = await visit(eventOf('GET', token, { queryStringParameters: query }));
      return { status: statusCode, body, title: /<h1>(.*?)<\/h1>/.exec(body)?.[1] };
    },
    /** What is shown in answer to a form. */
    answer: async (token: string, action: string, fields: Record<string, string>) => {
      const { statusCode, body = '' } = await visit(
        eventOf('POST', token, {
          pathParameters: { token, action },
          body: Buffer.from(String(new URLSearchParams(fields))).toString('base64'),
          isBase64Encoded: true,
        }),
      );
      return { status: statusCode, body };
    },
    /** Answers what comes of it: the part of the page's address that says so. */
    send: async (token: string, action: string, fields: Record<string, string>) => {
      const { version } = (await read()).transaction;
      const body = String(new URLSearchParams({ version: String(version), ...fields }));
      const { statusCode, headers } = await visit(
        eventOf('POST', token, {
          pathParameters: { token, action },
          body: Buffer.from(body).toString('base64'),
          isBase64Encoded: true,
        }),
      );
      return statusCode === 303 ? String(headers?.location).replace(`../${token}?`, '') : statusCode;
    },
  };
};

const [deposit, pickup] = [tokenOf(`${of}_d`), tokenOf(`${of}_p`)];

describe('the page of whoever holds a link', () => {
  it('shows each of the people their own part', async () => {
    const { look, read } = await world({ recipient: { name: 'Ada', locale: 'de' } });
    expect(await look(deposit)).toMatchObject({ status: 200, title: 'Your door is ready' });
    const theirs = await look(pickup);
    expect(theirs).toMatchObject({ status: 200, title: 'Ihr Paket ist noch nicht da' });
    const [d, p] = (await read()).transaction.credentials;
    if (!d || !p) throw new Error('a parcel has two credentials');
    const [courier, recipient] = [d, p].map((it) => pinOf(rootKeys.of(1), it));
    expect(theirs.body).toContain(recipient);
    expect(theirs.body).not.toContain(courier);
    expect(theirs.body).not.toContain('Ada');
  });

  it('is nowhere for a link that is not right, and tells no more of one that is over', async () => {
    const { look, change, at, read } = await world();
    const nowhere = await look(`${pickup.slice(0, 60)}${'A'.repeat(19)}`);
    expect(nowhere).toMatchObject({ status: 404, title: 'This link leads nowhere' });
    expect(await look(tokenOf('crd_of_somebody_else'))).toEqual(nowhere);
    await change(({ transaction }) => revoke(transaction, `${of}_p`));
    expect(await look(pickup)).toEqual(nowhere);
    await change(({ transaction, compartment }, fresh) =>
      cancel(transaction, compartment, 'changed their mind', fresh, minutes(10), null),
    );
    expect((await read()).transaction.state).toBe('cancelled');
    expect(await look(deposit)).toMatchObject({ status: 200, title: 'Cancelled' });
    at(plusSeconds(minutes(10), 7 * 86_400 + 1));
    expect(await look(deposit)).toEqual(nowhere);
  });

  it('keeps what was typed into a form that does not fit, and says so at the field', async () => {
    const { answer, read } = await world();
    const { version } = (await read()).transaction;
    const wrong = await answer(pickup, 'hand-on', {
      version: String(version),
      name: 'Ben "B"',
      phone: '079 123 45 67',
    });
    expect(wrong.status).toBe(422);
    expect(wrong.body).toContain('<details open>');
    expect(wrong.body).toContain('value="Ben &quot;B&quot;"');
    expect(wrong.body).toMatch(/value="079 123 45 67" aria-invalid="true" aria-describedby="phone-wrong"/);
    expect(wrong.body).toContain('id="phone-wrong">Please write the phone number with its country');
    // Sent again from where it is shown now.
    expect(wrong.body).toContain(`action="../${pickup}/hand-on"`);
    for (const [fields, field] of [
      [{ name: ' ' }, 'name'],
      [{ name: 'Ben', email: 'ben' }, 'email'],
    ] as const) {
      const { status, body } = await answer(pickup, 'hand-on', fields);
      expect([status, /id="(\w+)-wrong"/.exec(body)?.[1]]).toEqual([422, field]);
    }
    expect((await read()).transaction.version).toBe(version);
  });

  it('keeps what was typed when it was changed meanwhile, and takes it as it is shown then', async () => {
    const { answer, read, change } = await world();
    const { version } = (await read()).transaction;
    await change(({ transaction }) => hold(transaction, 'payment dispute'));
    const late = await answer(pickup, 'hand-on', {
      version: String(version),
      name: 'Ben',
      phone: '079 123',
      email: '',
    });
    expect(late.status).toBe(422);
    const kept = { name: 'Ben', phone: '+41 79 123 45 67', email: 'ben@example.com' };
    const changed = await answer(pickup, 'hand-on', { version: String(version), ...kept });
    expect(changed.status).toBe(409);
    expect(changed.body).toContain('Something has changed meanwhile');
    expect(changed.body).toContain('<details open>');
    for (const value of Object.values(kept)) expect(changed.body).toContain(`value="${value}"`);
    expect(changed.body).not.toMatch(/aria-invalid=|>OK<\/a>/);
    expect(changed.body).toContain(`action="../${pickup}/hand-on"`);
    const [, shown = ''] = /name="version" value="(\d+)"/.exec(changed.body) ?? [];
    expect(Number(shown)).toBe(version + 1);
    expect(await answer(pickup, 'hand-on', { version: shown, ...kept })).toMatchObject({ status: 303 });
  });

  it('keeps what was typed when others are always faster', async () => {
    const { answer, read, table } = await world();
    const { version } = (await read()).transaction;
    const write = table.write;
    table.write = async () => {
      throw new Lost([{ kind: 'subject', key: keys.transaction(tenant, of), current: undefined }]);
    };
    const busy = await answer(pickup, 'hand-on', { version: String(version), name: 'Ben', phone: '', email: '' });
    expect(busy.status).toBe(409);
    expect(busy.body).toContain('Please try again in a moment');
    expect(busy.body).toContain('value="Ben"');
    table.write = write;
    expect(await answer(pickup, 'hand-on', { version: String(version), name: 'Ben' })).toMatchObject({ status: 303 });
  });

  it('is handed on by whoever it is for, once, and taken back', async () => {
    const { look, send, read } = await world();
    expect(await send(pickup, 'hand-on', { name: 'Ben', phone: '0041 79 (123) 45-67' })).toBe('notice=handed_on');
    const { delegates, credentials } = (await read()).transaction;
    const theirs = credentials.at(-1)?.id ?? '';
    expect(delegates).toEqual({ [theirs]: { name: 'Ben', phone: '+41791234567', locale: 'en' } });
    expect(await look(pickup)).toMatchObject({ title: 'Somebody else picks it up' });
    expect((await look(pickup)).body).toContain(`https://api.example/p/${tokenOf(theirs)}`);
    expect(await look(tokenOf(theirs))).toMatchObject({ status: 200, title: 'Your parcel is not here yet' });
    // Nobody to whom it was handed hands it on, or takes it back.
    expect(await send(tokenOf(theirs), 'hand-on', { name: 'Cleo' })).toBe('notice=not_possible');
    expect(await send(tokenOf(theirs), 'take-back', { credential: theirs })).toBe('notice=not_possible');
    expect(await send(pickup, 'hand-on', { name: 'Cleo' })).toBe('notice=not_possible');
    expect(await send(pickup, 'take-back', { credential: theirs })).toBe('notice=back');
    expect(await look(tokenOf(theirs))).toMatchObject({ status: 404 });
    expect(await look(pickup)).toMatchObject({ title: 'Your parcel is not here yet' });
  });

  it('is handed on with all that whoever it is for has for it, and is theirs again with all of it', async () => {
    const access = (['pin', 'qr'] as const).map((method) => ({ step: 'pickup' as const, method }));
    const { look, send, read } = await world({ access });
    const qr = (await read()).transaction.credentials.find(({ method }) => method === 'qr')?.id ?? '';
    for (const link of [pickup, tokenOf(qr)]) {
      expect(await send(link, 'hand-on', { name: 'Ben' })).toBe('notice=handed_on');
      for (const own of [pickup, tokenOf(qr)]) {
        const { title, body } = await look(own);
        expect(title).toBe('Somebody else picks it up');
        expect(body).not.toMatch(/Your QR code|Show the PIN/);
      }
      const theirs = (await read()).transaction.credentials.at(-1)?.id ?? '';
      expect(await send(link, 'take-back', { credential: theirs })).toBe('notice=back');
      expect((await look(pickup)).title).toBe('Your parcel is not here yet');
      expect((await read()).transaction.credentials.filter(({ suspended }) => suspended)).toEqual([]);
    }
  });

  it('does nothing twice, and nothing to what its sender has not seen', async () => {
    const { send, read } = await world();
    const { version } = (await read()).transaction;
    expect(await send(pickup, 'hand-on', { name: 'Ben', version: String(version) })).toBe('notice=handed_on');
    expect(await send(pickup, 'hand-on', { name: 'Ben', version: String(version) })).toBe('notice=changed');
    expect((await read()).transaction.credentials).toHaveLength(3);
  });

  it('keeps in the trail that whoever held the link did it', async () => {
    const { send, table } = await world();
    await send(pickup, 'hand-on', { name: 'Ben' });
    const told = table
      .rows()
      .filter(({ PK, SK }) => PK === keys.transaction(tenant, of).PK && SK.startsWith('C#'))
      .flatMap((row) => CommitRow.parse(row).events);
    expect(told.at(-1)).toMatchObject({
      type: 'credential.delegated',
      actor: { type: 'recipient', id: `${of}_p` },
      data: { by: 'by_recipient' },
    });
  });

  it('opens the door with the code of the panel, and says what became of it', async () => {
    const { send, look } = await world();
    expect(await send(deposit, 'open', { code: codeAt(minutes(700)) })).toBe('notice=wrong_presence_code');
    const said = String(await send(deposit, 'open', { code: codeAt(minutes(10)).replace(/^.../, '$& ') }));
    expect(said).toMatch(/^command=cmd_/);
    const command = said.slice('command='.length);
    expect((await look(deposit, { command })).body).toContain('Door 1 is about to open');
    expect(await send(pickup, 'open', { code: codeAt(minutes(10)) })).toBe('notice=not_possible');
    expect((await look(deposit, { command: 'cmd_other', notice: '<b>' })).body).not.toContain('role="status"');
  });

  it('says why the door stays shut, and shows no button then', async () => {
    const { change, look } = await world();
    await change(({ transaction }) => hold(transaction, 'a dispute'));
    const { title, body } = await look(pickup);
    expect(title).toBe('On hold');
    expect(body).not.toContain('/open"');
    expect(body).not.toContain('a dispute');
  });

  it('takes two reads, and none for what was never signed', async () => {
    const { look, table } = await world();
    table.calls.length = 0;
    await look(pickup);
    expect(table.calls).toHaveLength(2);
    await look(`${pickup.slice(0, 60)}${'A'.repeat(19)}`);
    expect(table.calls).toHaveLength(2);
  });
});
