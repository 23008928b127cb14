/** What machines emitted, as it waits for its consumers: plain data, the same for every host. */
import type { Address } from './address.ts';
import { formatAddress } from './address.ts';
import type { FailureRecord } from './failure-record.ts';
import type { Json } from './json.ts';
import type { QueuePlace, QueueRecord } from './queue-record.ts';

/** The order of everything emitted: number of the commit in the store, then of the event in its step, from 0. */
export interface OutboxPosition {
  readonly commit: number;
  readonly n: number;
}

/** Where an entry stands, and whose it is. */
export interface OutboxPlace extends OutboxPosition {
  /** Of the actor that emitted it. */
  readonly address: Address;
  /** Of its step. */
  readonly sequence: number;
}

export interface OutboxContent {
  readonly machine: { readonly id: string; readonly version: string };
  readonly event: Json;
  /** When it was emitted: the time of its step. */
  readonly atMs: number;
}

export interface OutboxEntry extends OutboxPlace {
  /** Absent if it cannot be read. */
  readonly content?: OutboxContent;
}

/** A message that failed for good. */
export interface OutboxPoison {
  readonly place: OutboxPlace;
  /** Absent if its entry cannot be read. */
  readonly machine?: OutboxContent['machine'];
  readonly failure: FailureRecord;
  readonly sinceAtMs: number;
}

/**
 * Messages of which a consumer is not as far as its cursor says: those of a workflow from one that failed on, or a single one that
 * failed for good and was passed over.
 */
export interface OutboxAside {
  readonly workflowId: string;
  /** Only this one; the later ones of its workflow do not wait for it. */
  readonly lone?: OutboxPosition;
  /** All before it are delivered. */
  readonly from: OutboxPosition;
  /** The last that is counted here; what comes later is met behind the cursor. */
  readonly to: OutboxPosition;
  /** Messages not delivered, from `from` to `to`; absent if nobody knows. */
  readonly count?: number;
  /** Attempts of the first one that failed. */
  readonly failed: number;
  /** About when the first one was emitted. */
  readonly atMs: number;
  /** The first one failed for good: it, and what comes behind it, waits for a person. */
  readonly poison?: OutboxPoison;
}

/** How it waits for a person. */
export function poisonItem(consumer: string, poison: OutboxPoison, attempts: number): QueueRecord {
  const { place, machine = { id: '', version: '' }, failure, sinceAtMs } = poison;
  const { address, commit } = place;
  const details = { messageId: outboxMessageId(place) };
  return {
    kind: 'dead-letter',
    cause: 'outbox-message',
    address,
    n: commit,
    atMs: sinceAtMs,
    machine,
    name: consumer,
    failure,
    attempts,
    details,
  };
}

/** How far a consumer is. */
export interface OutboxConsumerState {
  readonly name: string;
  /** All up to here is delivered, or stands aside. */
  readonly after: OutboxPosition;
  readonly asides: readonly OutboxAside[];
  /** Some of it could not be read: it begins at the beginning of what is kept. */
  readonly isDamaged?: true;
}

/** What changes of a consumer. */
export interface OutboxProgressChange {
  readonly name: string;
  /** Absent: as before. */
  readonly after?: OutboxPosition;
  readonly asidesPut: readonly OutboxAside[];
  readonly asidesRemoved: readonly OutboxAsideKey[];
}

/** What changes of what waits for a person. */
export interface OutboxQueueChange {
  readonly queuePut: readonly QueueRecord[];
  readonly queueRemoved: readonly QueuePlace[];
}

export type OutboxAsideKey = Pick<OutboxAside, 'workflowId' | 'lone'>;

/** Written together or not at all. */
export interface OutboxChange extends OutboxQueueChange {
  readonly consumers: readonly OutboxProgressChange[];
  /** Consumers of which nothing is to be left. */
  readonly consumersRemoved: readonly string[];
  readonly entriesRemoved: readonly OutboxPlace[];
}

export const noOutboxChange: OutboxChange = {
  consumers: [],
  consumersRemoved: [],
  entriesRemoved: [],
  queuePut: [],
  queueRemoved: [],
};

/** Before all there is. */
export const outboxStart: OutboxPosition = { commit: 0, n: 0 };

/** Negative if `left` comes first. */
export function comparePositions(left: OutboxPosition, right: OutboxPosition): number {
  return left.commit - right.commit || left.n - right.n;
}

/** By which consumers recognise what they were given before: the same for ever, and given to nothing else. */
export function outboxMessageId({ address, sequence, n }: OutboxPlace): string {
  return `${formatAddress(address)}:${sequence}:${n}`;
}
