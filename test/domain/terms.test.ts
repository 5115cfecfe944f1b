import { describe, expect, it } from 'vitest';
import { newCompartment } from '#shared/domain/compartment.ts';
import { create, deadlinesOf, reserve, stockDeadlines, wait } from '#shared/domain/lifecycle.ts';
import { agreed, agreedAt, narrowed, Terms, TermsChange, termsText, withChange } from '#shared/domain/terms.ts';
import { Workflow, workflowOf } from '#shared/domain/workflow.ts';
import { bankOf, chosen, doorOf, freshFor, hours, minutes, parcelInput, startedAt } from './cloud-and-bank.ts';

const quick: Terms = { parcel: { deadlineSeconds: { reserveUntil: 3_600, depositBy: 7_200, pickupBy: 86_400 } } };
const late: Terms = {
  parcel: { deadlineSeconds: { pickupBy: 7_200 }, tolerance: { earlySeconds: 0, lateSeconds: 900 } },
};

const at = (terms: Terms) => {
  const bank = bankOf([doorOf('1')], { terms: termsText(terms) });
  return { bank, agreed: agreedAt(bank, 'parcel') };
};

describe('what a tenant and its sites say of a workflow', () => {
  it.each(Workflow.options)('leaves a %s as its row says where nothing is said', (workflow) => {
    const { deadlines, tolerance, conditions, remindBeforeSeconds } = workflowOf(workflow);
    expect(agreedAt(bankOf([doorOf('1')]), workflow)).toEqual({
      deadlines,
      tolerance,
      conditions,
      scanAt: [],
      remindBeforeSeconds,
    });
  });

  it('is laid over the row, that of the site over that of the tenant, deadline by deadline', () => {
    const both = narrowed(quick, late);
    expect(agreed('parcel', both.parcel)).toEqual(agreed('parcel', quick.parcel, late.parcel));
    expect(agreed('parcel', both.parcel)).toEqual({
      deadlines: { reserveUntil: 3_600, depositBy: 7_200, pickupBy: 7_200 },
      tolerance: { earlySeconds: 0, lateSeconds: 900 },
      conditions: [],
      scanAt: [],
      remindBeforeSeconds: 86_400,
    });
  });

  it('names steps at which labels are scanned that the workflow has', () => {
    expect(agreed('parcel', { scanAt: ['deposit'] }, { scanAt: ['pickup'] }).scanAt).toEqual(['pickup']);
    expect(Terms().safeParse({ parcel: { scanAt: ['deposit', 'deposit'] } }).success).toBe(false);
    expect(Terms().safeParse({ rental: { scanAt: ['deposit'] } }).success).toBe(false);
  });

  it('decides the deadlines, tolerance and conditions of what is created from then on', () => {
    const { agreed } = at({ parcel: { ...quick.parcel, ...late.parcel, conditions: ['identity'] } });
    const input = parcelInput('txn_1', { agreed });
    const { after } = create(input, newCompartment('1'), 6, chosen, freshFor('txn_1'), startedAt).transaction;
    expect(after).toMatchObject({
      deadlines: { reserveUntil: hours(24), depositBy: hours(48), pickupBy: hours(50) },
      pickupWithinSeconds: 7_200,
      tolerance: { earlySeconds: 0, lateSeconds: 900 },
      preconditions: [{ condition: 'identity' }],
    });
    expect(after).not.toHaveProperty('agreed');
  });

  it('gives way to what the call says', () => {
    const { agreed } = at(quick);
    const input = parcelInput('txn_1', {
      agreed,
      deadlines: { pickupBy: hours(70) },
      tolerance: { earlySeconds: 60, lateSeconds: 0 },
      conditions: ['age'],
    });
    const { after } = create(input, newCompartment('1'), 6, chosen, freshFor('txn_1'), startedAt).transaction;
    expect(after).toMatchObject({
      deadlines: { reserveUntil: hours(1), depositBy: hours(2), pickupBy: hours(70) },
      tolerance: { earlySeconds: 60, lateSeconds: 0 },
      preconditions: [{ condition: 'age' }],
    });
  });

  it('holds as the bank has it when one who waited is served', () => {
    const waiting = wait(parcelInput('txn_1'), hours(4), chosen, startedAt).transaction.after;
    const { bank } = at(quick);
    const served = reserve(waiting, newCompartment('1'), bank, chosen, freshFor('txn_1'), minutes(30)).transaction
      .after;
    expect(served.deadlines).toEqual({
      reserveUntil: minutes(90),
      depositBy: minutes(150),
      pickupBy: minutes(150 + 1_440),
    });
  });

  it('counts for goods in stock from the sale', () => {
    const terms: Terms = { sale: { deadlineSeconds: { pickupBy: 1_800 } } };
    const input = { workflow: 'sale' as const, deadlines: {}, agreed: agreed('sale', terms.sale) };
    expect(stockDeadlines(input, startedAt).deadlines.pickupBy).toBe(minutes(30));
  });

  it('never makes deadlines that do not follow one another, whichever are said', () => {
    const seconds = [60, 3_600, 400_000];
    for (const workflow of Workflow.options)
      for (const reserveUntil of seconds)
        for (const depositBy of seconds)
          for (const pickupBy of seconds) {
            const said = { deadlineSeconds: { reserveUntil, depositBy, pickupBy, useUntil: depositBy } };
            const names = Object.keys(workflowOf(workflow).deadlines);
            const own = Object.fromEntries(
              Object.entries(said.deadlineSeconds).filter(([name]) => names.includes(name)),
            );
            const terms = agreed(workflow, { deadlineSeconds: own });
            expect(() => deadlinesOf({ workflow, deadlines: {}, agreed: terms }, startedAt)).not.toThrow();
          }
  });

  it('is said anew for a workflow as a whole, and forgotten with null', () => {
    const both = withChange(quick, { sale: { conditions: [] } });
    expect(both).toEqual({ ...quick, sale: { conditions: [] } });
    expect(withChange(both, { parcel: null })).toEqual({ sale: { conditions: [] } });
    expect(withChange(both, { parcel: { conditions: ['age'] } }).parcel).toEqual({ conditions: ['age'] });
  });

  it.each([
    ['a deadline that the workflow does not have', { rental: { deadlineSeconds: { pickupBy: 3_600 } } }],
    ['a deadline of seconds', { parcel: { deadlineSeconds: { pickupBy: 59 } } }],
    ['a deadline of years', { parcel: { deadlineSeconds: { pickupBy: 40_000_000 } } }],
    ['a workflow that there is not', { gift: {} }],
    ['a condition that there is not', { sale: { conditions: ['luck'] } }],
    ['a tolerance of days', { sale: { tolerance: { earlySeconds: 0, lateSeconds: 100_000 } } }],
  ])('is refused with %s', (_what, change) => {
    expect(TermsChange().safeParse(change).success).toBe(false);
  });
});
