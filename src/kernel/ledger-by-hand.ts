/**
 * What a person does about an undo that is owed: one that failed for good, or that of a step that took effect after it was undone.
 * The owner of the ledger may have ended.
 */
import { bearUnwinding } from './apply-actions.ts';
import type { Draft } from './draft.ts';
import type { UndoEnvelope } from './envelope.ts';
import type { LedgerRecord } from './ledger-record.ts';
import { owedPlaces } from './ledger-record.ts';
import { tellCounts } from './ledger.ts';
import { removeQueueItem } from './queue-record.ts';
import type { Reaction } from './reaction.ts';

type HandEnvelope = Extract<UndoEnvelope, { readonly kind: 'undo-retried' | 'undo-settled' }>;

export function undoByHand(envelope: HandEnvelope): Reaction {
  return { kind: 'note', change: (draft) => act(draft, envelope) };
}

function act(draft: Draft, envelope: HandEnvelope): void {
  const entry = draft.ledger.now.get(envelope.entry);
  // Two people may want something of one item, and what is being undone comes to an end by itself.
  if (entry === undefined || entry.undo === 'retrying' || entry.undo === 'running') return;
  if (owedPlaces(draft.address, entry).length === 0) return;
  if (envelope.kind === 'undo-retried') {
    const edited = envelope.input === undefined ? {} : { editedInput: envelope.input };
    draft.ledger.set(entry.n, { ...entry, undo: 'retrying', ...edited });
    bearUnwinding(draft, entry.n);
    return;
  }
  const { isOrphan: _isOrphan, orphanAtMs: _orphanAtMs, deferredAtMs: _deferredAtMs, ...rest } = entry;
  const settled: LedgerRecord = { ...rest, undo: envelope.as, undoEndedAtMs: draft.context.nowMs };
  draft.ledger.set(entry.n, settled);
  forgetOwed(draft, entry);
}

/** It waits for nobody any more. */
function forgetOwed(draft: Draft, entry: LedgerRecord): void {
  const places = owedPlaces(draft.address, entry);
  for (const place of places) removeQueueItem(draft, place);
  tellCounts(draft, { owed: -places.length, undone: 1 });
}
