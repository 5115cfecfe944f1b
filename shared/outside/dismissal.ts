import {
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
  IoTClient,
  ListThingPrincipalsCommand,
  ResourceNotFoundException,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';

export type Dismissal = {
  /** ARNs of all that may connect as this thing. */
  attachedTo: (thingName: string) => Promise<string[]>;
  /** Not valid any more, and not attached. May be done again after it failed half-way: it lets go of the thing last. */
  dismiss: (arn: string, thingName?: string) => Promise<void>;
};

export const certificateIdOf = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);

/** What is gone already need not be taken away. */
const unlessGone = async (done: Promise<unknown>): Promise<void> => {
  try {
    await done;
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
};

/** For whoever ends certificates, and makes none. */
export const openDismissal = (policyName: string, client = new IoTClient()): Dismissal => ({
  attachedTo: async (thingName) => {
    const found: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = await client.send(new ListThingPrincipalsCommand({ thingName, nextToken }));
      found.push(...(page.principals ?? []));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return found;
  },
  dismiss: async (arn, thingName) => {
    await unlessGone(client.send(new DetachPolicyCommand({ policyName, target: arn })));
    await unlessGone(
      client.send(new UpdateCertificateCommand({ certificateId: certificateIdOf(arn), newStatus: 'INACTIVE' })),
    );
    if (thingName !== undefined)
      await unlessGone(client.send(new DetachThingPrincipalCommand({ thingName, principal: arn })));
  },
});
