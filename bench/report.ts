/** A budget of design.md section 11 and what was measured against it. */
export type Budget = {
  what: string;
  measured: number;
  budget: number;
  unit: string;
  digits?: number;
  /** More is not better, and neither is less. */
  exactly?: boolean;
};

export const isKept = ({ measured, budget, exactly = false }: Budget): boolean =>
  exactly ? measured === budget : measured <= budget;

export type Detail = { title: string; columns: readonly string[]; rows: readonly (readonly string[])[]; note?: string };

export type Style = 'text' | 'markdown';

const isNumber = (cell: string): boolean => /^[≤= ]*[-\d.,]+( \S+)?( ×)?$/.test(cell.trim());

/** Columns that line up in a terminal; as Markdown, the same with bars. */
export const table = (columns: readonly string[], rows: readonly (readonly string[])[], style: Style): string => {
  const cells = [columns, ...rows];
  const widths = columns.map((_, nth) => Math.max(...cells.map((row) => (row[nth] ?? '').length)));
  const right = columns.map((_, nth) => rows.length > 0 && rows.every((row) => isNumber(row[nth] ?? '')));
  const line = (row: readonly string[]) =>
    columns.map((_, nth) => {
      const cell = row[nth] ?? '';
      const width = widths[nth] ?? 0;
      return right[nth] ? cell.padStart(width) : cell.padEnd(width);
    });
  const rule = widths.map((width, nth) => (right[nth] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return style === 'markdown'
    ? [line(columns), rule, ...rows.map(line)].map((row) => `| ${row.join(' | ')} |`).join('\n')
    : [line(columns), ...rows.map(line)].map((row) => `  ${row.join('   ').trimEnd()}`).join('\n');
};

export const budgetTable = (budgets: readonly Budget[], style: Style): string =>
  table(
    ['Budget', 'Measured', 'Allowed', 'Ratio', ''],
    budgets.map((it) => {
      const shown = (value: number) => value.toFixed(it.digits ?? 0);
      return [
        it.what,
        `${shown(it.measured)}${it.unit}`,
        `${it.exactly ? '=' : '≤'} ${shown(it.budget)}${it.unit}`,
        it.budget === 0 ? (it.measured === 0 ? '0.00' : '∞') : (it.measured / it.budget).toFixed(2),
        isKept(it) ? 'kept' : 'EXCEEDED',
      ];
    }),
    style,
  );

export const detail = ({ title, columns, rows, note }: Detail, style: Style): string =>
  [
    style === 'markdown' ? `### ${title}\n` : `${title}`,
    table(columns, rows, style),
    ...(note === undefined ? [] : [style === 'markdown' ? `\n${note}` : `  ${note}`]),
  ].join('\n');

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [below = 0, above = 0] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? above : (below + above) / 2;
};
