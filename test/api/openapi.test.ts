import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { eventTypes } from '../../events/catalogue.ts';
import { sampleEvent } from '../../events/samples.ts';
import document from '../../shared/api/openapi.json' with { type: 'json' };

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
ajv.addSchema({ $id: 'latchwork', ...document });
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
