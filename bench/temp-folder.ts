/** Where stores are made while measuring: below one folder, which goes when the process ends, however it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = mkdtempSync(join(tmpdir(), 'perdure-bench-'));

// LevelDB's own threads may be writing below it.
process.once('exit', () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

export function newFolder(): string {
  return mkdtempSync(join(root, 'store-'));
}

/** Earlier than the end of the process: what is measured next should have the disk to itself. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
