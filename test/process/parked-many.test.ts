import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { isSoak } from '../support/sizes.ts';

const size = isSoak ? 1_000_000 : 5_000;
const megabytesMax = 400;
const program = fileURLToPath(new URL('../../bench/scale/run-one.ts', import.meta.url));
const execute = promisify(execFile);

interface Measured {
  readonly rows: readonly { readonly parked: number; readonly signals: number }[];
  readonly findings: readonly { readonly name: string; readonly value: number }[];
}

test(`${size} workflows that wait are opened again and signalled in a process of ${megabytesMax} MB`, { timeout: 1_800_000 }, async () => {
  const flags = ['--conditions=perdure-source', '--import', 'tsx'];
  const { stdout } = await execute(process.execPath, [...flags, program, 'parked-100000', String(size)]);
  const { rows, findings } = JSON.parse(stdout) as Measured;
  expect(rows).toMatchObject([{ parked: size, signals: 200 }]);
  const memory = findings.find(({ name }) => name === 'parked/memory');
  expect(memory?.value).toBeGreaterThan(0);
  expect(memory?.value).toBeLessThan(megabytesMax);
});
