import { afterEach, beforeEach } from 'vitest';
import { apiVersions } from '#events/api-versions.ts';

export const secondVersion = '2027-03-01';

/** While these tests run there is a second version: a created transaction says `remark` for `note`, all say `by` for `actor`. */
export const whileThereIsASecondVersion = (): void => {
  beforeEach(() => {
    apiVersions[secondVersion] = {
      brings: '`note` of `transaction.created` is called `remark`, and `actor` of every event `by`.',
      undo: {
        'transaction.created': (event) => {
          const { remark, ...data } = event.data;
          return remark === undefined ? event : { ...event, data: { ...data, note: remark } };
        },
        '*': ({ by, ...event }) => (by === undefined ? event : { ...event, actor: by }),
      },
    };
  });
  afterEach(() => {
    delete apiVersions[secondVersion];
  });
};
