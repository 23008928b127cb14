/**
 * An unwinding: the actor that undoes what another did, one entry of its ledger after the other. The ledger is its owner's
 * (`ledger.ts`); what is here is what it makes of the answers. Its chart (`xstate-unwinding.ts`) shows how far it is.
 *
 * Invariants
 * 1. It has under way what its owner gave it, one entry at a time or, of a fan-out, several, and tells its owner what each came to in the
 *    commit that ends it.
 * 2. It is shielded: nothing but its budget and `terminate` ends it.
 * 3. When its budget is over no undo begins: each that is left is deferred.
 */
import type { Actor } from './actor.ts';
import { childAddress } from './address.ts';
import type { DecideContext, Draft } from './draft.ts';
import { forgetChild } from './apply-actions.ts';
import { disarmTimer, dropActivity, scheduleAttempts } from './draft.ts';
import { armTimer } from './arm-timer.ts';
import { childUndosDeferred, compensationBudgetOver, undoMissing } from './engine-errors.ts';
import type { ActorEnvelope, StepEnvelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import { failureOf } from './failure.ts';
import type { Json } from './json.ts';
import type { LedgerRecord } from './ledger-record.ts';
import { limits } from './limits.ts';
import type { Change, Reaction } from './reaction.ts';
import { isClosed } from './record.ts';
import type { RegisteredChild } from './registered-machine.ts';
import { encodePayload } from './value-encoding.ts';
import type { CompensationOutput } from './volatile-ledger.ts';
import { contextOf } from './xstate-seam.ts';
import type { LiveChart } from './xstate-seam.ts';
import type { Current, UnwindingContext, UnwindingEvent, UnwindingInput } from './xstate-unwinding.ts';
import { budgetOver, impatient } from './xstate-unwinding.ts';

/** Its first step: it asks what to undo. */
export function beginUnwinding(draft: Draft, chart: LiveChart): void {
  const { owner, budgetAtMs, only } = contextIn(chart);
  armTimer(draft, {
    kind: 'schedule',
    id: budgetOver,
    event: { type: budgetOver },
    delay: budgetAtMs - draft.context.nowMs,
    to: undefined,
  });
  if (only === undefined) ask(draft, owner);
  else tell(draft, owner, { kind: 'undo-next', from: draft.address.path, only });
}

/**
 * What an envelope means to an unwinding.
 *
 * @param usual what it means to any other actor
 */
export function unwindingReaction(actor: Actor, envelope: StepEnvelope, { nowMs }: DecideContext, usual: () => Reaction): Reaction {
  // Terminated, it undoes nothing any more.
  if (isClosed(actor.record.status)) return usual();
  const context = contextIn(actor.chart);
  switch (envelope.kind) {
    case 'undo-entry':
      return begin(actor, context, envelope.entry, nowMs);
    case 'undo-over':
      return deliver({ type: 'unwinding.over' }, (draft) => disarm(draft, impatient));
    default:
      return ofUndo(actor, context, envelope, usual());
  }
}

function begin({ machine, record }: Actor, context: UnwindingContext, entry: LedgerRecord, nowMs: number): Reaction {
  const { name, src } = entry;
  const registered = machine.activities.get(src);
  const isPossible = entry.kind === 'child' ? machine.children.has(src) : registered !== undefined && nowMs < context.budgetAtMs;
  if (!isPossible) {
    const error = registered === undefined ? undoMissing(name) : compensationBudgetOver();
    const failure = { ...failureOf(error), activity: name };
    return deferred(context, [{ entry: entry.n, name }], failure, (draft) => disarm(draft, impatient), context.isOfItems);
  }
  const n = record.counters.child + 1;
  const change: Change = (draft) => {
    disarm(draft, impatient);
    draft.counters.child = n;
    if (registered === undefined) unwindChild(draft, context, entry);
    else scheduleAttempts(draft, { n, childId: `undo of ${name}`, src, input: inputOf(entry) }, registered);
  };
  return deliver({ type: 'unwinding.entry', entry: entry.n, name, n }, change);
}

/** Encoded values put together: what is not there is undefined. */
function inputOf({ input, editedInput, output, outcome, error, idempotencyKey }: LedgerRecord): Json {
  return {
    input: editedInput ?? (input as Json), // every activity has one
    ...(output === undefined ? {} : { output }),
    outcome: outcome === 'completed' ? 'completed' : 'unknown',
    ...(error === undefined ? {} : { error }),
    idempotencyKey: `${idempotencyKey}:undo`,
  };
}

/** What a child did is undone by an unwinding of its own, with the time that is left. */
function unwindChild(draft: Draft, { owner, budgetAtMs }: UnwindingContext, { n: childNumber, src }: LedgerRecord): void {
  const n = draft.counters.child;
  const child = draft.machine.children.get(src) as Extract<RegisteredChild, { kind: 'actor' }>; // that is why it is unwound
  const ofItems = child.machine.isOfItems === true ? { isOfItems: true as const } : {};
  const input: UnwindingInput = { owner: [...owner, childNumber], budgetAtMs, ...ofItems };
  const birth = { childId: `compensation of ${src}`, lineage: [...draft.lineage, src] };
  draft.children.set(n, { n, childId: birth.childId, src, isActor: true });
  draft.born.push(n);
  const to = childAddress(draft.address, n).path;
  draft.messages.push({ to, envelope: { kind: 'start', input: encodePayload(input, 'input'), birth } });
}

/** The end of an undo, or of the unwinding of a child, is told the owner; so is a budget that is over. */
function ofUndo(actor: Actor, context: UnwindingContext, envelope: StepEnvelope, usual: Reaction): Reaction {
  if (usual.kind !== 'deliver') return usual;
  const { event, change } = usual;
  if (event.type === impatient) return { kind: 'note', change: both(change, (draft) => hurry(draft, context)) };
  if (event.type === budgetOver) return outOfTime(actor, context, change);
  const { n } = envelope as Extract<StepEnvelope, { readonly n: number }>; // nothing else ends
  const current = context.current.find((each) => each.n === n) as Current; // what ends is current
  if (event.type.startsWith('xstate.error.')) return deferred(context, [current], undefined, change);
  const isOfChild = actor.children.has(n);
  const forget: Change = isOfChild ? both(change, (draft) => forgetChild(draft, n)) : change;
  const isDeferred = isOfChild && (event as { readonly output?: CompensationOutput }).output?.deferred.length !== 0;
  if (isDeferred) return deferred(context, [current], failureOf(childUndosDeferred(current.name)), forget);
  return deliver(
    { type: 'unwinding.undone', ended: [current] },
    both(forget, (draft) => tellEnd(draft, context, current.entry, undefined)),
  );
}

/** @param failure default: the one that the activity ended with */
function deferred(
  context: UnwindingContext,
  ended: readonly Omit<Current, 'n'>[],
  failure: FailureRecord | undefined,
  change: Change,
  isForOthers?: true,
): Reaction {
  const tellOwner: Change = (draft) => {
    for (const { entry } of ended) tellEnd(draft, context, entry, failure ?? draft.activityFailure, isForOthers);
  };
  return deliver({ type: 'unwinding.deferred', ended: ended.map(({ entry, name }) => ({ entry, name })) }, both(change, tellOwner));
}

function outOfTime({ activities }: Actor, context: UnwindingContext, change: Change): Reaction {
  const { current } = context;
  if (current.length === 0) return { kind: 'note', change: both(change, (draft) => hurry(draft, context)) };
  // The unwinding of a child is out of time itself.
  const [first, ...others] = current.filter(({ n }) => activities.has(n));
  if (first === undefined) return { kind: 'note', change };
  // Several are undone at once only where all have one name.
  const failure = { ...failureOf(compensationBudgetOver()), activity: first.name };
  const drop: Change = (draft) => {
    for (const n of [...draft.activities.now.keys()]) dropActivity(draft, n, 'schedule-to-close-timeout');
  };
  return deferred(context, [first, ...others], failure, both(change, drop));
}

function hurry(draft: Draft, { owner }: UnwindingContext): void {
  tell(draft, owner, { kind: 'undo-next', from: draft.address.path, isImpatient: true });
}

function tellEnd(
  draft: Draft,
  { owner, only }: UnwindingContext,
  entry: number,
  failure: FailureRecord | undefined,
  isForOthers?: true,
): void {
  if (only === undefined) armImpatience(draft);
  tell(draft, owner, {
    kind: 'undo-ended',
    from: draft.address.path,
    entry,
    ...(failure === undefined ? {} : { failure }),
    ...(only === undefined ? {} : { isLast: true }),
    ...(only === undefined && isForOthers === true ? { isForOthers } : {}),
  });
}

function ask(draft: Draft, owner: readonly number[]): void {
  armImpatience(draft);
  tell(draft, owner, { kind: 'undo-next', from: draft.address.path });
}

/** Until it is answered. */
function armImpatience(draft: Draft): void {
  for (const { id } of draft.timers.now.values()) if (id === impatient) return;
  armTimer(draft, { kind: 'schedule', id: impatient, event: { type: impatient }, delay: limits.settleMs, to: undefined });
}

function disarm(draft: Draft, id: string): void {
  for (const timer of draft.timers.now.values()) if (timer.id === id) disarmTimer(draft, timer);
}

function tell(draft: Draft, to: readonly number[], envelope: ActorEnvelope): void {
  draft.messages.push({ to, envelope });
}

function deliver(event: UnwindingEvent, change: Change): Reaction {
  return { kind: 'deliver', event, change };
}

function both(first: Change, then: Change): Change {
  return (draft) => {
    first(draft);
    then(draft);
  };
}

function contextIn({ snapshot }: LiveChart): UnwindingContext {
  return contextOf(snapshot) as UnwindingContext;
}
