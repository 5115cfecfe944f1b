import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import type { Bank } from './bank.ts';
import { deadlineNames } from './deadline.ts';
import { Condition, ScanStep, Tolerance, Workflow, type WorkflowRow, workflowOf } from './workflow.ts';

/** A deadline may be set between a minute and a year. */
const DeadlineSeconds = field.whole.min(60).max(365 * 86_400);

const scanSteps = (of: readonly ScanStep[]) =>
  z
    .array(z.enum(of))
    .max(of.length)
    .refine((all) => new Set(all).size === all.length, 'each at most once')
    .meta({ uniqueItems: true });
export const ScanSteps = scanSteps(ScanStep.options);

/** Those that it has. */
const scanStepsOf = (workflow: Workflow): z.ZodType<ScanStep[]> => {
  const steps = ScanStep.options.filter((it) => workflowOf(workflow).steps.some(({ step }) => step === it));
  return steps.length === 0 ? z.never() : scanSteps(steps);
};

/** What a tenant or a site says of a workflow; what is left out is as the next wider one says. */
export const termsOfWorkflow = (workflow: Workflow) =>
  z.strictObject({
    /** Seconds, counted as those of the workflow table are. */
    deadlineSeconds: z.partialRecord(z.enum(deadlineNames({ workflow })), DeadlineSeconds).optional(),
    tolerance: z.strictObject(Tolerance.shape).optional(),
    /** What must be confirmed, unless the call says otherwise. */
    conditions: z.array(Condition).max(Condition.options.length).optional(),
    /** The steps at which the label of what is put in has to be scanned, unless the call says otherwise. */
    scanAt: scanStepsOf(workflow).optional(),
    /** So long before the end of its pickup or use people are reminded of it; 0: never. */
    remindBeforeSeconds: field.count.max(30 * 86_400).optional(),
  });
export type TermsOfWorkflow = z.infer<ReturnType<typeof termsOfWorkflow>>;

const byWorkflow = <Said extends z.ZodType>(said: (workflow: Workflow) => Said) =>
  z.strictObject(Object.fromEntries(Workflow.options.map((name) => [name, said(name).optional()])));

export const Terms = once(() => byWorkflow(termsOfWorkflow));
export type Terms = z.infer<ReturnType<typeof Terms>>;

/** The same as a change: null forgets what was said of a workflow. */
export const TermsChange = once(() => byWorkflow((workflow) => termsOfWorkflow(workflow).nullable()));
export type TermsChange = z.infer<ReturnType<typeof TermsChange>>;

/** What a workflow is like where terms hold: the part of its row that they may change. */
export type Agreed = Pick<WorkflowRow, 'deadlines' | 'tolerance' | 'conditions' | 'remindBeforeSeconds'> & {
  scanAt: readonly ScanStep[];
};

/** A workflow by its own row, and what is said of it, the narrowest last. */
export const agreed = (workflow: Workflow, ...said: (TermsOfWorkflow | undefined)[]): Agreed => {
  const { deadlines, tolerance, conditions, remindBeforeSeconds } = workflowOf(workflow);
  return said.reduce<Agreed>(
    (wider, it) => ({
      deadlines: { ...wider.deadlines, ...it?.deadlineSeconds },
      tolerance: it?.tolerance ?? wider.tolerance,
      conditions: it?.conditions ?? wider.conditions,
      scanAt: it?.scanAt ?? wider.scanAt,
      remindBeforeSeconds: it?.remindBeforeSeconds ?? wider.remindBeforeSeconds,
    }),
    { deadlines, tolerance, conditions, scanAt: [], remindBeforeSeconds },
  );
};

/** A tenant's terms with those of a site laid over them, field by field. */
export const narrowed = (tenant: Terms, site: Terms): Terms =>
  Object.fromEntries(
    Workflow.options.flatMap((name) => {
      const [wide, narrow] = [tenant[name], site[name]];
      if (wide === undefined && narrow === undefined) return [];
      const deadlineSeconds = { ...wide?.deadlineSeconds, ...narrow?.deadlineSeconds };
      return [[name, { ...wide, ...narrow, ...(Object.keys(deadlineSeconds).length > 0 && { deadlineSeconds }) }]];
    }),
  );

/** Terms with a change made to them; what is said of a workflow is said anew, as a whole. */
export const withChange = (terms: Terms, change: TermsChange): Terms =>
  Terms().parse(
    Object.fromEntries(
      Object.entries({ ...terms, ...change }).filter(([, said]) => said !== null && said !== undefined),
    ),
  );

/** As a bank's row holds them: only where something is said, and read only where somebody needs it. */
export const termsText = (terms: Terms): string | undefined =>
  Object.keys(terms).length === 0 ? undefined : JSON.stringify(terms);

/** What holds for a workflow at a bank. */
export const agreedAt = ({ terms }: Pick<Bank, 'terms'>, workflow: Workflow): Agreed =>
  agreed(workflow, terms === undefined ? undefined : Terms().parse(JSON.parse(terms))[workflow]);
