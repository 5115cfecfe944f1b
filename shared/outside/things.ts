import { CreateThingCommand, IoTClient, ResourceAlreadyExistsException, UpdateThingCommand } from '@aws-sdk/client-iot';

export type Things = {
  /** Makes the thing, or brings its attributes up to date: policies may name them. */
  ensure: (name: string, attributes: Record<string, string>) => Promise<void>;
};

export const openThings = (thingTypeName: string, client = new IoTClient()): Things => ({
  ensure: async (thingName, attributes) => {
    const attributePayload = { attributes };
    try {
      await client.send(new CreateThingCommand({ thingName, thingTypeName, attributePayload }));
    } catch (error) {
      if (!(error instanceof ResourceAlreadyExistsException)) throw error;
      await client.send(new UpdateThingCommand({ thingName, thingTypeName, attributePayload }));
    }
  },
});
