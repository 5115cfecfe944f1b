import * as z from 'zod';
import { catalogue, type EventType } from '../../events/catalogue.ts';
import { Envelope } from '../../events/envelope.ts';
import { said } from '../../events/said.ts';
import { sampleEvent } from '../../events/samples.ts';
import { Answer, Ask } from '../device/ask.ts';
import { CertificateAnswer, CertificateRequest } from '../device/certificate.ts';
import { ConfigDocument } from '../device/config.ts';
import { JournalAck, JournalBatch, KeyHandover, ReplayRequest } from '../device/messages.ts';
import { DoorsDocument, DoorsReport, GrantsDocument } from '../device/shadow.ts';
import { topics } from '../device/topics.ts';
import { entityOf } from './events-text.ts';
import { jsonSchemaOf } from './shapes.ts';
import type { Telling } from './telling.ts';

type Json = Record<string, unknown>;

/** AsyncAPI's own kind of schema is a superset of JSON Schema draft 7. */
const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...own } = jsonSchemaOf(schema, io, { target: 'draft-7', reused: 'inline' });
  return own;
};

const ref = (...path: string[]): Json => ({
  $ref: `#/${path.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`,
});

const eventTypes = Object.keys(catalogue) as EventType[];

/** An event of one type: what all have, its name, and its own data. */
const eventMessage = (type: EventType, { told }: Telling): Json => ({
  name: type,
  title: type,
  summary: said[type],
  contentType: 'application/json',
  payload: {
    allOf: [
      ref('components', 'schemas', 'Envelope'),
      {
        type: 'object',
        properties: {
          type: { const: type },
          data: told(schemaOf(catalogue[type], 'output'), [type, entityOf(type), 'data']),
        },
        required: ['type', 'data'],
      },
    ],
  },
  examples: [{ payload: sampleEvent(type) }],
});

const own = topics('{bankId}');

type BankMessage = {
  /** What the cloud does with it. */
  action: 'send' | 'receive';
  address: string;
  summary: string;
  payload: z.ZodType;
  /** It is a part of a shadow. */
  shadow?: keyof typeof shadows;
  qos: 0 | 1;
};

/** What a shadow carries, as AWS IoT wraps it. */
const shadows = {
  desired: z.object({ version: z.int(), timestamp: z.int(), state: z.object({ desired: z.unknown().optional() }) }),
  reported: z.object({ state: z.object({ reported: z.unknown() }) }),
};

/** `Config` holds what an answer of the API shows as well. */
const ownersOf = (name: string): string[] => (name === 'Config' ? [name, 'BankConfig'] : [name]);

const payloadOf = (name: string, { payload, shadow }: BankMessage, { told }: Telling): Json => {
  const document = told(schemaOf(payload, 'input'), ownersOf(name));
  if (shadow === undefined) return document;
  const wrapping = JSON.stringify(schemaOf(shadows[shadow], 'input'));
  return told(
    JSON.parse(wrapping, (field, it) => (field === shadow ? document : it)),
    ['shadow'],
  );
};

/** All that goes between a bank and the cloud in messages of ours (docs/bank-protocol.md). */
const bankMessages: Record<string, BankMessage> = {
  Journal: {
    action: 'receive',
    address: own.journal,
    summary: 'What happened at the doors of a bank; repeated until it is acknowledged.',
    payload: JournalBatch,
    qos: 1,
  },
  JournalAck: {
    action: 'send',
    address: own.ack,
    summary: 'Recorded up to here; the bank may forget it.',
    payload: JournalAck,
    qos: 0,
  },
  ReplayRequest: {
    action: 'send',
    address: own.replay,
    summary: 'A gap stayed open: send these entries again.',
    payload: ReplayRequest,
    qos: 1,
  },
  Ask: {
    action: 'receive',
    address: own.ask,
    summary: 'A credential that the bank does not know, as a verifier.',
    payload: Ask,
    qos: 1,
  },
  Answer: { action: 'send', address: own.answer, summary: 'The answer to an ask.', payload: Answer, qos: 1 },
  KeyHandover: {
    action: 'send',
    address: own.key,
    summary: 'What verifiers are made with, once per controller.',
    payload: KeyHandover,
    qos: 1,
  },
  CertificateRequest: {
    action: 'receive',
    address: own.certificate,
    summary: 'A certificate is asked for, or was connected with.',
    payload: CertificateRequest,
    qos: 1,
  },
  CertificateAnswer: {
    action: 'send',
    address: own.newCertificate,
    summary: 'The next certificate, or that it is recorded.',
    payload: CertificateAnswer,
    qos: 1,
  },
  Config: {
    action: 'send',
    address: own.shadow('config').getAccepted,
    summary: 'How the bank is set up; it asks for it, and again when the shadow tells of a change.',
    payload: ConfigDocument(),
    shadow: 'desired',
    qos: 1,
  },
  Grants: {
    action: 'send',
    address: own.shadow('grants-{k}').getAccepted,
    summary: 'Who may open what, decided by the bank alone.',
    payload: GrantsDocument,
    shadow: 'desired',
    qos: 1,
  },
  Commands: {
    action: 'send',
    address: own.shadow('doors-{k}').getAccepted,
    summary: 'Doors to be opened now, each until its time.',
    payload: DoorsDocument,
    shadow: 'desired',
    qos: 1,
  },
  DoorsReport: {
    action: 'receive',
    address: own.shadow('doors-{k}').update,
    summary: 'What doors look like, for display only.',
    payload: DoorsReport,
    shadow: 'reported',
    qos: 1,
  },
};

