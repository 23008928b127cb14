/** One batch, built in one place: everything a step changes, so that it is on disk together or not at all. */
import type { Address } from '../kernel/address.ts';
import { formatAddress } from '../kernel/address.ts';
import type { Commit } from '../kernel/commit.ts';
import type { LedgerRecord } from '../kernel/ledger-record.ts';
import type { JournalSpan } from '../kernel/kept-journal.ts';
import type { PreparedCommit, StoreBatch, StoredJournalRecord } from '../kernel/ports.ts';
import type { QueuePlace, QueueRecord } from '../kernel/queue-record.ts';
import type {
  ActivityRecord,
  ActorRecord,
  ChildRecord,
  ContextDelta,
  DefinitionRecord,
  MessageRecord,
  TombstoneRecord,
} from '../kernel/record.ts';
import type { MailRecord } from '../kernel/mail-record.ts';
import type { WrittenActor } from './actor-values.ts';
import type { Codec } from './codec.ts';
import type { Operation } from './database.ts';
import {
  encodeActivityKey,
  encodeActivityMarkKey,
  encodeActorKey,
  encodeChildKey,
  encodeDefinitionKey,
  encodeJournalKey,
  encodeLedgerKey,
  encodeMailKey,
  encodeMessageKey,
  encodeTimerKey,
  encodeTombstoneKey,
  headKey,
  twinKeyOf,
} from './keys.ts';
import { pushEmitted } from './emissions.ts';
import { pushItems } from './items.ts';
import { encodeOwedKey, encodeQueueKey } from './queue-keys.ts';

/** What the key says is not said again in the value. */
export type StoredValue<Row, InKey extends keyof Row> = Omit<Row, InKey>;
/** What most records have in common is left out: lists without anything in them, that it was `applied`, and `running` after it. */
export type JournalValue = Omit<StoredValue<StoredJournalRecord, 'address' | 'sequence'>, JournalList | JournalWord | 'context'> & {
  readonly [Key in JournalList | JournalWord]?: StoredJournalRecord[Key];
} & { readonly context?: Partial<StoredJournalRecord['context']> };
type JournalWord = 'outcome' | 'status';
type JournalList = 'armed' | 'cancelled' | 'scheduled' | 'stopped';
export type ActivityValue = StoredValue<ActivityRecord, 'n'>;
export type ChildValue = StoredValue<ChildRecord, 'n'>;
export type LedgerValue = StoredValue<LedgerRecord, 'n'>;
export type MailValue = StoredValue<MailRecord, 'n'>;
export type QueueValue = StoredValue<QueueRecord, keyof QueuePlace>;
export type MessageValue = StoredValue<MessageRecord, 'workflowId' | 'messageId'>;
export type DefinitionValue = { readonly structureHash: string } & StoredValue<DefinitionRecord, 'machine'>;

/**
 * The last commit number of the store, written in every batch. Commit numbers must never be given twice nor leave a gap,
 * because streams are resumed by them; finding the highest one otherwise would need a scan of every journal at open. A
 * database that lost this row, or whose journals go beyond it, lost data.
 */
export interface HeadValue {
  readonly commit: number;
  /** The form in which the rows of lists and counts were kept up to here; absent if they were not: they have to be made anew. */
  readonly listing?: number;
}

/** The form of the rows of lists and counts that this version writes. */
export const listingForm = 1;

/** @param isListed whether the rows of lists and counts are what the records say */
export function headOperation(codec: Codec, commit: number, isListed: boolean): Operation {
  const value: HeadValue = isListed ? { commit, listing: listingForm } : { commit };
  return put(codec, headKey, value);
}

/**
 * The operations of a batch, in order.
 *
 * @param lastCommit number of the last commit before the batch
 * @param listing the rows of lists and counts that change with it; undefined if they are not kept
 * @throws TypeError if the batch does not follow on what is there
 */
export function batchOperations(
  batch: StoreBatch,
  lastCommit: number,
  codec: Codec,
  listing: readonly Operation[] | undefined,
): readonly Operation[] {
  checkNumber(batch, lastCommit);
  const operations: Operation[] = [];
  for (const definition of batch.definitions) operations.push(definitionOperation(definition, codec));
  // Of an actor that moved more than once only its last record is kept: the ones before it would be overwritten at once.
  const last = new Map<string, PreparedRows>();
  batch.commits.forEach((commit, index) => {
    const place = formatAddress(commit.record.address);
    checkCommit(commit, place, last.get(place)?.commit.record);
    const rows = rowsOf(batch, index, codec);
    for (const operation of rows.step) operations.push(operation);
    last.set(place, rows);
  });
  for (const { commit, record } of last.values()) operations.push(record ?? actorOperation(commit.record, codec));
  if (listing !== undefined) operations.push(...listing);
  operations.push(headOperation(codec, lastCommit + batch.commits.length, listing !== undefined));
  return operations;
}

