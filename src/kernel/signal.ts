/** What a sender is answered: by the commit that applied the event, or by what is known of a message that came before. */
import type { Commit } from './commit.ts';
import type { PerdureError } from './errors.ts';
import type { ActorRecord, MessageRecord } from './record.ts';
import { parkedError } from './refusals.ts';

/** What became of an event that was sent. */
export interface SendResult {
  /** The commit that applied the event. */
  readonly sequence: number;
  /** `unhandled`: recorded, but the state had no transition for it. */
  readonly outcome: 'applied' | 'unhandled';
}

export type SignalAnswer =
  { readonly kind: 'result'; readonly result: SendResult } | { readonly kind: 'refuse'; readonly error: PerdureError };

/** The answer that a signal's commit gives, once it is on disk: an event that poisoned its workflow was not applied. */
export function answerOf({ record, journal }: Commit): SignalAnswer {
  const { outcome } = journal;
  if (outcome !== 'applied' && outcome !== 'unhandled') return { kind: 'refuse', error: parkedError(record) };
  return { kind: 'result', result: { sequence: record.sequence, outcome } };
}

/** The first outcome of a message that is repeated. What an earlier run of the id was told was not told to this one. */
export function firstOutcome(record: ActorRecord, known: MessageRecord | undefined): SendResult | undefined {
  if (known === undefined || known.run !== record.address.run) return undefined;
  return { sequence: known.sequence, outcome: known.outcome };
}
