/**
 * LevelDB makes its files readable to all and takes no say in it. The directory they lie in is closed to others; the files
 * themselves are restricted, too, those that are there and those that come, so that a copy of them is no more readable.
 */
import { watch } from 'node:fs';
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { directoryMode, fileMode, systemCode } from './files.ts';

/** Restricts a directory and its files, and every file that appears until the answer is called. */
export async function keepPrivate(directory: string): Promise<() => void> {
  await restrictMode(directory, directoryMode);
  // Watched first, so that no file falls between the two.
  const stop = watchFor(directory, (name) => void restrictMode(join(directory, name), fileMode));
  const names = await readdir(directory);
  await Promise.all(names.map(async (name) => restrictMode(join(directory, name), fileMode)));
  return stop;
}

/** Where files cannot be watched, the directory's own mode has to do. */
function watchFor(directory: string, onFile: (name: string) => void): () => void {
  try {
    const watcher = watch(directory, { persistent: false }, (event, name) => {
      // A file that came or went; `change` is every write to one, and every change of its mode.
      if (event === 'rename' && name !== null) onFile(name);
    });
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => undefined;
  }
}

/** Never rejects: the file may be gone, or its mode not this user's to set, on a file system without modes for example. */
async function restrictMode(path: string, mode: number): Promise<void> {
  try {
    await chmod(path, mode);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}
