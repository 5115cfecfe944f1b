import { describe, expect, it } from 'vitest';
import { catalogue, eventTypes } from '../../events/catalogue.ts';
import { Envelope } from '../../events/envelope.ts';
import { sampleEvent, samples } from '../../events/samples.ts';

describe('the catalogue of events', () => {
  it.each(eventTypes)('has an example of %s that says nothing its schema does not know', (type) => {
    expect(catalogue[type].strict().parse(samples[type])).toEqual(samples[type]);
    expect(Envelope.parse(sampleEvent(type))).toEqual(sampleEvent(type));
  });

  it('names every type as an entity and what happened to it', () => {
    for (const type of eventTypes) expect(type).toMatch(/^[a-z_]+\.[a-z_]+$/);
  });
});
