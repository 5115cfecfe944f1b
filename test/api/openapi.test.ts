import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { eventTypes } from '../../events/catalogue.ts';
import { sampleEvent } from '../../events/samples.ts';
import { asyncapi } from '../../shared/api/asyncapi.ts';
import { meanings } from '../../shared/api/meanings.ts';
import document from '../../shared/api/openapi.json' with { type: 'json' };
import { openapi } from '../../shared/api/openapi.ts';
import { telling } from '../../shared/api/telling.ts';
import { closed } from '../support/closed.ts';

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
ajv.addSchema({ $id: 'latchwork', ...closed(document) });
ajv.addSchema({ $id: 'as-served', ...document });
const bodyOf = (name: string) =>
  ajv.compile({ $ref: `latchwork#/webhooks/${name}/post/requestBody/content/application~1json/schema` });

describe('the webhooks of the OpenAPI document', () => {
  const names = Object.keys(document.webhooks);
  const bodies = names.map((name) => ({ name, fits: bodyOf(name) }));

  it('are one for each kind of subject that events are of', () => {
    expect(names.toSorted()).toEqual([...new Set(eventTypes.map((type) => type.split('.')[0]))].toSorted());
  });

  it.each(eventTypes.map((type) => [type]))('bring %s by one of them', (type) => {
    expect(bodies.filter(({ fits }) => fits(sampleEvent(type))).map(({ name }) => name)).toEqual([type.split('.')[0]]);
  });

  it('show an example, which is as they say', () => {
    const { example } = document.webhooks.transaction.post.requestBody.content['application/json'];
    expect(bodies.filter(({ fits }) => fits(example)).map(({ name }) => name)).toEqual(['transaction']);
  });

  it('name answers and headers that there are', () => {
    const { parameters, responses } = document.components;
    const there = [
      ...Object.keys(parameters).map((name) => `#/components/parameters/${name}`),
      ...Object.keys(responses).map((name) => `#/components/responses/${name}`),
    ];
    for (const { post } of Object.values(document.webhooks))
      for (const { $ref } of [...post.parameters, ...Object.values(post.responses)]) expect(there).toContain($ref);
  });
});

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** What a part of the document names, and what that names in turn. */
const namedIn = (part: unknown, found = new Map<string, unknown>()): Map<string, unknown> => {
  for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    if (found.has(name)) continue;
    const schema: unknown = Reflect.get(document.components.schemas, name);
    namedIn(schema, found.set(name, schema));
  }
  return found;
};

/** Where in a part of the document it is said that an object has no other fields. */
const closedIn = (part: unknown, place = ''): string[] =>
  isRecord(part)
    ? [
        ...(part.additionalProperties === false ? [place] : []),
        ...Object.entries(part).flatMap(([name, it]) => closedIn(it, `${place}/${name}`)),
      ]
    : [];

describe('the introduction', () => {
  it('names the POSTs that need no Idempotency-Key, and no others', () => {
    const without = Object.values(document.paths).flatMap((methods) =>
      'post' in methods && !JSON.stringify(methods.post.parameters).includes('Idempotency-Key')
        ? [methods.post.operationId]
        : [],
    );
    const named = [...document.info.description.matchAll(/`([a-z]+-[a-z-]+)`/g)].map(([, name]) => name);
    expect(named.toSorted()).toEqual(without.toSorted());
  });
});

