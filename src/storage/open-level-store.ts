/**
 * Opens the store in a directory.
 *
 * 1. Nothing is created in a directory that holds something else, nor over a marker whose database is gone.
 * 2. LevelDB is touched only with a claim (`ownership.ts`), and the claim is given back only when LevelDB is closed.
 * 3. The marker is written when the database is open and its head row is on disk, and read again once LevelDB's lock is
 *    held: from then on nobody else writes it.
 * 4. A database that does not open is moved aside only if there is no marker and it is no larger than an unfinished
 *    creation leaves it. It is kept.
 * 5. Whoever waits asks for LevelDB's lock alone until that is free: the log of an owner that writes much is long.
 * 6. The log of a store that stands is checked before LevelDB, which would leave out what is damaged, replays it.
 */
import { randomUUID } from 'node:crypto';
import { readdir, realpath, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PerdureError, hasErrorCode } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import type { Store } from '../kernel/ports.ts';
import { reasonOf, storeDamaged, storeUnavailable } from './damage.ts';
import type { Database } from './database.ts';
import { databaseOn } from './database.ts';
import { keepPrivate } from './file-modes.ts';
import { isAbsence, makeDirectory, storePaths, syncDirectory, systemCode } from './files.ts';
import { headKey } from './keys.ts';
import { openStoreOn } from './level-store.ts';
import { findLogDamage } from './log-check.ts';
import type { Marker } from './marker.ts';
import { readMarker, storeFormat, writeMarker } from './marker.ts';
import { isOpenElsewhere, openLevel } from './open-level.ts';
import type { Claim } from './ownership.ts';
import { claimOwnership, lockedByAnother } from './ownership.ts';

