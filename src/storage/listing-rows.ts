/**
 * Keeping the rows that lists and counts go by.
 *
 * 1. They change in the batch of the records they are made from. The head row, which is in every batch, says that they were kept;
 *    where it does not, they are worth nothing and are made anew.
 * 2. Counts in memory are those on disk: a change is taken over when its batch is. Those of every machine are all there, others
 *    are read again when they change.
 * 3. A count that cannot be read, or would fall below nobody, ends the keeping: that must not end the store.
 */
import type { Commit } from '../kernel/commit.ts';
import type { Listing } from '../kernel/listing.ts';
import { hasOnlyMoved, listingOf } from '../kernel/listing.ts';
import { rootAddress } from '../kernel/address.ts';
import { limits } from '../kernel/limits.ts';
import { hasErrorCode } from '../kernel/errors.ts';
import type { HeadValue } from './batch.ts';
import { headOperation, listingForm } from './batch.ts';
import type { Codec } from './codec.ts';
import type { Count, WorkflowChange } from './count-changes.ts';
import { StateCounts, differences, named } from './count-changes.ts';
import type { CountValue } from './count-rows.ts';
import { readStanding } from './count-rows.ts';
import { indexDamaged, isCorruption, reasonOf } from './damage.ts';
import type { Database, DatabaseReader, Operation, ReadNow } from './database.ts';
import { readPage, readRoot } from './index-rows.ts';
import type { KeyRange } from './keys.ts';
import { spaceRange } from './keys.ts';
import type { CountName, IndexName } from './listing-keys.ts';
import { encodeCountKey, encodeIndexKey } from './listing-keys.ts';

/** What a batch changes of the rows. */
export interface ListingBatch {
  readonly operations: readonly Operation[];
  /** To be called when they are on disk. */
  readonly confirm: () => void;
}

/** What commits change for lists and counts; most change nothing. */
export function changesIn(commits: readonly Commit[]): readonly WorkflowChange[] {
  const changes: WorkflowChange[] = [];
  for (const { record, listed } of commits) if (listed !== undefined) changes.push({ workflowId: record.address.workflowId, ...listed });
  return changes;
}

const nothing: ListingBatch = { operations: [], confirm: () => undefined };

export class ListingRows {
  readonly #database: Database;
  readonly #codec: Codec;
  /** Counts by status and by state, of all machines. */
  #standing = new Map<string, number>();
  /** Some of the others. */
  readonly #recent = new Map<string, number>();
  readonly #states = new StateCounts();
  #isKept = false;
  /** Whether somebody who read the rows found them damaged. */
  #isSuspect = false;

  constructor(database: Database, codec: Codec) {
    this.#database = database;
    this.#codec = codec;
  }

