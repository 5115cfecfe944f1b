import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogue } from '#events/catalogue.ts';
import { sampleEvent } from '#events/samples.ts';
import type { SubjectChange } from '#shared/domain/decision.ts';
import {
  acknowledge,
  assign,
  causeOver,
  close,
  escalated,
  escalatesAt,
  Incident,
  type IncidentAction,
  IncidentState,
  incidentLifecycle,
  note,
  type Occurrence,
  opened,
  recurred,
  reopen,
  resolve,
  stepsMax,
} from '#shared/domain/incident.ts';
import {
  endedBy,
  IncidentKind,
  incidentKindOf,
  levelMax,
  openedBy,
  severities,
} from '#shared/domain/incident-kinds.ts';
import { type Instant, plusSeconds } from '#shared/domain/time.ts';

const start = '2026-03-02T09:00:00.000Z';
const minute = (minutes: number): Instant => plusSeconds(start, 60 * minutes);

const once: Occurrence = { at: start, holds: true, transactionId: null, promisedBy: null };
const jammed = (more: Partial<Occurrence> = {}, wanted?: Instant): Incident =>
  opened(
    {
      ...{
        id: 'inc_1',
        tenant: 'ten_1',
        kind: 'lock_jammed',
        severity: 'high',
        summary: 'A lock did not open or close.',
      },
      ...{ subject: 'bnk_1/7', eventId: 'evt_1', bankId: 'bnk_1', door: '7', livemode: true, openedAt: start },
    },
    { ...once, ...more },
    wanted,
  ).after;

const types = ({ emissions }: SubjectChange<Incident>): string[] => emissions.map(({ type }) => type);
const taken = (it = jammed()): Incident => acknowledge(it, 'field-north', minute(10)).after;
const resolved = (it = taken()): Incident => resolve(it, 'A new bolt', minute(60)).after;

describe('the kinds of incidents', () => {
  it.each(IncidentKind.options)('know events that there are, in sentences: %s', (kind) => {
    const { opens, over, summary, todo, cause } = incidentKindOf(kind);
    for (const type of [...(opens === null ? [] : [opens]), ...over]) expect(Object.keys(catalogue)).toContain(type);
    for (const text of [summary, todo]) expect(text).toMatch(/^[A-Z].+\.$/);
    // Who waits for the end of something has to be woken by it.
    expect(over.length > 0).toBe(cause !== 'none');
  });

  it('are opened by one type each, and not by what is nobody’s work', () => {
    const opening = IncidentKind.options.flatMap((kind) => incidentKindOf(kind).opens ?? []);
    expect(new Set(opening).size).toBe(opening.length);
    const by = (type: Parameters<typeof sampleEvent>[0], data: Record<string, unknown>) =>
      openedBy({ ...sampleEvent(type), data: { ...sampleEvent(type).data, ...data } });
    expect(by('transaction.overdue', { state: 'stored' })).toBe('move_stopped');
    expect(by('transaction.overdue', { state: 'in_use' })).toBeNull();
    expect(by('transaction.rejected', { reason: 'compartment_occupied' })).toBe('reservation_lost');
    expect(by('transaction.rejected', { reason: 'reclaimed' })).toBeNull();
    expect(by('webhook_endpoint.disabled', { reason: 'by_owner' })).toBeNull();
    expect(by('webhook_endpoint.disabled', { reason: 'gone' })).toBe('endpoint_disabled');
    expect(by('export.push_failed', { reason: 'key_gone' })).toBeNull();
    expect(by('compartment.left_ajar', {})).toBeNull();
    expect(endedBy('compartment.returned_to_service')).toEqual(['lock_jammed', 'not_closing', 'temperature']);
  });
});

