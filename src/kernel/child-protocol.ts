/** The protocol of parents and children: what a parent hears of a child, and what a child does that its parent does not want any more. */
import type { Actor } from './actor.ts';
import { numberOf } from './address.ts';
import { endChild, forgetChild } from './apply-actions.ts';
import type { Birth, ParentClosePolicy } from './birth.ts';
import type { Message } from './commit.ts';
import type { Draft } from './draft.ts';
import { forgetActivity } from './draft.ts';
import type { Envelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import { failedOutcome } from './failure.ts';
import type { Json } from './json.ts';
import { registerChild } from './ledger-entries.ts';
import { isUnwinder, tellCounts } from './ledger.ts';
import type { Reaction } from './reaction.ts';
import { cancelledFor, terminatedFor } from './reaction.ts';
import type { ActorRecord, ChartRecord, ChildRecord } from './record.ts';
import { hasEnded, isClosed } from './record.ts';
import { decodeValue } from './value-decoding.ts';
import { encodeValue, typeKey } from './value-encoding.ts';
import type { EventObject } from './xstate-seam.ts';
import { referencesIn } from './xstate-seam.ts';

type ChildEnvelope = Extract<Envelope, { readonly kind: `child-${string}` }>;

export function childReaction(actor: Actor, envelope: ChildEnvelope): Reaction {
  const { n } = envelope;
  const child = actor.children.get(n);
  const isEnd = envelope.kind !== 'child-snapshot';
  if (isEnd && child !== undefined && isUnwinder(actor.machine, child)) return unwound(actor, child, envelope);
  // Let go, it is kept only until its end is heard of.
  if (child?.isDetached === true) {
    if (envelope.kind === 'child-snapshot') return { kind: 'ignore' };
    return { kind: 'note', change: (draft) => (forgetChild(draft, n), keepUndos(draft, actor, envelope, child.src)) };
  }
  const activity = actor.activities.get(n);
  const volatile = activity?.kind === 'volatile' ? activity : undefined;
  const told = child?.isEnded === true ? undefined : (child ?? volatile);
  if (hasEnded(actor.record) || told === undefined || envelope.kind === 'child-gone') return { kind: 'ignore' };
  const end = (draft: Draft): void => {
    if (child === undefined) forgetActivity(draft, n);
    else endChild(draft, child, isStillborn(envelope) ? envelope.error : undefined);
    if (child !== undefined) keepUndos(draft, actor, envelope, child.src);
    if (envelope.kind === 'child-failed') draft.activityFailure = envelope.failure;
  };
  const event = eventOf(actor, told.childId, envelope);
  return { kind: 'deliver', event, change: envelope.kind === 'child-snapshot' ? () => undefined : end };
}

/**
 * A child that leaves something that can be undone is one entry of the ledger, unless the workflow is over, or the child was on its own: then
 * nobody would undo it.
 */
function keepUndos(draft: Draft, { record, machine }: Actor, envelope: ChildEnvelope, src: string | undefined): void {
  const isLeft = envelope.kind === 'child-gone' ? envelope.undos !== undefined : 'hasUndos' in envelope;
  if (!isLeft || src === undefined) return;
  const isOver = record.address.path.length === 0 && isClosed(record.status);
  const registered = machine.children.get(src);
  const isOnItsOwn = envelope.kind === 'child-gone' && registered?.kind === 'actor' && registered.parentClosePolicy === 'abandon';
  if (!isOver && !isOnItsOwn) registerChild(draft, { n: envelope.n, src });
}

/** An unwinding of the own ledger is over: the chart invoked it, or left it behind, or it is what the workflow closes after. */
function unwound(actor: Actor, child: ChildRecord, envelope: Exclude<ChildEnvelope, { kind: 'child-snapshot' }>): Reaction {
  const { n } = envelope;
  const { ending } = actor.record;
  const count = (draft: Draft): void => tellCounts(draft, { running: -1 });
  const forget = (draft: Draft): void => {
    forgetChild(draft, n);
    count(draft);
  };
  if (ending?.n === n) return { kind: 'close', status: ending.status, change: forget };
  if (hasEnded(actor.record) || child.isDetached === true || envelope.kind === 'child-gone') return { kind: 'note', change: forget };
  const end = (draft: Draft): void => {
    endChild(draft, child, undefined);
    count(draft);
  };
  return { kind: 'deliver', event: eventOf(actor, child.childId, envelope), change: end };
}

/** The shapes of XState's events, so that `onDone`, `onError` and `onSnapshot` and their types hold. */
function eventOf({ chart }: Actor, childId: string, envelope: Exclude<ChildEnvelope, { kind: 'child-gone' }>): EventObject {
  const read = (json: Json): unknown => decodeValue(json, referencesIn(chart));
  switch (envelope.kind) {
    case 'child-done':
      return { type: `xstate.done.actor.${childId}`, output: read(envelope.output), actorId: childId } as EventObject;
    case 'child-failed':
      return { type: `xstate.error.actor.${childId}`, error: read(envelope.error), actorId: childId } as EventObject;
    case 'child-snapshot':
      return { type: `xstate.snapshot.${childId}`, snapshot: read(envelope.snapshot) } as EventObject;
  }
}

export function stopReaction({ record, machine: { handlesCancel } }: Actor, mode: ParentClosePolicy): Reaction {
  if (isClosed(record.status)) return { kind: 'ignore' };
  const reason = 'Its parent closed, or left the state it belongs to.';
  switch (mode) {
    case 'abandon':
      return { kind: 'note', change: (draft) => void (draft.isDetached = true) };
    case 'request-cancel':
      return {
        kind: 'ask',
        event: { type: 'workflow.cancel', reason } as EventObject,
        isNamed: handlesCancel,
        end: cancelledFor(reason),
        // Who is let go by its parent is on its own from now on.
        change: (draft) => void (draft.isDetached = handlesCancel),
      };
    case 'terminate':
      return { kind: 'end', end: terminatedFor(reason) };
  }
}

/**
 * What the parent is to hear of a step of its child.
 *
 * @param hasUndos whether it leaves something that can be undone
 * @param isHeard whether the parent waits for its end, though it stopped it: it might have left something
 */
export function newsForParent(record: ActorRecord, birth: Birth, hasUndos: boolean, isHeard: boolean): readonly Message[] {
  const { address, chart, status, isDetached } = record;
  const n = numberOf(address.path);
  const tell = (envelope: Message['envelope']): readonly Message[] => [{ to: address.path.slice(0, -1), envelope }];
  const left = hasUndos ? { hasUndos } : {};
  const gone: Message['envelope'] = { kind: 'child-gone', n, ...(hasUndos ? { undos: birth.lineage.at(-1) as string } : {}) };
  if (isDetached === true) return isClosed(status) ? tell(gone) : [];
  if (chart.status === 'done') return tell({ kind: 'child-done', n, output: chart.output ?? encodeValue(undefined), ...left });
  if (chart.status === 'error') return tell({ kind: 'child-failed', n, error: chart.error ?? null, failure: failureIn(record), ...left });
  // Stopped: the parent wanted it so, and hears only whether something is left to be undone.
  if (isClosed(status)) return isHeard ? tell(gone) : [];
  return birth.isWatched === true ? tell({ kind: 'child-snapshot', n, snapshot: summaryOf(chart) }) : [];
}

/** A child whose first step threw never was: its parent hears of an actor that failed, as in XState. */
export function stillborn(path: readonly number[], error: unknown): Message {
  return { to: path.slice(0, -1), envelope: { kind: 'child-failed', n: numberOf(path), isStillborn: true, ...failedOutcome(error) } };
}

function isStillborn(envelope: Envelope): envelope is Extract<Envelope, { kind: 'child-failed' }> {
  return envelope.kind === 'child-failed' && envelope.isStillborn === true;
}

/** Who ends in error has failed. */
function failureIn({ failure }: ActorRecord): FailureRecord {
  return failure as FailureRecord;
}

/** The snapshot as plain data: what a parent can read of it, without the methods of XState's. */
function summaryOf({ status, value, context }: ChartRecord): Json {
  const isMachine = value !== null;
  const own: Json = Object.hasOwn(context, typeKey) ? { [typeKey]: 'Object', value: Object.entries(context) } : context;
  const nothing = encodeValue(undefined);
  return {
    status,
    ...(isMachine ? { value } : {}),
    context: isMachine ? own : (context['state'] as Json),
    output: nothing,
    error: nothing,
  };
}
