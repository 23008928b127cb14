import type { FailureRecord } from './failure-record.ts';
import type { StoredJournalRecord } from './ports.ts';
import type { JournalOutcome, WorkflowStatus } from './record.ts';
import type { Json } from './json.ts';
import { decodeValue } from './value-decoding.ts';

/** One step of a workflow's history, oldest first. */
export interface HistoryEntry {
  /** Position in the history, from 1; that of what was forgotten is not given again. */
  readonly step: number;
  readonly sequence: number;
  /** Store-wide commit number. */
  readonly commit: number;
  /** Epoch milliseconds; never decreases along a history. */
  readonly atMs: number;
  /** Of a timer that fired, or the deadline: when it was due; `atMs` is when it was heard. Epoch milliseconds. */
  readonly dueAtMs?: number;
  /** What happened: `start`, `signal`, `timer`, `deadline`, what became of an attempt, what a person did to it, or `park`. */
  readonly kind: StoredJournalRecord['envelope']['kind'];
  /** Who did it by hand. */
  readonly by?: string;
  /** Why it was done by hand. */
  readonly note?: string;
  /** Why it was cancelled, terminated or parked. */
  readonly reason?: string;
  /** Number of the place in the stored mailbox that it was put into (`queued`, `parked`) or taken from (any other outcome). */
  readonly mail?: number;
  /** The event of a signal. */
  readonly event?: unknown;
  readonly outcome: JournalOutcome;
  readonly status: WorkflowStatus;
  /** The chart's state value after it. */
  readonly value: Json;
  /** Events the chart emitted. */
  readonly emitted?: readonly unknown[];
  /** Number and attempt of the activity it is about. */
  readonly activity?: { readonly n: number; readonly attempt?: number };
  /** Why an attempt failed. */
  readonly failure?: FailureRecord;
}

export function historyEntry(record: StoredJournalRecord): HistoryEntry {
  const { envelope } = record;
  return {
    step: record.sequence,
    sequence: record.sequence,
    commit: record.commit,
    atMs: record.atMs,
    ...(record.dueAtMs === undefined ? {} : { dueAtMs: record.dueAtMs }),
    kind: envelope.kind,
    ...('by' in envelope && envelope.by !== undefined ? { by: envelope.by } : {}),
    ...('note' in envelope && envelope.note !== undefined ? { note: envelope.note } : {}),
    ...('reason' in envelope ? { reason: envelope.reason } : {}),
    ...(record.mail === undefined ? {} : { mail: record.mail }),
    ...('event' in envelope ? { event: decodeValue(envelope.event) } : {}),
    outcome: record.outcome,
    status: record.status,
    value: record.value,
    ...(record.emitted === undefined ? {} : { emitted: record.emitted.map((event) => decodeValue(event)) }),
    ...('n' in envelope ? { activity: 'attempt' in envelope ? { n: envelope.n, attempt: envelope.attempt } : { n: envelope.n } } : {}),
    ...('failure' in envelope ? { failure: envelope.failure } : {}),
  };
}
