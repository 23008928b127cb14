/** Directories that are gone after the test that asked for them. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { onTestFinished } from 'vitest';

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * What a power cut leaves of a store: its files, without the locks and names of those who had it open. Reading LOCK would
 * release it. What is written to be renamed (`boot.json.<uuid>`) may be gone before it is copied.
 */
export async function copyStore(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: (path) => !/^(LOCK|owner\.json|.*\.json\..+)$/.test(basename(path)) });
}
