import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, transform } from 'esbuild';
import { root } from './paths.ts';

/**
 * Who may use whom when it runs; type imports are free. A file belongs to the first row that its path begins with.
 * dependency-cruiser would do the same, but it reads TypeScript with the compiler's old API, which version 7 has not.
 */
const rows: { in: string; may: readonly string[]; neverSays?: readonly RegExp[] }[] = [
  { in: 'events/', may: ['events/', 'zod'] },
  { in: 'shared/device/', may: ['shared/device/', 'events/fields.ts', 'events/once.ts', 'zod', 'node:crypto'] },
  {
    in: 'shared/domain/',
    may: ['shared/domain/', 'shared/device/', 'events/', 'zod', 'canonicalize', 'node:crypto'],
    // A decision gets its time, its ids and its settings as arguments, so that it can be made again.
    neverSays: [
      /\bprocess\.env\b/,
      /\bDate\.now\b/,
      /\bnew Date\(\)/,
      /\bMath\.random\b/,
      /\brandom(UUID|Bytes|Int)\b/,
    ],
  },
  { in: 'shared/api/generate.ts', may: ['shared/api/', 'events/', 'zod', 'node:'] },
  {
    in: 'shared/api/',
    may: ['shared/api/', 'shared/domain/', 'shared/device/', 'shared/vendors/', 'events/', 'zod'],
  },
  {
    in: 'shared/vendors/',
    may: ['shared/vendors/', 'shared/domain/', 'shared/device/', 'events/', 'zod', 'node:crypto'],
  },
  {
    in: 'shared/store/',
    may: [
      'shared/store/',
      'shared/vendors/',
      ...domainAnd('canonicalize', '@aws-sdk/client-dynamodb', '@aws-sdk/core', '@smithy/core'),
    ],
  },
  {
    in: 'shared/outside/',
    may: ['shared/outside/', ...domainAnd('@aws-sdk/', '@smithy/signature-v4', 'canonicalize', 'ipaddr.js')],
  },
  { in: 'shared/', may: ['shared/', 'events/', 'npm:', 'node:'] },
  { in: 'functions/', may: ['shared/', 'events/', 'npm:', 'node:'] },
  {
    in: 'infra/',
    may: ['infra/', 'shared/api/', 'shared/device/', 'events/', 'aws-cdk-lib', 'constructs', 'cdk-nag', 'node:'],
  },
  // Whoever checks what we say must not have to trust what we wrote.
  { in: 'audit/', may: ['node:'] },
  {
    in: 'device-sim/',
    may: ['device-sim/', 'shared/device/', 'shared/vendors/lock-board/messages.ts', 'events/', 'mqtt', 'zod', 'node:'],
  },
  // People: they know the published API and stand in front of banks.
  { in: 'traffic/', may: ['traffic/', 'device-sim/', 'client/', 'local/', 'zod', 'node:'] },
];

/** Who alone may know that a bank has a vendor: its adapter. To everybody else all banks are the same. */
const kept: { what: readonly string[]; by: readonly string[] } = {
  what: ['shared/vendors/', 'shared/store/lock-boards.ts', 'shared/lambda/lock-boards.ts'],
  by: [
    'shared/vendors/',
    'shared/api/vendors.ts',
    'shared/api/lock-boards.ts',
    'shared/store/lock-boards.ts',
    'shared/lambda/lock-boards.ts',
    // Registers the bank.
    'shared/lambda/vendors.ts',
    'functions/http/lock-boards.ts',
    'functions/bus/lock-boards.ts',
    'device-sim/lock-board/',
  ],
};

function domainAnd(...more: string[]): string[] {
  return ['shared/domain/', 'shared/device/', 'events/', 'zod', 'node:', ...more];
}

/** One sentence per import, or word, that its folder must not have. */
export async function brokenImportRules(): Promise<string[]> {
  const files = globSync('{events,shared,functions,infra,device-sim,traffic,audit}/**/*.ts', { cwd: root });
  const { metafile } = await build({
    entryPoints: files,
    absWorkingDir: root,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outdir: 'unused',
    write: false,
    metafile: true,
    logLevel: 'error',
  });
  const broken: string[] = [];
  for (const [file, { imports }] of Object.entries(metafile.inputs)) {
    const row = rows.find((it) => file.startsWith(it.in));
    if (!row) continue;
    for (const { path, external } of imports) {
      if (isIn(kept.what, path) && !isIn(kept.by, file))
        broken.push(`${file} must not know of ${path}: only its adapter`);
      if (!row.may.some((allowed) => fits(path, external === true, allowed))) {
        broken.push(`${file} must not import ${path}`);
      }
    }
    broken.push(...(await forbiddenWords(file, row.neverSays ?? [])));
  }
  return broken.sort();
}

const isIn = (folders: readonly string[], path: string): boolean => folders.some((it) => path.startsWith(it));

function fits(path: string, external: boolean, allowed: string): boolean {
  const builtin = path.startsWith('node:');
  if (allowed === 'npm:') return external && !builtin;
  if (allowed.endsWith('/') || allowed === 'node:') return path.startsWith(allowed);
  return path === allowed || (external && path.startsWith(`${allowed}/`));
}

async function forbiddenWords(file: string, words: readonly RegExp[]): Promise<string[]> {
  if (words.length === 0) return [];
  // Without its comments, which may well name what the code must not.
  const { code } = await transform(readFileSync(join(root, file), 'utf8'), { loader: 'ts', legalComments: 'none' });
  return words.flatMap((word) => {
    const found = word.exec(code);
    return found ? [`${file} must not use ${found[0]}`] : [];
  });
}
