/**
 * The Store port on a database.
 *
 * 1. One write is in flight at most: unawaited writes to LevelDB may change places.
 * 2. Commit numbers have no gaps: a batch begins after the last one issued, and the head row in it says where it ends.
 * 3. After the first write that was rejected none reaches the database: LevelDB may accept later ones only to lose them. Reads go on.
 * 4. Nothing is returned that was not checked against its key and this store's id. What is compared was read at one moment.
 */
import type { Address } from '../kernel/address.ts';
import type { Commit } from '../kernel/commit.ts';
import { PerdureError } from '../kernel/errors.ts';
import type { OutboxStore, PreparedCommit, Store, StoreBatch, StoredJournalRecord, StoredTree } from '../kernel/ports.ts';
import type { MessageRecord, TombstoneRecord } from '../kernel/record.ts';
import type { MailRecord } from '../kernel/mail-record.ts';
import type { HeadValue } from './batch.ts';
import { batchOperations, headOperation, listingForm, prepareRows } from './batch.ts';
import type { Codec } from './codec.ts';
import { createCodec } from './codec.ts';
import { isCorruption, reasonOf, recordDamaged, storeDamaged, storeUnavailable } from './damage.ts';
import type { Database, DatabaseReader } from './database.ts';
import { eraseOperations, erasedSpaces, forgetOperations, listingErased } from './erasing.ts';
import { readItems } from './items.ts';
import { formatKey } from './key-text.ts';
import { encodeActorKey, encodeMessageKey, encodeTombstoneKey, spaceRange } from './keys.ts';
import { readCount, readList } from './list-reads.ts';
import { ListingRows, changesIn } from './listing-rows.ts';
import type { OutboxTurns } from './outbox-rows.ts';
import { LevelOutbox } from './outbox-rows.ts';
import { countQueue, readQueue, readQueueItem } from './queue-reads.ts';
import { readMailbox, readTree } from './read-tree.ts';
import { hasRows, readDefinitions, readHeadOrRefuse, readJournal, readLatestRun, readMessage } from './reads.ts';
import { scanActive, scanActors, scanMail, scanTimers } from './scans.ts';
import { Tombstones } from './tombstones.ts';

export interface StoreOptions {
  /** Where the database is, for messages to people. */
  readonly location: string;
  /** Goes into every checksum: rows of a store with another id are refused. */
  readonly storeId: string;
  /** Whether a database without a single row may be made a store. Default true; false where a store is known to have been. */
  readonly createIfEmpty?: boolean;
}

/**
 * Opens a store on a database, which it closes when it is closed itself. A new store begins by writing its head row.
 *
 * @throws PerdureError `STORE_DAMAGED` if the database lost its head row or belongs to another store
 */
export async function openStoreOn(database: Database, options: StoreOptions): Promise<Store> {
  const codec = createCodec(options.storeId);
  const head = await readHeadOrRefuse(database, codec, options.location);
  if (head !== undefined) return LevelStore.open(database, codec, options.location, head);
  if (await hasRows(database)) throw storeDamaged(options.location, 'it has records, but the number of its last commit is missing');
  if (options.createIfEmpty === false) throw storeDamaged(options.location, 'its database is empty, though a store was created here');
  await database.write([headOperation(codec, 0, true)]);
  return LevelStore.open(database, codec, options.location, { commit: 0, listing: listingForm });
}

interface Parts {
  readonly database: Database;
  readonly codec: Codec;
  readonly listing: ListingRows;
  readonly tombstones: Tombstones;
}

class LevelStore implements Store {
  readonly location: string;
  readonly lastCommit: number;
  readonly outbox: OutboxStore;
  readonly #database: Database;
  readonly #codec: Codec;
  readonly #listing: ListingRows;
  readonly #tombstones: Tombstones;
  /** Number of the last commit that can be on disk: moved before a batch is written. */
  #issuedCommit: number;
  /** The write on its way: `close` waits for it. */
  #writing: Promise<unknown> | undefined;
  /** Why no more writes are taken, set once. */
  #failure: PerdureError | undefined;
  #closing: Promise<void> | undefined;

  static async open(database: Database, codec: Codec, location: string, head: HeadValue): Promise<LevelStore> {
    const listing = new ListingRows(database, codec);
    await listing.open(head);
    const tombstones = await Tombstones.open(database, codec);
    return new LevelStore({ database, codec, listing, tombstones }, location, head.commit);
  }

