/** A database in memory that outlives its handles, as a disk outlives the processes that open it. */
import { MemoryLevel } from 'memory-level';
import type { Database } from '../../src/storage/database.ts';
import { databaseOn } from '../../src/storage/database.ts';

export interface MemoryDatabase extends Database {
  /** A new handle on the same data: what a process finds after this one crashed or closed. */
  reopen(): MemoryDatabase;
}

/**
 * An empty one. Open a store on it with `openStoreOn(database, { location: 'memory', storeId: 'test' })`; to crash, drop that
 * store and open another on `database.reopen()`.
 */
export async function createMemoryDatabase(): Promise<MemoryDatabase> {
  const level = new MemoryLevel<Uint8Array, Uint8Array>({ keyEncoding: 'view', valueEncoding: 'view' });
  await level.open();
  return handleOn(databaseOn(level));
}

/** Closing a handle ends only the handle. */
function handleOn(disk: Database): MemoryDatabase {
  let isClosed = false;
  const whileOpen = <Result>(work: () => Promise<Result>): Promise<Result> =>
    isClosed ? Promise.reject(new Error('This handle of the database is closed.')) : work();
  return {
    get: (key) => whileOpen(() => disk.get(key)),
    getNow: (key) => {
      if (isClosed) throw new Error('This handle of the database is closed.');
      return disk.getNow(key);
    },
    entries: (query) => whileOpen(() => disk.entries(query)),
    keys: (query) => whileOpen(() => disk.keys(query)),
    readAtOnce: (read) => whileOpen(() => disk.readAtOnce(read)),
    write: (operations) => whileOpen(() => disk.write(operations)),
    close: () => {
      isClosed = true;
      return Promise.resolve();
    },
    reopen: () => handleOn(disk),
  };
}
