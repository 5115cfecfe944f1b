import * as z from 'zod';
import { escaped, json, type Page, pageOf, prose } from './html.ts';
import { described, shown, shownField } from './schema.ts';

const Content = z.record(
  z.string(),
  z.looseObject({
    schema: z.unknown(),
    example: z.unknown().optional(),
    examples: z.record(z.string(), z.object({ summary: z.string(), value: z.unknown() })).optional(),
  }),
);
const Response = z.looseObject({
  $ref: z.string().optional(),
  description: z.string().optional(),
  content: Content.optional(),
});
const Parameter = z.looseObject({
  $ref: z.string().optional(),
  name: z.string().optional(),
  required: z.boolean().optional(),
  description: z.string().optional(),
  schema: z.unknown().optional(),
});
const Operation = z.looseObject({
  operationId: z.string(),
  summary: z.string(),
  description: z.string().optional(),
  tags: z.array(z.string()),
  parameters: z.array(Parameter).default([]),
  requestBody: z.looseObject({ content: Content }).optional(),
  responses: z.record(z.string(), Response),
});
const OpenApi = z.looseObject({
  info: z.looseObject({ description: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), Operation)),
  webhooks: z.record(z.string(), z.record(z.string(), Operation)),
  components: z.looseObject({
    schemas: z.record(z.string(), z.unknown()),
    responses: z.record(z.string(), Response),
    parameters: z.record(z.string(), Parameter),
  }),
});
const Message = z.looseObject({
  title: z.string(),
  summary: z.string().optional(),
  payload: z.unknown(),
  examples: z.array(z.object({ payload: z.unknown() })).optional(),
});
const AsyncApi = z.looseObject({
  info: z.looseObject({ description: z.string() }),
  channels: z.record(
    z.string(),
    z.looseObject({ address: z.string().nullable(), messages: z.record(z.string(), z.unknown()) }),
  ),
  components: z.looseObject({ messages: z.record(z.string(), Message) }),
});
/** An event says in its own part what its `data` holds; the rest is the same for all. */
const EventPayload = z.object({
  allOf: z.tuple([z.unknown(), z.object({ properties: z.object({ data: z.unknown() }) })]),
});
const Named = z.looseObject({ $ref: z.string() });
type OpenApi = z.infer<typeof OpenApi>;
type AsyncApi = z.infer<typeof AsyncApi>;
type Message = z.infer<typeof Message>;

const last = (ref: string): string => decodeURIComponent(ref.slice(ref.lastIndexOf('/') + 1));

const folded = (summary: string, body: string): string =>
  `<details><summary>${escaped(summary)}</summary>${body}</details>`;

const contentOf = (what: string, content: z.infer<typeof Content> | undefined): string =>
  Object.values(content ?? {})
    .map(({ schema, example, examples = {} }) => {
      const all = example === undefined ? Object.values(examples) : [{ summary: 'Example', value: example }];
      const told = all.map(({ summary, value }) => folded(`${summary}: ${what}`, json(`${summary}: ${what}`, value)));
      return [folded(`Fields of the ${what}`, shown(schema)), ...told].join('');
    })
    .join('');

const termsOf = (all: readonly { name: string; text: string }[]): string =>
  `<dl>${all.map(({ name, text }) => `<dt><code>${escaped(name)}</code></dt><dd>${prose(text)}</dd>`).join('')}</dl>`;

type Call = { method: string; path: string; it: z.infer<typeof Operation> };

/** Of a request its fields are shown at once, also where it has a name: what is answered is a thing that one knows by then. */
const spelled = (content: z.infer<typeof Content> = {}, schemas: Record<string, unknown>): z.infer<typeof Content> =>
  Object.fromEntries(
    Object.entries(content).map(([type, it]) => {
      const ref = Named.safeParse(it.schema).data?.$ref;
      return [type, { ...it, schema: ref === undefined ? it.schema : schemas[last(ref)] }];
    }),
  );

