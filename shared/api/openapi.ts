import * as z from 'zod';
import { eventTypes } from '../../events/catalogue.ts';
import { sampleEvent } from '../../events/samples.ts';
import { type RefusalCode, refusals } from '../domain/refusal.ts';
import { entityOf } from './events-text.ts';
import { type Example, examples } from './examples.ts';
import { whoNeedsKey } from './idempotency-text.ts';
import { naming } from './names.ts';
import { Problem } from './problem.ts';
import { everyRoute, needsIdempotencyKey, type Route } from './route.ts';
import { routes } from './routes.ts';
import { EventView, jsonSchemaOf, page } from './shapes.ts';
import type { Telling } from './telling.ts';

type Json = Record<string, unknown>;

type Io = 'input' | 'output';

/** What has a name in the document, as far as it is written, and how a shape is written in it. */
type Writing = {
  parameters: Json;
  responses: Json;
  /** `owners`: of whom it is said what its fields mean, where it has no name itself. */
  schemaOf: (schema: z.ZodType, io: Io, owners?: readonly string[]) => Json;
  telling: Telling;
};

/** What a call is answered has a name, of which the same is said as of what it is asked with. */
const ownersOf = (route: Route): string[] => {
  const { id } = z.globalRegistry.get(route.response()) ?? {};
  return [route.id, 'body', ...(id === undefined ? [] : [id])];
};

/** JSON Schema of a shape; those within it that have an `id` become components. */
const formOf = (schema: z.ZodType, io: Io, schemas: Json): Json => {
  const { $schema: _, $defs = {}, ...root } = jsonSchemaOf(schema, io);
  const relinked = (value: unknown): Json =>
    JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/'));
  for (const [name, definition] of Object.entries($defs)) schemas[name] = relinked(definition);
  const { id, ...own } = relinked(root);
  if (typeof id !== 'string') return own;
  schemas[id] = own;
  return { $ref: `#/components/schemas/${id}` };
};

const examplesOf = (route: Route): Example[] => examples.filter((it) => it.route.id === route.id);

/** One is an `example`; several are told apart by what they are about. */
const shownAs = (values: [summary: string, value: unknown][]): Json =>
  values.length === 1
    ? { example: values[0]?.[1] }
    : {
        examples: Object.fromEntries(
          values.map(([summary, value]) => [summary.toLowerCase().replaceAll(/[^a-z]+/g, '-'), { summary, value }]),
        ),
      };

/** Several values are separated by commas. */
const parameterOf = (schema: Json, value: string | undefined): Json => {
  const isList = schema.type === 'array';
  return {
    ...(isList && { style: 'form', explode: false }),
    schema,
    ...(value === undefined ? {} : { example: isList ? value.split(',') : value }),
  };
};

/** Whether two are the same, but for their examples. */
const areAlike = (one: unknown, other: Json): boolean =>
  JSON.stringify({ ...Object(one), example: null }) === JSON.stringify({ ...other, example: null });

/** By their names, what many routes have in common: the document would be twice as long without. */
const common = (components: Json, kind: 'parameters' | 'responses', name: string, it: Json): Json => {
  components[name] ??= it;
  if (!areAlike(components[name], it)) throw new Error(`${name} is the name of two ${kind}`);
  return { $ref: `#/components/${kind}/${name}` };
};