/** The rows of a commit. */
interface PreparedRows extends PreparedCommit {
  readonly step: readonly Operation[];
  /** Absent for one that was not prepared: it may be overwritten within its batch. */
  readonly record?: Operation;
}

/** Writes out the rows of a commit ahead of its batch. */
export function prepareRows(commit: Commit, number: number, codec: Codec): PreparedCommit {
  const rows: PreparedRows = { commit, number, step: stepOperations(commit, number, codec), record: actorOperation(commit.record, codec) };
  return rows;
}

function rowsOf({ prepared, commits, firstCommit }: StoreBatch, index: number, codec: Codec): PreparedRows {
  const known = prepared?.[index] as PreparedRows | undefined;
  const [commit, number] = [commits[index] as Commit, firstCommit + index];
  // Rows of another commit, or of one that was to have another number, are of no use.
  if (known?.commit === commit && known.number === number) return known;
  return { commit, number, step: stepOperations(commit, number, codec) };
}

/** All of a commit but its record. What a step puts and removes again is gone: removals come last. */
function stepOperations(commit: Commit, number: number, codec: Codec): readonly Operation[] {
  const { address } = commit.record;
  const operations: Operation[] = [journalOperation(commit, number, codec)];
  if (commit.journalForgotten !== undefined) forgetJournal(operations, address, commit.journalForgotten);
  for (const activity of commit.activitiesPut) {
    if (activity.isInRecord !== true) operations.push(activityOperation(address, activity, codec));
  }
  for (const n of commit.activityRowsRemoved) operations.push({ kind: 'delete', key: encodeActivityKey(address, n) });
  if (commit.activityMark === 'put') operations.push(put(codec, encodeActivityMarkKey(address)));
  if (commit.activityMark === 'removed') operations.push({ kind: 'delete', key: encodeActivityMarkKey(address) });
  for (const child of commit.childrenPut) operations.push(put(codec, encodeChildKey(address, child.n), { ...child, n: undefined }));
  for (const n of commit.childrenRemoved) operations.push({ kind: 'delete', key: encodeChildKey(address, n) });
  for (const entry of commit.ledgerPut ?? []) operations.push(put(codec, encodeLedgerKey(address, entry.n), { ...entry, n: undefined }));
  for (const n of commit.ledgerRemoved ?? []) operations.push({ kind: 'delete', key: encodeLedgerKey(address, n) });
  if (commit.itemsPut !== undefined) pushItems(operations, commit, codec);
  for (const { generation, dueAtMs } of commit.timersArmed) {
    operations.push(put(codec, encodeTimerKey({ address, generation, dueAtMs })));
  }
  for (const { generation, dueAtMs } of commit.timersDisarmed) {
    operations.push({ kind: 'delete', key: encodeTimerKey({ address, generation, dueAtMs }) });
  }
  if (commit.mailPut.length + commit.mailRemoved.length > 0) pushMail(operations, commit, codec);
  if (commit.journal.emitted !== undefined) pushEmitted(operations, commit, number, codec);
  if (commit.message !== undefined) operations.push(...messageOperations(commit.message, codec));
  if (commit.queueRemoved !== undefined) for (const place of commit.queueRemoved) operations.push(...queueDeletions(place));
  if (commit.queuePut !== undefined) for (const item of commit.queuePut) pushItem(operations, item, codec);
  return operations;
}

function forgetJournal(operations: Operation[], address: Address, { from, to }: JournalSpan): void {
  for (let sequence = from; sequence <= to; sequence += 1) operations.push({ kind: 'delete', key: encodeJournalKey(address, sequence) });
}

function pushMail(operations: Operation[], { record, mailPut, mailRemoved }: Commit, codec: Codec): void {
  const root = { ...record.address, path: [] };
  for (const mail of mailPut) operations.push(put(codec, encodeMailKey(root, mail.n), { ...mail, n: undefined }));
  for (const n of mailRemoved) operations.push({ kind: 'delete', key: encodeMailKey(root, n) });
}

export function pushItem(operations: Operation[], item: QueueRecord, codec: Codec): void {
  const { machine, name, failure, attempts, details } = item;
  const value: Listed<QueueValue> = { machine, name, failure, attempts, details };
  operations.push(put(codec, encodeQueueKey(item), value), put(codec, encodeOwedKey(item)));
}

/** Both rows of an item of the queue. */
export function queueDeletions(place: QueuePlace): readonly Operation[] {
  return [encodeQueueKey(place), encodeOwedKey(place)].map((key) => ({ kind: 'delete', key }));
}

function checkNumber(batch: StoreBatch, lastCommit: number): void {
  if (batch.firstCommit === lastCommit + 1) return;
  throw new TypeError(`A batch begins with commit ${batch.firstCommit}, the store expects ${lastCommit + 1}: commit numbers have no gaps.`);
}

