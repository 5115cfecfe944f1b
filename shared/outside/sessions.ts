import { DeleteConnectionCommand, IoTDataPlaneClient, ResourceNotFoundException } from '@aws-sdk/client-iot-data-plane';

export type Sessions = {
  /** Ends the live connection of a client, if there is one. It may try again. */
  end: (clientId: string) => Promise<void>;
};

export const openSessions = (client = new IoTDataPlaneClient()): Sessions => ({
  end: async (clientId) => {
    try {
      await client.send(new DeleteConnectionCommand({ clientId, cleanSession: true }));
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
    }
  },
});
