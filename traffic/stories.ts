import type { Course, Workflow } from '../device-sim/scenario.ts';

/** What a request to begin says beside the workflow. */
export type Particulars = {
  payment?: { amountMinor: number; currency: string };
  conditions?: 'identity'[];
  assetId?: string;
  items?: [];
};

/** What the people around one bank can do; `It` is a transaction as whoever plays them sees it. */
export type People<It> = {
  begin(workflow: Workflow, more?: Particulars): Promise<It>;
  pay(it: It): Promise<unknown>;
  confirmIdentity(it: It): Promise<unknown>;
  cancel(it: It): Promise<It>;
  /** Staff are to take it out again. */
  recall(it: It): Promise<It>;
  /** The renter ends it. Refused while the bank has not told what it saw last, so one tries again. */
  complete(it: It): Promise<It>;
  /** Waits until the bank knows what the cloud decided of its live credentials. */
  atBank(it: It): Promise<void>;
  putIn(it: It): Promise<void>;
  takeOut(it: It, step?: 'pickup' | 'recall'): Promise<void>;
  /** Opens a rented door and leaves it with that inside. */
  use(it: It, contents: 'filled' | 'empty'): Promise<void>;
  becomes(it: It, state: Course | 'stored' | 'in_use'): Promise<It>;
};

/**
 * What people of each workflow do, from the first request to the end. An asset or a rented door that somebody has is not
 * recalled: that course goes to its good end instead.
 */
export const stories = {
  sale: async (people, course) => {
    const sale = await people.begin('sale', { payment: { amountMinor: 990, currency: 'CHF' } });
    await people.pay(sale);
    return handedOver(people, sale, course);
  },
  release: async (people, course) => {
    const release = await people.begin('release', { conditions: ['identity'] });
    await people.confirmIdentity(release);
    return handedOver(people, release, course);
  },
  parcel: async (people, course) => handedOver(people, await people.begin('parcel'), course),
  return: async (people, course) => handedOver(people, await people.begin('return'), course),
  loan: async (people, course, assetId) => {
    const loan = await people.begin('loan', { assetId, items: [] });
    await people.atBank(loan);
    if (course === 'cancelled') return people.cancel(loan);
    await people.takeOut(loan);
    await people.putIn(loan);
    return people.becomes(loan, 'completed');
  },
  rental: async (people, course) => {
    const rental = await people.begin('rental');
    await people.atBank(rental);
    if (course === 'cancelled') return people.cancel(rental);
    await people.use(rental, 'filled');
    await people.use(rental, 'empty');
    await people.becomes(rental, 'in_use');
    return people.complete(rental);
  },
} as const satisfies Record<Workflow, <It>(people: People<It>, course: Course, assetId: string) => Promise<It>>;

const handedOver = async <It>(people: People<It>, it: It, course: Course): Promise<It> => {
  await people.atBank(it);
  if (course === 'cancelled') return people.cancel(it);
  await people.putIn(it);
  if (course === 'completed') {
    await people.takeOut(it);
    return people.becomes(it, 'completed');
  }
  const recalled = await people.recall(await people.becomes(it, 'stored'));
  await people.atBank(recalled);
  await people.takeOut(recalled, 'recall');
  return people.becomes(recalled, 'recalled');
};
