import * as z from 'zod';
import { Actor } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { AccessMethod, Step } from '../device/access.ts';
import { BankConfig, OfflineSeconds, ThermalRange } from '../device/config.ts';
import { Contents, DoorState } from '../device/door.ts';
import { KeyMode, Scope } from '../domain/api-key.ts';
import { AssignmentPolicy } from '../domain/assignment-policy.ts';
import { BankLifecycle, LayoutDoor, ThermalClass } from '../domain/bank.ts';
import { Locale } from '../domain/branding.ts';
import { Availability } from '../domain/compartment.ts';
import { Connectivity } from '../domain/connectivity.ts';
import { ExportFilter, ExportFormat, ExportKind, ExportState } from '../domain/export.ts';
import { ImportState } from '../domain/import.ts';
import { IncidentState } from '../domain/incident.ts';
import { IncidentKind, Severity } from '../domain/incident-kinds.ts';
import { Link, LinkId, LinkKind } from '../domain/link.ts';
import { Channel, MessageKind } from '../domain/message.ts';
import { ReconciliationState } from '../domain/reconciliation.ts';
import { Support, whereabouts } from '../domain/site.ts';
import { Source } from '../domain/source.ts';
import { Sku, StockState } from '../domain/stock.ts';
import { ScanSteps, termsOfWorkflow } from '../domain/terms.ts';
import { InstantInput } from '../domain/time.ts';
import {
  EmailAddress,
  ExternalId,
  ExternalIds,
  Item,
  Metadata,
  Party,
  PhoneNumber,
  TransactionState,
} from '../domain/transaction.ts';
import { DeliveryState, EndpointState } from '../domain/webhook.ts';
import { Condition, Tolerance, Workflow } from '../domain/workflow.ts';
import { QuietHours } from '../domain/workflow-terms.ts';
import { EventTypeInput, WantedTypeInput } from './event-types.ts';
import { createExport, LinkedFile } from './exports.ts';
import { Upload } from './imports.ts';
import { createTransaction } from './transactions.ts';

export type Json = Record<string, unknown>;

/** What occurs within several shapes. What is taken otherwise than it is sent has a second name, with `Input` at its end. */
const shapes = (): Record<string, z.ZodType> => ({
  AccessMethod,
  Actor,
  AssignmentCriterion: AssignmentPolicy.shape.criteria.element,
  AssignmentRules: AssignmentPolicy,
  Availability,
  BankConfig,
  BankLifecycle,
  Channel,
  Condition,
  Connectivity,
  Contents,
  DeliveryState,
  DoorState,
  EmailAddress,
  EndpointState,
  EventType: EventTypeInput(),
  ExportFilter,
  ExportFormat,
  ExportKind,
  ExportState,
  ExternalId,
  ExternalIds,
  IncidentKind,
  IncidentState,
  ImportState,
  Item,
  KeyMode,
  LayoutDoor: z.strictObject(LayoutDoor.shape),
  LinkedFile,
  LinkId,
  LinkKind,
  LinkPart: Link,
  LoanTerms: termsOfWorkflow('loan'),
  Locale,
  MessageKind,
  Metadata,
  Moment: field.moment,
  OfflineSeconds,
  Party,
  PhoneNumber,
  PickupTerms: termsOfWorkflow('parcel'),
  Position: whereabouts.position,
  QuietHours: QuietHours(),
  ReconciliationState,
  RentalTerms: termsOfWorkflow('rental'),
  ScanSteps,
  Scope,
  Severity,
  Sku,
  Step,
  StockState,
  Support,
  ThermalClass,
  ThermalRange: z.strictObject(ThermalRange.shape),
  Tolerance: z.strictObject(Tolerance.shape),
  TransactionState,
  Upload,
  WantedEventType: WantedTypeInput(),
  Workflow,
});

