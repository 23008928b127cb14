/** Opening LevelDB itself, and telling apart why it would not open. */
import { Level } from 'level';
import type { LevelDatabase } from './database.ts';
import { reasonOf } from './damage.ts';

const mebibyte = 1024 * 1024;

/**
 * - `writeBufferSize`, `maxFileSize`: larger than the defaults, with which a sustained load waits for compaction at every flush.
 *   The price is a log as large as the write buffer, which is read when the store is opened after a crash and needs as much free
 *   space then.
 * - `cacheSize`: larger than the default, for the prefix scans that every rehydrated actor needs.
 */
const levelOptions = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  writeBufferSize: 32 * mebibyte,
  maxFileSize: 16 * mebibyte,
  cacheSize: 64 * mebibyte,
} as const;

/** Has LevelDB write a range anew, without what was deleted in it; in a thread of its own. */
type CompactRange = (from: Uint8Array, to: Uint8Array) => Promise<void>;

export type OpenedLevel =
  | { readonly kind: 'open'; readonly level: LevelDatabase; readonly compactRange: CompactRange }
  /** Another process has it. */
  | { readonly kind: 'locked' }
  /** The surroundings do not allow it: permissions, space, a file system without locks. Says nothing of the data. */
  | { readonly kind: 'unavailable'; readonly cause: unknown }
  | { readonly kind: 'damaged'; readonly cause: unknown };

export async function openLevel(path: string, createIfMissing: boolean): Promise<OpenedLevel> {
  const level = new Level<Uint8Array, Uint8Array>(path, { ...levelOptions, createIfMissing });
  try {
    await level.open();
    // Typed as what `level` is in every environment; here it is LevelDB.
    const { compactRange } = level as typeof level & { readonly compactRange: CompactRange };
    return { kind: 'open', level, compactRange: compactRange.bind(level) };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (surroundings.test(reasonOf(cause))) return { kind: 'unavailable', cause };
    return isLocked(cause) ? { kind: 'locked' } : { kind: 'damaged', cause };
  }
}

/**
 * Whether another process has a database open. Reads and changes nothing of it: LevelDB is told to open none that exists, and none
 * that does not, which it finds out when it has the lock, and then lets go of it.
 */
export async function isOpenElsewhere(path: string): Promise<boolean> {
  const level = new Level(path, { createIfMissing: false, errorIfExists: true });
  try {
    await level.open();
    return false;
  } catch (error) {
    return isLocked(error instanceof Error ? error.cause : undefined);
  } finally {
    await level.close();
  }
}

function isLocked(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED' && !surroundings.test(reasonOf(cause));
}

/** LevelDB gives one code for all of these; the operating system's own words are what is left of the difference. */
const surroundings =
  /No space left|quota exceeded|Permission denied|Operation not permitted|Read-only file system|Too many open files|No locks available|not supported|Cannot allocate memory/i;