describe('an incident', () => {
  it('has the times that its severity gives, from when we learned of it', () => {
    expect(jammed()).toMatchObject({
      state: 'open',
      occurrences: 1,
      causeHolds: true,
      acknowledgeBy: plusSeconds(start, severities.high.acknowledgeWithinSeconds),
      resolveBy: plusSeconds(start, severities.high.resolveWithinSeconds),
    });
  });

  it.each([
    ['earlier than that', minute(90), minute(90)],
    ['so early that it has to be taken at once', minute(5), minute(5)],
    ['later', minute(10_000), minute(12 * 60)],
    ['past already', minute(-5), minute(12 * 60)],
  ])('is due when its transaction is promised by, if that is %s', (_, promisedBy, resolveBy) => {
    const it = jammed({ promisedBy });
    expect(it.resolveBy).toBe(resolveBy);
    expect(it.acknowledgeBy <= it.resolveBy).toBe(true);
  });

  it('is due when whoever reports it says', () => {
    expect(jammed({ promisedBy: minute(90) }, minute(300))).toMatchObject({
      resolveBy: minute(300),
      acknowledgeBy: minute(60),
    });
  });

  const actions: Record<IncidentAction, (it: Incident) => SubjectChange<Incident>> = {
    assign: (it) => assign(it, 'locksmith'),
    acknowledge: (it) => acknowledge(it, 'field-north', minute(10)),
    note: (it) => note(it, 'The bolt was bent', 'key_1', minute(20)),
    resolve: (it) => resolve(it, 'A new bolt', minute(60)),
    reopen: (it) => reopen(it, 'It jams at night', minute(70)),
    close: (it) => close(it, false, minute(80)),
  };
  const names = Object.keys(actions).filter((name): name is IncidentAction => Object.hasOwn(actions, name));
  const inState = (state: IncidentState): Incident => Incident.parse({ ...resolved(), state });

  it.each(IncidentState.options.flatMap((state) => names.map((name) => [state, name] as const)))(
    'that is %s takes %s only if the table of its life says so',
    (state, name) => {
      const to = (incidentLifecycle[state] as Partial<Record<IncidentAction, IncidentState>>)[name];
      if (to === undefined)
        expect(() => actions[name](inState(state))).toThrow(`cannot ${name} inc_1, which is ${state}`);
      else expect(actions[name](inState(state)).after.state).toBe(to);
    },
  );

  it('has an owner before it is resolved, and keeps each step', () => {
    const given = assign(taken(), 'locksmith').after;
    const worked = note(
      note(given, 'Looked at it', 'key_1', minute(20)).after,
      'Ordered a bolt',
      'key_2',
      minute(25),
    ).after;
    expect(worked).toMatchObject({
      owner: 'locksmith',
      state: 'in_progress',
      steps: [
        { at: minute(20), by: 'key_1', text: 'Looked at it' },
        { at: minute(25), by: 'key_2', text: 'Ordered a bolt' },
      ],
    });
    expect(resolve(worked, 'A new bolt', minute(60)).after).toMatchObject({
      owner: 'locksmith',
      resolution: 'A new bolt',
    });
  });

  it('takes no more steps than there is room for', () => {
    const full = Array.from({ length: stepsMax }).reduce<Incident>(
      (it) => note(it, 'Tried again', 'key_1', minute(20)).after,
      taken(),
    );
    expect(() => note(full, 'Once more', 'key_1', minute(21))).toThrow(`${stepsMax} steps are recorded`);
  });

  it('is not closed while its cause holds, and says so when it is closed after that', () => {
    expect(() => close(resolved(), true, minute(80))).toThrow('what is behind inc_1 goes on');
    const change = close(resolved(), false, minute(80));
    expect(types(change)).toEqual(['incident.cause_ended', 'incident.closed']);
    expect(change.after).toMatchObject({ state: 'closed', causeHolds: false, causeOverAt: minute(80) });
  });

  it('is not closed by the end of its cause, which it is told once', () => {
    const change = causeOver(jammed(), minute(30));
    expect(change.after).toMatchObject({ state: 'open', causeHolds: false, causeOverAt: minute(30) });
    expect(causeOver(change.after, minute(40)).emissions).toEqual([]);
    expect(types(close(resolved(taken(change.after)), false, minute(80)))).toEqual(['incident.closed']);
  });

  it('counts the same fact, and takes up what is behind it again', () => {
    const over = causeOver(taken(), minute(30)).after;
    const back = recurred(
      over,
      { ...once, at: minute(40), transactionId: 'txn_1', promisedBy: minute(100) },
      'evt_2',
      minute(41),
    );
    expect(back.after).toMatchObject({
      ...{ state: 'acknowledged', occurrences: 2, lastAt: minute(40), causeHolds: true, causeOverAt: null },
      ...{ transactionId: 'txn_1', resolveBy: minute(100) },
    });
    const older = recurred(back.after, { ...once, at: minute(35) }, 'evt_3', minute(50)).after;
    expect(older).toMatchObject({ occurrences: 3, lastAt: minute(40), resolveBy: minute(100) });
  });

  it('that was resolved is its owner’s again when the same happens after that, and not by late news of before', () => {
    const late = recurred(resolved(), { ...once, at: minute(50) }, 'evt_2', minute(70)).after;
    expect(late).toMatchObject({ state: 'resolved', occurrences: 2 });
    const back = recurred(late, { ...once, at: minute(65) }, 'evt_3', minute(70)).after;
    expect(back).toMatchObject({
      ...{ state: 'in_progress', owner: 'field-north', resolution: null, resolvedAt: null },
      // What was promised is promised until then.
      resolveBy: late.resolveBy,
    });
  });
});

describe('escalation', () => {
  it('comes when nobody has taken it, again while nobody does, and when it is not resolved', () => {
    expect(escalatesAt(jammed())).toBe(minute(60));
    expect(escalated(jammed(), minute(59))).toBeNull();
    const first = escalated(jammed(), minute(61));
    expect(first?.emissions).toMatchObject([{ type: 'incident.escalated', data: { missed: 'acknowledge' } }]);
    const it = first?.after ?? jammed();
    expect(it).toMatchObject({ level: 1, escalatedAt: minute(61), state: 'open' });
    expect(escalatesAt(it)).toBe(minute(61 + 120));
    expect(escalatesAt(taken(it))).toBe(it.resolveBy);
    expect(escalated(taken(it), minute(12 * 60))?.emissions).toMatchObject([{ data: { missed: 'resolve' } }]);
  });

  it('ends when it is resolved, and begins anew when that did not hold', () => {
    expect(escalatesAt(resolved())).toBeNull();
    const { resolveBy } = resolved();
    expect(escalatesAt(reopen(resolved(), 'It jams at night', minute(70)).after)).toBe(resolveBy);
    const days = 7 * 24 * 60;
    expect(escalatesAt(reopen(resolved(), 'It jams again', minute(days)).after)).toBe(
      plusSeconds(minute(days), severities.high.resolveWithinSeconds),
    );
  });

  it('comes once for each level, however often and late somebody looks, and ends at the highest', () => {
    const looks = fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(looks, (minutes) => {
        let it = jammed();
        const levels: number[] = [];
        for (const look of minutes.toSorted((a, b) => a - b)) {
          const due = escalatesAt(it);
          const change = escalated(it, minute(look));
          expect(change !== null).toBe(due !== null && due <= minute(look));
          if (change === null) continue;
          it = change.after;
          levels.push(it.level);
        }
        expect(levels).toEqual(levels.map((_, nth) => nth + 1));
        expect(it.level).toBeLessThanOrEqual(levelMax);
      }),
    );
  });
});
