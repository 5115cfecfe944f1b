import { eventTypes } from '../../events/catalogue.ts';
import { said } from '../../events/said.ts';

export const entityOf = (type: string): string => type.slice(0, type.indexOf('.'));

const titleOf = (entity: string): string => `${entity.charAt(0).toUpperCase()}${entity.slice(1).replaceAll('_', ' ')}`;

/** docs/events.md: every type of event, and when it comes. */
export const eventsText = (): string =>
  [
    '# Events',
    '',
    'Generated from `events/said.ts` by `npm run generate`.',
    '',
    'Every type of event there is, and when it comes. What its `data` holds, with an example, says',
    '[asyncapi.json](../shared/api/asyncapi.json) under the same name. How events get to you: [webhooks](webhooks.md), or',
    '[the feed](feed.md). New types may come, and new fields in those that there are: ignore what you do not know.',
    '',
    ...[...Map.groupBy(eventTypes, entityOf)].flatMap(([entity, types]) => [
      `## ${titleOf(entity)}`,
      '',
      '| type | when |',
      '|---|---|',
      ...types.map((type) => `| \`${type}\` | ${said[type]} |`),
      '',
    ]),
  ].join('\n');
