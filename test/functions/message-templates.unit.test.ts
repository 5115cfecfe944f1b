import { beforeEach, describe, expect, it } from 'vitest';
import * as contract from '#shared/api/message-templates.ts';
import { texts } from '#shared/domain/message-text.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs } from '#shared/domain/time.ts';
import { newId } from '#shared/lambda/ids.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { keys } from '#shared/store/rows.ts';
import { messageTemplateHandlers } from '../../functions/http/message-templates.ts';
import { bankOf, doorOf, startedAt as now, reserved } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const tenant = 'ten_1';
const waits = { kind: 'item_waits', locale: 'de-CH', channel: 'sms' } as const;
const own = { text: 'Grüezi! {{place}}, Fach {{door}}: {{code}}' };

const opened = () => {
  const table = memoryTable();
  const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
  const deps = { table, rootKeys, newId, clock: () => epochMs(now), publicUrl: 'https://p.example' };
  const handlers = messageTemplateHandlers(deps);
  const call = async (id: string, more: Record<string, unknown>) => {
    const handler = handlers[id];
    if (!handler) throw new Error(`there is no ${id}`);
    const circumstances = { actor: { type: 'api_key', id: 'key_1' }, now, newId };
    const cursors = { read: async () => undefined, give: async () => null };
    table.calls.length = 0;
    const answer = await handler({
      ...{ caller: { tenant, mode: 'live' }, now, circumstances, cursors, query: { limit: 50 } },
      ...more,
    } as never);
    return { ...answer, calls: [...table.calls] };
  };
  const viewed = async (id: string, more: Record<string, unknown>) => {
    const { body, ...rest } = await call(id, more);
    return { ...rest, ...contract.MessageTemplateView.parse(body) };
  };
  return {
    table,
    get: (params: object = waits) => viewed(contract.getMessageTemplate.id, { params }),
    put: (body: object = own, more: object = {}) =>
      viewed(contract.putMessageTemplate.id, { params: waits, body, ...more }),
    remove: (more: object = {}) => call(contract.deleteMessageTemplate.id, { params: waits, ...more }),
    list: async () => (await call(contract.listMessageTemplates.id, {})).body.data,
    preview: async (body: object) =>
      contract.MessagePreview.parse((await call(contract.previewMessage.id, { body: { ...waits, ...body } })).body),
    branding: async () => {
      const { body, etag } = await call(contract.getBranding.id, {});
      return { ...contract.BrandingView.parse(body), etag };
    },
    brand: async (body: object, more: object = {}) => {
      const { body: after, ...rest } = await call(contract.updateBranding.id, { body, ...more });
      return { ...contract.BrandingView.parse(after), ...rest };
    },
    types: () =>
      table
        .rows()
        .filter(({ SK }) => SK.startsWith('C#'))
        .flatMap((row) => CommitRow.parse(row).events.map(({ type }) => type)),
  };
};

let w = opened();
beforeEach(() => {
  w = opened();
});

