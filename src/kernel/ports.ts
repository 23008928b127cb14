/** What the outside lends: everything that moves comes in through one of these, so that a test can hold the world still. */
import type { Address } from './address.ts';
import type { Commit } from './commit.ts';
import type { ActivityRecord, ActorRecord, DefinitionRecord, JournalRecord, MessageRecord } from './record.ts';

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

/**
 * Where workflows are kept. `write` is one atomic batch that is on disk, synced, when it resolves. If it rejects, its outcome
 * is unknown and the store takes no more writes until it is opened again; reads go on.
 */
export interface Store {
  /** Where it is, for messages to people. */
  readonly location: string;
  /** Number of the last commit on disk when the store was opened. */
  readonly lastCommit: number;
  /** @throws PerdureError `STORE_UNAVAILABLE`: the outcome of this batch is unknown, later ones are refused */
  write(batch: StoreBatch): Promise<void>;
  /** The highest run of an id, or undefined if it was never started. */
  readLatestRun(workflowId: string): Promise<number | undefined>;
  /**
   * Reads an actor with its pending activities and checks that its journal ends where the record says.
   *
   * @throws PerdureError `RECORD_DAMAGED`
   */
  readActor(address: Address): Promise<StoredActor | undefined>;
  /** @throws PerdureError `RECORD_DAMAGED` */
  readMessage(workflowId: string, messageId: string): Promise<MessageRecord | undefined>;
  /**
   * Records of one actor's journal, oldest first, at most `limit`.
   *
   * @throws PerdureError `RECORD_DAMAGED` at a gap in the sequence or a bad checksum
   */
  readJournal(address: Address, fromSequence: number, limit: number): Promise<readonly StoredJournalRecord[]>;
  /** Addresses of all actors with pending activities, each once, in key order. Their records are not looked at. */
  scanActive(limit: number, after?: Uint8Array): Promise<Page<Address>>;
  /**
   * Timers in due order up to and including `untilMs`. Derived rows: the actor's record says whether one is still armed.
   *
   * @param after where to begin: the `next` of a page, or a moment, for timers due later than it
   */
  scanTimers(untilMs: number, limit: number, after?: Uint8Array | number): Promise<Page<TimerRow>>;
  /** Every actor record, in key order; unreadable ones come as their address alone. For counting what is parked. */
  scanActors(limit: number, after?: Uint8Array): Promise<Page<{ readonly address: Address; readonly record?: ActorRecord }>>;
  /** All that can be read; a damaged one counts as missing. */
  readDefinitions(): Promise<readonly DefinitionRecord[]>;
  close(): Promise<void>;
}
