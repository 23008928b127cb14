/** An item of the queue as it is shown: in a list, on its workflow, and alone with all that a person needs to decide. */
import type { FailureRecord } from './failure-record.ts';
import type { Json } from './json.ts';
import { actsOf, isOwed } from './queue-acts.ts';
import type { QueueActName } from './queue-acts.ts';
import type { StoredQueueItem } from './queue-query.ts';
import type { LedgerRecord } from './ledger-record.ts';
import type { QueueCause, QueueKind, QueueRecord } from './queue-record.ts';
import { queueItemId } from './queue-record.ts';
import type { WorkflowStatus } from './record.ts';
import type { MailRecord } from './mail-record.ts';
import type { StoredActor } from './ports.ts';
import type { Tree } from './tree.ts';
import { decodeValue } from './value-decoding.ts';
import { acceptedEvents } from './xstate-seam.ts';

/** Something that waits for a person. Moments are epoch milliseconds. */
export interface QueueItem {
  /** Names it to `get` and to what deals with it. */
  readonly id: string;
  /** `deferred`: an undo that failed for good; `dead-letter`: what the engine cannot bring to an end by itself; `decision`: a state with the tag `needs-decision`. */
  readonly kind: QueueKind;
  /** What of the workflow it is. */
  readonly cause: QueueCause;
  /** The id of its workflow. */
  readonly workflow: string;
  readonly run: number;
  /** Path of the actor it is about; empty for the root. */
  readonly path: readonly number[];
  /** Of that actor. Absent if the item cannot be read. */
  readonly machine?: { readonly id: string; readonly version: string };
  /** The name of the activity, or the state in which to decide. */
  readonly name?: string;
  /** Since when it waits. */
  readonly sinceAtMs: number;
  /** For how long it has waited, in milliseconds. */
  readonly ageMs: number;
  /** What it failed with. */
  readonly failure?: FailureRecord;
  /** Attempts that were made. */
  readonly attempts?: number;
  /** Its row on disk is damaged or lost: no more is known than what is said here, but it can be dealt with. */
  readonly isDamaged?: true;
}

/** An item with what a person needs to deal with it. */
export interface QueueItemDetails extends QueueItem {
  /** What happened, in a sentence or two. */
  readonly what: string;
  /** The methods of `runtime.queue` that deal with it now. Absent where its workflow cannot be run or read. */
  readonly acts?: readonly QueueActName[];
  /** Of a decision: the event types that the workflow accepts now. */
  readonly accepts?: readonly string[];
  /** The status of its workflow. Absent if that cannot be read. */
  readonly status?: WorkflowStatus;
  /** The state value of the actor's chart. */
  readonly value?: Json;
  /** What the activity was given, or will be given if it is retried. */
  readonly input?: unknown;
  /** Of an undo: what the activity came to, if that is known. */
  readonly output?: unknown;
  /** Of an undo: whether it is known that the activity took effect. */
  readonly outcome?: 'completed' | 'unknown';
  /** What its code was given to be recognised by: look there whether it took effect. */
  readonly idempotencyKey?: string;
  /** The event that the chart threw on; of a timer, the one that it sends. */
  readonly event?: unknown;
}

/** An item as `describe` shows it. */
export type QueueDescription = Pick<QueueItem, 'id' | 'kind' | 'cause' | 'run' | 'path' | 'name' | 'sinceAtMs'>;

export function describeItem(item: StoredQueueItem): QueueDescription {
  const { kind, cause, address, atMs } = item;
  const { name }: Partial<QueueRecord> = item;
  const { run, path } = address;
  return { id: queueItemId(item), kind, cause, run, path, ...(name === undefined ? {} : { name }), sinceAtMs: atMs };
}

