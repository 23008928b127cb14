/**
 * The stored mailbox: what a workflow that is paused or parked was told, in the order it came, until it can hear of it.
 *
 * Invariants
 * 1. While rows wait nothing overtakes them: what comes meanwhile is put behind them, and hosts apply them before anything else.
 * 2. Each row is taken by the commit that applies it, the oldest first. One that makes the chart throw stays where it is.
 * 3. An activity is `settled` exactly while the outcome of its attempt waits here: it comes to one outcome.
 */
import type { StepEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import { limits } from './limits.ts';
import type { ActivityRecord, ActorRecord, MessageRecord } from './record.ts';
import { isClosed } from './record.ts';
import type { RecordDecision } from './record-commit.ts';
import { commitRecord } from './record-commit.ts';
import { notAcceptedError } from './refusals.ts';

type SignalEnvelope = Extract<StepEnvelope, { readonly kind: 'signal' }>;
type OutcomeEnvelope = Extract<StepEnvelope, { readonly attempt: number }>;

/** Whether the workflow may hear of its mail now, and has some: a host applies it before it decides anything else. */
export function isDraining(record: ActorRecord): boolean {
  return record.status === 'running' && record.queued !== undefined;
}

/** Whether a message is stored instead of applied. */
export function isHeld(record: ActorRecord): boolean {
  return record.queued !== undefined || record.status === 'paused' || record.status === 'parked';
}

/** What a workflow that is held makes of what it is told. Wake-ups come again when it goes on. */
export function hold(
  record: ActorRecord,
  activities: ReadonlyMap<number, ActivityRecord>,
  envelope: Exclude<StepEnvelope, { readonly kind: 'terminate' }>,
  nowMs: number,
): RecordDecision {
  switch (envelope.kind) {
    case 'timer':
    case 'attempt-due':
      return { kind: 'ignore' };
    case 'signal':
      return holdSignal(record, envelope, nowMs);
    default:
      return holdOutcome(record, activities.get(envelope.n), envelope, nowMs);
  }
}

/** A signal to a workflow whose machine is not there: told from its record alone. */
export function holdSignal(record: ActorRecord, envelope: SignalEnvelope, nowMs: number): RecordDecision {
  if (isClosed(record.status)) throw new TypeError('A closed workflow has no mailbox.');
  if (envelope.isUpdate === true) return { kind: 'refuse', error: notAcceptedError(record, envelope, []) };
  if ((record.queued ?? 0) >= limits.mailboxMax) return { kind: 'refuse', error: mailboxFull(record.address.workflowId) };
  const message = messageGiven(record, envelope, 'queued');
  return put(record, envelope, nowMs, message === undefined ? {} : { message });
}

/** The outcome of the attempt that runs is kept; any other is late, as it would be if the workflow heard of it. */
function holdOutcome(record: ActorRecord, activity: ActivityRecord | undefined, envelope: OutcomeEnvelope, nowMs: number): RecordDecision {
  if (activity?.state !== 'running' || activity.attempt !== envelope.attempt) {
    return envelope.kind === 'attempt-completed' ? commitRecord(record, envelope, 'late', nowMs, {}) : { kind: 'ignore' };
  }
  const settled = { ...activity, state: 'settled' as const };
  // Its place is needed whatever the chart will make of it.
  const abort = { kind: 'abort-attempt', n: activity.n, reason: 'timeout' } as const;
  return put(record, envelope, nowMs, { activitiesPut: [settled], effects: envelope.kind === 'attempt-timed-out' ? [abort] : [] });
}

function put(
  before: ActorRecord,
  envelope: StepEnvelope,
  nowMs: number,
  change: Omit<Parameters<typeof commitRecord>[4], 'record' | 'mail' | 'mailPut'>,
): RecordDecision {
  const n = (before.counters.mail ?? 0) + 1;
  const record = { ...before, counters: { ...before.counters, mail: n }, queued: (before.queued ?? 0) + 1 };
  const mailPut = [{ n, to: before.address.path, envelope }];
  return commitRecord(before, envelope, 'queued', nowMs, { ...change, record, mail: n, mailPut });
}

/** The row that makes repeating a message safe. */
export function messageGiven(
  { address: { workflowId, run } }: Pick<ActorRecord, 'address'>,
  envelope: StepEnvelope,
  outcome: MessageRecord['outcome'],
): Omit<MessageRecord, 'sequence' | 'atMs'> | undefined {
  if (envelope.kind !== 'signal' || envelope.messageId === undefined) return undefined;
  return { workflowId, messageId: envelope.messageId, run, outcome };
}

export function mailboxFull(id: string): PerdureError {
  const message = `Workflow "${id}" has ${limits.mailboxMax} messages waiting; send again when some are applied.`;
  return new PerdureError('MAILBOX_FULL', message, { id, max: limits.mailboxMax });
}