const parametersOf = (route: Route, { schemaOf, parameters, telling }: Writing): Json[] => {
  const [first] = examplesOf(route);
  const from = (schema: z.ZodObject | undefined, where: 'path' | 'query'): Json[] =>
    Object.entries(schema?.shape ?? {}).map(([name, field]) => {
      const value = (where === 'path' ? first?.params : first?.query)?.[name];
      const it = {
        name,
        in: where,
        required: where === 'path' || !z.safeParse(field, undefined).success,
        description: telling.said([route.id, where], name),
        ...parameterOf(schemaOf(field, 'input'), value),
      };
      const isCommon = where === 'path' || Object.values(page).includes(field);
      return isCommon && areAlike(parameters[name] ?? it, it) ? common(parameters, 'parameters', name, it) : it;
    });
  const header = (name: string, required: boolean, pattern: string, description: string): Json =>
    common(parameters, 'parameters', name, {
      name,
      in: 'header',
      required,
      description,
      schema: { type: 'string', pattern },
    });
  return [
    ...from(route.params, 'path'),
    ...from(route.query?.(), 'query'),
    ...(needsIdempotencyKey(route)
      ? [
          header(
            'Idempotency-Key',
            true,
            '^[\\x21-\\x7e]{1,255}$',
            'Up to 255 printable characters, new for each effect; remembered for 24 hours.',
          ),
        ]
      : []),
    ...(route.problems.some((it) => it === 'precondition_failed')
      ? [
          header(
            'If-Match',
            false,
            '^(\\*|"[0-9]{1,10}")$',
            'An ETag; refused with 412 if the resource was changed since.',
          ),
        ]
      : []),
  ];
};

const rateLimitHeaders: Json = {
  RateLimit: { $ref: '#/components/headers/RateLimit' },
  'RateLimit-Policy': { $ref: '#/components/headers/RateLimit-Policy' },
};

/** Of draft-ietf-httpapi-ratelimit-headers. */
const headerComponents: Json = {
  ETag: {
    description: 'Names this version of it, for `If-Match`.',
    schema: { type: 'string', pattern: '^"[0-9]{1,10}"$' },
  },
  RateLimit: {
    description: 'What is left of the limit of this API key (`r`) for so many seconds (`t`), as far as is known.',
    schema: { type: 'string' },
    example: '"default";r=5991;t=42',
  },
  'RateLimit-Policy': {
    description: 'Requests (`q`) that this API key may send in so many seconds (`w`).',
    schema: { type: 'string' },
    example: '"default";q=6000;w=60',
  },
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'string', pattern: '^[0-9]+$' } },
};

const responsesOf = (route: Route, { schemaOf, responses }: Writing): Json => {
  const codes: RefusalCode[] = [...new Set([...(route.permission === null ? [] : everyRoute), ...route.problems])];
  if (route.body) codes.push('payload_too_large');
  const byStatus = new Map<number, RefusalCode[]>();
  for (const code of codes) byStatus.set(refusals[code].status, [...(byStatus.get(refusals[code].status) ?? []), code]);
  const problem = (codes: readonly string[], description: string, status: number): Json => {
    const isLimited = route.permission !== null && status !== 401 && status !== 500;
    return common(responses, 'responses', codes.join('.'), {
      description,
      headers: {
        ...(isLimited ? rateLimitHeaders : {}),
        ...([429, 503].includes(status) ? { 'Retry-After': { $ref: '#/components/headers/Retry-After' } } : {}),
      },
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    });
  };
  return {
    [route.status]: {
      description: route.summary,
      headers: {
        ...(route.etag ? { ETag: { $ref: '#/components/headers/ETag' } } : {}),
        ...(route.permission === null ? {} : rateLimitHeaders),
      },
      content: {
        'application/json': {
          schema: schemaOf(route.response(), 'output', [route.id]),
          ...shownAs(examplesOf(route).map(({ summary, answer }) => [summary, answer])),
        },
      },
    },
    ...Object.fromEntries(
      [...byStatus].map(([status, own]) => [
        status,
        problem(own, own.map((code) => `\`${code}\`: ${refusals[code].title}.`).join(' '), status),
      ]),
    ),
    500: problem(['internal_error'], '`internal_error`: a fault of ours.', 500),
  };
};

/** Of Standard Webhooks 1.0, and one of ours; docs/webhooks.md says how a signature is verified. */
const webhookHeaders: Json = Object.fromEntries(
  [
    [
      'webhook-id',
      '^evt_',
      'The id of the event: the same whenever this event is sent: whoever keeps it knows a repetition.',
    ],
    ['webhook-timestamp', '^[0-9]+$', 'When this attempt was made, in seconds since 1970.'],
    ['webhook-signature', '^v1', 'One or more, separated by a space: `v1,…` by HMAC-SHA256, `v1a,…` by Ed25519.'],
    [
      'webhook-api-version',
      '^\\d{4}-\\d{2}-\\d{2}$',
      'The version in whose shape the event is told: the `apiVersion` of the endpoint.',
    ],
  ].map(([name, pattern, description]) => [
    name,
    { name, in: 'header', required: true, description, schema: { type: 'string', pattern } },
  ]),
);

