/**
 * LevelDB makes its files readable to all and takes no say in it. The directory they lie in is closed to others; the files
 * themselves are restricted, too, those that are there and, soon after they came, those that come, so that a copy of them is no more
 * readable. They are looked for from time to time: a watched directory would wake the process at every single write.
 */
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../kernel/limits.ts';
import { directoryMode, fileMode, systemCode } from './files.ts';

/** Restricts a directory and its files, and files that appear until the answer is called; it looks a last time then. */
export async function keepPrivate(directory: string): Promise<() => Promise<void>> {
  await unlessRefused(chmod(directory, directoryMode));
  let restricted = await restrictFiles(directory, new Set());
  let isLooking = false;
  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    restricted = await restrictFiles(directory, restricted);
    isLooking = false;
  };
  const timer = setInterval(() => void look(), limits.fileModesCheckMs).unref();
  return async () => {
    clearInterval(timer);
    await restrictFiles(directory, restricted);
  };
}

/** Whoever asks for the lock of the database makes it a new one. */
const renewed = 'LOG';

/** @returns the names of the files that are there now */
async function restrictFiles(directory: string, restricted: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const names = (await unlessRefused(readdir(directory))) ?? [];
  const fresh = names.filter((name) => name === renewed || !restricted.has(name));
  await Promise.all(fresh.map((name) => unlessRefused(chmod(join(directory, name), fileMode))));
  return new Set(names);
}

/** The file may be gone, or its mode not this user's to set, on a file system without modes for example. */
async function unlessRefused<Result>(asked: Promise<Result>): Promise<Result | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
