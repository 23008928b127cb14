/**
 * Reading one thing, checked. Each function takes the reader of one moment, so that rows are compared with rows of the same
 * commit.
 */
import type { Address } from '../kernel/address.ts';
import { hasErrorCode } from '../kernel/errors.ts';
import { nextKept } from '../kernel/kept-journal.ts';
import type { StoredJournalRecord } from '../kernel/ports.ts';
import type { DefinitionRecord, MessageRecord, TombstoneRecord } from '../kernel/record.ts';
import type { ActorValue } from './actor-values.ts';
import { decodeActor } from './actor-values.ts';
import type { DefinitionValue, HeadValue, JournalValue, MessageValue } from './batch.ts';
import type { Codec } from './codec.ts';
import { isCorruption, recordDamaged, storeDamaged, unlessCorrupt, unlessDamaged } from './damage.ts';
import type { Database, DatabaseReader, Entry } from './database.ts';
import { formatKey } from './key-text.ts';
import {
  actorRowsRange,
  decodeActorKey,
  decodeDefinitionKey,
  decodeJournalKey,
  encodeActorKey,
  encodeJournalKey,
  encodeMessageKey,
  encodeTombstoneKey,
  headKey,
  spaceRange,
  twinKeyOf,
  workflowRange,
} from './keys.ts';

/** The last commit number, or undefined if none was ever written. */
export async function readHead(reader: DatabaseReader, codec: Codec): Promise<HeadValue | undefined> {
  const bytes = await reader.get(headKey);
  return bytes === undefined ? undefined : (codec.decode(headKey, bytes) as HeadValue);
}

/**
 * The same when a store is opened.
 *
 * @throws PerdureError `STORE_DAMAGED` if it cannot be read
 */
export async function readHeadOrRefuse(reader: DatabaseReader, codec: Codec, location: string): Promise<HeadValue | undefined> {
  try {
    return await readHead(reader, codec);
  } catch (error) {
    if (!hasErrorCode(error, 'RECORD_DAMAGED') && !isCorruption(error)) throw error;
    throw storeDamaged(location, 'its database belongs to another store, or the number of its last commit cannot be read', error);
  }
}

export async function hasRows(reader: DatabaseReader): Promise<boolean> {
  const keys = await reader.keys({ from: Uint8Array.of(0), to: Uint8Array.of(0xff), limit: 1 });
  return keys.length > 0;
}

/**
 * Looks at journals as well as records: if a record is lost, its id must not look free and be started over its own journal. What
 * a tombstone covers is not there any more.
 */
export async function readLatestRun(
  reader: DatabaseReader,
  tombstoneOf: (workflowId: string) => TombstoneRecord | undefined,
  workflowId: string,
): Promise<number | undefined> {
  const last = { limit: 1, isReverse: true };
  const [[actorKey], [journalKey]] = await Promise.all([
    reader.keys({ ...last, ...workflowRange('actor', workflowId) }),
    reader.keys({ ...last, ...workflowRange('journal', workflowId) }),
  ]);
  const runs: number[] = [];
  if (actorKey !== undefined) runs.push(decodeActorKey(actorKey).run);
  if (journalKey !== undefined) runs.push(decodeJournalKey(journalKey).address.run);
  if (runs.length === 0) return undefined;
  const latest = Math.max(...runs);
  const tombstone = tombstoneOf(workflowId);
  return tombstone !== undefined && latest <= tombstone.lastRun ? undefined : latest;
}

/** As of the moment of the reader; one that cannot be read counts as absent. */
export async function readTombstoneOf(reader: DatabaseReader, codec: Codec, workflowId: string): Promise<TombstoneRecord | undefined> {
  const key = encodeTombstoneKey(workflowId);
  const bytes = await reader.get(key);
  return bytes === undefined ? undefined : unlessDamaged(() => codec.decode(key, bytes) as TombstoneRecord);
}

/**
 * Most messages that are asked for are new: that there is no twin either, memory says without waiting. Only if there is one, both are
 * read as of one moment.
 *
 * @throws PerdureError `RECORD_DAMAGED` also for a row that was written, by its twin, and is not there
 */