describe('the texts of a tenant', () => {
  it('are ours until it writes its own, and again once it has removed it', async () => {
    expect(await w.get()).toMatchObject({ ...waits, locale: 'de', by: 'latchwork', version: 0, etag: 0, smsParts: 1 });
    expect(await w.put()).toMatchObject({ ...waits, ...own, by: 'tenant', version: 1, etag: 1, smsParts: 1 });
    expect(await w.get()).toMatchObject({ ...waits, ...own, updatedAt: now });
    expect(await w.list()).toMatchObject([{ ...waits, ...own }]);
    expect((await w.remove()).body).toEqual({ ...waits, deletedAt: now });
    expect(await w.get()).toMatchObject({ text: texts.item_waits.de.sms, by: 'latchwork' });
    expect(await w.list()).toEqual([]);
    expect(await w.put()).toMatchObject({ version: 1 });
    expect(w.types()).toEqual(['message_template.created', 'message_template.removed', 'message_template.created']);
  });

  it('are read in one call, and changed with one call more', async () => {
    expect((await w.put()).calls).toEqual(['query', 'write']);
    expect((await w.get()).calls).toEqual(['query']);
    expect((await w.remove()).calls).toEqual(['get', 'write']);
  });

  it('stay as they are when the same is said again', async () => {
    await w.put();
    expect(await w.put()).toMatchObject({ version: 1, calls: ['query'] });
  });

  it('are not changed from a version that holds no more', async () => {
    await w.put({ text: '{{code}}' }, { ifMatch: 0 });
    await expect(w.put(own, { ifMatch: 0 })).rejects.toThrow('the template is at version 1 now');
    await expect(w.remove({ ifMatch: 7 })).rejects.toThrow('the template is at version 1 now');
    expect(await w.put(own, { ifMatch: 1 })).toMatchObject({ version: 2 });
  });

  it('are refused where they cannot be told, by each place that is wrong', async () => {
    const refused = w.put({ subject: 'Hello', text: '{{pni}}' });
    await expect(refused).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(refused).rejects.toMatchObject({
      errors: [{ pointer: '/text' }, { pointer: '/subject' }, { pointer: '/text' }],
    });
    expect(w.table.rows()).toEqual([]);
  });

  it('that are not there cannot be removed', async () => {
    await expect(w.remove()).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a preview', () => {
  it('shows what holds now, with a PIN of dots', async () => {
    await w.put();
    expect(await w.preview({})).toEqual({
      locale: 'de-CH',
      by: 'tenant',
      subject: null,
      text: 'Grüezi! Central Station, Fach 12: PIN: ••••••.',
      html: null,
      smsParts: 1,
    });
  });

  it('shows a draft, of an e-mail in HTML too, and keeps nothing of it', async () => {
    await w.brand({ name: 'Post & Co', support: { email: 'help@post.example' } });
    const before = w.table.rows().length;
    const shown = await w.preview({
      channel: 'email',
      draft: { subject: 'Von {{brand}}', text: '{{pin}}\n\n{{link}}\n\n{{support}}' },
    });
    expect(shown).toMatchObject({ subject: 'Von Post & Co', smsParts: null });
    expect(shown.text).toMatch(/^••••••\n\nhttps:\/\/p\.example\/p\/EXAMPLE\w+\n\nhelp@post\.example$/);
    expect(shown.html).toContain('>Details anzeigen</a>');
    expect(w.table.rows()).toHaveLength(before);
    await expect(w.preview({ draft: { text: 'Hm' } })).rejects.toMatchObject({ errors: [{ pointer: '/draft/text' }] });
  });

  it('of a transaction tells where that is, and not how to open', async () => {
    await w.put();
    const row = { ...keys.transaction(tenant, 'txn_1'), ...reserved('txn_1', '7') };
    await w.table.write([{ kind: 'other', expects: 'absent', put: row }, ...bankWrites(bankOf([doorOf('7')]))]);
    const { text } = await w.preview({ transactionId: 'txn_1' });
    expect(text).toBe('Grüezi! Station, Fach 7: PIN: ••••••.');
  });

  it('of a transaction that is not theirs finds none', async () => {
    await expect(w.preview({ transactionId: 'txn_of_others' })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('the branding of a tenant', () => {
  it('is nothing at first, and what was said stays until it is taken away', async () => {
    expect(await w.branding()).toMatchObject({ name: null, color: null, inkColor: null, version: 0, etag: 0 });
    const said = await w.brand({ name: 'Post & Co', color: '#ffd400' });
    expect(said).toMatchObject({ name: 'Post & Co', inkColor: '#000000', version: 1, calls: ['get', 'write'] });
    expect(await w.brand({ color: null, locale: 'de' })).toMatchObject({ name: 'Post & Co', color: null, version: 2 });
    expect(await w.branding()).toMatchObject({ locale: 'de', updatedAt: now, etag: 2 });
    expect(await w.brand({ locale: 'de' })).toMatchObject({ version: 2, calls: ['get'] });
    await expect(w.brand({ name: 'X' }, { ifMatch: 1 })).rejects.toThrow('the branding is at version 2 now');
    expect(w.types()).toEqual(['branding.updated', 'branding.updated']);
    expect(w.table.rows().some(({ PK }) => PK === keys.branding(tenant).PK)).toBe(true);
  });
});
