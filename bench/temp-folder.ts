/** Where stores are made while measuring: below one folder, which goes when the process ends, however it ends. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = mkdtempSync(join(tmpdir(), 'perdure-bench-'));

process.once('exit', removeAll);

/** LevelDB's own threads may be writing below it: `rmSync` does not look again for what is new, so that it is asked anew. */
function removeAll(): void {
  for (let tries = 1; existsSync(root); tries += 1) {
    try {
      rmSync(root, { recursive: true, force: true });
    } catch (error) {
      if (tries === 100) throw error;
    }
  }
}

export function newFolder(): string {
  return mkdtempSync(join(root, 'store-'));
}

/** Earlier than the end of the process: what is measured next should have the disk to itself. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