export async function readMessage(
  database: Database,
  codec: Codec,
  workflowId: string,
  messageId: string,
): Promise<MessageRecord | undefined> {
  const key = encodeMessageKey(workflowId, messageId);
  const twinKey = twinKeyOf(key);
  const read = async (reader: DatabaseReader): Promise<MessageRecord | undefined> => {
    const bytes = await reader.get(key);
    return bytes === undefined ? undefined : { workflowId, messageId, ...(codec.decode(key, bytes) as MessageValue) };
  };
  const found = await read(database);
  if (found !== undefined || !isThere(database, twinKey)) return found;
  return database.readAtOnce(async (reader) => {
    const [again, twin] = [await read(reader), await reader.get(twinKey).catch(unlessCorrupt)];
    if (again === undefined && twin !== undefined && twin !== 'corrupt' && isSound(codec, twinKey, twin)) {
      throw recordDamaged(formatKey(key), 'it is missing, though its twin says that it was written');
    }
    return again;
  });
}

/** A block of twins that cannot be read says of no message that it was lost. */
function isThere(database: Database, twinKey: Uint8Array): boolean {
  try {
    return database.getNow(twinKey) !== undefined;
  } catch (error) {
    if (isCorruption(error)) return false;
    throw error;
  }
}

/** A row that was written for another key says nothing about this one. */
function isSound(codec: Codec, key: Uint8Array, bytes: Uint8Array): boolean {
  return unlessDamaged(() => ({ value: codec.decode(key, bytes) })) !== undefined;
}

/**
 * What was forgotten, as the actor's record says, is passed over.
 *
 * @throws PerdureError `RECORD_DAMAGED` at any other gap, at the front of the page and at the end of the journal, too
 */
export async function readJournal(
  reader: DatabaseReader,
  codec: Codec,
  address: Address,
  fromSequence: number,
  limit: number,
): Promise<readonly StoredJournalRecord[]> {
  const first = Math.max(1, fromSequence);
  const rows = await reader.entries({ limit, ...actorRowsRange('journal', address), from: encodeJournalKey(address, first) });
  const records = rows.map((row) => journalRecordOf(codec, row));
  let [next, lastCommit] = [first, 0];
  const refuse = (reason: string): never => {
    throw recordDamaged(formatKey(encodeJournalKey(address, next)), reason);
  };
  for (const { sequence, commit } of records) {
    if (sequence !== next) next = nextKept((await readActorValue(reader, codec, address))?.journalFrom, next);
    if (sequence !== next) refuse(`it is missing, the next one is #${sequence}`);
    if (commit <= lastCommit) refuse(`it is commit ${commit}, the one before it is ${lastCommit}`);
    [next, lastCommit] = [sequence + 1, commit];
  }
  if (records.length < limit) await checkJournalEnd(reader, codec, address, next);
  return records;
}

/** What follows the last page, nothing by its rows, must be nothing by the actor's record, too. An unreadable one says nothing. */
async function checkJournalEnd(reader: DatabaseReader, codec: Codec, address: Address, next: number): Promise<void> {
  const record = await readActorValue(reader, codec, address);
  if (record === undefined || record.sequence < next) return;
  throw recordDamaged(formatKey(encodeJournalKey(address, next)), `it is missing, though its actor is at sequence ${record.sequence}`);
}

async function readActorValue(reader: DatabaseReader, codec: Codec, address: Address): Promise<ActorValue | undefined> {
  const key = encodeActorKey(address);
  const bytes = await reader.get(key);
  return bytes === undefined ? undefined : unlessDamaged(() => decodeActor(codec, key, bytes));
}

/** A damaged one counts as missing: it is written again when its machine is registered, and actors carry their structure hash. */
export async function readDefinitions(reader: DatabaseReader, codec: Codec): Promise<readonly DefinitionRecord[]> {
  const rows = await reader.entries(spaceRange('definition'));
  return rows.flatMap((row) => unlessDamaged(() => definitionOf(codec, row)) ?? []);
}

function definitionOf(codec: Codec, { key, value }: Entry): DefinitionRecord {
  const { structureHash, ...rest } = codec.decode(key, value) as DefinitionValue;
  return { machine: { structureHash, ...decodeDefinitionKey(key) }, ...rest };
}

// What was decoded belongs to nobody yet: completing it is cheaper than copying it.
export function journalRecordOf(codec: Codec, { key, value }: Entry): StoredJournalRecord {
  const found = codec.decode(key, value) as { -readonly [Name in keyof JournalValue]: JournalValue[Name] };
  found.outcome ??= 'applied';
  found.status ??= 'running';
  found.armed ??= [];
  found.cancelled ??= [];
  found.scheduled ??= [];
  found.stopped ??= [];
  const { set = {}, removed = [] } = found.context ?? {};
  return Object.assign(found as StoredJournalRecord, { context: { set, removed } }, decodeJournalKey(key));
}
