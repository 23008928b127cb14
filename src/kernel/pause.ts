/** Pausing, resuming, unparking, and parking what kills the process. The chart is not asked, so no machine is needed. */
import type { Act, ActEnvelope, ControlEnvelope, ParkEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import type { CommitContext } from './kept-journal.ts';
import { poisonPlace } from './queue-poison.ts';
import type { ActorRecord } from './record.ts';
import { isHalted } from './mailbox.ts';
import { checkOptions, checkTexts } from './options.ts';
import { isClosed } from './record.ts';
import type { RecordDecision } from './record-commit.ts';
import { commitRecord } from './record-commit.ts';
import { closedError, parkedError } from './refusals.ts';

/**
 * Pausing what is paused and resuming what runs change nothing: repeating them is safe. What is parked has an end of its own,
 * `unpark`, and is not paused besides. What is paused or parked already is not parked again: it does not run.
 */
export function control(record: ActorRecord, envelope: ControlEnvelope, context: CommitContext): RecordDecision {
  const { status } = record;
  // Nobody waits for an answer to that.
  if (envelope.kind === 'park') return isHalted(record) ? { kind: 'ignore' } : park(record, envelope, context);
  const isLeftParked = isHalted(record) && envelope.kind === 'unpark';
  if (isClosed(status)) return isLeftParked ? goOn(record, envelope, context) : { kind: 'refuse', error: closedError(record) };
  switch (envelope.kind) {
    case 'pause':
      if (status === 'parked') return { kind: 'refuse', error: parkedError(record) };
      return status === 'paused' ? { kind: 'ignore' } : pause(record, envelope, context);
    case 'resume':
      if (status === 'parked') return { kind: 'refuse', error: parkedError(record) };
      return status === 'running' ? { kind: 'ignore' } : goOn(record, envelope, context);
    case 'unpark':
      return status === 'parked' ? goOn(record, envelope, context) : { kind: 'refuse', error: notParkedError(record) };
  }
}

/** A person's act as it is journaled: only what was given. */
export function actOf(kind: ActEnvelope['kind'], options: unknown = {}): ActEnvelope {
  checkOptions<Act>(options, kind, { by: true, note: true });
  const { by, note } = options as Act;
  const act: { kind: ActEnvelope['kind']; by?: string; note?: string } = { kind };
  checkTexts(kind, { by, note });
  if (by !== undefined) act.by = by;
  if (note !== undefined) act.note = note;
  return act;
}

function pause(before: ActorRecord, envelope: ActEnvelope, context: CommitContext): RecordDecision {
  const { kind: _kind, ...act } = envelope;
  const paused = { ...act, atMs: Math.max(context.nowMs, before.updatedAtMs) };
  return commitRecord(before, envelope, 'noted', context, { record: { ...before, status: 'paused', paused } });
}

function park(before: ActorRecord, envelope: ParkEnvelope, context: CommitContext): RecordDecision {
  const { reason, failure } = envelope;
  const parked = { reason, failure: { ...failure, state: before.chart.value } };
  const status = isClosed(before.status) ? before.status : 'parked';
  return commitRecord(before, envelope, 'parked', context, { record: { ...before, status, parked } });
}

function goOn(before: ActorRecord, envelope: ActEnvelope, context: CommitContext): RecordDecision {
  const { paused: _paused, parked: _parked, ...rest } = before;
  const item = poisonPlace(before);
  const status = isClosed(before.status) ? before.status : 'running';
  const settled = item === undefined ? {} : { queueRemoved: [item] };
  return commitRecord(before, envelope, 'noted', context, { record: { ...rest, status }, ...settled });
}

function notParkedError({ address: { workflowId: id }, status }: ActorRecord): PerdureError {
  const remedy = status === 'paused' ? `resume("${id}") it instead` : 'there is nothing to do';
  return new PerdureError('WORKFLOW_NOT_PARKED', `Workflow "${id}" is not parked (${status}); ${remedy}.`, { id, status });
}
