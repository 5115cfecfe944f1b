import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { HealthFacts } from '../domain/health.ts';
import { epochMs, type Instant, InstantText } from '../domain/time.ts';
import { compartmentsFrom, isDoor, parseBank } from './banks.ts';
import { presenceFrom } from './presence.ts';
import { keys, ranges } from './rows.ts';
import type { Table } from './table.ts';

const OutageRow = z.object({
  door: field.textOrNull,
  reason: field.text,
  startedAt: InstantText,
  endedAt: InstantText,
});

/** Rows of a bank that are read at the most: some 1,000 outages beside 120 doors and those who wait for one. */
const rowsMax = 1_200;

/** All of it in one query. What outages there are beyond the newest is said by `completeFrom`. */
export const readBankHealth = async (
  table: Table,
  tenant: string,
  bankId: string,
  from: Instant,
): Promise<HealthFacts | null> => {
  const { rows, next } = await table.query(ranges.bankHealth(bankId, epochMs(from)), { limit: rowsMax });
  const [first, ...others] = rows;
  if (first === undefined || first.SK !== 'B') return null;
  const bank = parseBank(first);
  if (bank.tenant !== tenant) return null;
  const outages = others.filter(({ SK }) => String(SK).startsWith('F#')).map((row) => OutageRow.parse(row));
  return {
    bank,
    presence: presenceFrom(others.find(({ SK }) => SK === keys.connectivity(bankId).SK)),
    compartments: compartmentsFrom(bank, others.filter(isDoor)),
    outages,
    completeFrom: next === null ? from : (outages.at(-1)?.endedAt ?? from),
  };
};
