import { describe, expect, it } from 'vitest';
import { catalogue, type EventType, eventTypes } from '../../events/catalogue.ts';
import { Envelope, firstPrevHash } from '../../events/envelope.ts';
import { sampleEvent, samples } from '../../events/samples.ts';
import { hiddenAlways } from '../../shared/domain/chain.ts';
import { subjects } from '../../shared/domain/subjects.ts';
import { Transaction } from '../../shared/domain/transaction.ts';

describe('the catalogue of events', () => {
  it.each(eventTypes)('has an example of %s that says nothing its schema does not know', (type) => {
    expect(catalogue[type].strict().parse(samples[type])).toEqual(samples[type]);
    expect(Envelope.parse(sampleEvent(type))).toEqual(sampleEvent(type));
  });

  it('shows as the first event of a subject only what is', () => {
    for (const type of eventTypes) {
      const { sequence, prevHash, hash } = sampleEvent(type);
      expect([type, sequence === 1]).toEqual([type, prevHash === firstPrevHash]);
      expect(hash).toMatch(/^(?!0+$)[0-9a-f]{64}$/);
    }
    expect(sampleEvent('transaction.created').sequence).toBe(1);
    expect(sampleEvent('transaction.completed').sequence).toBeGreaterThan(1);
  });

  it('shows events as caused by whoever causes them', () => {
    const actors = (type: EventType) => sampleEvent(type).actor.type;
    expect(actors('transaction.created')).toBe('api_key');
    expect(actors('transaction.deposited')).toBe('bank');
    expect(actors('transaction.expired')).toBe('system');
    expect(actors('credential.delegated')).toBe('recipient');
    expect(actors('tenant.created')).toBe('operator');
    for (const type of eventTypes)
      if ('evidence' in samples[type]) expect([type, actors(type)]).toEqual([type, 'bank']);
  });

  it('shows a new transaction with what its event says of it', () => {
    const { changes } = samples['transaction.created'];
    const hidden = [...hiddenAlways, ...subjects.transaction.hidden];
    const named = Object.keys(changes).filter((name) => name !== 'personalHash');
    expect(Object.keys(Transaction.shape)).toEqual(expect.arrayContaining(named));
    expect(named.filter((name) => hidden.includes(name))).toEqual([]);
    const parts = Transaction.pick({ items: true, deadlines: true, credentials: true, assignment: true, link: true });
    expect(changes).toMatchObject(parts.parse(changes));
  });

  it('names every type as an entity and what happened to it', () => {
    for (const type of eventTypes) expect(type).toMatch(/^[a-z_]+\.[a-z_]+$/);
  });
});
