/**
 * Who may open a store. Between processes LevelDB's lock decides; a refused attempt of another process harms nothing. A second
 * attempt within the process that holds it makes the operating system drop the lock, and the next process gets in. So:
 *
 * 1. LevelDB is not touched while this process, in any of its threads, has the store open or is opening it.
 * 2. Within a thread (and across copies of this library) the registry on `globalThis` says so, by real path.
 * 3. Across threads, `owner.json` says who has it open, and a file beside it, named after the process, who is opening it:
 *    creating that file succeeds for one thread only. Both name the process by id and start, which all its threads share and
 *    no other process ever has.
 * 4. No one judges whether another process is alive. If this one was not named, LevelDB is asked.
 */
import { hostname } from 'node:os';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PerdureError } from '../kernel/errors.ts';
import { createFile, readTextIfPresent, storePaths, systemCode } from './files.ts';

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
  return {
    async confirm() {
      await rename(opening, storePaths(directory).owner);
      await removeForgotten(directory);
    },
    async release() {
      try {
        await rm(opening, { force: true });
        // By now another process may have let itself in and written its own.
        if (isSameProcess(await readOwner(directory), self)) await rm(storePaths(directory).owner, { force: true });
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
    await createFile(path, `${JSON.stringify(self)}\n`);
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

/** Removes what processes left that died while opening. One that is opening right now is about to be refused by LevelDB. */
async function removeForgotten(directory: string): Promise<void> {
  const names = await readdir(directory);
  await Promise.all(names.filter((name) => name.startsWith(openingPrefix)).map((name) => rm(join(directory, name), { force: true })));
}
