import specification from '@asyncapi/specs/schemas/3.0.0.json' with { type: 'json' };
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { catalogue } from '../../events/catalogue.ts';
import { said } from '../../events/said.ts';
import { examples } from '../../local/bank-protocol-examples.ts';
import document from '../../shared/api/asyncapi.json' with { type: 'json' };
import { closed } from '../support/closed.ts';

const ajv = () => {
  const it = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  formats.default(it);
  return it;
};

const Message = z.object({ payload: z.unknown(), examples: z.array(z.object({ payload: z.unknown() })).optional() });
const messages = new Map(
  Object.entries(document.components.messages).map(([name, message]) => [name, Message.parse(message)]),
);

/** What is wrong with a payload by what the document says of its message; nothing, if it is right. */
const wrongWith = (name: string, payload: unknown, asServed = false): unknown => {
  const schema = { components: document.components, allOf: [messages.get(name)?.payload] };
  const check = ajv().compile(asServed ? schema : closed(schema));
  return check(payload) ? [] : check.errors;
};

describe('the AsyncAPI document', () => {
  it('is one, by the schema of its own specification', () => {
    // It brings the schema of schemas itself.
    const check = new Ajv({ strict: false, allErrors: true, validateFormats: false, meta: false }).compile(
      specification,
    );
    check(document);
    expect(check.errors ?? []).toEqual([]);
  });

  it('has a message for each type of event, on the bus and to webhooks alike', () => {
    const types = Object.keys(catalogue).toSorted();
    for (const channel of [document.channels.bus, document.channels.webhooks])
      expect(Object.keys(channel.messages).toSorted()).toEqual(types);
    expect([...messages.keys()]).toEqual(expect.arrayContaining(types));
  });

  it('says of each type of event when it comes', () => {
    for (const [type, words] of Object.entries(said)) {
      expect(document.components.messages).toHaveProperty([type, 'summary'], words);
      expect(words).toMatch(/^[A-Z][^\n|]*\.$/);
    }
    expect(new Set(Object.values(said)).size).toBe(Object.keys(catalogue).length);
  });

  it.each(Object.keys(catalogue))('shows a %s that is as it says', (type) => {
    const [example] = messages.get(type)?.examples ?? [];
    expect(wrongWith(type, example?.payload)).toEqual([]);
  });

  it('says of an event what its type must be and what its data must hold', () => {
    const [example] = messages.get('transaction.created')?.examples ?? [];
    const event = z.looseObject({ data: z.looseObject({}) }).parse(example?.payload);
    expect(wrongWith('transaction.created', { ...event, type: 'transaction.cancelled' })).not.toEqual([]);
    expect(wrongWith('transaction.created', { ...event, data: {} })).not.toEqual([]);
    expect(wrongWith('transaction.created', { ...event, sequence: 0 })).not.toEqual([]);
  });

  it('leaves room for new fields, which our own tests find', () => {
    const [example] = messages.get('bank.offline')?.examples ?? [];
    const event = z.looseObject({ data: z.looseObject({}) }).parse(example?.payload);
    for (const more of [
      { ...event, colour: 'red' },
      { ...event, data: { ...event.data, colour: 'red' } },
    ]) {
      expect(wrongWith('bank.offline', more, true)).toEqual([]);
      expect(wrongWith('bank.offline', more)).not.toEqual([]);
    }
    expect(JSON.stringify(document)).not.toContain('"additionalProperties":false');
  });

  it('says of the messages of a bank what the bank protocol shows', () => {
    expect(wrongWith('JournalAck', examples.ack)).toEqual([]);
    expect(wrongWith('ReplayRequest', examples.replay)).toEqual([]);
    expect(wrongWith('Ask', examples.ask)).toEqual([]);
    for (const answer of examples.answers) expect(wrongWith('Answer', answer)).toEqual([]);
    expect(wrongWith('KeyHandover', examples.key)).toEqual([]);
    expect(wrongWith('CertificateRequest', examples.certificateRequest)).toEqual([]);
    const shadow = (state: object) => ({ version: 3, timestamp: 1_764_150_000, state });
    expect(wrongWith('Config', shadow({ desired: examples.config }))).toEqual([]);
    expect(wrongWith('Grants', shadow({ desired: examples.grants }))).toEqual([]);
    expect(wrongWith('Commands', shadow({ desired: examples.commands }))).toEqual([]);
    expect(wrongWith('DoorsReport', { state: { reported: examples.report } })).toEqual([]);
    expect(wrongWith('Ask', { ...examples.ask, method: 'telepathy' })).not.toEqual([]);
  });
});
