import * as apiKeys from './api-keys.ts';
import * as assets from './assets.ts';
import * as assignmentPolicies from './assignment-policies.ts';
import * as banks from './banks.ts';
import * as commands from './commands.ts';
import * as controllers from './controllers.ts';
import * as credentials from './credentials.ts';
import * as documents from './documents.ts';
import * as events from './events.ts';
import * as exportSchedules from './export-schedules.ts';
import * as exports from './exports.ts';
import * as imports from './imports.ts';
import * as incidents from './incidents.ts';
import * as links from './links.ts';
import * as lockBoards from './lock-boards.ts';
import * as messageTemplates from './message-templates.ts';
import * as messages from './messages.ts';
import * as reconciliations from './reconciliations.ts';
import type { Route } from './route.ts';
import * as sites from './sites.ts';
import * as stockUnits from './stock-units.ts';
import * as transactions from './transactions.ts';
import * as webhookEndpoints from './webhook-endpoints.ts';
import * as workflowTerms from './workflow-terms.ts';

const isRoute = (value: unknown): value is Route =>
  typeof value === 'object' && value !== null && 'method' in value && 'path' in value && 'noun' in value;

/** The whole HTTP contract: API Gateway's routes and the OpenAPI document are made from it. */
export const routes: readonly Route[] = [
  transactions,
  credentials,
  links,
  messages,
  imports,
  exports,
  exportSchedules,
  reconciliations,
  commands,
  sites,
  banks,
  controllers,
  lockBoards,
  assets,
  stockUnits,
  incidents,
  assignmentPolicies,
  workflowTerms,
  messageTemplates,
  apiKeys,
  webhookEndpoints,
  events,
  documents,
].flatMap((noun) => Object.values(noun).filter(isRoute));
