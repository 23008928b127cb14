/**
 * Reading workflows in the order of an index, of each id the latest run. What an index row says is held against the record it leads
 * to, and the number of rows against what is counted: a row that was lost, moved or left behind is noticed by whoever would have
 * met it.
 */
import type { Address } from '../kernel/address.ts';
import { rootAddress } from '../kernel/address.ts';
import type { IsMissing, ListedWorkflow } from '../kernel/listing.ts';
import { listedWorkflow, unreadableWorkflow } from '../kernel/listing.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { decodeActor } from './actor-values.ts';
import type { Codec } from './codec.ts';
import { readCounts, sumOf } from './count-rows.ts';
import { indexDamaged, reasonOf, unlessCorrupt, unlessDamaged } from './damage.ts';
import type { DatabaseReader, Entry } from './database.ts';
import type { KeyRange } from './keys.ts';
import { actorRowsRange, decodeActorKey, encodeActorKey, successorOf, workflowRange } from './keys.ts';
import type { IndexName, IndexRow } from './listing-keys.ts';
import { countRangeOf, decodeIndexKey, indexRange, momentOf, secondMs } from './listing-keys.ts';
import { journalRecordOf, readTombstoneOf } from './reads.ts';

/** Where to look for workflows, and which way. */
export interface Source {
  /** Absent: the records themselves, in the order of ids. */
  readonly index?: IndexName;
  readonly range: KeyRange;
  readonly isDescending: boolean;
}

interface IndexPage {
  readonly rows: readonly IndexRow[];
  /** What is behind them; absent at the end. */
  readonly rest?: KeyRange;
}

/** @throws PerdureError `INDEX_DAMAGED` */
export async function readPage(reader: DatabaseReader, codec: Codec, source: Source, limit: number): Promise<IndexPage> {
  const { index, range, isDescending } = source;
  if (index === undefined) return readRoots(reader, codec, range, isDescending, limit);
  const entries = await reader.entries({ limit: limit + 1, isReverse: isDescending, ...range });
  const rows = entries.slice(0, limit).map((entry) => indexRowOf(codec, index, entry));
  const last = entries[limit - 1];
  return entries.length <= limit || last === undefined ? { rows } : { rows, rest: restOf(range, last.key, isDescending) };
}

function restOf({ from, to }: KeyRange, last: Uint8Array, isDescending: boolean): KeyRange {
  return isDescending ? { from, to: last } : { from: successorOf(last), to };
}

function indexRowOf(codec: Codec, index: IndexName, { key, value }: Entry): IndexRow {
  try {
    codec.decode(key, value);
    return decodeIndexKey(index, key);
  } catch (error) {
    throw indexDamaged(`a row of those ${index} cannot be read: ${reasonOf(error)}`, error);
  }
}

/** The latest run of each id. Keys nobody can read are passed over, and so is what a tombstone covers. */
async function readRoots(reader: DatabaseReader, codec: Codec, range: KeyRange, isDescending: boolean, limit: number): Promise<IndexPage> {
  const keys = await reader.keys({ limit: limit + 1, isReverse: isDescending, ...range });
  const runs = new Map<string, number>();
  for (const key of keys.slice(0, limit)) {
    const address = unlessDamaged(() => decodeActorKey(key));
    if (address !== undefined) runs.set(address.workflowId, Math.max(runs.get(address.workflowId) ?? 0, address.run));
  }
  const lastKey = keys[limit - 1];
  const last = [...runs.keys()].at(-1);
  // Of the last one there may be more behind the page.
  if (last !== undefined && keys.length > limit) {
    const [key] = await reader.keys({ limit: 1, isReverse: true, ...workflowRange('actor', last) });
    const latest = key === undefined ? undefined : unlessDamaged(() => decodeActorKey(key));
    if (latest !== undefined) runs.set(last, latest.run);
  }
  const found = await Promise.all(
    [...runs].map(async ([id, run]) => {
      const tombstone = await readTombstoneOf(reader, codec, id);
      return run > (tombstone?.lastRun ?? 0) ? [{ atMs: 0, address: rootAddress(id, run) }] : [];
    }),
  );
  const rows = found.flat();
  if (keys.length <= limit || lastKey === undefined) return { rows };
  if (last === undefined) return { rows, rest: restOf(range, lastKey, isDescending) };
  const own = workflowRange('actor', last);
  return { rows, rest: isDescending ? { from: range.from, to: own.from } : { from: own.to, to: range.to } };
}

/** The record of a root; `unreadable` with when it was started, if its journal tells; undefined if there is none. */
export async function readRoot(
  reader: DatabaseReader,
  codec: Codec,
  address: Address,
): Promise<ActorRecord | { readonly unreadable: { readonly startedAtMs?: number } } | undefined> {
  const key = encodeActorKey(address);
  const bytes = await reader.get(key).catch(unlessCorrupt);
  const value = bytes === undefined || bytes === 'corrupt' ? undefined : unlessDamaged(() => decodeActor(codec, key, bytes));
  if (value !== undefined) return { address, ...value };
  const journal = await reader.entries({ limit: 1, ...actorRowsRange('journal', address) }).catch(unlessCorrupt);
  const [first] = journal === 'corrupt' ? [] : journal;
  if (bytes === undefined && first === undefined) return undefined;
  const begun = first === undefined ? undefined : unlessDamaged(() => journalRecordOf(codec, first));
  return { unreadable: begun === undefined ? {} : { startedAtMs: begun.atMs } };
}

/** Undefined if there is no such workflow any more, which only somebody who goes by ids can meet. */
export async function readListed(
  reader: DatabaseReader,
  codec: Codec,
  index: IndexName | undefined,
  { address, atMs }: IndexRow,
  isMissing: IsMissing,
): Promise<ListedWorkflow | undefined> {
  const found = await readRoot(reader, codec, address);
  const wrong = (what: string): Error => indexDamaged(`a row of those ${index} names a workflow that ${what}`);
  if (found === undefined) {
    if (index !== undefined) throw wrong('is not there');
    return undefined;
  }
  if ('unreadable' in found) {
    return unreadableWorkflow(address, { ...found.unreadable, ...(index === undefined ? {} : { [`${index}AtMs`]: atMs }) });
  }
  const recorded = index === undefined ? atMs : found[`${index}AtMs`];
  if (index !== undefined && (recorded === undefined || momentOf(recorded) !== atMs)) throw wrong('was not at that moment');
  return listedWorkflow(found, isMissing);
}

/**
 * Holds the rows of an index against what is counted, over all seconds that a range touches.
 *
 * @param toMs the last moment of it
 * @throws PerdureError `INDEX_DAMAGED`
 */
export async function checkIndex(reader: DatabaseReader, codec: Codec, index: IndexName, fromMs: number, toMs: number): Promise<void> {
  const from = Math.floor(momentOf(fromMs) / secondMs);
  const to = toMs === Infinity ? Infinity : Math.floor(momentOf(toMs) / secondMs) + 1;
  const [rows, counted] = await Promise.all([
    reader.keys(indexRange(index, from * secondMs, to * secondMs)),
    readCounts(reader, codec, index, countRangeOf(index, from, to)),
  ]);
  const expected = sumOf(counted.rows);
  if (rows.length !== expected) throw indexDamaged(`${rows.length} of ${expected} workflows are in the index of those ${index}`);
}