/** What a webhook may be answered, and what follows from it. */
const webhookAnswers: Record<string, { name: string; description: string }> = {
  '2XX': { name: 'webhook.taken', description: 'Taken. What the body says does not matter.' },
  410: { name: 'webhook.gone', description: 'Nobody wants these any more: the endpoint is disabled.' },
  default: {
    name: 'webhook.again',
    description: 'Tried again later, with growing waits; `Retry-After` is honoured.',
  },
};

/** A POST per kind of subject, with the types of events that there are of it. */
const webhooksOf = ({ schemaOf, responses }: Writing): Json => {
  const event = schemaOf(EventView(), 'output');
  const answers = Object.fromEntries(
    Object.entries(webhookAnswers).map(([status, { name, description }]) => [
      status,
      common(responses, 'responses', name, { description }),
    ]),
  );
  return Object.fromEntries(
    [...Map.groupBy(eventTypes, entityOf)].map(([entity, types]) => [
      entity,
      {
        post: {
          operationId: `webhook-${entity}`,
          summary: `Tells your endpoint what happened: \`${entity}.*\``,
          description: 'The AsyncAPI document says of each type when it comes, and what its `data` holds.',
          tags: ['webhooks'],
          security: [],
          parameters: Object.keys(webhookHeaders).map((name) => ({ $ref: `#/components/parameters/${name}` })),
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: { allOf: [event, { type: 'object', properties: { type: { enum: types } } }] },
                // The others have theirs in the AsyncAPI document.
                ...(entity === 'transaction' && { example: sampleEvent('transaction.created') }),
              },
            },
          },
          responses: answers,
        },
      },
    ]),
  );
};

const byName = (them: Json): Json => Object.fromEntries(Object.entries(them).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The OpenAPI 3.1 document of all routes. */
export const openapi = (telling: Telling): Json => {
  const views: Json = {};
  const { withNames, named } = naming((schema, io) => formOf(schema, io, views));
  const writing: Writing = {
    parameters: { ...webhookHeaders },
    responses: {},
    schemaOf: (schema, io, owners = []) => telling.told(withNames(formOf(schema, io, views)), owners),
    telling,
  };
  writing.schemaOf(Problem, 'output');
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const operation = {
      operationId: route.id,
      summary: route.summary,
      tags: [route.noun],
      ...(route.permission === null ? { security: [] } : { description: `Needs the scope \`${route.permission}\`.` }),
      parameters: parametersOf(route, writing),
      ...(route.body
        ? {
            requestBody: {
              // No body at all is taken for an empty one.
              required: !z.safeParse(route.body(), {}).success,
              content: {
                'application/json': {
                  schema: writing.schemaOf(route.body(), 'input', ownersOf(route)),
                  ...shownAs(examplesOf(route).map(({ summary, body }) => [summary, body])),
                },
              },
            },
          }
        : {}),
      responses: responsesOf(route, writing),
    };
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation };
  }
  const webhooks = webhooksOf(writing);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Latchwork',
      version: '1',
      description:
        'Banks of electronic lockers: reserve a compartment, let people deposit and pick up, know what happened. ' +
        `An \`Idempotency-Key\` is needed by ${whoNeedsKey}. ` +
        'Errors are RFC 9457 problems with a stable `code`. The gateway itself ' +
        'answers 413 above 10 MB, 429 when an account is throttled, and 503 when a function is unavailable.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ apiKey: [] }],
    paths,
    webhooks,
    components: {
      parameters: byName(writing.parameters),
      schemas: byName(
        Object.fromEntries(
          Object.entries(named(views)).map(([name, schema]) => [
            name,
            { ...telling.told(Object(schema), [name]), description: telling.said([], name) },
          ]),
        ),
      ),
      responses: byName(writing.responses),
      headers: headerComponents,
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'An API key, `lw_live_…`.' } },
    },
  };
};
