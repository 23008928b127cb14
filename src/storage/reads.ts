/**
 * Reading one thing, checked. Each function takes the reader of one moment, so that rows are compared with rows of the same
 * commit.
 */
import type { Address } from '../kernel/address.ts';
import { rootAddress } from '../kernel/address.ts';
import type { StoredJournalRecord } from '../kernel/ports.ts';
import type { DefinitionRecord, MessageRecord, TombstoneRecord } from '../kernel/record.ts';
import type { ActorValue, DefinitionValue, HeadValue, JournalValue, MessageValue } from './batch.ts';
import type { Codec } from './codec.ts';
import { recordDamaged, unlessDamaged } from './damage.ts';
import type { Database, DatabaseReader, Entry, ReadNow } from './database.ts';
import {
  actorRowsRange,
  decodeActorKey,
  decodeDefinitionKey,
  decodeJournalKey,
  encodeActorKey,
  encodeJournalKey,
  encodeMessageKey,
  encodeTombstoneKey,
  formatKey,
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
 * Whether an id never had a run: then neither the record nor the journal of its first is there, and no tombstone of later ones.
 * Most starts are of such an id.
 */
export function isUnknown(getNow: ReadNow, workflowId: string): boolean {
  const first = rootAddress(workflowId, 1);
  const keys = [encodeActorKey(first), encodeJournalKey(first, 1), encodeTombstoneKey(workflowId)];
  return keys.every((key) => getNow(key) === undefined);
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

export function readTombstone(getNow: ReadNow, codec: Codec, workflowId: string): TombstoneRecord | undefined {
  const key = encodeTombstoneKey(workflowId);
  const bytes = getNow(key);
  return bytes === undefined ? undefined : (codec.decode(key, bytes) as TombstoneRecord);
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
  if (found !== undefined || database.getNow(twinKey) === undefined) return found;
  return database.readAtOnce(async (reader) => {
    const [again, twin] = [await read(reader), await reader.get(twinKey)];
    if (again === undefined && twin !== undefined && isSound(codec, twinKey, twin)) {
      throw recordDamaged(formatKey(key), 'it is missing, though its twin says that it was written');
    }
    return again;
  });
}

/** A row that was written for another key says nothing about this one. */
function isSound(codec: Codec, key: Uint8Array, bytes: Uint8Array): boolean {
  return unlessDamaged(() => ({ value: codec.decode(key, bytes) })) !== undefined;
}

/** @throws PerdureError `RECORD_DAMAGED` at a gap, at the front of the page and at the end of the journal, too */
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
  let lastCommit = 0;
  records.forEach((record, index) => {
    const refuse = (reason: string): never => {
      throw recordDamaged(formatKey(encodeJournalKey(address, first + index)), reason);
    };
    if (record.sequence !== first + index) refuse(`it is missing, the next one is #${record.sequence}`);
    if (record.commit <= lastCommit) refuse(`it is commit ${record.commit}, the one before it is ${lastCommit}`);
    lastCommit = record.commit;
  });
  if (records.length < limit) await checkJournalEnd(reader, codec, address, first + records.length);
  return records;
}

/** What follows the last page, nothing by its rows, must be nothing by the actor's record, too. An unreadable one says nothing. */
async function checkJournalEnd(reader: DatabaseReader, codec: Codec, address: Address, next: number): Promise<void> {
  const key = encodeActorKey(address);
  const bytes = await reader.get(key);
  const record = bytes === undefined ? undefined : unlessDamaged(() => codec.decode(key, bytes) as ActorValue);
  if (record === undefined || record.sequence < next) return;
  throw recordDamaged(formatKey(encodeJournalKey(address, next)), `it is missing, though its actor is at sequence ${record.sequence}`);
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
  return Object.assign(codec.decode(key, value) as JournalValue, decodeJournalKey(key));
}
