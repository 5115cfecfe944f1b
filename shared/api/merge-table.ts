import { mergeTable } from '../domain/merge-table.ts';

/** docs/merge-table.md: what each physical fact does to a transaction in each state. */
export const mergeTableText = (): string => {
  const facts = Object.entries(mergeTable).flatMap(([fact, row]) => {
    const effects = new Map<string, string[]>();
    for (const [state, [, text]] of Object.entries(row)) effects.set(text, [...(effects.get(text) ?? []), state]);
    return [
      `## ${fact.replaceAll('_', ' ')}`,
      '',
      '| while the transaction is | it means |',
      '|---|---|',
      ...[...effects].map(([text, states]) => `| ${states.map((it) => `\`${it}\``).join(', ')} | ${text} |`),
      '',
    ];
  });
  return [
    '# The merge table',
    '',
    'Generated from `shared/domain/merge-table.ts` by `node shared/api/generate.ts`; a test proves every cell.',
    '',
    'Banks report what happened at their doors late, twice and in any order, and decide alone while the network is down.',
    '**Physical truth wins, and is flagged.** The newest entry of a door tells its state, older ones never overwrite it,',
    'and each adds its fact to its transaction, however late. Nothing that a door did is dropped.',
    '',
    ...facts,
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
};
