import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../storage/folders.ts';
import { isSoak } from '../support/sizes.ts';

const size = isSoak ? 1_000_000 : 20_000;
/** With TypeScript being loaded. */
const megabytesMax = 400;
const program = fileURLToPath(new URL('./counted-items.ts', import.meta.url));
const execute = promisify(execFile);

test(`a fan-out of ${size} items from a source fits a process of ${megabytesMax} MB`, { timeout: 900_000 }, async () => {
  const path = join(await temporaryFolder(), 'store');
  const flags = ['--conditions=perdure-source', '--import', 'tsx'];
  const { stdout } = await execute(process.execPath, [...flags, program, path, String(size)]);
  const { succeeded, maxMegabytes } = JSON.parse(stdout) as { readonly succeeded: number; readonly maxMegabytes: number };
  expect(succeeded).toBe(size);
  expect(maxMegabytes).toBeLessThan(megabytesMax);
});