describe('new fields', () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  );

  it('may come in whatever is answered', () => {
    for (const { name, operation } of operations) expect(closedIn(operation.responses, name)).toEqual([]);
    expect(closedIn(document.components.responses)).toEqual([]);
    const answered = namedIn([operations.map(({ operation }) => operation.responses), document.components.responses]);
    expect(answered.size).toBeGreaterThan(50);
    for (const [name, schema] of answered) expect(closedIn(schema, name)).toEqual([]);
  });

  it('may come in an event, and are found by our own tests', () => {
    const event = { ...sampleEvent('bank.offline'), colour: 'red' };
    const served = ajv.compile({ $ref: 'as-served#/webhooks/bank/post/requestBody/content/application~1json/schema' });
    expect([served(event), bodyOf('bank')(event)]).toEqual([true, false]);
  });

  it('are still refused in what is asked of us', () => {
    const open = operations.filter(({ operation }) => {
      if (!('requestBody' in operation)) return false;
      return [operation.requestBody, ...namedIn(operation.requestBody).values()].every(
        (part) => closedIn(part).length === 0,
      );
    });
    // What its vendor's own service tells us may hold more than we know.
    expect(open.map(({ name }) => name)).toEqual(['post /v1/banks/{bankId}/callbacks']);
  });
});

describe('names', () => {
  const { schemas } = document.components;

  it('are said of something that there is, and each is said somewhere', () => {
    const said = namedIn([document.paths, document.webhooks, document.components.responses]);
    expect([...said.keys()].toSorted()).toEqual(Object.keys(schemas).toSorted());
    expect([...said].filter(([, schema]) => schema === undefined)).toEqual([]);
  });

  it('stand in place of what is the same everywhere', () => {
    const text = JSON.stringify(document);
    for (const schema of [schemas.Moment, schemas.Instant, schemas.EventType, schemas.Party, schemas.PartyInput])
      expect(text.split(JSON.stringify(schema)).length).toBe(2);
  });

  it('leave beside them what is not of the shape itself', () => {
    expect(schemas.CreateTransaction.properties.recipient).toMatchObject({
      $ref: '#/components/schemas/PartyInput',
      default: {},
    });
    expect(schemas.PartyInput).not.toHaveProperty('default');
    const fits = ajv.compile({ $ref: 'as-served#/components/schemas/CreateTransaction' });
    const wish = { workflow: 'parcel', bankId: 'bnk_1', items: [{ lengthMm: 1, widthMm: 1, heightMm: 1 }] };
    expect(fits({ ...wish, recipient: { email: 'ada@example.org' } })).toBe(true);
    expect(fits({ ...wish, recipient: { mail: 'ada@example.org' } })).toBe(false);
    expect(fits({ ...wish, recipient: { email: 'ada' } })).toBe(false);
  });
});

describe('sentences', () => {
  /** Fields, parameters and shapes that say nothing of themselves. What holds only where something else does may. */
  const speechless = (part: unknown, place: string): string[] =>
    !isRecord(part)
      ? []
      : Object.entries(part).flatMap(([name, it]) => {
          const at = `${place}/${name}`;
          if (['example', 'examples', 'default', 'enum', 'if', 'then', 'else', 'not'].includes(name)) return [];
          if (name === 'allOf' && place.includes('/webhooks/')) return [];
          if (name !== 'properties' || !isRecord(it)) return speechless(it, at);
          return Object.entries(it).flatMap(([field, schema]) => [
            ...(isRecord(schema) && typeof schema.description === 'string' ? [] : [`${at}/${field}`]),
            ...speechless(schema, `${at}/${field}`),
          ]);
        });

  it('say of each field what it means', () => {
    expect(speechless(document, '')).toEqual([]);
  });

  it('say of each shape and parameter what it is', () => {
    const inPaths: object[] = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).flatMap(({ parameters }) => parameters),
    );
    const { schemas, parameters } = document.components;
    const own = inPaths.filter((it) => 'name' in it);
    for (const it of [...own, ...Object.values(parameters), ...Object.values(schemas)])
      expect(it).toHaveProperty('description', expect.stringMatching(/[.…]$/));
  });

  it('are all said of something, of the one document or the other', () => {
    const words = telling();
    openapi(words);
    asyncapi(words);
    expect([words.unsaid(), words.idle()]).toEqual([[], []]);
  });

  it('are whole and short', () => {
    for (const sentence of Object.values(meanings)) {
      expect(sentence).toMatch(/^[A-Z0-9`].*[.…]$/);
      expect([sentence, sentence.length <= 220]).toEqual([sentence, true]);
    }
  });
});
