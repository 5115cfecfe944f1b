import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { eventTypes } from '../../events/catalogue.ts';
import { sampleEvent } from '../../events/samples.ts';
import document from '../../shared/api/openapi.json' with { type: 'json' };
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

  it('show an example that is as they say', () => {
    for (const [name, { post }] of Object.entries(document.webhooks)) {
      const fits = bodies.find((it) => it.name === name)?.fits;
      expect([name, fits?.(post.requestBody.content['application/json'].example)]).toEqual([name, true]);
    }
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

/** Where in a part of the document it is said that an object has no other fields. */
const closedIn = (part: unknown, place = ''): string[] =>
  typeof part !== 'object' || part === null
    ? []
    : [
        ...('additionalProperties' in part && part.additionalProperties === false ? [place] : []),
        ...Object.entries(part).flatMap(([name, it]) => closedIn(it, `${place}/${name}`)),
      ];

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
  });

  it('may come in whatever has a name, unless it is sent to us', () => {
    const asked = JSON.stringify(
      operations.map(({ operation }) => ('requestBody' in operation ? operation.requestBody : null)),
    );
    const answered = Object.entries(document.components.schemas).filter(
      ([name]) => !asked.includes(`"#/components/schemas/${name}"`),
    );
    expect(answered.length).toBeGreaterThan(10);
    for (const [name, schema] of answered) expect(closedIn(schema, name)).toEqual([]);
  });

  it('may come in an event, and are found by our own tests', () => {
    const event = { ...sampleEvent('bank.offline'), colour: 'red' };
    const served = ajv.compile({ $ref: 'as-served#/webhooks/bank/post/requestBody/content/application~1json/schema' });
    expect([served(event), bodyOf('bank')(event)]).toEqual([true, false]);
  });

  it('are still refused in what is asked of us', () => {
    const asked = operations.filter(({ operation }) => 'requestBody' in operation);
    const open = asked.filter(
      ({ operation }) => 'requestBody' in operation && closedIn(operation.requestBody).length === 0,
    );
    // What its vendor's own service tells us may hold more than we know.
    expect(open.map(({ name }) => name)).toEqual(['post /v1/banks/{bankId}/callbacks']);
  });
});
