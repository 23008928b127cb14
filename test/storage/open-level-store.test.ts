import { chmod, chown, copyFile, mkdir, readFile, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { PerdureErrorCode } from '../../src/kernel/errors.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { readMarker } from '../../src/storage/marker.ts';
import { openLevelStore } from '../../src/storage/open-level-store.ts';
import { copyStore, temporaryFolder } from './folders.ts';
import { openInProcess } from './others.ts';
import { sampleBatch, sampleCommit } from './samples.ts';

const has =
  (code: PerdureErrorCode) =>
  (error: unknown): boolean =>
    hasErrorCode(error, code);
const address = sampleCommit(1).record.address;

/** A closed store of one commit. */
async function createdStore(): Promise<string> {
  const path = join(await temporaryFolder(), 'store');
  const store = await openLevelStore({ path });
  await store.write(sampleBatch(1, [sampleCommit(1)]));
  await store.close();
  return path;
}

async function expectUsable(path: string, lastCommit: number): Promise<void> {
  const store = await openLevelStore({ path });
  expect(store.lastCommit).toBe(lastCommit);
  await store.write(sampleBatch(lastCommit + 1, [sampleCommit(lastCommit + 1)]));
  await store.close();
  const again = await openLevelStore({ path });
  expect((await again.readTree(address))?.root.record.sequence).toBe(lastCommit + 1);
  await again.close();
}

describe('a new store', () => {
  test('is made where there was nothing, with what is missing above it, for its user alone', async () => {
    const path = join(await temporaryFolder(), 'a', 'b', 'store');
    const store = await openLevelStore({ path });
    const mode = async (name: string): Promise<string> => ((await stat(join(path, name))).mode & 0o777).toString(8);
    expect(await mode('.')).toBe('700');
    expect(await mode('level')).toBe('700');
    expect(await mode('perdure.json')).toBe('600');
    expect(await mode('owner.json')).toBe('600');
    await store.close();
    const again = await openLevelStore({ path });
    const marker: unknown = JSON.parse(await readFile(join(path, 'perdure.json'), 'utf8'));
    expect(marker).toEqual({ storeId: expect.stringMatching(/^[0-9a-f-]{36}$/), format: 1, epoch: 1 });
    await again.close();
    await expectUsable(path, 0);
  });

  test('restricts the files it finds', async () => {
    const path = await createdStore();
    const level = join(path, 'level');
    const before = (await readdir(level)).filter((name) => name !== 'LOG');
    await chmod(level, 0o755);
    const store = await openLevelStore({ path });
    for (const name of await readdir(level)) {
      if (before.includes(name)) expect((await stat(join(level, name))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(level)).mode & 0o777).toBe(0o700);
    await store.close();
  });

  test('restricts the files that LevelDB makes while it is open', async () => {
    const path = await temporaryFolder();
    const store = await openLevelStore({ path });
    const level = join(path, 'level');
    const open = async (): Promise<string[]> => {
      const names = await readdir(level);
      const modes = await Promise.all(names.map(async (name) => (await stat(join(level, name))).mode & 0o777));
      return names.filter((_, index) => modes[index] !== 0o600);
    };
    await writeFile(join(level, 'made-later.ldb'), '', { mode: 0o644 });
    await vi.waitFor(async () => expect(await open()).toEqual([]), { timeout: 20_000 });
    await store.close();
  });

  test('restricts when it is closed what came last', async () => {
    const path = await temporaryFolder();
    const store = await openLevelStore({ path });
    const last = join(path, 'level', 'made-last.ldb');
    await writeFile(last, '', { mode: 0o644 });
    await store.close();
    expect((await stat(last)).mode & 0o777).toBe(0o600);
  });

  test('may share its directory with nothing else', async () => {
    const path = await temporaryFolder();
    await writeFile(join(path, 'notes.txt'), 'mine');
    await expect(openLevelStore({ path })).rejects.toThrow(
      `The directory ${path} holds "notes.txt" and no store. Give the store a directory of its own.`,
    );
    expect(await readdir(path)).toEqual(['notes.txt']);
  });

  test('is known by its marker, whatever was put beside it later', async () => {
    const path = await createdStore();
    await writeFile(join(path, 'notes.txt'), 'mine');
    await expectUsable(path, 1);
  });
});

describe('a path that cannot hold a store gives one clear sentence', () => {
  test('a file', async () => {
    const path = join(await temporaryFolder(), 'file');
    await writeFile(path, '');
    for (const place of [path, join(path, 'below')]) {
      await expect(openLevelStore({ path: place })).rejects.toThrow(
        `The store at ${place} cannot be opened: it is, or lies below, something that is not a directory; choose another path.`,
      );
    }
  });

  test('a link to nothing', async () => {
    const path = join(await temporaryFolder(), 'link');
    await symlink('/nowhere/at/all', path);
    await expect(openLevelStore({ path })).rejects.toSatisfy(has('STORE_UNAVAILABLE'));
  });

  test('an empty path', async () => {
    await expect(openLevelStore({ path: '' })).rejects.toThrow(TypeError);
  });

  test.skipIf(process.platform === 'win32')('a directory this user may not write to, in which nothing is made', async () => {
    const isRoot = process.getuid?.() === 0;
    const path = await temporaryFolder();
    await chmod(path, 0o555);
    // Root may write anywhere, so another user tries.
    const nobody = isRoot ? 65_534 : undefined;
    for (const place of [path, join(path, 'below')]) {
      const other = await openInProcess(place, nobody);
      expect(other.opened.code).toBe('STORE_UNAVAILABLE');
      expect(other.opened.message).toContain('cannot be opened: this user may not write there (EACCES: permission denied');
      await other.close();
    }
    expect(await readdir(path)).toEqual([]);
    await chmod(path, 0o700);
  });

  test.skipIf(process.getuid?.() !== 0)('a database of another user', async () => {
    const path = await createdStore();
    await chmod(join(path, '..'), 0o755);
    await chmod(path, 0o777);
    await chown(path, 65_534, 65_534);
    await chown(join(path, 'perdure.json'), 65_534, 65_534);
    const other = await openInProcess(path, 65_534);
    expect(other.opened.code).toBe('STORE_UNAVAILABLE');
    await other.close();
    await expectUsable(path, 1);
  });
});

describe('a store whose marker stands is never created anew', () => {
  test.each<[string, (level: string) => Promise<void>]>([
    ['CURRENT is gone', (level) => rm(join(level, 'CURRENT'))],
    ['the database is gone', (level) => rm(level, { recursive: true })],
    [
      'the database is empty',
      async (level) => {
        await rm(level, { recursive: true });
        await mkdir(level);
      },
    ],
    [
      'the manifest is zeroed',
      async (level) => {
        for (const name of await readdir(level)) if (name.startsWith('MANIFEST')) await writeFile(join(level, name), Buffer.alloc(200));
      },
    ],
    [
      'the manifest is gone',
      async (level) => {
        for (const name of await readdir(level)) if (name.startsWith('MANIFEST')) await rm(join(level, name));
      },
    ],
    ['CURRENT is empty', (level) => writeFile(join(level, 'CURRENT'), '')],
    [
      'the log is gone',
      async (level) => {
        for (const name of await readdir(level)) if (name.endsWith('.log')) await rm(join(level, name));
      },
    ],
  ])('%s', async (_what, harm) => {
    const path = await createdStore();
    const level = join(path, 'level');
    await harm(level);
    const before = await readdir(level).catch(() => 'gone');
    await expect(openLevelStore({ path })).rejects.toSatisfy(has('STORE_DAMAGED'));
    await expect(openLevelStore({ path })).rejects.toThrow(/restore the whole directory from a backup/);
    const after = await readdir(level).catch(() => 'gone');
    expect(after === 'gone' || after.length === 0).toBe(before === 'gone' || before.length === 0);
  });

  test('its database is replaced by that of another store', async () => {
    const path = await createdStore();
    const other = await createdStore();
    await rm(join(path, 'level'), { recursive: true });
    await copyStore(join(other, 'level'), join(path, 'level'));
    await expect(openLevelStore({ path })).rejects.toThrow('belongs to another store');
  });
});

describe('a marker', () => {
  test('is not where there is no directory, or a file in its place', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), '');
    expect(await readMarker(join(folder, 'file'))).toBeUndefined();
    expect(await readMarker(join(folder, 'nothing'))).toBeUndefined();
  });

  test('of a newer format is refused and left alone', async () => {
    const path = await createdStore();
    const text = JSON.stringify({ format: 2, id: { of: 'another shape' } });
    await writeFile(join(path, 'perdure.json'), text);
    await expect(openLevelStore({ path })).rejects.toSatisfy(has('STORE_FORMAT_UNSUPPORTED'));
    await expect(openLevelStore({ path })).rejects.toThrow('has format 2; this version of Perdure reads up to 1');
    expect(await readFile(join(path, 'perdure.json'), 'utf8')).toBe(text);
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"format":1,"epoch":1}',
    '{"storeId":"a","format":"1","epoch":1}',
    '{"storeId":"","format":1,"epoch":1}',
  ])('that reads %j is damage', async (text) => {
    const path = await createdStore();
    await writeFile(join(path, 'perdure.json'), text);
    await expect(openLevelStore({ path })).rejects.toSatisfy(has('STORE_DAMAGED'));
  });

  test('that is missing beside records is damage, not a reason to start over', async () => {
    const path = await createdStore();
    const marker = await readFile(join(path, 'perdure.json'), 'utf8');
    await rm(join(path, 'perdure.json'));
    await expect(openLevelStore({ path })).rejects.toThrow('its perdure.json, which says which store they belong to, is missing');
    await writeFile(join(path, 'perdure.json'), marker);
    await expectUsable(path, 1);
  });

  test('that is missing beside a large database that does not open is damage, too', async () => {
    const path = await createdStore();
    await rm(join(path, 'perdure.json'));
    await writeFile(join(path, 'level', '000099.ldb'), Buffer.alloc(100_000));
    await writeFile(join(path, 'level', 'CURRENT'), '');
    await expect(openLevelStore({ path })).rejects.toSatisfy(has('STORE_DAMAGED'));
    expect(await readdir(path)).toEqual(['level']);
  });
});

