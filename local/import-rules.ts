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
  { in: 'shared/api/', may: ['shared/api/', 'shared/domain/', 'shared/device/', 'events/', 'zod'] },
  {
    in: 'shared/store/',
    may: ['shared/store/', ...domainAnd('canonicalize', '@aws-sdk/client-dynamodb')],
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
  { in: 'device-sim/', may: ['device-sim/', 'shared/device/', 'events/', 'mqtt', 'zod', 'node:'] },
  // People: they know the published API and stand in front of banks.
  { in: 'traffic/', may: ['traffic/', 'device-sim/', 'client/', 'local/', 'zod', 'node:'] },
];

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
      if (!row.may.some((allowed) => fits(path, external === true, allowed))) {
        broken.push(`${file} must not import ${path}`);
      }
    }
    broken.push(...(await forbiddenWords(file, row.neverSays ?? [])));
  }
  return broken.sort();
}

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