/** What is only taken. */
const asked = (): Record<string, z.ZodType> => ({
  CreateTransaction: createTransaction.body(),
  ExportFilterInput: createExport.body().shape.filter,
  Instant: InstantInput(),
  Parties: createTransaction.body().shape.parties,
  Source,
});

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What says something about a value and asks nothing of it: beside a `$ref` it means what it means beside a schema. */
const notes: readonly string[] = ['description', 'default'];
const partOf = (schema: Json, isPart: (keyword: string) => boolean): Json =>
  Object.fromEntries(Object.entries(schema).filter(([keyword]) => isPart(keyword)));

/** The same for schemas that ask the same, in whatever order they say it. */
const askedBy = (schema: Json): string => {
  const inOrder = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(inOrder)
      : isJson(value)
        ? Object.fromEntries(
            Object.keys(value)
              .toSorted()
              .map((name) => [name, inOrder(value[name])]),
          )
        : value;
  return JSON.stringify(inOrder(partOf(schema, (keyword) => !notes.includes(keyword))));
};

/** Where a schema holds others: as one, as a list, or by names. */
const places = {
  one: ['items', 'additionalProperties', 'propertyNames', 'contains', 'not', 'if', 'then', 'else'],
  list: ['allOf', 'anyOf', 'oneOf', 'prefixItems'],
  byName: ['properties', 'patternProperties'],
} as const;
type Place = (typeof places)[keyof typeof places][number];
const isIn = (all: readonly string[], keyword: string): boolean => all.includes(keyword);

/** A schema with each of those within it replaced; only of those at some places, if these are named. */
export const withEach = (schema: Json, replaced: (schema: Json) => Json, at?: readonly Place[]): Json => {
  const one = (value: unknown): unknown => (isJson(value) ? replaced(value) : value);
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (at !== undefined && !isIn(at, keyword)) return [keyword, value];
      if (isIn(places.one, keyword)) return [keyword, one(value)];
      if (isIn(places.list, keyword) && Array.isArray(value)) return [keyword, value.map(one)];
      if (isIn(places.byName, keyword) && isJson(value))
        return [keyword, Object.fromEntries(Object.entries(value).map(([name, it]) => [name, one(it)]))];
      return [keyword, value];
    }),
  );
};

/**
 * Names in place of what they stand for, wherever that occurs whole. The names are the document's alone: as `id`s in the
 * schemas themselves they would cost every function time that imports those.
 */
export const naming = (formOf: (schema: z.ZodType, io: 'input' | 'output') => Json) => {
  const components: Json = {};
  const named = new Map<string, string>();
  const put = (name: string, schema: Json): void => {
    const form = askedBy(schema);
    const other = named.get(form);
    if (other !== undefined && other !== name) throw new Error(`${name} and ${other} are the same shape`);
    named.set(form, name);
  };
  const both = Object.entries(shapes());
  for (const [name, schema] of both) {
    const [sent, taken] = [formOf(schema, 'output'), formOf(schema, 'input')];
    put(name, sent);
    if (askedBy(taken) !== askedBy(sent)) put(`${name}Input`, taken);
  }
  const taken = Object.entries(asked());
  for (const [name, schema] of taken) put(name, formOf(schema, 'input'));

  const withNames = (schema: Json): Json => {
    const name = named.get(askedBy(schema));
    if (name === undefined) return withEach(schema, withNames);
    components[name] ??= withEach(
      partOf(schema, (keyword) => !notes.includes(keyword)),
      withNames,
    );
    return { $ref: `#/components/schemas/${name}`, ...partOf(schema, (keyword) => notes.includes(keyword)) };
  };
  return {
    withNames,
    /** All that have a name: these here, and what has an `id` of its own. */
    named: (views: Json): Json => {
      const all = Object.fromEntries(
        Object.entries(views).map(([name, schema]) => [name, isJson(schema) ? withEach(schema, withNames) : schema]),
      );
      const names = [...both, ...taken].map(([name]) => name);
      const idle = names.filter((name) => !(name in components) && !(`${name}Input` in components));
      const twice = Object.keys(components).filter((name) => name in all);
      if (idle.length + twice.length > 0) throw new Error(`named for nothing: ${idle}; named twice: ${twice}`);
      return { ...all, ...components };
    },
  };
};