export interface OpenLevelStoreOptions {
  /** A directory on a local disk; created if it is missing. Nothing but the store may be in it. */
  readonly path: string;
  /** What to do while another has the store open: fail at once (the default), or look again until it is free. */
  readonly onLocked?: 'fail' | 'wait';
  /** Ends the waiting; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** What a store's directory may hold before its marker is written; the rest is somebody else's. */
const ownNames = /^(level|level\.unfinished-.*|owner\.json(\..*)?|perdure\.json\..*|boot\.json(\..*)?|reserve|control\.sock|lost\+found)$/;

/** More than a creation that was cut off leaves behind, less than any store worth the name. */
const unfinishedBytesMax = 65_536;

/**
 * @throws PerdureError `STORE_LOCKED` if another has it open, `STORE_DAMAGED`, `STORE_FORMAT_UNSUPPORTED`, or
 *   `STORE_UNAVAILABLE` if the directory cannot be used
 */
export async function openLevelStore(options: OpenLevelStoreOptions): Promise<Store> {
  const { path, onLocked = 'fail', signal } = options;
  if (typeof path !== 'string' || path === '') throw new TypeError('The path of a store must be a string that is not empty.');
  for (let isWaiting = false; ; isWaiting = true) {
    signal?.throwIfAborted();
    try {
      if (!isWaiting || (await looksFree(path))) return await openOnce(path);
    } catch (error) {
      if (onLocked === 'fail' || !hasErrorCode(error, 'STORE_LOCKED')) throw error;
    }
    // Only the signal can cut it short, and the loop begins with that.
    await sleep(limits.lockPollMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}

/** Invariants 2 and 5. Whatever else is in the way of opening is for opening to say. */
async function looksFree(path: string): Promise<boolean> {
  try {
    const directory = await realpath(path);
    const claim = await claimOwnership(directory);
    try {
      return !(await isOpenElsewhere(storePaths(directory).level));
    } finally {
      await claim.release();
    }
  } catch (error) {
    return !hasErrorCode(error, 'STORE_LOCKED');
  }
}

async function openOnce(path: string): Promise<Store> {
  try {
    await makeDirectory(path);
    const directory = await realpath(path);
    if ((await readMarker(directory)) === undefined) await refuseForeign(directory);
    const claim = await claimOwnership(directory);
    try {
      return await openClaimed(directory, claim);
    } catch (error) {
      await claim.release();
      throw error;
    }
  } catch (error) {
    return refuseUnusable(path, error);
  }
}

/**
 * Whether a store was created in this directory. Makes nothing.
 *
 * @throws PerdureError `STORE_DAMAGED`, or `STORE_UNAVAILABLE` if the directory cannot be looked into
 */
export async function hasStore(path: string): Promise<boolean> {
  try {
    return (await readMarker(path)) !== undefined;
  } catch (error) {
    return refuseUnusable(path, error);
  }
}

function refuseUnusable(path: string, error: unknown): never {
  if (error instanceof PerdureError) throw error;
  throw storeUnavailable(path, `The store at ${path} cannot be opened: ${obstacleOf(error)}.`, error);
}

/** Invariant 1. */
async function refuseForeign(directory: string): Promise<void> {
  const foreign = (await readdir(directory)).find((name) => !ownNames.test(name));
  if (foreign === undefined) return;
  const sentence = `The directory ${directory} holds ${JSON.stringify(foreign)} and no store. Give the store a directory of its own.`;
  throw storeUnavailable(directory, sentence);
}

async function openClaimed(directory: string, claim: Claim): Promise<Store> {
  const level = await openDatabase(directory);
  let stopWatching = (): Promise<void> => Promise.resolve();
  try {
    stopWatching = await keepPrivate(storePaths(directory).level);
    const marker = (await readMarker(directory)) ?? (await createStore(directory, level));
    // Invariant 2: both go together, in this order.
    const close = async (): Promise<void> => {
      await closeClaimed(level, claim, stopWatching);
      await claim.release();
    };
    const store = await openStoreOn({ ...level, close }, { location: directory, storeId: marker.storeId, createIfEmpty: false });
    await claim.confirm();
    return store;
  } catch (error) {
    await closeClaimed(level, claim, stopWatching);
    throw error;
  }
}

async function closeClaimed(level: Database, claim: Claim, stopWatching: () => Promise<void>): Promise<void> {
  try {
    await claim.withdraw();
  } finally {
    try {
      await level.close();
    } finally {
      // Until it is closed LevelDB may make files.
      await stopWatching();
    }
  }
}

async function openDatabase(directory: string): Promise<Database> {
  const path = storePaths(directory).level;
  const isNew = (await readMarker(directory)) === undefined;
  if (isNew) {
    await makeDirectory(path);
  } else if (!(await isFile(join(path, 'CURRENT')))) {
    // LevelDB would make a new, empty database.
    throw storeDamaged(directory, 'its database, or the file level/CURRENT in it, is missing');
  } else {
    const damage = await findLogDamage(path);
    if (damage !== undefined) throw storeDamaged(directory, damage);
  }
  let opened = await openLevel(path, isNew);
  if (opened.kind === 'damaged' && isNew && (await moveUnfinishedAside(directory))) {
    await makeDirectory(path);
    opened = await openLevel(path, true);
  }
  switch (opened.kind) {
    case 'open':
      return { ...databaseOn(opened.level), compact: async ({ from, to }) => opened.compactRange(from, to) };
    case 'locked':
      throw await lockedByAnother(directory);
    case 'unavailable':
      throw opened.cause;
    case 'damaged':
      throw storeDamaged(directory, `its database does not open: ${reasonOf(opened.cause)}`, opened.cause);
  }
}

/** Invariant 4. True if it was moved. */
async function moveUnfinishedAside(directory: string): Promise<boolean> {
  const path = storePaths(directory).level;
  const sizes = await Promise.all((await readdir(path)).map(async (name) => (await stat(join(path, name))).size));
  if (sizes.reduce((sum, size) => sum + size, 0) > unfinishedBytesMax) return false;
  // Another process may have come to the same conclusion, and be done.
  if ((await readMarker(directory)) !== undefined) return false;
  await rename(path, `${path}.unfinished-${randomUUID()}`);
  return true;
}

/** Makes an open database a store. A creation that was cut off may have left its head row, but nothing else. */
async function createStore(directory: string, level: Database): Promise<Marker> {
  const keys = await level.keys({ from: Uint8Array.of(0), to: Uint8Array.of(0xff), limit: 2 });
  if (keys.some((key) => !Buffer.from(key).equals(headKey))) {
    throw storeDamaged(directory, 'it has records, but its perdure.json, which says which store they belong to, is missing');
  }
  const marker: Marker = { storeId: randomUUID(), format: storeFormat, epoch: 1 };
  await level.write([{ kind: 'delete', key: headKey }]);
  await openStoreOn(level, { location: directory, storeId: marker.storeId });
  await syncDirectory(storePaths(directory).level);
  await syncDirectory(directory);
  await writeMarker(directory, marker);
  return marker;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

function obstacleOf(error: unknown): string {
  switch (systemCode(error)) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'it is, or lies below, something that is not a directory; choose another path';
    case 'EACCES':
    case 'EPERM':
      return `this user may not write there (${reasonOf(error)}); change the permissions, or choose another path`;
    case 'EROFS':
      return 'the file system is read-only; choose another path';
    case 'ENOSPC':
      return 'the disk is full; free some space';
    default:
      return `${reasonOf(error)}; look at the directory, then try again`;
  }
}