export function showItem(item: StoredQueueItem, nowMs: number): QueueItem {
  const { machine, failure, attempts }: Partial<QueueRecord> = item;
  return {
    ...describeItem(item),
    workflow: item.address.workflowId,
    ageMs: Math.max(0, nowMs - item.atMs),
    ...(machine === undefined ? {} : { machine }),
    ...(failure === undefined ? {} : { failure }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(item.isDamaged === true ? { isDamaged: true } : {}),
  };
}

/** What is on disk of the workflow of an item. */
export interface ItemSurroundings {
  readonly status?: WorkflowStatus;
  /** The actor it is about. */
  readonly actor?: StoredActor;
  /** Absent where its machine is not registered. */
  readonly tree?: Tree | undefined;
  /** Of an event: the row that holds it. */
  readonly mail?: MailRecord | undefined;
}

/** Undefined if the records say that it does not wait any more. */
export function showDetails(item: StoredQueueItem, found: ItemSurroundings, nowMs: number): QueueItemDetails | undefined {
  const { status, actor, tree, mail } = found;
  if (tree !== undefined && !isOwed(tree, item)) return undefined;
  const shown = showItem(item, nowMs);
  const activity = item.cause === 'activity' ? actor?.activities.find(({ n }) => n === item.n) : undefined;
  const entry = activity === undefined ? actor?.ledger?.find(({ n }) => n === item.n) : undefined;
  const event = eventOf(mail, actor);
  const chart = tree?.get(item.address.path)?.chart;
  return {
    ...shown,
    what: whatHappened(shown, mail),
    ...(tree === undefined && item.cause !== 'outbox-message' ? {} : { acts: actsOf(item.cause, mail?.envelope.kind) }),
    ...(item.cause === 'decision' && chart !== undefined ? { accepts: acceptedEvents(chart.snapshot) } : {}),
    ...(status === undefined ? {} : { status }),
    ...(actor === undefined ? {} : { value: actor.record.chart.value }),
    ...(activity === undefined ? {} : { input: decodeValue(activity.input), idempotencyKey: activity.retryKey ?? activity.idempotencyKey }),
    ...(entry !== undefined && (item.cause === 'undo' || item.cause === 'orphan-effect') ? ofUndo(entry) : {}),
    ...(event === undefined ? {} : { event: decodeValue(event) }),
  };
}

function ofUndo({ input, editedInput = input, output, outcome, idempotencyKey }: LedgerRecord): Partial<QueueItemDetails> {
  return {
    input: decodeValue(editedInput as Json), // every activity has one
    ...(output === undefined ? {} : { output: decodeValue(output) }),
    outcome: outcome === 'completed' ? 'completed' : 'unknown',
    idempotencyKey: `${idempotencyKey}:undo`,
  };
}

function eventOf(mail: MailRecord | undefined, actor: StoredActor | undefined): Json | undefined {
  const envelope = mail?.envelope;
  if (envelope === undefined) return undefined;
  if (envelope.kind === 'timer') return actor?.record.timers.find(({ generation }) => generation === envelope.generation)?.event;
  return 'event' in envelope ? envelope.event : undefined;
}

function attempted(attempts: number | undefined): string {
  return attempts === undefined ? '' : ` after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
}

function whatHappened(item: QueueItem, mail: MailRecord | undefined): string {
  const { cause, name, attempts, failure, workflow } = item;
  const why = failure === undefined ? '' : `: ${failure.class}: ${failure.message}`;
  const of = `of workflow ${JSON.stringify(workflow)}`;
  switch (cause) {
    case 'activity': {
      return `Activity ${JSON.stringify(name ?? '')} ${of} failed for good${attempted(attempts)}${why}. The workflow waits for what comes of it.`;
    }
    case 'event': {
      const envelope = mail === undefined ? 'what it was told' : mail.envelope.kind;
      return `The chart ${of} threw on ${envelope}${why}. The workflow is parked and does nothing until that is mended or left out.`;
    }
    case 'decision':
      return `State ${JSON.stringify(name ?? '')} ${of} waits for a decision, made by sending it an event.`;
    case 'undo':
      return `The undo of ${JSON.stringify(name ?? '')} ${of} failed for good${attempted(attempts)}${why}. What it should have taken back still stands.`;
    case 'outbox-message':
      return `An emitted event ${of} could not be delivered to the outbox consumer ${JSON.stringify(name ?? '')}${why}.`;
    case 'orphan-effect':
      return `Activity ${JSON.stringify(name ?? '')} ${of} took effect after its undo had begun, which did not know of that. It may still stand.`;
  }
}
