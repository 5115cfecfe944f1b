import { AwsJson1_0Protocol, JsonCodec2 } from '@aws-sdk/core/protocols';

const textOf = (body: string | Uint8Array): string =>
  typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();

/**
 * Bodies are just what JSON makes of our requests, and answers just what it reads: rows hold no more than JSON does, and bytes
 * (`attributes.ts`) say themselves how they are spelled. The SDK walks each value beside its schema, which took a twentieth of
 * a request.
 */
class PlainCodec extends JsonCodec2 {
  constructor() {
    super({ jsonName: false, timestampFormat: { useTrait: true, default: 7 } });
  }

  override createSerializer() {
    let text = '';
    return {
      setSerdeContext: () => {},
      write: (_: unknown, value: unknown) => {
        text = JSON.stringify(value);
      },
      flush: () => Buffer.from(text),
    };
  }

  override createDeserializer() {
    return {
      setSerdeContext: () => {},
      read: async (_: unknown, body: string | Uint8Array) => JSON.parse(textOf(body)),
      // The fields of an error, which were read with it.
      readObject: (_: unknown, value: unknown) => value,
    };
  }
}

type Settings = ConstructorParameters<typeof AwsJson1_0Protocol>[0];

export class PlainProtocol extends AwsJson1_0Protocol {
  constructor(settings: Settings) {
    super({ ...settings, jsonCodec: new PlainCodec() });
  }
}
