/**
 * Who may open a store. Between processes LevelDB's lock decides; a refused attempt of another process harms nothing. A second
 * attempt within the process that holds it makes the operating system drop the lock, and the next process gets in. So:
 *
 * 1. LevelDB is not touched while this process, in any of its threads, has the store open or is opening it.
 * 2. Within a thread (and across copies of this library) the registry on `globalThis` says so, by real path.
 * 3. Across threads, `owner.json` says who has it open, and a file beside it, named after the process, who is opening or closing
 *    it: creating that file succeeds for one thread only. Both name the process by id and start, which all its threads share and
 *    no other process ever has. One of the two is there from before LevelDB is touched until it is closed.
 * 4. `owner.json` is written and taken away by whoever has LevelDB's lock. A file of invariant 3 is taken away by its own thread
 *    alone, as long as that may live.
 * 5. No one judges whether another process is alive. If this one was not named, LevelDB is asked.
 */
import { hostname } from 'node:os';
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PerdureError } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import { fileMode, isAbsence, readTextIfPresent, storePaths, systemCode } from './files.ts';

interface Owner {
  readonly pid: number;
  /** Equal in all threads of a process. */
  readonly processStartedAtMs: number;
  readonly host: string;
}

/** A place in line that only this thread of this process has. */
export interface Claim {
  /** Says to everyone that this process has the store open. Call it when LevelDB let it in. */
  confirm(): Promise<void>;
  /** Takes that back, if it was said. Call it before LevelDB is closed: the next process writes its own name as soon as it is. */
  withdraw(): Promise<void>;
  /** Gives the store back. Call it when LevelDB is closed, or did not open. */
  release(): Promise<void>;
}

const registryKey: unique symbol = Symbol.for('perdure.stores');
const openingPrefix = 'owner.json.';

/**
 * Claims a directory for this thread before LevelDB is touched.
 *
 * @param directory a real path
 * @throws PerdureError `STORE_LOCKED` if this process has the store open already, or is opening it
 */
export async function claimOwnership(directory: string): Promise<Claim> {
  const registry = storeRegistry();
  const self = thisProcess();
  if (registry.has(directory)) throw storeLocked(directory, `this process (${describeOwner(self)})`);
  registry.set(directory, self);
  const opening = join(directory, `${openingPrefix}${self.pid}-${self.processStartedAtMs}`);
  try {
    await createOpeningFile(directory, opening, self);
    if (isSameProcess(await readOwner(directory), self)) {
      await rm(opening, { force: true });
      throw storeLocked(directory, `another thread of this process (${describeOwner(self)})`);
    }
  } catch (error) {
    registry.delete(directory);
    throw error;
  }
  const { owner } = storePaths(directory);
  return {
    async confirm() {
      await rename(opening, owner);
      await removeForgotten(directory);
    },
    async withdraw() {
      if (isSameProcess(await readOwner(directory), self)) await rename(owner, opening);
    },
    async release() {
      try {
        await rm(opening, { force: true });
      } finally {
        registry.delete(directory);
      }
    },
  };
}

/** What to throw when LevelDB says that another process has the store: names it by what it wrote of itself. */
export async function lockedByAnother(directory: string): Promise<PerdureError<'STORE_LOCKED'>> {
  const owner = await readOwner(directory);
  return storeLocked(directory, owner === undefined ? 'another process' : describeOwner(owner));
}

function storeLocked(directory: string, holder: string): PerdureError<'STORE_LOCKED'> {
  const sentence = `The store at ${directory} is in use by ${holder}. Close it there, wait for it with onLocked: 'wait', or open another path.`;
  return new PerdureError('STORE_LOCKED', sentence, { path: directory, holder });
}

function storeRegistry(): Map<string, Owner> {
  const place = globalThis as { [registryKey]?: Map<string, Owner> };
  place[registryKey] ??= new Map();
  return place[registryKey];
}

function thisProcess(): Owner {
  return { pid: process.pid, processStartedAtMs: performance.timeOrigin, host: hostname() };
}

function isSameProcess(owner: Owner | undefined, self: Owner): boolean {
  return owner !== undefined && owner.pid === self.pid && owner.processStartedAtMs === self.processStartedAtMs;
}

function describeOwner({ pid, host, processStartedAtMs }: Owner): string {
  const since = new Date(processStartedAtMs);
  return `process ${pid} on ${host}, running since ${Number.isNaN(since.getTime()) ? 'an unknown time' : since.toISOString()}`;
}

async function createOpeningFile(directory: string, path: string, self: Owner): Promise<void> {
  try {
    // Not synced: it means something only while this process lives.
    await writeFile(path, `${JSON.stringify(self)}\n`, { flag: 'wx', mode: fileMode });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    throw storeLocked(directory, `another thread of this process, which is opening or closing it (${describeOwner(self)})`);
  }
}

/** Undefined where nobody is named: no file, or one that was torn when its writer died. */
async function readOwner(directory: string): Promise<Owner | undefined> {
  const text = await readTextIfPresent(storePaths(directory).owner);
  if (text === undefined) return undefined;
  try {
    const { pid, processStartedAtMs, host } = JSON.parse(text) as { readonly [key: string]: unknown };
    if (typeof pid !== 'number' || typeof processStartedAtMs !== 'number' || typeof host !== 'string') return undefined;
    return { pid, processStartedAtMs, host };
  } catch {
    return undefined;
  }
}

/**
 * Removes what processes left that died while opening. Never one that may be opening right now: if this owner goes soon, LevelDB lets
 * that one in, and until then the file is what keeps its other threads out.
 */
async function removeForgotten(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.startsWith(openingPrefix));
  await Promise.all(names.map((name) => removeIfOld(join(directory, name))));
}

async function removeIfOld(path: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > limits.forgottenClaimMs) await rm(path, { force: true });
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
}
