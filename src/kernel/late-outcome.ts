/** What comes of the outcome of an attempt that nobody waits for: the ledger may learn of it. */
import type { Actor } from './actor.ts';
import type { Draft } from './draft.ts';
import type { Envelope } from './envelope.ts';
import type { Json } from './json.ts';
import { completeEntry, markUnknown, removeEntry } from './ledger-entries.ts';
import type { LedgerRecord } from './ledger-record.ts';
import { owedPlaces } from './ledger-record.ts';
import { tellCounts } from './ledger.ts';
import { owedItem } from './owed-item.ts';
import { putQueueItem } from './queue-record.ts';
import type { Change } from './reaction.ts';
import type { RestingUndos } from './resting-undos.ts';
import { allResting, wake } from './resting-undos.ts';

type LateEnvelope = Extract<
  Envelope,
  { readonly kind: 'attempt-completed' | 'attempt-failed' | 'attempt-timed-out' | 'attempt-lost' | 'attempt-released' }
>;

/**
 * What an attempt came to that nobody waits for, as far as it says more of what there is to undo than was known; undefined if it does not.
 */
export function lateChange({ ledger, resting }: Actor, envelope: LateEnvelope): Change | undefined {
  const { n } = envelope;
  const entry = ledger.get(n);
  if (entry === undefined) return lateAtRest(resting, envelope);
  if (envelope.kind !== 'attempt-completed') {
    if (entry.outcome !== 'leaving' || entry.attempt !== envelope.attempt) return undefined;
    const isNothing = envelope.kind === 'attempt-released' && !envelope.hasBegun && envelope.attempt === 1;
    if (isNothing) return (draft) => removeEntry(draft, n);
    return (draft) => markUnknown(draft, n, envelope.kind === 'attempt-failed' ? envelope.error : undefined);
  }
  if (entry.outcome !== 'leaving' && entry.outcome !== 'unknown') return undefined;
  const { output } = envelope;
  // An earlier one than the one that still runs: that is awaited all the same.
  if (entry.outcome === 'leaving' && entry.attempt !== envelope.attempt) return (draft) => draft.ledger.set(n, { ...entry, output });
  if (entry.undo === undefined) return (draft) => completeEntry(draft, n, output);
  return (draft) => tookEffect(draft, entry, output);
}

/** It takes its place among those that ended last. */
function lateAtRest(resting: RestingUndos | undefined, envelope: LateEnvelope): Change | undefined {
  if (envelope.kind !== 'attempt-completed' || resting === undefined) return undefined;
  for (const { n, outcome } of allResting(resting)) {
    if (n === envelope.n && outcome === 'unknown') return (draft) => (wake(draft, n), completeEntry(draft, n, envelope.output));
  }
  return undefined;
}

/** It did, and its undo did not know of that: what waits for a person has to know, and a person what does not. */
function tookEffect(draft: Draft, entry: LedgerRecord, output: Json): void {
  if (entry.undo === 'deferred') {
    draft.ledger.set(entry.n, { ...entry, outcome: 'completed', output });
    return;
  }
  const orphan: LedgerRecord = { ...entry, outcome: 'completed', output, isOrphan: true, orphanAtMs: draft.context.nowMs };
  draft.ledger.set(entry.n, orphan);
  const places = owedPlaces(draft.address, { n: orphan.n, orphanAtMs: orphan.orphanAtMs });
  for (const place of places) putQueueItem(draft, owedItem(draft, place, orphan));
  tellCounts(draft, { owed: 1 });
}
