/**
 * The stored mailbox: what a workflow that is paused or parked was told, in the order it came, until it can hear of it.
 *
 * Invariants
 * 1. While rows wait nothing overtakes them: what comes meanwhile is put behind them, and hosts apply them before anything else.
 * 2. Each row is taken by the commit that applies it, the oldest first. One that makes the chart throw stays where it is.
 *    What is left of its unit takes its place, under its number: everything that follows from a row comes before the next one.
 * 3. An activity is `settled` exactly while the outcome of its attempt waits here: it comes to one outcome.
 */
import type { CancelEnvelope, Envelope, StepEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import type { CommitContext } from './kept-journal.ts';
import { limits } from './limits.ts';
import { poisonItem } from './queue-poison.ts';
import type { ActivityRecord, ActorRecord, MachineReference, MessageRecord } from './record.ts';
import type { Mail } from './mail-record.ts';
import { hasEnded, isClosed } from './record.ts';
import type { FailureRecord } from './failure-record.ts';
import type { RecordChange, RecordDecision } from './record-commit.ts';
import { commitRecord } from './record-commit.ts';
import { closedError, notAcceptedError } from './refusals.ts';

type SignalEnvelope = Extract<StepEnvelope, { readonly kind: 'signal' }>;
type OutcomeEnvelope = Extract<StepEnvelope, { readonly attempt: number }>;

/** Whether nothing of the workflow is run. One that is closed stays so, also while what goes on after its end is parked. */
export function isHalted({ status, parked }: ActorRecord): boolean {
  return status === 'paused' || status === 'parked' || (isClosed(status) && parked !== undefined);
}

/** Whether the workflow may hear of its mail now, and has some: a host applies it before it decides anything else. */
export function isDraining(record: ActorRecord): boolean {
  return record.queued !== undefined && !isHalted(record);
}

/** Whether a message is stored instead of applied. */
export function isHeld(record: ActorRecord): boolean {
  return isHalted(record) || (record.queued !== undefined && !isClosed(record.status));
}

/**
 * What a workflow that is held makes of what it is told.
 * - `keep`: a row of the mailbox
 * - `settle`: likewise, and the activity it is about waits for nothing but that
 * - `refuse`: nothing is left to be done by hand or from outside, its outcome is there already
 * - `pass`: bookkeeping of an attempt, of which the chart does not hear: it is decided as ever
 */
export type Holding = 'ignore' | 'late' | 'keep' | 'settle' | 'pass' | 'refuse';

/** @param activity the one the envelope is about, if it is about one */
export function holdingOf(envelope: Exclude<StepEnvelope, { readonly kind: 'terminate' }>, activity: ActivityRecord | undefined): Holding {
  switch (envelope.kind) {
    // Wake-ups come again when it goes on.
    case 'timer':
    case 'deadline':
    case 'attempt-due':
      return 'ignore';
    case 'signal':
    case 'message':
    case 'child-done':
    case 'child-failed':
    case 'child-snapshot':
    case 'child-gone':
    case 'stop':
    case 'cancel':
    case 'undo-next':
    case 'undo-ended':
    case 'undo-entry':
    case 'undo-over':
    case 'undo-retried':
    case 'compensation-counted':
    case 'activity-hurried':
    case 'items':
      return 'keep';
    case 'attempt-handed-over':
      return activity?.state === 'settled' ? 'refuse' : 'pass';
    case 'attempt-heartbeat':
      if (activity?.state !== 'settled') return 'pass';
      return envelope.isFromOutside === true ? 'refuse' : 'ignore';
    // No code of users is run for it.
    case 'undo-settled':
    case 'activity-adjusted':
    case 'activity-retried':
      return 'pass';
    case 'activity-timed-out':
      return activity === undefined || activity.state === 'settled' || activity.state === 'exhausted' ? 'ignore' : 'settle';
    case 'activity-completed':
    case 'activity-failed':
      return activity === undefined || activity.state === 'settled' ? 'refuse' : 'settle';
    default:
      return holdingOfOutcome(envelope, activity);
  }
}

/** The outcome of the attempt that runs is kept; any other is late, or refused, as it would be if the workflow heard of it. */
function holdingOfOutcome(envelope: OutcomeEnvelope, activity: ActivityRecord | undefined): Holding {
  // Handed over it outlives the process that gives back what it ran.
  if (envelope.kind === 'attempt-released' && activity?.isHandedOver === true) return 'ignore';
  if (activity?.state === 'running' && activity.attempt === envelope.attempt) return 'settle';
  // The first one waits in the mailbox: this one must not overtake it.
  if ('isFromOutside' in envelope && envelope.isFromOutside) return 'refuse';
  return envelope.kind === 'attempt-completed' ? 'late' : 'ignore';
}

/** A signal, or a request to cancel, to a workflow whose machine is not there: told from its record alone. */
export function holdSignal(record: ActorRecord, envelope: SignalEnvelope | CancelEnvelope, context: CommitContext): RecordDecision {
  const refusal = refusalToHold(record, envelope);
  return refusal === undefined ? keepMail(record, { to: [], envelope }, context) : { kind: 'refuse', error: refusal };
}

export function refusalToHold(record: ActorRecord, envelope: Envelope): PerdureError | undefined {
  if (envelope.kind !== 'signal' && envelope.kind !== 'cancel') return undefined;
  if (hasEnded(record)) return closedError(record);
  if (envelope.kind === 'signal' && envelope.isUpdate === true) return notAcceptedError(record, envelope, []);
  return (record.queued ?? 0) >= limits.mailboxMax ? mailboxFull(record.address.workflowId) : undefined;
}

type Kept = Extract<RecordDecision, { kind: 'commit' }>;

/**
 * Puts a row into the mailbox.
 *
 * @param before the root's record
 * @param taken the row whose place it takes, since it is what is left of its unit; default: it comes last
 */
export function keepMail(before: ActorRecord, mail: Mail, context: CommitContext, change: RecordChange = {}, taken?: number): Kept {
  const last = before.counters.mail ?? 0;
  const n = taken ?? last + 1;
  const counters = { ...before.counters, mail: Math.max(n, last) };
  const record = { ...(change.record ?? before), counters, queued: (before.queued ?? 0) + 1 };
  const message = messageGiven(before, mail.envelope, 'queued');
  return commitRecord(before, mail.envelope, 'queued', context, {
    ...change,
    record,
    mail: n,
    mailPut: [{ ...mail, n }],
    ...(message === undefined ? {} : { message }),
  });
}

/** Takes the oldest row: what it says was applied to an actor below the root. */
export function takeOldest(before: ActorRecord, n: number, about: Envelope, context: CommitContext): Kept {
  const { queued = 0, ...rest } = before;
  const record = queued > 1 ? { ...rest, queued: queued - 1 } : rest;
  return commitRecord(before, about, 'noted', context, { record, mail: n, mailRemoved: [n] });
}

/** Where the mail is that a chart throws on. */
export interface PoisonPlace {
  /** The row of the mailbox that its unit came from; absent if it came from outside. */
  readonly row: number | undefined;
  /** Whether that row was taken: what is left takes its place. */
  readonly isTaken: boolean;
  /** Of the actor it is for. Default: the root's. */
  readonly machine?: MachineReference;
}

/**
 * Parks a workflow. What made it throw is kept with all that comes after it, to be redone first: in the row it came from, or as a
 * new one. The end of one that is closed is not taken back: only what goes on after it is parked.
 */
export function parkPoisoned(
  before: ActorRecord,
  poison: Mail,
  { row, isTaken, machine = before.machine }: PoisonPlace,
  failure: FailureRecord,
  context: CommitContext,
  change: RecordChange = {},
): Kept {
  const status = isClosed(before.status) ? before.status : 'parked';
  const mail = row ?? (before.counters.mail ?? 0) + 1;
  const atMs = Math.max(context.nowMs, before.updatedAtMs);
  const parkedOn = { mail, path: poison.to, atMs };
  const record: ActorRecord = { ...before, status, parked: { reason: 'poison', failure, poison: parkedOn } };
  const item = poisonItem(before.address, parkedOn, poison.envelope, { machine, failure });
  const parking: RecordChange = { ...change, record, queuePut: [item] };
  if (row !== undefined && !isTaken) return commitRecord(before, poison.envelope, 'parked', context, { ...parking, mail: row });
  const kept = keepMail(before, poison, context, parking, row);
  return { ...kept, commit: { ...kept.commit, journal: { ...kept.commit.journal, outcome: 'parked' } } };
}

/** The row that makes repeating a message safe. */
export function messageGiven(
  { address: { workflowId, run } }: Pick<ActorRecord, 'address'>,
  envelope: Envelope,
  outcome: MessageRecord['outcome'],
): Omit<MessageRecord, 'sequence' | 'atMs'> | undefined {
  if (envelope.kind !== 'signal' || envelope.messageId === undefined) return undefined;
  return { workflowId, messageId: envelope.messageId, run, outcome };
}

export function mailboxFull(id: string): PerdureError {
  const message = `Workflow "${id}" has ${limits.mailboxMax} messages waiting; send again when some are applied.`;
  return new PerdureError('MAILBOX_FULL', message, { id, max: limits.mailboxMax });
}