describe('a power cut during the first open heals by itself', () => {
  /** The files of a store that was just created, by name, without the marker. */
  async function freshFiles(): Promise<{ readonly level: string; readonly names: readonly string[] }> {
    const path = join(await temporaryFolder(), 'store');
    const store = await openLevelStore({ path });
    const copy = join(await temporaryFolder(), 'copy');
    await copyStore(path, copy);
    await store.close();
    const level = join(copy, 'level');
    return { level, names: await readdir(level) };
  }

  /** A store's directory as the cut left it. */
  async function image(level: string, names: readonly string[], cut?: { readonly name: string; readonly length: number }): Promise<string> {
    const path = join(await temporaryFolder(), 'image');
    await mkdir(join(path, 'level'), { recursive: true });
    for (const name of names) await copyFile(join(level, name), join(path, 'level', name));
    if (cut !== undefined) await truncate(join(path, 'level', cut.name), cut.length);
    return path;
  }

  test('with any of the files there or not', async () => {
    const { level, names } = await freshFiles();
    expect(names.length).toBeGreaterThanOrEqual(4);
    for (let chosen = 0; chosen < 2 ** names.length; chosen += 1) {
      const path = await image(
        level,
        names.filter((_name, index) => (chosen >> index) % 2 === 1),
      );
      await expectUsable(path, 0);
    }
  }, 60_000);

  test('with any file cut at any length', async () => {
    const { level, names } = await freshFiles();
    for (const name of names.filter((file) => !file.startsWith('LOG'))) {
      const { size } = await stat(join(level, name));
      for (let length = 0; length < size; length += 1) await expectUsable(await image(level, names, { name, length }), 0);
    }
  }, 60_000);

  test('with any file zeroed, and again during the next attempt', async () => {
    const { level, names } = await freshFiles();
    for (const name of names) {
      const path = await image(level, names);
      await writeFile(join(path, 'level', name), Buffer.alloc(60));
      const unmarked = await openLevelStore({ path });
      await unmarked.close();
      await rm(join(path, 'perdure.json'));
      await writeFile(join(path, 'perdure.json.0000'), '{"sto');
      await writeFile(join(path, 'level', 'CURRENT'), '\0\0\0\0');
      await expectUsable(path, 0);
    }
  });
});