  /** Takes up what is on disk, or makes it anew if it is of no use. */
  async open(head: HeadValue): Promise<void> {
    if (head.listing === listingForm) await this.#load();
    if (!this.#isKept) await this.#rebuild(head.commit);
  }

  /**
   * The rows that change with a batch; undefined if they are not kept.
   *
   * @param changes undefined if nobody knows what changes
   */
  change(changes: readonly WorkflowChange[] | undefined): ListingBatch | undefined {
    if (changes === undefined) this.#isKept = false;
    if (changes === undefined || !this.#isKept) return undefined;
    if (changes.length === 0) return nothing;
    const counts = this.#changedCounts(changes);
    if (counts === undefined) {
      this.#isKept = false;
      return undefined;
    }
    const operations = changes.flatMap((each) => this.#indexOperations(each));
    for (const { name, n } of counts.values()) operations.push(this.#countOperation(name, n));
    return { operations, confirm: () => this.#take(counts) };
  }

  /** Answers something from the rows of one moment. @throws PerdureError `INDEX_DAMAGED` */
  async read<Answer>(read: (reader: DatabaseReader) => Promise<Answer>): Promise<Answer> {
    try {
      return await this.#database.readAtOnce(read);
    } catch (error) {
      const damage = isCorruption(error) ? indexDamaged(reasonOf(error), error) : error;
      this.#isSuspect ||= hasErrorCode(damage, 'INDEX_DAMAGED');
      throw damage;
    }
  }

  /** Makes the rows anew if somebody found them damaged: several may have found the same. */
  async repair(commit: number): Promise<void> {
    if (!this.#isSuspect) return;
    this.#isSuspect = false;
    await this.#rebuild(commit);
  }

  /**
   * Makes all rows anew, in bounded batches between which nothing else is written. If it is cut off, or something cannot be read,
   * they are not kept.
   *
   * @throws what the database throws at a write
   */
  async #rebuild(commit: number): Promise<void> {
    this.#isKept = false;
    const rebuilding = new Rebuilding(this.#database, this.#codec, commit);
    try {
      this.#standing = new Map();
      this.#recent.clear();
      const counts = await rebuilding.run((change) => this.#indexOperations(change));
      const operations = [...counts.values()].map(({ name, n }) => this.#countOperation(name, n));
      await rebuilding.finish(operations);
      this.#take(counts);
      this.#isKept = true;
    } catch (error) {
      if (rebuilding.hasFailedWriting) throw error;
    }
  }

  async #load(): Promise<void> {
    try {
      const { statuses, states } = await readStanding(this.#database, this.#codec);
      for (const { name, n } of [...statuses, ...states]) this.#standing.set(named(name).text, n);
      this.#isKept = true;
    } catch (error) {
      if (!hasErrorCode(error, 'INDEX_DAMAGED') && !isCorruption(error)) throw error;
    }
  }

  /** Counts as they will be. Undefined if what they are cannot be said. */
  #changedCounts(changes: readonly WorkflowChange[]): Map<string, Count> | undefined {
    const counts = differences(changes, this.#states);
    try {
      for (const [text, count] of counts) {
        count.n += this.#countNow(text, count.name);
        if (count.n < 0) return undefined;
      }
      return counts;
    } catch (error) {
      if (hasErrorCode(error, 'RECORD_DAMAGED') || isCorruption(error)) return undefined;
      throw error;
    }
  }

  #countNow(text: string, name: CountName): number {
    if (isStanding(name)) return this.#standing.get(text) ?? 0;
    return this.#recent.get(text) ?? readCountNow(this.#database.getNow, this.#codec, name);
  }

  #take(counts: ReadonlyMap<string, Count>): void {
    if (this.#recent.size > limits.countsInMemoryMax) this.#recent.clear();
    for (const [text, { name, n }] of counts) {
      if (!isStanding(name)) this.#recent.set(text, n);
      else if (n === 0) this.#standing.delete(text);
      else this.#standing.set(text, n);
    }
  }

  #countOperation(name: CountName, n: number): Operation {
    const key = encodeCountKey(name);
    const value: CountValue = { n };
    return n === 0 ? { kind: 'delete', key } : { kind: 'put', key, value: this.#codec.encode(key, value) };
  }

  #indexOperations(change: WorkflowChange): Operation[] {
    const operations: Operation[] = [];
    if (hasOnlyMoved(change)) return operations;
    const { workflowId, before, after } = change;
    for (const index of indexes) {
      const [old, current] = [momentIn(index, before), momentIn(index, after)];
      const isSame = old === current && before?.run === after?.run;
      const keyOf = (atMs: number, run: number): Uint8Array => encodeIndexKey(index, { atMs, address: rootAddress(workflowId, run) });
      if (isSame) continue;
      if (before !== undefined && old !== undefined) operations.push({ kind: 'delete', key: keyOf(old, before.run) });
      if (after === undefined || current === undefined) continue;
      const key = keyOf(current, after.run);
      operations.push({ kind: 'put', key, value: this.#codec.encode(key) });
    }
    return operations;
  }
}

const indexes: readonly IndexName[] = ['started', 'closed'];

function momentIn(index: IndexName, listing: Listing | undefined): number | undefined {
  return listing?.[`${index}AtMs`];
}

function isStanding([kind]: CountName): boolean {
  return kind === 'status' || kind === 'state';
}

/** @throws PerdureError `RECORD_DAMAGED` */
function readCountNow(getNow: ReadNow, codec: Codec, name: CountName): number {
  const key = encodeCountKey(name);
  const bytes = getNow(key);
  return bytes === undefined ? 0 : (codec.decode(key, bytes) as CountValue).n;
}

/** All rows taken away and made anew from the records. */
class Rebuilding {
  readonly #database: Database;
  readonly #codec: Codec;
  readonly #commit: number;
  hasFailedWriting = false;

  constructor(database: Database, codec: Codec, commit: number) {
    this.#database = database;
    this.#codec = codec;
    this.#commit = commit;
  }

  async run(rowsOf: (change: WorkflowChange) => Operation[]): Promise<Map<string, Count>> {
    await this.#write([headOperation(this.#codec, this.#commit, false)]);
    for (const space of ['started', 'closed', 'count'] as const) await this.#clear(spaceRange(space));
    const counts = new Map<string, Count>();
    const states = new StateCounts();
    let range: KeyRange | undefined = spaceRange('actor');
    while (range !== undefined) {
      const page = await readPage(this.#database, this.#codec, { range, isDescending: false }, limits.scanPageMax);
      const listings = await Promise.all(page.rows.map(async ({ address }) => this.#listingAt(address.workflowId, address.run)));
      const changes = listings.flat();
      for (const [text, { name, n }] of differences(changes, states)) counts.set(text, { name, n: n + (counts.get(text)?.n ?? 0) });
      await this.#write(changes.flatMap(rowsOf));
      range = page.rest;
    }
    return counts;
  }

  /** Only with the last row it is said that they are kept. */
  async finish(counts: readonly Operation[]): Promise<void> {
    for (let from = 0; from < counts.length; from += limits.erasedPerBatchMax) {
      await this.#write(counts.slice(from, from + limits.erasedPerBatchMax));
    }
    await this.#write([headOperation(this.#codec, this.#commit, true)]);
  }

  async #clear(range: KeyRange): Promise<void> {
    for (;;) {
      const keys = await this.#database.keys({ limit: limits.erasedPerBatchMax, ...range });
      if (keys.length === 0) return;
      await this.#write(keys.map((key) => ({ kind: 'delete', key })));
    }
  }

  /** One whose record cannot be read is found by when it was started, if its journal tells, and counted as parked. */
  async #listingAt(workflowId: string, run: number): Promise<readonly WorkflowChange[]> {
    const found = await readRoot(this.#database, this.#codec, rootAddress(workflowId, run));
    if (found === undefined) return [];
    if (!('unreadable' in found)) return [{ workflowId, after: listingOf(found) }];
    const { startedAtMs = 0 } = found.unreadable;
    return [{ workflowId, after: { run, machine: '', version: '', status: 'parked', leaves: [], startedAtMs } }];
  }

  async #write(operations: readonly Operation[]): Promise<void> {
    if (operations.length === 0) return;
    this.hasFailedWriting = true;
    await this.#database.write(operations);
    this.hasFailedWriting = false;
  }
}