  private constructor(parts: Parts, location: string, lastCommit: number) {
    this.#database = parts.database;
    this.#codec = parts.codec;
    this.#listing = parts.listing;
    this.#tombstones = parts.tombstones;
    this.location = location;
    this.lastCommit = lastCommit;
    this.#issuedCommit = lastCommit;
    const read: OutboxTurns['read'] = async (work) => this.#read(() => 'outbox', work);
    this.outbox = new LevelOutbox(parts.database, parts.codec, { read, write: async (work) => this.#inTurn(work) });
  }

  prepare(commit: Commit, number: number): PreparedCommit {
    return prepareRows(commit, number, this.#codec);
  }

  async write(batch: StoreBatch): Promise<void> {
    await this.#inTurn(() => this.#writeOne(batch));
  }

  async erase(workflowId: string, lastRun: number, limit: number): Promise<{ readonly isDone: boolean }> {
    return this.#inTurn(async () => {
      const { operations, isDone } = await eraseOperations(this.#database, this.#codec, workflowId, lastRun, limit);
      this.#tombstones.expect();
      const listing = this.#listing.change(await listingErased(this.#database, this.#codec, workflowId, lastRun));
      const head = headOperation(this.#codec, this.#issuedCommit, listing !== undefined);
      await this.#database.write([...operations, ...(listing?.operations ?? []), head]);
      listing?.confirm();
      return { isDone };
    });
  }

  async forgetMessages(beforeMs: number, limit: number, after?: Uint8Array): Promise<{ readonly next: Uint8Array | undefined }> {
    return this.#inTurn(async () => {
      const { operations, next } = await forgetOperations(this.#database, this.#codec, beforeMs, limit, after);
      if (operations.length > 0) await this.#database.write(operations);
      return { next };
    });
  }

  /** Invariants 1 and 3. */
  async #inTurn<Answer>(write: () => Promise<Answer>): Promise<Answer> {
    this.#refuseClosed();
    if (this.#failure !== undefined) {
      const sentence = `The store at ${this.location} takes no writes since one failed; close it and open it again.`;
      throw storeUnavailable(this.location, sentence, this.#failure);
    }
    if (this.#writing !== undefined) throw this.#fail(new TypeError('a batch was written before the one ahead of it was on disk'));
    const writing = write();
    this.#writing = writing;
    try {
      return await writing;
    } catch (error) {
      throw this.#fail(error);
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeOne(batch: StoreBatch): Promise<void> {
    const listing = this.#listing.change(changesIn(batch.commits));
    const operations = batchOperations(batch, this.#issuedCommit, this.#codec, listing?.operations);
    this.#issuedCommit += batch.commits.length;
    await this.#database.write(operations);
    listing?.confirm();
  }

  /** Ends the writing (invariant 3). A batch that breaks a rule does so, too: whoever built it lost track of what is on disk. */
  #fail(error: unknown): PerdureError {
    const sentence =
      `A batch was not written to the store at ${this.location}, or it is unknown whether it was: ${reasonOf(error)}. ` +
      'No more writes are taken; close the store and open it again to see what is on disk.';
    this.#failure ??= storeUnavailable(this.location, sentence, error);
    return this.#failure;
  }

  readLatestRun(workflowId: string): Promise<number | undefined> {
    return this.#read(
      () => `runs of ${JSON.stringify(workflowId)}`,
      async () => {
        if (this.#tombstones.isUnknown(workflowId)) return undefined;
        return this.#database.readAtOnce((reader) => readLatestRun(reader, (id) => this.#tombstones.of(id), workflowId));
      },
    );
  }

  readTombstone(workflowId: string): Promise<TombstoneRecord | undefined> {
    return this.#read(
      () => formatKey(encodeTombstoneKey(workflowId)),
      async () => this.#tombstones.of(workflowId),
    );
  }

  readTree(root: Address, closedMax = 0): Promise<StoredTree | undefined> {
    return this.#read(
      () => formatKey(encodeActorKey(root)),
      () => this.#database.readAtOnce((reader) => readTree(reader, this.#codec, root, this.#issuedCommit, closedMax)),
    );
  }

  readMailbox(root: Address, limit: number): Promise<readonly MailRecord[]> {
    return this.#read(
      () => `mailbox of ${formatKey(encodeActorKey(root))}`,
      () => readMailbox(this.#database, this.#codec, root, limit),
    );
  }

  readMessage(workflowId: string, messageId: string): Promise<MessageRecord | undefined> {
    return this.#read(
      () => formatKey(encodeMessageKey(workflowId, messageId)),
      () => readMessage(this.#database, this.#codec, workflowId, messageId),
    );
  }

  readJournal(address: Address, fromSequence: number, limit: number): Promise<readonly StoredJournalRecord[]> {
    return this.#read(
      () => `journal of ${formatKey(encodeActorKey(address))}`,
      () => this.#database.readAtOnce((reader) => readJournal(reader, this.#codec, address, fromSequence, limit)),
    );
  }

  readonly readItems: Store['readItems'] = (fanOut, from, limit) =>
    this.#readOf(`items of ${formatKey(encodeActorKey(fanOut))}`, (reader) => readItems(reader, this.#codec, fanOut, from, limit));

  readonly scanActive: Store['scanActive'] = (limit, after) =>
    this.#readNow('list of pending activities', async () => scanActive(this.#database, limit, after));

  readonly scanMail: Store['scanMail'] = (limit, after) =>
    this.#readNow('list of mailboxes', async () => scanMail(this.#database, limit, after));

  readonly scanTimers: Store['scanTimers'] = (untilMs, limit, after) =>
    this.#readNow('list of timers', async () => scanTimers(this.#database, this.#codec, untilMs, limit, after));

  readonly scanActors: Store['scanActors'] = (limit, after) =>
    this.#readNow('list of actors', async () => scanActors(this.#database, this.#codec, limit, after));

  readonly list: Store['list'] = (query) => this.#readListing((reader) => readList(reader, this.#codec, query));

  readonly count: Store['count'] = (query) => this.#readListing((reader) => readCount(reader, this.#codec, query));

  readonly listQueue: Store['listQueue'] = (query) => this.#readOf('queue', (reader) => readQueue(reader, this.#codec, query));

  readonly countQueue: Store['countQueue'] = (query) => this.#readOf('queue', (reader) => countQueue(reader, this.#codec, query));

  readonly readQueueItem: Store['readQueueItem'] = (place) => this.#readOf('queue', (reader) => readQueueItem(reader, this.#codec, place));

  #readNow<Answer>(what: string, read: () => Promise<Answer>): Promise<Answer> {
    return this.#read(() => what, read);
  }

  #readOf<Answer>(what: string, read: (reader: DatabaseReader) => Promise<Answer>): Promise<Answer> {
    return this.#read(
      () => what,
      () => this.#database.readAtOnce(read),
    );
  }

  #readListing<Answer>(read: (reader: DatabaseReader) => Promise<Answer>): Promise<Answer> {
    return this.#read(
      () => 'index of workflows',
      () => this.#listing.read(read),
    );
  }

  async rebuildListing(): Promise<void> {
    await this.#inTurn(() => this.#listing.repair(this.#issuedCommit));
  }

  readonly readDefinitions: Store['readDefinitions'] = () =>
    this.#readOf('list of definitions', (reader) => readDefinitions(reader, this.#codec));

  async compact(isWanted: () => boolean): Promise<void> {
    for (const space of erasedSpaces) {
      if (isWanted()) await this.#readNow(`space of ${space} rows`, async () => this.#database.compact?.(spaceRange(space)));
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    await this.#database.close();
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw storeUnavailable(this.location, `The store at ${this.location} is closed; open it again.`);
  }

  /** Gives the database's own errors a code: a corrupt block is damage of what was read, the rest says nothing of it. */
  async #read<Result>(what: () => string, work: () => Promise<Result>): Promise<Result> {
    this.#refuseClosed();
    try {
      return await work();
    } catch (error) {
      if (error instanceof PerdureError || error instanceof TypeError) throw error;
      this.#refuseClosed();
      if (isCorruption(error)) throw recordDamaged(what(), reasonOf(error), error);
      const failed = `The ${what()} could not be read from the store at ${this.location}: ${reasonOf(error)}.`;
      throw storeUnavailable(this.location, `${failed} Look at the disk, then try again.`, error);
    }
  }
}
