/** What waits for a person: a row of the queue, as the commit that found it writes it. */
import type { Address } from './address.ts';
import { formatPlace, problemOfId } from './address.ts';
import type { FailureRecord } from './failure-record.ts';
import type { Json } from './json.ts';

/** An undo that failed for good, something the engine cannot bring to an end by itself, or a state in which a person decides. */
export type QueueKind = 'deferred' | 'dead-letter' | 'decision';

/** What of a workflow waits. */
export type QueueCause = 'undo' | 'activity' | 'event' | 'outbox-message' | 'orphan-effect' | 'decision';

/** The place of an item: no two of a store share one, and none is used again. */
export interface QueuePlace {
  readonly kind: QueueKind;
  readonly cause: QueueCause;
  /** Of the actor it is about. */
  readonly address: Address;
  /** Number of the activity, undo, row of the mailbox or decision; 0 if there is none. */
  readonly n: number;
  /** Since when it waits. */
  readonly atMs: number;
}

/** Written with the commit from which on it waits, and removed with the one that settles it. */
export interface QueueRecord extends QueuePlace {
  readonly machine: { readonly id: string; readonly version: string };
  /** Of the activity, or the state. */
  readonly name?: string;
  readonly failure?: FailureRecord;
  readonly attempts?: number;
  /** What else the cause needs. Small. */
  readonly details?: Json;
}

/** In the order of lists. */
export const queueKinds: readonly QueueKind[] = ['deferred', 'dead-letter', 'decision'];

export const queueCauses: readonly QueueCause[] = ['undo', 'activity', 'event', 'outbox-message', 'orphan-effect', 'decision'];

const form = /^([a-z-]+):([a-z-]+):([0-9.e+-]+):(\d+):(\d+):((?:\d+(?:\.\d+)*)?):(.*)$/s;

/** The id by which people name an item. The id of the workflow stands last, as it is: it may hold anything. */
export function queueItemId({ kind, cause, atMs, n, address }: QueuePlace): string {
  return `${kind}:${cause}:${atMs}:${n}:${address.run}:${formatPlace(address.path)}:${address.workflowId}`;
}

/** Undefined for what is no id of an item. */
export function parseQueueItemId(text: string): QueuePlace | undefined {
  const [, kind, cause, at, n, run, path = '', workflowId = ''] = form.exec(text) ?? [];
  const address = { workflowId, run: Number(run), path: path === '' ? [] : path.split('.').map(Number) };
  const place: QueuePlace = { kind: kind as QueueKind, cause: cause as QueueCause, address, n: Number(n), atMs: Number(at) };
  if (!queueKinds.includes(place.kind) || !queueCauses.includes(place.cause) || problemOfId(workflowId) !== undefined) return undefined;
  // Another way to write the same numbers is not what was handed out.
  return queueItemId(place) === text ? place : undefined;
}

/** The place of the item of an activity that is `exhausted`. */
export function exhaustedPlace(
  address: Address,
  { n, exhaustedAtMs = 0 }: { readonly n: number; readonly exhaustedAtMs?: number },
): QueuePlace {
  return { kind: 'dead-letter', cause: 'activity', address, n, atMs: exhaustedAtMs };
}

/** Whether both are the same item. */
export function isSameItem(left: QueuePlace, right: QueuePlace): boolean {
  return queueItemId(left) === queueItemId(right);
}

/** Adds an item in a step; one of the same place that the step took away before is there again. */
export function putQueueItem(draft: QueueChanges, record: QueueRecord): void {
  dropFrom(draft.queueRemoved, record);
  draft.queuePut.push(record);
}

/** Takes an item away in a step; one that the step put leaves no trace. */
export function removeQueueItem(draft: QueueChanges, place: QueuePlace): void {
  if (!dropFrom(draft.queuePut, place)) draft.queueRemoved.push(place);
}

/** What a step changes of the queue. */
export interface QueueChanges {
  readonly queuePut: QueueRecord[];
  readonly queueRemoved: QueuePlace[];
}

function dropFrom(places: QueuePlace[], place: QueuePlace): boolean {
  const at = places.findIndex((other) => isSameItem(other, place));
  if (at !== -1) places.splice(at, 1);
  return at !== -1;
}
