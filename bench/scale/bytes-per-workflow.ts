import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { openRuntime } from 'perdure';
import type { Measured, Row } from '../finding.ts';
import { figure } from '../finding.ts';
import { durableJob } from '../five-steps.ts';
import { newFolder, removeFolder } from '../temp-folder.ts';
import type { ScaleOptions } from './scale-measure.ts';
import { confirm, inLanes } from './scale-measure.ts';

const inFlight = 100;

/** Before any key and after all. */
const [first, last] = [Uint8Array.of(0), Uint8Array.of(255)];

interface Compactable {
  readonly compactRange: (from: Uint8Array, to: Uint8Array) => Promise<void>;
}

/**
 * Runs them to their ends, and looks at the database as it is when the store was closed, the log included, and after compaction, which
 * LevelDB comes to by itself in a store that goes on. The room that a store lays by (`reserve`) is none of it.
 */
export async function bytesPerWorkflow({ size, isVerbose }: ScaleOptions): Promise<Measured> {
  const path = newFolder();
  const runtime = await openRuntime({ path, machines: [durableJob] });
  await inLanes(size, inFlight, async (n) => {
    // The padding of these jobs is compressed to nothing; what merchants are called is not.
    const merchant = randomBytes(60).toString('base64');
    const handle = await runtime.start(durableJob, { id: `job-${n}`, input: { merchant } });
    const output = (await handle.result()) as { readonly sum: number };
    confirm(output.sum === 20, `job-${n} ended with ${JSON.stringify(output)}.`);
  });
  const { value } = await runtime.count({ status: 'completed' });
  confirm(value === size, `Of ${size} workflows ${value} completed.`);
  await runtime.close();
  const closed = await bytesBelow(join(path, 'level'));
  const spaces = await compact(join(path, 'level'));
  const compacted = await bytesBelow(join(path, 'level'));
  removeFolder(path);
  const better = 'lower';
  const unit = 'B';
  const notes = [...spaces].map(([space, bytes]): Row => ({ note: `${space} ${(bytes / size).toFixed(0)} B uncompressed` }));
  return {
    rows: [
      { completed: size, 'B of keys and values': [...spaces.values()].reduce((sum, bytes) => sum + bytes, 0) / size },
      ...(isVerbose ? notes : []),
    ],
    findings: [
      figure({ name: 'bytes/closed', meaning: 'on disk a workflow, as closed: log and all', better, unit }, [closed / size]),
      figure({ name: 'bytes/compacted', meaning: 'after compaction (aim: 1,500)', better, unit, target: 3_300 }, [compacted / size]),
    ],
  };
}

/** @returns bytes of keys and values by the letter of their space */
async function compact(path: string): Promise<Map<string, number>> {
  const level = new Level<Uint8Array, Uint8Array>(path, { keyEncoding: 'view', valueEncoding: 'view', createIfMissing: false });
  await level.open();
  // The types are those of a browser's, too, which cannot be told to.
  await (level as unknown as Compactable).compactRange(first, last);
  const spaces = new Map<string, number>();
  for await (const [key, value] of level.iterator()) {
    const space = String.fromCharCode(key[0] ?? 0);
    spaces.set(space, (spaces.get(space) ?? 0) + key.length + value.length);
  }
  await level.close();
  return spaces;
}

async function bytesBelow(path: string): Promise<number> {
  const sizes = await Promise.all((await readdir(path)).map(async (name) => (await stat(join(path, name))).size));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