const operationOf = ({ components }: OpenApi, { method, path, it }: Call): string => {
  const parameters = it.parameters.map((own) => ({ ...own, ...(own.$ref && components.parameters[last(own.$ref)]) }));
  const answers = Object.entries(it.responses).map(([status, own]) => ({
    status,
    ...own,
    ...(own.$ref && components.responses[last(own.$ref)]),
  }));
  const good = answers.find(({ content }) => content?.['application/json'] !== undefined);
  const fields = parameters.map(({ name = '', schema, required = false, description }) =>
    shownField(name, schema, required, description),
  );
  return `<section aria-labelledby="${it.operationId}">
<h2 id="${it.operationId}">${prose(it.summary)}</h2>
<p class="call"><code><b>${method}</b>${escaped(path)}</code></p>
${it.description === undefined ? '' : `<p>${prose(it.description)}</p>`}
${fields.length === 0 ? '' : folded('Parameters', `<dl>${fields.join('')}</dl>`)}
${contentOf('request', spelled(it.requestBody?.content, components.schemas))}
${contentOf('answer', good?.content)}
${folded(
  'How it may be answered',
  termsOf(answers.map(({ status, description = '' }) => ({ name: status, text: description }))),
)}
</section>`;
};

const contents = (all: readonly { id: string; text: string }[]): string =>
  `<ul class="contents">${all.map(({ id, text }) => `<li><a href="#${escaped(id)}">${text}</a></li>`).join('')}</ul>`;

const inWords = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1).replaceAll(/[-_]/g, ' ');

/** In the order in which one meets them: where doors are, what is done with them, who is told, and the rest. */
const learningOrder = ['sites', 'banks', 'transactions', 'credentials', 'commands', 'webhook-endpoints', 'events'];
const titles: Record<string, string> = {
  events: 'The feed of events',
  'api-keys': 'API keys',
  api_key: 'API key',
  documents: 'The documents',
};
/** What makes and finds things comes before what is done with one of them. */
const inOrder = (calls: readonly Call[]): Call[] => {
  const methods = ['POST', 'GET', 'PATCH', 'DELETE'];
  const rank = ({ path, method }: Call): string => `${path.split('/').length} ${path} ${methods.indexOf(method)}`;
  return calls.toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1));
};

/** What is served apart and belongs together. */
const chapterOf = (tag: string): string => (tag === 'event-documents' ? 'documents' : tag);

const nounPages = (api: OpenApi): Page[] => {
  const calls = Object.entries(api.paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).map(([method, it]): Call => ({ method: method.toUpperCase(), path, it })),
  );
  const byNoun = Map.groupBy(calls, ({ it }) => chapterOf(it.tags[0] ?? 'documents'));
  const nouns = [...new Set([...learningOrder.filter((noun) => byNoun.has(noun)), ...byNoun.keys()])];
  return nouns.map((noun) => {
    const own = inOrder(byNoun.get(noun) ?? []);
    return {
      file: `${noun}.html`,
      part: 'Calls',
      title: titles[noun] ?? inWords(noun),
      body: `${contents(own.map(({ it }) => ({ id: it.operationId, text: prose(it.summary) })))}
${own.map((call) => operationOf(api, call)).join('\n')}`,
    };
  });
};

const messageOf = (id: string, { title, summary, payload, examples = [] }: Message, what: string): string =>
  `<section aria-labelledby="${escaped(id)}"><h2 id="${escaped(id)}"><code>${escaped(title)}</code></h2>
${summary === undefined ? '' : `<p>${prose(summary)}</p>`}
${folded(`${what} of ${title}`, shown(payload))}
${examples.map(({ payload: value }) => folded(`Example of ${title}`, json(`Example of ${title}`, value))).join('')}
</section>`;

const entityOf = (type: string): string => type.slice(0, type.indexOf('.'));
const fileOfEntity = (entity: string): string => `events-of-${entity.replaceAll('_', '-')}.html`;

