/** What a sender is answered: by the commit that applied or stored the event, or by what is known of a message that came before. */
import type { Commit } from './commit.ts';
import type { ActorRecord, MessageRecord } from './record.ts';

/** What became of an event that was sent. */
export interface SendResult {
  /** The commit that applied the event, or stored it. */
  readonly sequence: number;
  /**
   * `unhandled`: recorded, but the state had no transition for it. `queued`: stored, to be applied when the workflow is resumed,
   * unparked, or its machine is registered; also what the sender of an event is told on which the chart threw.
   */
  readonly outcome: 'applied' | 'unhandled' | 'queued';
}

/** The answer that a signal's commit gives, once it is on disk. An event that poisoned its workflow waits to be redone. */
export function answerOf({ record, journal }: Commit): SendResult {
  const { outcome } = journal;
  return { sequence: record.sequence, outcome: outcome === 'applied' || outcome === 'unhandled' ? outcome : 'queued' };
}

/** How long a message id is known: milliseconds, or undefined for as long as its workflow lives. */
export interface Remembering {
  readonly nowMs: number;
  readonly retentionMs: number | undefined;
}

/**
 * The first outcome of a message that is repeated: `queued` stays what it was, whatever became of it since. What an earlier run
 * of the id was told was not told to this one, and what is older than the retention is forgotten, whether its row is still there
 * or not.
 */
export function firstOutcome(
  record: ActorRecord,
  known: MessageRecord | undefined,
  { nowMs, retentionMs }: Remembering,
): SendResult | undefined {
  if (known === undefined || known.run !== record.address.run || isForgotten(known, nowMs, retentionMs)) return undefined;
  return { sequence: known.sequence, outcome: known.outcome };
}

/** Whether a message id means nothing any more. */
function isForgotten({ atMs }: MessageRecord, nowMs: number, retentionMs: number | undefined): boolean {
  return retentionMs !== undefined && atMs + retentionMs < nowMs;
}