/** @param before the record of the actor's commit before it in the batch */
function checkCommit({ base, record, journal, journalForgotten, message }: Commit, place: string, before: ActorRecord | undefined): void {
  const isSameActor = journal.address === record.address || formatAddress(journal.address) === place;
  if (!isSameActor) throw new TypeError(`The journal record of ${place} names another actor.`);
  if (record.sequence !== base + 1 || journal.sequence !== record.sequence) {
    throw new TypeError(`A commit of ${place} on sequence ${base} has record ${record.sequence} and journal record ${journal.sequence}.`);
  }
  if ((before?.sequence ?? base) !== base) throw new TypeError(`Two commits of ${place} in one batch do not follow on each other.`);
  // What leaves cannot be brought back: the record must say the same, and the first and this one stay.
  if (journalForgotten !== undefined && !isForgottenBy(record, journalForgotten)) {
    const { from, to } = journalForgotten;
    throw new TypeError(`A commit of ${place} forgets ${from} to ${to} of its journal, its record says ${record.journalFrom}.`);
  }
  if (message !== undefined && message.workflowId !== record.address.workflowId) {
    throw new TypeError(`A commit of ${place} carries the message of another workflow.`);
  }
}

function isForgottenBy({ sequence, journalFrom }: ActorRecord, { from, to }: JournalSpan): boolean {
  return from > 1 && to < sequence && journalFrom === to + 1;
}

// Fields are listed one by one, those that are not there as undefined, which JSON leaves out: objects of one shape are written
// faster than copies of many.

type Listed<Value> = { readonly [Key in keyof Required<Value>]: Value[Key] | undefined };

function actorOperation(record: ActorRecord, codec: Codec): Operation {
  const value: Listed<WrittenActor> = {
    machine: record.machine,
    birth: record.birth,
    isDetached: record.isDetached,
    status: record.status,
    chart: record.chart,
    sequence: record.sequence,
    journalFrom: record.journalFrom,
    counters: record.counters,
    queued: record.queued,
    timers: unlessEmpty(record.timers),
    activities: unlessEmpty(record.activities),
    children: record.children === 0 ? undefined : record.children,
    ledger: record.ledger,
    fanOut: record.fanOut,
    askers: record.askers,
    ending: record.ending,
    compensation: record.compensation,
    startedAtMs: record.startedAtMs,
    updatedAtMs: record.updatedAtMs,
    closedAtMs: record.closedAtMs,
    failure: record.failure,
    activityFailure: record.activityFailure,
    parked: record.parked,
    decisions: record.decisions,
    cancelRequested: record.cancelRequested,
    deadline: record.deadline,
    paused: record.paused,
  };
  return put(codec, encodeActorKey(record.address), value);
}

function journalOperation({ journal }: Commit, commit: number, codec: Codec): Operation {
  const value: Listed<JournalValue> = {
    atMs: journal.atMs,
    envelope: journal.envelope,
    outcome: journal.outcome === 'applied' ? undefined : journal.outcome,
    dueAtMs: journal.dueAtMs,
    mail: journal.mail,
    status: journal.status === 'running' ? undefined : journal.status,
    value: journal.value,
    context: contextValue(journal.context),
    armed: unlessEmpty(journal.armed),
    cancelled: unlessEmpty(journal.cancelled),
    scheduled: unlessEmpty(journal.scheduled),
    stopped: unlessEmpty(journal.stopped),
    born: journal.born,
    sent: journal.sent,
    emitted: journal.emitted,
    snapshot: journal.snapshot,
    commit,
  };
  return put(codec, encodeJournalKey(journal.address, journal.sequence), value);
}

function contextValue({ set, removed }: ContextDelta): JournalValue['context'] {
  const isSet = Object.keys(set).length > 0;
  if (removed.length > 0) return isSet ? { set, removed } : { removed };
  return isSet ? { set } : undefined;
}

function unlessEmpty<Item>(list: readonly Item[]): readonly Item[] | undefined {
  return list.length === 0 ? undefined : list;
}

function activityOperation(address: Address, activity: ActivityRecord, codec: Codec): Operation {
  return put(codec, encodeActivityKey(address, activity.n), { ...activity, n: undefined });
}

/** With its twin: nothing else says that there was such a message. */
function messageOperations(message: MessageRecord, codec: Codec): readonly Operation[] {
  const key = encodeMessageKey(message.workflowId, message.messageId);
  return [put(codec, key, { ...message, workflowId: undefined, messageId: undefined }), put(codec, twinKeyOf(key))];
}

/** What is left of a workflow id that is deleted. */
export function tombstoneOperation(workflowId: string, tombstone: TombstoneRecord, codec: Codec): Operation {
  return put(codec, encodeTombstoneKey(workflowId), tombstone);
}

function definitionOperation({ machine, ...rest }: DefinitionRecord, codec: Codec): Operation {
  const value: DefinitionValue = { structureHash: machine.structureHash, ...rest };
  return put(codec, encodeDefinitionKey(machine.id, machine.version), value);
}

function put(codec: Codec, key: Uint8Array, value?: object): Operation {
  return { kind: 'put', key, value: codec.encode(key, value) };
}
