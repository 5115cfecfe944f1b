import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { OfflineSeconds } from '../device/config.ts';
import { Terms, TermsChange } from '../domain/terms.ts';
import { Condition, DeadlineName, ScanStep, Tolerance, Workflow } from '../domain/workflow.ts';
import { QuietHours, WorkflowTerms } from '../domain/workflow-terms.ts';
import type { Route } from './route.ts';
import { idParam } from './shapes.ts';

export const WorkflowTermsView = WorkflowTerms.omit({ tenant: true, hash: true, workflows: true })
  .extend({
    /** What is said here. */
    workflows: Terms(),
    offlineSeconds: OfflineSeconds,
    /** What holds here: the workflow table, with what the tenant and the site say laid over it. */
    effective: z.record(
      Workflow,
      z.object({
        deadlineSeconds: z.partialRecord(DeadlineName, field.whole),
        tolerance: Tolerance,
        conditions: z.array(Condition),
        scanAt: z.array(ScanStep),
        remindBeforeSeconds: field.whole,
      }),
    ),
    /** Likewise, by method. One that is not named: as long as each credential is valid. */
    effectiveOfflineSeconds: OfflineSeconds,
    effectiveQuietHours: QuietHours(),
  })
  .meta({ id: 'WorkflowTerms' });
export type WorkflowTermsView = z.infer<typeof WorkflowTermsView>;

const base = {
  noun: 'workflow-terms',
  path: '/v1/workflow-terms/{scope}',
  /** A site's id, or `tenant`. */
  params: z.object({ scope: idParam }),
  status: 200,
  response: () => WorkflowTermsView,
  etag: true,
} as const;

export const getWorkflowTerms = {
  ...base,
  id: 'get-workflow-terms',
  method: 'GET',
  summary: 'Read the terms of the tenant (`tenant`) or at a site: deadlines, reminders, quiet hours, offline limits',
  permission: 'banks:read',
  problems: [],
} as const satisfies Route;

export const updateWorkflowTerms = {
  ...base,
  id: 'update-workflow-terms',
  method: 'PATCH',
  summary:
    'Set deadlines, conditions and reminders for new transactions, quiet hours, and offline limits of banks, of the tenant or at a site',
  permission: 'banks:write',
  body: once(() =>
    z.strictObject({
      workflows: TermsChange().default({}),
      /**
       * By method, for how many seconds banks open without the cloud; said anew as a whole, `null` forgets it. What a bank
       * says itself comes first.
       */
      offlineSeconds: OfflineSeconds.nullable().optional(),
      /** When people are not to be disturbed, on the clocks of the site; `null` forgets it. */
      quietHours: QuietHours().nullable().optional(),
    }),
  ),
  problems: ['precondition_failed'],
} as const satisfies Route;
