import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { forgetStreamPositions } from '../../local/stream-positions.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'latchwork-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('forgets how far the stream mappings had read and nothing else', () => {
  const state = {
    __ministack_format__: 2,
    payload: {
      functions: { __account_region_scoped__: true, data: { f: { code: 1 } } },
      dynamodb_stream_positions: { __account_region_scoped__: true, data: { mapping: 12 } },
    },
  };
  writeFileSync(join(dir, 'lambda.json'), JSON.stringify(state));

  forgetStreamPositions(dir);

  expect(JSON.parse(readFileSync(join(dir, 'lambda.json'), 'utf8'))).toEqual({
    ...state,
    payload: { ...state.payload, dynamodb_stream_positions: { __account_region_scoped__: true, data: {} } },
  });
});

it('has nothing to do before the engine ever ran', () => {
  expect(() => forgetStreamPositions(dir)).not.toThrow();
});
