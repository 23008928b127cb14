/** What a person does about an item of the queue, decided on the workflow that it belongs to. */
import type { Actor } from './actor.ts';
import { decideInTree } from './decide-in-tree.ts';
import type { TreeDecision } from './decide-in-tree.ts';
import type { DecideContext } from './draft.ts';
import type { Act, StepEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import { discardEvent, isDiscardable } from './event-discard.ts';
import type { FailureRecord } from './failure-record.ts';
import { controlTree } from './held-tree.ts';
import type { Json } from './json.ts';
import type { QueueCause, QueuePlace } from './queue-record.ts';
import { owedPlaces } from './ledger-record.ts';
import { exhaustedPlace, isSameItem, queueItemId } from './queue-record.ts';
import { decisionPlace } from './queue-decisions.ts';
import { poisonPlace } from './queue-poison.ts';
import type { ActivityRecord, ActorRecord } from './record.ts';
import type { MailRecord } from './mail-record.ts';
import type { Tree } from './tree.ts';
import { acceptedEvents } from './xstate-seam.ts';

/** The methods of `runtime.queue` by which an item is dealt with. */
export type QueueActName = 'retry' | 'settle' | 'writeOff' | 'discard';

export type QueueAct = Act &
  (
    | { readonly kind: 'retry'; readonly input?: Json }
    | { readonly kind: 'settle'; readonly output: Json }
    | { readonly kind: 'writeOff' | 'discard' }
  );

const actsOfCause: Readonly<Record<QueueCause, readonly QueueActName[]>> = {
  undo: ['retry', 'settle', 'writeOff'],
  activity: ['retry', 'settle', 'discard'],
  event: ['retry', 'discard'],
  'outbox-message': ['retry', 'discard'],
  'orphan-effect': ['retry', 'settle', 'writeOff'],
  decision: [],
};

/** @param envelope of an event: how it had come */
export function actsOf(cause: QueueCause, envelope?: string): readonly QueueActName[] {
  const acts = actsOfCause[cause];
  return cause === 'event' && envelope !== undefined && !isDiscardable(envelope) ? acts.filter((act) => act !== 'discard') : acts;
}

/** Whether the records say that this waits: they are the authority, whatever rows there are. */
export function isOwed(tree: Tree, place: QueuePlace): boolean {
  const { address, cause, n } = place;
  const actor = address.run === tree.address.run ? tree.get(address.path) : undefined;
  switch (cause) {
    case 'event': {
      const poison = poisonPlace(tree.root.record);
      return poison !== undefined && isSameItem(poison, place);
    }
    case 'activity': {
      const activity = actor?.activities.get(n);
      return activity?.state === 'exhausted' && isSameItem(exhaustedPlace(address, activity), place);
    }
    case 'decision':
      return actor?.record.decisions?.open.some((decision) => isSameItem(decisionPlace(address, decision), place)) === true;
    case 'undo':
    case 'orphan-effect': {
      const entry = actor?.ledger.get(n);
      return entry !== undefined && owedPlaces(address, entry).some((owed) => isSameItem(owed, place));
    }
    // Of this it is said by nothing but the row.
    case 'outbox-message':
      return true;
  }
}

/** @param mail to discard an event: the row that holds it */
export function decideAct(tree: Tree, place: QueuePlace, act: QueueAct, context: DecideContext, mail?: MailRecord): TreeDecision {
  if (!isOwed(tree, place)) return { kind: 'refuse', error: itemNotFound(queueItemId(place)) };
  switch (place.cause) {
    case 'event':
      return actOnEvent(tree, place, act, context, mail);
    case 'activity':
      return actOnActivity(tree, place, act, context);
    case 'decision':
      return { kind: 'refuse', error: decisionRefusal(place, act, tree.get(place.address.path) as Actor) }; // it is owed by somebody
    case 'undo':
    case 'orphan-effect':
      return actOnUndo(tree, place, act, context);
    case 'outbox-message':
      return { kind: 'refuse', error: actNotAllowed(place, act) };
  }
}

function actOnEvent(tree: Tree, place: QueuePlace, act: QueueAct, context: DecideContext, mail: MailRecord | undefined): TreeDecision {
  if (act.kind === 'retry') {
    const refusal = retryRefusal(place, act);
    return refusal === undefined ? controlTree(tree, { kind: 'unpark', ...whoAndWhy(act) }, context) : { kind: 'refuse', error: refusal };
  }
  const steps = act.kind === 'discard' && mail !== undefined ? discardEvent(tree, mail, place, whoAndWhy(act), context) : undefined;
  if (steps !== undefined) return { kind: 'commit', steps };
  return { kind: 'refuse', error: mail === undefined ? actNotAllowed(place, act) : outcomeRefusal(place, act, mail) };
}

/** An event is redone as it is. */
export function retryRefusal(place: QueuePlace, act: QueueAct): PerdureError | undefined {
  if (!('input' in act)) return undefined;
  return actNotAllowed(place, act, 'An event cannot be given another input: discard it and send another.');
}

/** The event of an outcome is wanted by the chart: leaving it out would leave it waiting without end. */
function outcomeRefusal(place: QueuePlace, act: QueueAct, { envelope }: MailRecord): PerdureError {
  const what = `What made it throw is an outcome (${envelope.kind}), which happened and cannot be left out.`;
  return actNotAllowed(place, act, `${what} Mend the chart and retry, or terminate the workflow.`, actsOf('event', envelope.kind));
}

function actOnActivity(tree: Tree, place: QueuePlace, act: QueueAct, context: DecideContext): TreeDecision {
  const { address, n } = place;
  const activity = tree.get(address.path)?.activities.get(n);
  const envelope = activity && onActivity(activity, act);
  if (envelope === undefined) return { kind: 'refuse', error: actNotAllowed(place, act) };
  return decideInTree(tree, { to: address.path, envelope }, context);
}

function actOnUndo(tree: Tree, place: QueuePlace, act: QueueAct, context: DecideContext): TreeDecision {
  const { address, n } = place;
  const undo = tree.get(address.path)?.ledger.get(n)?.undo;
  // To want it once more is to want what is done.
  if (undo === 'retrying' && act.kind === 'retry') return { kind: 'ignore' };
  const why = 'It is being undone now: wait for what comes of that.';
  if (undo === 'retrying' || undo === 'running') return { kind: 'refuse', error: actNotAllowed(place, act, why) };
  const envelope = onUndo(n, act);
  if (envelope === undefined) return { kind: 'refuse', error: actNotAllowed(place, act) };
  return decideInTree(tree, { to: address.path, envelope }, context);
}

function onUndo(entry: number, act: QueueAct): StepEnvelope | undefined {
  const who = whoAndWhy(act);
  switch (act.kind) {
    case 'retry':
      return { kind: 'undo-retried', entry, ...(act.input === undefined ? {} : { input: act.input }), ...who };
    case 'settle':
      return { kind: 'undo-settled', entry, as: 'settled', ...who };
    case 'writeOff':
      return { kind: 'undo-settled', entry, as: 'written-off', ...who };
    case 'discard':
      return undefined;
  }
}

function onActivity({ n, lastError, lastFailure }: ActivityRecord, act: QueueAct): StepEnvelope | undefined {
  const who = whoAndWhy(act);
  switch (act.kind) {
    case 'retry':
      return { kind: 'activity-retried', n, ...(act.input === undefined ? {} : { input: act.input }), ...who };
    case 'settle':
      return { kind: 'activity-completed', n, output: act.output, ...who };
    case 'discard':
      // Whoever is exhausted says what with.
      return { kind: 'activity-failed', n, error: lastError as Json, failure: lastFailure as FailureRecord, ...who };
    case 'writeOff':
      return undefined;
  }
}

function decisionRefusal(place: QueuePlace, act: QueueAct, { chart }: Actor): PerdureError {
  const accepts = acceptedEvents(chart.snapshot);
  const events = accepts.map((type) => `"${type}"`).join(', ');
  const details = { item: queueItemId(place), act: act.kind, acts: [], accepts };
  const message = `A decision is made by sending the workflow an event that it accepts, not by ${act.kind}: ${events || 'it accepts none now'}.`;
  return new PerdureError('QUEUE_ACT_NOT_ALLOWED', message, details);
}

export function actNotAllowed(
  place: QueuePlace,
  act: QueueAct,
  why?: string,
  acts: readonly QueueActName[] = actsOf(place.cause),
): PerdureError {
  const message = why ?? `An item of cause ${place.cause} is not dealt with by ${act.kind}; what it knows: ${acts.join(', ')}.`;
  return new PerdureError('QUEUE_ACT_NOT_ALLOWED', message, { item: queueItemId(place), act: act.kind, acts });
}

export function itemNotFound(item: string): PerdureError {
  const message = `There is no item ${JSON.stringify(item)} in the queue: it was dealt with already, or never was. queue.list() shows what waits.`;
  return new PerdureError('QUEUE_ITEM_NOT_FOUND', message, { item });
}

function whoAndWhy({ by, note }: Act): Act {
  return { ...(by === undefined ? {} : { by }), ...(note === undefined ? {} : { note }) };
}

/** Where the row of the mailbox is that made the workflow throw, counted from the oldest; undefined if it is not parked on one. */
export function poisonPosition({ parked, queued = 0, counters }: ActorRecord): number | undefined {
  if (parked?.poison === undefined) return undefined;
  const newest = counters.mail as number; // there was a row at least
  return parked.poison.mail - (newest - queued + 1);
}
