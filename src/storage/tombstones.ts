/**
 * What is left of deleted workflow ids. Every start asks for it, and most stores have none.
 *
 * 1. While none is known none is on disk: the store is looked through at open, and whoever writes one says so before.
 */
import { rootAddress } from '../kernel/address.ts';
import type { TombstoneRecord } from '../kernel/record.ts';
import type { Codec } from './codec.ts';
import { unlessCorrupt } from './damage.ts';
import type { Database } from './database.ts';
import { encodeActorKey, encodeJournalKey, encodeTombstoneKey, spaceRange } from './keys.ts';

export class Tombstones {
  readonly #database: Database;
  readonly #codec: Codec;
  #areThere: boolean;

  static async open(database: Database, codec: Codec): Promise<Tombstones> {
    // Where the database cannot say there may be some.
    const keys = await database.keys({ limit: 1, ...spaceRange('tombstone') }).catch(unlessCorrupt);
    return new Tombstones(database, codec, keys === 'corrupt' || keys.length > 0);
  }

  private constructor(database: Database, codec: Codec, areThere: boolean) {
    this.#database = database;
    this.#codec = codec;
    this.#areThere = areThere;
  }

  /** One is about to be written. */
  expect(): void {
    this.#areThere = true;
  }

  /** @throws PerdureError `RECORD_DAMAGED` */
  of(workflowId: string): TombstoneRecord | undefined {
    if (!this.#areThere) return undefined;
    const key = encodeTombstoneKey(workflowId);
    const bytes = this.#database.getNow(key);
    return bytes === undefined ? undefined : (this.#codec.decode(key, bytes) as TombstoneRecord);
  }

  /**
   * Whether an id never had a run: then neither the record nor the journal of its first is there, and no tombstone of later ones.
   * Most starts are of such an id.
   */
  isUnknown(workflowId: string): boolean {
    const first = rootAddress(workflowId, 1);
    const isThere = (key: Uint8Array): boolean => this.#database.getNow(key) !== undefined;
    if (isThere(encodeActorKey(first)) || isThere(encodeJournalKey(first, 1))) return false;
    return !this.#areThere || !isThere(encodeTombstoneKey(workflowId));
  }
}