const parametersOf = (address: string): Json =>
  Object.fromEntries(
    [...address.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [
      name,
      { description: name === 'k' ? 'Which part of the doors, counted from 0.' : 'The bank: its client id and thing.' },
    ]),
  );

const bankName = (name: string): string => `bank${name}`;

const bankChannels = (): Json =>
  Object.fromEntries(
    Object.entries(bankMessages).map(([name, { address }]) => [
      bankName(name),
      {
        address,
        servers: [ref('servers', 'banks')],
        parameters: parametersOf(address),
        messages: { [name]: ref('components', 'messages', name) },
      },
    ]),
  );

const bankOperations = (): Json =>
  Object.fromEntries(
    Object.entries(bankMessages).map(([name, { action, summary, qos }]) => [
      `${action}${name}`,
      {
        action,
        summary,
        channel: ref('channels', bankName(name)),
        messages: [ref('channels', bankName(name), 'messages', name)],
        bindings: { mqtt: { qos } },
      },
    ]),
  );

const eventChannel = (server: string, address: string | null, description: string): Json => ({
  address,
  description,
  servers: [ref('servers', server)],
  messages: Object.fromEntries(eventTypes.map((type) => [type, ref('components', 'messages', type)])),
});

/** The AsyncAPI 3 document: what leaves as an event, by bus and webhook, and what goes between banks and the cloud. */
export const asyncapi = (telling: Telling): Json => ({
  asyncapi: '3.0.0',
  info: {
    title: 'Latchwork',
    version: '1',
    description:
      'Events at least once, in no certain order: sort by `sequence` within a `subject`. The same can be read in one order ' +
      'at `GET /v1/events` (OpenAPI), by who does not want to be called. Banks speak MQTT 5 with AWS IoT Core, ' +
      'with a certificate of their own; a topic is only for the bank that it names.',
    license: { name: 'Apache-2.0' },
  },
  defaultContentType: 'application/json',
  servers: {
    bus: {
      host: 'events.{region}.amazonaws.com',
      protocol: 'eventbridge',
      description: 'The event bus of the deployment, `BusName` of its outputs; `detail` is the event.',
      variables: { region: { description: 'Of the deployment.' } },
    },
    webhooks: {
      host: '{host}',
      protocol: 'https',
      description: 'Whatever endpoint a tenant has registered (Standard Webhooks).',
      variables: { host: { description: 'Of the endpoint.' } },
    },
    banks: {
      host: '{endpoint}:8883',
      protocol: 'secure-mqtt',
      protocolVersion: '5',
      description: 'The data endpoint of AWS IoT Core.',
      variables: { endpoint: { description: '`aws iot describe-endpoint --endpoint-type iot:Data-ATS`.' } },
      security: [ref('components', 'securitySchemes', 'certificate')],
    },
  },
  channels: {
    bus: eventChannel('bus', null, 'Each event is one entry; its `detail-type` is the type.'),
    webhooks: eventChannel(
      'webhooks',
      null,
      'Each event is one POST, signed, to the URL of the endpoint; to one of an older `apiVersion` in its shape, which `webhook-api-version` names.',
    ),
    ...bankChannels(),
  },
  operations: {
    publishEvent: { action: 'send', summary: 'Tells the bus what happened.', channel: ref('channels', 'bus') },
    deliverEvent: { action: 'send', summary: 'Tells an endpoint what happened.', channel: ref('channels', 'webhooks') },
    ...bankOperations(),
  },
  components: {
    schemas: { Envelope: telling.told(schemaOf(Envelope, 'output'), ['Event']) },
    messages: {
      ...Object.fromEntries(eventTypes.map((type) => [type, eventMessage(type, telling)])),
      ...Object.fromEntries(
        Object.entries(bankMessages).map(([name, it]) => [
          name,
          {
            name,
            title: name,
            summary: it.summary,
            contentType: 'application/json',
            payload: payloadOf(name, it, telling),
          },
        ]),
      ),
    },
    securitySchemes: { certificate: { type: 'X509', description: 'The certificate of the bank (docs/enrolment.md).' } },
  },
});
