/** What the outside lends: everything that moves comes in through one of these, so that a test can hold the world still. */
import type { Address } from './address.ts';
import type { Commit } from './commit.ts';
import type { CountAnswer, CountQuery } from './count-query.ts';
import type { FanOutRows, ItemRecord } from './item-record.ts';
import type { LedgerRecord } from './ledger-record.ts';
import type { ListAnswer, ListQuery } from './list-query.ts';
import type { OutboxChange, OutboxConsumerState, OutboxEntry, OutboxPosition } from './outbox.ts';
import type { QueueAnswer, QueueCountQuery, QueueQuery, StoredQueueItem } from './queue-query.ts';
import type { QueuePlace } from './queue-record.ts';
import type {
  ActivityRecord,
  ActorRecord,
  ChildRecord,
  DefinitionRecord,
  JournalRecord,
  MessageRecord,
  TombstoneRecord,
} from './record.ts';
import type { MailRecord } from './mail-record.ts';

export interface Clock {
  /** Wall time in epoch milliseconds; may jump. */
  now(): number;
  /** Milliseconds that never decrease while the process lives. */
  monotonic(): number;
  /** Calls back after at least `delayMs` of monotonic time; returns what takes it back. */
  setTimer(delayMs: number, callback: () => void): () => void;
  /** Calls back as soon as the event loop had a turn. */
  yieldTurn(callback: () => void): void;
}

/** A number in [0, 1). */
export type Random = () => number;

/** An actor as it is on disk: its record and the rows of its pending activities, read at one moment. */
export interface StoredActor {
  readonly record: ActorRecord;
  readonly activities: readonly ActivityRecord[];
  readonly children: readonly ChildRecord[];
  /** Absent if there are none. */
  readonly ledger?: readonly LedgerRecord[];
  /** Only of a fan-out. */
  readonly fanOut?: FanOutRows;
}

/** A workflow's run as it is on disk: its root and every actor below it that runs or that a chart refers to, read at one moment. */
export interface StoredTree {
  readonly root: StoredActor;
  /** Parents before their children. */
  readonly others: readonly StoredActor[];
  /** Some of those that are over, where they were asked for. */
  readonly closed: readonly ActorRecord[];
  /** What waits for a person, of all runs of the id, where the same was asked for. */
  readonly queue?: readonly StoredQueueItem[];
}

export interface StoredJournalRecord extends JournalRecord {
  /** Store-wide commit number, no gaps: orders the records of all actors. */
  readonly commit: number;
}

export interface StoreBatch {
  /** Number of the first commit; the others follow without gaps. Must be `lastCommit + 1`. */
  readonly firstCommit: number;
  readonly commits: readonly Commit[];
  readonly definitions: readonly DefinitionRecord[];
  /** What `prepare` made of the commits, in their order. */
  readonly prepared?: readonly (PreparedCommit | undefined)[];
}

/** A commit made ready to be written, in a form that is the store's own. */
export interface PreparedCommit {
  readonly commit: Commit;
  /** The number it was made ready with. */
  readonly number: number;
}

export interface TimerRow {
  readonly address: Address;
  readonly generation: number;
  readonly dueAtMs: number;
  /** Whether the row is not what was written: only its actor's record says what is armed, and when it is due. */
  readonly isDamaged?: true;
}

/** One page of a scan; `next` continues it and is absent at the end. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly next?: Uint8Array;
}

/** Some entries of the outbox, in their order; fewer than asked for at the end. */
export interface OutboxPage {
  readonly entries: readonly OutboxEntry[];
  /** Rows between them of which nobody can say whose they are: they are passed over. */
  readonly unreadable: number;
}

/** What machines emitted and how far its consumers are. Entries come with the commits that `Store.write` is given. */
export interface OutboxStore {
  /** What was emitted behind a position, up to and including a commit, in its order; an entry that cannot be read comes without content. */
  scan(after: OutboxPosition, untilCommit: number, limit: number): Promise<OutboxPage>;
  /** What one workflow id emitted, all its runs, from a position on, in its order. */
  readOf(workflowId: string, from: OutboxPosition, limit: number): Promise<readonly OutboxEntry[]>;
  /** How many entries there are behind a position, `limit` at most. */
  count(after: OutboxPosition, limit: number): Promise<number>;
  /** How far each consumer is that was ever written down and not removed. */
  readConsumers(): Promise<readonly OutboxConsumerState[]>;
  /** Writes down how far consumers are, and takes away what nobody needs any more. Fails as `Store.write` does. */
  write(change: OutboxChange): Promise<void>;
}

/**
 * Where workflows are kept. `write` is one atomic batch that is on disk, synced, when it resolves. If it rejects, its outcome
 * is unknown and the store takes no more writes until it is opened again; reads go on.
 */
