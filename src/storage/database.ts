/** The little that the store asks of a database: ordered keys, one atomic synced write, reads of one moment. */
import type { AbstractLevel, AbstractReadOptions } from 'abstract-level';
import type { KeyRange } from './keys.ts';

export type Operation =
  { readonly kind: 'put'; readonly key: Uint8Array; readonly value: Uint8Array } | { readonly kind: 'delete'; readonly key: Uint8Array };

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface RangeQuery extends KeyRange {
  /** At most so many, from the first on; from the last on if `isReverse`. */
  readonly limit?: number;
  readonly isReverse?: boolean;
}

export interface DatabaseReader {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Entries as they were at the moment of the call. */
  entries(query: RangeQuery): Promise<readonly Entry[]>;
  /** As {@link entries}, without reading values. */
  keys(query: RangeQuery): Promise<readonly Uint8Array[]>;
}

/** Reads without waiting: for keys that are seldom there, which LevelDB says from memory. What is there may have to come from disk. */
export type ReadNow = (key: Uint8Array) => Uint8Array | undefined;

/**
 * Ordered bytes. Tests put themselves between the store and this port to lose acknowledgements, to crash, to tear and to flip.
 */
export interface Database extends DatabaseReader {
  readonly getNow: ReadNow;
  /** Gives `read` a reader whose answers are all of one moment, whatever is written meanwhile. */
  readAtOnce<Result>(read: (reader: DatabaseReader) => Promise<Result>): Promise<Result>;
  /** One atomic batch, in order, on disk when it resolves. If it rejects, whether it is on disk is unknown. */
  write(operations: readonly Operation[]): Promise<void>;
  /** Gives the disk back what was deleted in a range; absent where nothing is left behind. */
  compact?(range: KeyRange): Promise<void>;
  close(): Promise<void>;
}

/**
 * Any open abstract-level database with bytes as keys and values. `level` types `get()` as always finding something; typed as
 * its base class it says `undefined` where that is what comes.
 */
export type LevelDatabase = AbstractLevel<string | Buffer | Uint8Array, Uint8Array, Uint8Array>;

export function databaseOn(level: LevelDatabase): Database {
  return {
    ...readerOn(level, {}),
    getNow: (key) => level.getSync(key),
    async readAtOnce(read) {
      const snapshot = level.snapshot();
      try {
        return await read(readerOn(level, { snapshot }));
      } finally {
        await snapshot.close();
      }
    },
    async write(operations) {
      // The chained form is faster than an array of operations.
      const batch = level.batch();
      for (const operation of operations) {
        if (operation.kind === 'put') batch.put(operation.key, operation.value);
        else batch.del(operation.key);
      }
      const synced = { sync: true };
      await batch.write(synced);
    },
    close: () => level.close(),
  };
}

function readerOn(level: LevelDatabase, moment: AbstractReadOptions): DatabaseReader {
  return {
    get: (key) => level.get(key, moment),
    async entries(query) {
      const entries = await level.iterator({ ...rangeOptions(query), ...moment }).all();
      return entries.map(([key, value]) => ({ key, value }));
    },
    keys: (query) => level.keys({ ...rangeOptions(query), ...moment }).all(),
  };
}

function rangeOptions(query: RangeQuery): { gte: Uint8Array; lt: Uint8Array; limit: number; reverse: boolean } {
  return { gte: query.from, lt: query.to, limit: query.limit ?? -1, reverse: query.isReverse ?? false };
}
