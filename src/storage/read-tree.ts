/**
 * Reading a run of a workflow with everything pending in it. All of it comes from the reader of one moment, and is held against
 * each other: what an actor's record counts or names must be there, and nothing else.
 */
import type { Address } from '../kernel/address.ts';
import { childAddress, formatPlace } from '../kernel/address.ts';
import { activitiesInRecord } from '../kernel/activities-in-record.ts';
import { messagesIn } from '../kernel/conversation.ts';
import type { LedgerRecord } from '../kernel/ledger-record.ts';
import { isOpen } from '../kernel/ledger-record.ts';
import { limits } from '../kernel/limits.ts';
import type { StoredActor, StoredJournalRecord, StoredTree } from '../kernel/ports.ts';
import type { ActivityRecord, ActorRecord, ChildRecord } from '../kernel/record.ts';
import type { MailRecord } from '../kernel/mail-record.ts';
import { actorRecordOf } from './actor-values.ts';
import type { ActivityValue, ChildValue, LedgerValue, MailValue } from './batch.ts';
import type { Codec } from './codec.ts';
import { recordDamaged, unlessDamaged } from './damage.ts';
import type { DatabaseReader, Entry } from './database.ts';
import { readFanOut } from './items.ts';
import { formatKey } from './key-text.ts';
import {
  activityMarkNumber,
  actorRowsRange,
  decodeActivityKey,
  decodeActorKey,
  decodeChildKey,
  decodeLedgerKey,
  decodeMailKey,
  encodeActorKey,
  runRange,
} from './keys.ts';
import { readOwed } from './queue-reads.ts';
import { journalRecordOf } from './reads.ts';

interface Rows {
  readonly address: Address;
  readonly activities: ActivityRecord[];
  /** Whether the record is said to have activities in it. */
  isMarked: boolean;
  readonly children: ChildRecord[];
  readonly ledger: LedgerRecord[];
}

/**
 * @param lastCommit number of the last commit that can be on disk: a journal that goes beyond it belongs to a head that was lost
 * @throws PerdureError `RECORD_DAMAGED`
 */
export async function readTree(
  reader: DatabaseReader,
  codec: Codec,
  root: Address,
  lastCommit: number,
  closedMax: number,
): Promise<StoredTree | undefined> {
  const [activityRows, childRows, ledgerRows, mailKeys] = await Promise.all([
    reader.entries(runRange('activity', root)),
    reader.entries(runRange('child', root)),
    reader.entries(runRange('ledger', root)),
    reader.keys(actorRowsRange('mailbox', root)),
  ]);
  const rows = sortRows(codec, root, activityRows, childRows);
  sortLedger(codec, rows, ledgerRows);
  // Who was let go is not named by its parent any more, but may still have to hear of it.
  const mail = mailKeys.length === 0 ? [] : await readMailbox(reader, codec, root, mailKeys.length);
  for (const { to, envelope } of mail.flatMap(messagesIn)) {
    addActor(rows, { ...root, path: to });
    // It will be an entry in its parent's ledger.
    if ('hasUndos' in envelope || 'undos' in envelope) addActor(rows, { ...root, path: [...to, envelope.n] });
  }
  const actors = await Promise.all([...rows.values()].map((found) => readActor(reader, codec, found, lastCommit)));
  const stored = actors.filter((actor) => actor !== undefined);
  const [first, ...others] = stored.sort((a, b) => comparePaths(a.record.address, b.record.address));
  if (first === undefined) return undefined;
  const refuse = (address: Address, reason: string): never => {
    throw recordDamaged(formatKey(encodeActorKey(address)), reason);
  };
  if (first.record.address.path.length > 0) refuse(root, 'it is missing, though its children are there');
  const unborn = [...rows.values()].find(({ address }) => !stored.some(({ record }) => record.address === address));
  // What is still to be said may be the start of a child.
  if (unborn !== undefined && first.record.queued === undefined) refuse(unborn.address, 'it is missing, though its parent has it');
  checkMail(encodeActorKey(root), first.record, mailKeys.length);
  if (closedMax === 0) return { root: first, others, closed: [] };
  const [closed, queue] = await Promise.all([
    readClosed(reader, codec, root, rows, closedMax),
    readOwed(reader, codec, root.workflowId, limits.queueItemsShownMax),
  ]);
  return { root: first, others, closed, queue };
}

/** Unreadable ones are left out: nothing waits for them. */
async function readClosed(
  reader: DatabaseReader,
  codec: Codec,
  root: Address,
  known: ReadonlyMap<string, Rows>,
  limit: number,
): Promise<readonly ActorRecord[]> {
  const entries = await reader.entries({ limit: limit + known.size, ...runRange('actor', root) });
  const found = entries.flatMap(({ key, value }) => {
    return unlessDamaged(() => actorRecordOf(codec, decodeActorKey(key), key, value)) ?? [];
  });
  return found.filter(({ address }) => !known.has(formatPlace(address.path))).slice(0, limit);
}

