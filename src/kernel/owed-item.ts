import type { Draft } from './draft.ts';
import type { LedgerRecord } from './ledger-record.ts';
import type { QueuePlace, QueueRecord } from './queue-record.ts';

/** An undo that a person is to see to, as the queue has it. */
export function owedItem({ machine: { reference } }: Draft, place: QueuePlace, { name, failure }: LedgerRecord): QueueRecord {
  const { id, version } = reference;
  const why = failure === undefined ? {} : { failure, ...(failure.attempt === undefined ? {} : { attempts: failure.attempt }) };
  return { ...place, machine: { id, version }, name, ...why };
}
