import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { examples } from '../../shared/api/examples.ts';
import { routes } from '../../shared/api/routes.ts';

describe('the examples of the OpenAPI document', () => {
  it('show every route there is', () => {
    const shown = new Set(examples.map(({ route }) => route.id));
    expect(routes.filter(({ id }) => !shown.has(id)).map(({ id }) => id)).toEqual([]);
  });

  it.each(examples.map((it) => [`${it.route.id}: ${it.summary}`, it] as const))(
    'are what their route takes and answers: %s',
    (_, { route, params, query, body, answer }) => {
      expect(() => (route.params ?? z.strictObject({})).parse(params)).not.toThrow();
      expect(() => (route.query?.() ?? z.strictObject({})).parse(query)).not.toThrow();
      expect(() => (route.body?.() ?? z.undefined()).parse(body)).not.toThrow();
      // Nothing of an example is unknown to the shape.
      expect(route.response().parse(answer)).toEqual(answer);
    },
  );
});
