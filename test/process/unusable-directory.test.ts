import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../storage/folders.ts';
import type { EntryOf } from './outside-ledger.ts';
import { newPlace } from './places.ts';
import { startWorkload } from './workload-process.ts';

/** Root may write anywhere, so another user tries. */
const writer = process.getuid?.() === 0 ? 65_534 : undefined;

/** Tries to work on a store there: the program has to end with exit code 1 after one clear refusal. */
async function refusalAt(path: string, uid?: number): Promise<EntryOf<'refused'>> {
  const folder = await temporaryFolder();
  await chmod(folder, 0o777);
  const program = startWorkload({ kind: 'deliver', path, ledger: join(folder, 'ledger'), first: 1, atOnce: 1 }, uid);
  const refused = await program.hears('refused');
  expect(await program.ended).toEqual({ code: 1, signal: null, stderr: '' });
  expect(refused.message.split('\n')).toHaveLength(1);
  return refused;
}

test('a program whose store would be where a file is ends with one clear error, and the file is as it was', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'file');
  await writeFile(path, 'mine');
  for (const place of [path, join(path, 'below')]) {
    expect(await refusalAt(place)).toEqual({
      kind: 'refused',
      code: 'STORE_UNAVAILABLE',
      message: `The store at ${place} cannot be opened: it is, or lies below, something that is not a directory; choose another path.`,
    });
  }
  expect(await readdir(folder)).toEqual(['file']);
  expect(await readFile(path, 'utf8')).toBe('mine');
});

test.skipIf(process.platform === 'win32')(
  'a program that may not write where its store would be ends with one clear error, and nothing is made',
  async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o555);
    for (const place of [folder, join(folder, 'below')]) {
      const { code, message } = await refusalAt(place, writer);
      expect(code).toBe('STORE_UNAVAILABLE');
      expect(message).toContain(`The store at ${place} cannot be opened: this user may not write there (EACCES: permission denied`);
    }
    expect(await readdir(folder)).toEqual([]);
    await chmod(folder, 0o700);
  },
);

test.skipIf(process.platform === 'win32')(
  'a program that may only read a store ends with one clear error, and the store is as it was',
  async () => {
    const place = await newPlace();
    expect(await startWorkload({ kind: 'deliver', ...place, first: 1, last: 1, atOnce: 1 }).ended).toMatchObject({ code: 0 });
    const before = await readdir(place.path);
    await chmod(join(place.path, '..'), 0o755);
    await chmod(place.path, 0o555);
    const { code, message } = await refusalAt(place.path, writer);
    expect(code).toBe('STORE_UNAVAILABLE');
    expect(message).toContain('this user may not write there');
    expect(await readdir(place.path)).toEqual(before);
    await chmod(place.path, 0o700);
    expect(await startWorkload({ kind: 'deliver', ...place, first: 1, last: 2, atOnce: 1 }).ended).toMatchObject({ code: 0 });
  },
);