const webhooksPage = (api: OpenApi, types: readonly string[]): Page => {
  const [first] = Object.values(api.webhooks).flatMap((byMethod) => Object.values(byMethod));
  const headers = (first?.parameters ?? []).map(({ $ref = '' }) => api.components.parameters[last($ref)]);
  const answers = Object.entries(first?.responses ?? {}).map(([name, { $ref = '' }]) => ({
    name,
    text: api.components.responses[last($ref)]?.description ?? '',
  }));
  return {
    file: 'event-types.html',
    part: 'Events',
    title: 'Webhooks and types of events',
    body: `<p>Events are the same on <a href="webhook-endpoints.html">webhooks</a>, in <a href="events.html">the feed</a> and on
the event bus: an <a href="shapes.html#Event">envelope</a> whose <code>data</code> is different for each type.</p>
<h2 id="webhooks">A webhook</h2>
<p>A POST of the event to your endpoint, with these headers, and answered so:</p>
<dl>${headers.map((it) => shownField(it?.name ?? '', it?.schema, true, it?.description)).join('')}</dl>
${termsOf(answers)}
<h2 id="types">All types</h2>
<ul class="contents">${types
      .map((type) => `<li><a href="${fileOfEntity(entityOf(type))}#${type}"><code>${type}</code></a></li>`)
      .join('')}</ul>`,
  };
};

const eventPages = ({ components }: AsyncApi, types: readonly string[]): Page[] =>
  [...Map.groupBy(types, entityOf)].map(([entity, own]) => ({
    file: fileOfEntity(entity),
    part: 'Events',
    title: titles[entity] ?? inWords(entity),
    body: `${contents(own.map((id) => ({ id, text: `<code>${id}</code>` })))}
${own
  .flatMap((type) => {
    const message = components.messages[type];
    if (message === undefined) return [];
    const [, { properties }] = EventPayload.parse(message.payload).allOf;
    return [messageOf(type, { ...message, payload: properties.data }, 'Data')];
  })
  .join('\n')}`,
  }));

const banksPage = ({ channels, components, info }: AsyncApi): Page => ({
  file: 'bank-messages.html',
  part: 'Banks',
  title: 'Messages of banks',
  body: `<p>${prose(info.description)}</p>${Object.values(channels)
    .flatMap(({ address, messages }) =>
      Object.keys(messages).flatMap((name) => {
        const message = components.messages[name];
        if (address === null || message === undefined) return [];
        const { summary = '' } = message;
        const at = `<p class="call"><code>${escaped(address)}</code></p>`;
        return [messageOf(name, { ...message, summary }, 'Fields').replace('</h2>', `</h2>\n${at}`)];
      }),
    )
    .join('\n')}`,
});

const shapesPage = ({ components }: OpenApi): Page => ({
  file: 'shapes.html',
  part: 'Shapes',
  title: 'Shapes',
  body: `<p>What calls answer, and what they are asked with.</p>
${contents(Object.keys(components.schemas).map((name) => ({ id: name, text: escaped(name) })))}
${Object.entries(components.schemas)
  .map(
    ([name, schema]) =>
      `<section aria-labelledby="${escaped(name)}"><h2 id="${escaped(name)}">${escaped(name)}</h2>${described(schema)}${shown(schema)}</section>`,
  )
  .join('\n')}`,
});

/** The reference as files: their names, and what they hold. Both documents lie beside, as they are. */
export const referencePages = (openapi: unknown, asyncapi: unknown): Map<string, string> => {
  const api = OpenApi.parse(openapi);
  const events = AsyncApi.parse(asyncapi);
  const types = Object.keys(events.channels.webhooks?.messages ?? {});
  const index: Page = {
    file: 'index.html',
    part: 'Begin here',
    title: 'The API of Latchwork',
    body: `<p>${prose(api.info.description)}</p>
<p>Send the key of your tenant as <code>Authorization: Bearer lw_live_…</code>. Whoever is new here begins with
<a href="sites.html">sites</a>, <a href="banks.html">banks</a> and <a href="transactions.html">transactions</a>, and lets
itself be told what happens by <a href="webhook-endpoints.html">webhook</a> or from <a href="events.html">the feed</a>.</p>
<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1) and <a href="asyncapi.json">asyncapi.json</a>
(AsyncAPI 3).</p>`,
  };
  const pages = [
    index,
    ...nounPages(api),
    webhooksPage(api, types),
    ...eventPages(events, types),
    banksPage(events),
    shapesPage(api),
  ];
  return new Map([
    ...pages.map((page): [string, string] => [page.file, pageOf(page, pages)]),
    ['openapi.json', JSON.stringify(openapi)],
    ['asyncapi.json', JSON.stringify(asyncapi)],
  ]);
};
