import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Reserve } from '../../src/storage/reserve.ts';
import { temporaryFolder } from './folders.ts';

const bytes = 3 * 1_048_576 + 17;

test('a reserve holds room that no file system can leave out, for its owner only', async () => {
  const folder = await temporaryFolder();
  expect(await new Reserve(folder, bytes).keep()).toBe(true);
  const content = await readFile(join(folder, 'reserve'));
  expect(content).toHaveLength(bytes);
  expect(gzipSync(content).length).toBeGreaterThan(bytes);
  expect((await stat(join(folder, 'reserve'))).mode & 0o777).toBe(0o600);
});

test('one that is there is left as it is, one that was cut off is written anew', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'reserve');
  const reserve = new Reserve(folder, bytes);
  await writeFile(path, Buffer.alloc(bytes, 'x'));
  expect(await reserve.keep()).toBe(true);
  expect((await readFile(path, 'utf8')).startsWith('xxx')).toBe(true);
  await writeFile(path, Buffer.alloc(bytes - 1, 'x'));
  expect(await reserve.keep()).toBe(true);
  expect((await stat(path)).size).toBe(bytes);
});

test('released it is gone, and can be kept again', async () => {
  const folder = await temporaryFolder();
  const reserve = new Reserve(folder, bytes);
  await reserve.keep();
  await reserve.release();
  expect(await readdir(folder)).toEqual([]);
  await reserve.release();
  expect(await reserve.keep()).toBe(true);
  expect(await readdir(folder)).toEqual(['reserve']);
});

test('stopped while it is written, it leaves nothing behind', async () => {
  const folder = await temporaryFolder();
  const reserve = new Reserve(folder, 64 * 1_048_576);
  const keeping = reserve.keep();
  await reserve.stop();
  expect(await keeping).toBe(false);
  expect(await readdir(folder)).toEqual([]);
});

test('where it cannot be written there is none, and nobody is thrown at', async () => {
  const folder = await temporaryFolder();
  expect(await new Reserve(join(folder, 'not', 'there'), bytes).keep()).toBe(false);
});
