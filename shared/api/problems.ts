import { refusals, reservationReasons } from '../domain/refusal.ts';
import { everyRoute } from './route.ts';
import { routes } from './routes.ts';

/** docs/problems.md: every code, its status, and the operations that may answer it. */
export const problemsText = (): string => {
  const rows = Object.entries(refusals).map(([code, { status, title }]) => {
    const common = everyRoute.some((it) => it === code);
    const own = routes.filter((route) => route.problems.some((it) => it === code)).map((route) => `\`${route.id}\``);
    return `| \`${code}\` | ${status} | ${title} | ${common ? 'every operation with a key' : own.join(', ') || 'any operation'} |`;
  });
  return [
    '# Problems',
    '',
    'Generated from `shared/domain/refusal.ts` by `node shared/api/generate.ts`.',
    '',
    'Every refusal is an RFC 9457 problem: `type` (`urn:latchwork:problem:<code>`), `title`, `status`, a stable `code`,',
    'a `detail` for people, `reason` where a reason code applies, `errors` with a JSON pointer and the fix per field, and',
    'the `requestId` to name to support. 500 is always `internal_error`: a fault of ours, about which nothing more is said.',
    '',
    '| code | status | meaning | answered by |',
    '|---|---|---|---|',
    ...rows,
    '',
    '`reservation_refused` carries one of these reasons:',
    `${reservationReasons.map((it) => `\`${it}\``).join(' · ')}.`,
    '',
  ].join('\n');
};