/** By actor; an entry for the root, for everybody who has rows and for every child that is an actor. */
function sortRows(codec: Codec, root: Address, activities: readonly Entry[], children: readonly Entry[]): Map<string, Rows> {
  const byPlace = new Map<string, Rows>();
  const rowsOf = (address: Address): Rows => addActor(byPlace, address);
  rowsOf(root);
  for (const { key, value } of activities) {
    const { address, n } = decodeActivityKey(key);
    const found: unknown = codec.decode(key, value);
    if (n === activityMarkNumber) rowsOf(address).isMarked = true;
    else rowsOf(address).activities.push({ n, ...(found as ActivityValue) });
  }
  for (const { key, value } of children) {
    const { parent, n } = decodeChildKey(key);
    const child: ChildRecord = { n, ...(codec.decode(key, value) as ChildValue) };
    rowsOf(parent).children.push(child);
    if (child.isActor === true) rowsOf(childAddress(parent, n));
  }
  return byPlace;
}

/** A child with something left to be undone is needed for that. */
function sortLedger(codec: Codec, rows: Map<string, Rows>, entries: readonly Entry[]): void {
  for (const { key, value } of entries) {
    const { owner, n } = decodeLedgerKey(key);
    const entry: LedgerRecord = { n, ...(codec.decode(key, value) as LedgerValue) };
    addActor(rows, owner).ledger.push(entry);
    if (entry.kind === 'child' && isOpen(entry)) addActor(rows, childAddress(owner, n));
  }
}

function addActor(byPlace: Map<string, Rows>, address: Address): Rows {
  const place = formatPlace(address.path);
  const known = byPlace.get(place) ?? { address, activities: [], isMarked: false, children: [], ledger: [] };
  byPlace.set(place, known);
  return known;
}

async function readActor(reader: DatabaseReader, codec: Codec, rows: Rows, lastCommit: number): Promise<StoredActor | undefined> {
  const { address, activities, isMarked, children, ledger } = rows;
  const key = encodeActorKey(address);
  const [bytes, [head]] = await Promise.all([
    reader.get(key),
    reader.entries({ limit: 1, isReverse: true, ...actorRowsRange('journal', address) }),
  ]);
  if (bytes === undefined) {
    if (head === undefined && activities.length + children.length + ledger.length === 0 && !isMarked) return undefined;
    throw recordDamaged(formatKey(key), 'it is missing, though other rows speak of it');
  }
  const record = actorRecordOf(codec, address, key, bytes);
  checkHead(key, record, head === undefined ? undefined : journalRecordOf(codec, head), lastCommit);
  const pending = withThoseInRecord(key, record, rows);
  if (children.length !== record.children) {
    throw recordDamaged(formatKey(key), `it counts ${record.children} children, and ${children.length} are there`);
  }
  if (ledger.length !== (record.ledger ?? 0)) {
    throw recordDamaged(formatKey(key), `it counts ${record.ledger ?? 0} entries of its ledger, and ${ledger.length} are there`);
  }
  const fanOut = record.fanOut === undefined ? {} : { fanOut: await readFanOut(reader, codec, address, record.fanOut) };
  return { record, activities: pending, children, ...(ledger.length === 0 ? {} : { ledger }), ...fanOut };
}

function checkMail(key: Uint8Array, { queued = 0 }: ActorRecord, found: number): void {
  if (found !== queued) throw recordDamaged(formatKey(key), `its mailbox has ${found} rows, it counts ${queued}`);
}

/** Oldest first. */
export async function readMailbox(reader: DatabaseReader, codec: Codec, root: Address, limit: number): Promise<readonly MailRecord[]> {
  const rows = await reader.entries({ limit, ...actorRowsRange('mailbox', root) });
  return rows.map(({ key, value }) => ({ n: decodeMailKey(key).n, ...(codec.decode(key, value) as MailValue) }));
}

function comparePaths({ path: left }: Address, { path: right }: Address): number {
  for (let index = 0; ; index += 1) {
    const [a, b] = [left[index], right[index]];
    if (a === undefined || b === undefined) return left.length - right.length;
    if (a !== b) return a - b;
  }
}

function checkHead(key: Uint8Array, record: ActorRecord, head: StoredJournalRecord | undefined, lastCommit: number): void {
  const refuse = (reason: string): never => {
    throw recordDamaged(formatKey(key), reason);
  };
  if (head === undefined) return refuse(`it is at sequence ${record.sequence}, but its journal is missing`);
  if (head.sequence !== record.sequence) refuse(`it is at sequence ${record.sequence}, but its journal ends at ${head.sequence}`);
  if (head.commit > lastCommit) refuse(`its journal ends at commit ${head.commit}, but the store ends at ${lastCommit}`);
}

/** All that is pending, in the order of the record. */
function withThoseInRecord(key: Uint8Array, record: ActorRecord, { activities, isMarked }: Rows): readonly ActivityRecord[] {
  const inRecord = activitiesInRecord(record);
  const refuse = (reason: string): never => {
    throw recordDamaged(formatKey(key), reason);
  };
  if (isMarked && inRecord.length === 0) refuse('it is said to have activities in it');
  if (!isMarked && inRecord.length > 0) refuse('nothing says that it has activities in it');
  const rows = new Map(activities.map((activity) => [activity.n, activity]));
  for (const activity of inRecord) {
    if (rows.has(activity.n)) refuse(`activity ${activity.n} stands in it and in a row`);
    rows.set(activity.n, activity);
  }
  const pending = record.activities.map(({ n, childId }) => {
    const activity = rows.get(n) ?? refuse(`activity ${n}, which it names, is missing`);
    if (activity.childId !== childId) refuse(`it does not name activity ${n} as ${JSON.stringify(activity.childId)}`);
    rows.delete(n);
    return activity;
  });
  for (const { n, childId } of rows.values()) refuse(`it does not name activity ${n} as ${JSON.stringify(childId)}`);
  return pending;
}
