import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { Envelope } from '../../events/envelope.ts';

export type Bus = {
  /** Puts events on the bus and answers the ids of those it did not take; they have to be put again. */
  put: (events: Envelope[]) => Promise<Set<string>>;
};

/** As many entries as PutEvents takes in one call. */
const entriesPerCall = 10;

export const openBus = (busName: string, client = new EventBridgeClient()): Bus => ({
  put: async (events) => {
    const refused = new Set<string>();
    for (let from = 0; from < events.length; from += entriesPerCall) {
      const some = events.slice(from, from + entriesPerCall);
      const { Entries = [] } = await client.send(
        new PutEventsCommand({
          Entries: some.map((event) => ({
            EventBusName: busName,
            Source: event.source,
            DetailType: event.type,
            Time: new Date(event.time),
            Detail: JSON.stringify(event),
          })),
        }),
      );
      // A part may fail while the call succeeds.
      for (const [nth, entry] of Entries.entries()) {
        const event = some[nth];
        if (entry.EventId === undefined && event) refused.add(event.id);
      }
    }
    return refused;
  },
});