export interface Store {
  /** Where it is, for messages to people. */
  readonly location: string;
  /** Number of the last commit on disk when the store was opened. */
  readonly lastCommit: number;
  readonly outbox: OutboxStore;
  /** Makes a commit ready that will have this number: may be called while a batch is being written, which `write` may not. */
  prepare?(commit: Commit, number: number): PreparedCommit;
  /** @throws PerdureError `STORE_UNAVAILABLE`: the outcome of this batch is unknown, later ones are refused */
  write(batch: StoreBatch): Promise<void>;
  /**
   * Takes a slice of a deleted workflow away, in one atomic batch that is on disk when it resolves. With the first one all runs up
   * to `lastRun` are gone for every reader. To be repeated until `isDone`; fails as `write` does.
   */
  erase(workflowId: string, lastRun: number, limit: number): Promise<{ readonly isDone: boolean }>;
  /**
   * Takes away the message ids given before a moment, among `limit` rows from `after` on; `next` is where to go on, absent at
   * the end. Fails as `write` does.
   */
  forgetMessages(beforeMs: number, limit: number, after?: Uint8Array): Promise<{ readonly next: Uint8Array | undefined }>;
  /**
   * Has the disk given back what rows took that were erased, where the database does not by itself. Reads and writes go on meanwhile.
   *
   * @param isWanted is asked between its parts
   */
  compact(isWanted: () => boolean): Promise<void>;
  /** The highest run of an id, or undefined if it was never started or is deleted. The first run of an id that was not deleted is 1. */
  readLatestRun(workflowId: string): Promise<number | undefined>;
  /** What is left of an id that was deleted. */
  readTombstone(workflowId: string): Promise<TombstoneRecord | undefined>;
  /**
   * Reads a run with everything pending in it and checks that each journal ends where its record says, and that its mailbox has as
   * many rows as it counts.
   *
   * @param root address of the root
   * @param closedMax how many further actors, closed and referred to by nobody, to add at most, and then also what waits for a person;
   *   default none
   * @throws PerdureError `RECORD_DAMAGED`
   */
  readTree(root: Address, closedMax?: number): Promise<StoredTree | undefined>;
  /**
   * The oldest rows of a workflow's mailbox, in their order.
   *
   * @throws PerdureError `RECORD_DAMAGED`
   */
  readMailbox(root: Address, limit: number): Promise<readonly MailRecord[]>;
  /**
   * Items of a fan-out that ended, in their order from `from` on, `limit` at most.
   *
   * @throws PerdureError `RECORD_DAMAGED`
   */
  readItems(fanOut: Address, from: number, limit: number): Promise<readonly ItemRecord[]>;
  /** @throws PerdureError `RECORD_DAMAGED` */
  readMessage(workflowId: string, messageId: string): Promise<MessageRecord | undefined>;
  /**
   * Records of one actor's journal, oldest first, at most `limit`; what was forgotten is passed over.
   *
   * @throws PerdureError `RECORD_DAMAGED` at any other gap in the sequence or a bad checksum
   */
  readJournal(address: Address, fromSequence: number, limit: number): Promise<readonly StoredJournalRecord[]>;
  /** Addresses of all actors with pending activities, each once, in key order. Their records are not looked at. */
  scanActive(limit: number, after?: Uint8Array): Promise<Page<Address>>;
  /** Root addresses of all workflows with rows in their mailbox, each once, in key order. */
  scanMail(limit: number, after?: Uint8Array): Promise<Page<Address>>;
  /**
   * Timers in due order up to and including `untilMs`. Derived rows: the actor's record says whether one is still armed.
   *
   * @param after where to begin: the `next` of a page, or a moment, for timers due later than it
   */
  scanTimers(untilMs: number, limit: number, after?: Uint8Array | number): Promise<Page<TimerRow>>;
  /** Every actor record, in key order; unreadable ones come as their address alone. For counting what is parked. */
  scanActors(limit: number, after?: Uint8Array): Promise<Page<{ readonly address: Address; readonly record?: ActorRecord }>>;
  /**
   * A page of the workflows there are, read at one moment: of each id its latest run. One whose record cannot be read is listed as parked.
   *
   * @throws PerdureError `INDEX_DAMAGED` if what lists and counts are made of is not what it should be: see {@link rebuildListing}
   */
  list(query: ListQuery): Promise<ListAnswer>;
  /**
   * Counts workflows, all at one moment.
   *
   * @throws PerdureError `INDEX_DAMAGED`
   */
  count(query: CountQuery): Promise<CountAnswer>;
  /** A page of what waits for a person, read at one moment: by kind, each oldest first. */
  listQueue(query: QueueQuery): Promise<QueueAnswer>;
  /** Counts what waits for a person, all at one moment. */
  countQueue(query: QueueCountQuery): Promise<CountAnswer>;
  /** Undefined if no such item waits. */
  readQueueItem(place: QueuePlace): Promise<StoredQueueItem | undefined>;
  /**
   * Makes everything that lists and counts go by anew from the records, if a list or a count found it damaged. What cannot be
   * read meanwhile leaves it as it is. Fails as `write` does.
   */
  rebuildListing(): Promise<void>;
  /** All that can be read; a damaged one counts as missing. */
  readDefinitions(): Promise<readonly DefinitionRecord[]>;
  close(): Promise<void>;
}
