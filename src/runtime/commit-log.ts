/** What of a commit somebody should look at. */
import type { Commit } from '../kernel/commit.ts';
import type { Logger } from '../kernel/logger.ts';

/** Tells of workflows that were parked and of activities that failed for good; says nothing of what was in them. */
export function logCommit(logger: Logger, { record, journal, activitiesRemoved }: Commit): void {
  const { workflowId: id, run } = record.address;
  const { envelope, outcome } = journal;
  if (outcome === 'parked') {
    logger.warn({ id, run, reason: record.parked?.reason, class: record.parked?.failure.class }, 'A workflow was parked.');
  }
  if (!failing.has(envelope.kind) || !('attempt' in envelope) || !activitiesRemoved.includes(envelope.n)) return;
  const { activity, attempt, class: errorClass } = record.activityFailure ?? {};
  logger.warn({ id, run, activity, attempt, class: errorClass }, 'An activity failed for good.');
}

const failing: ReadonlySet<string> = new Set(['attempt-failed', 'attempt-timed-out', 'attempt-lost', 'attempt-released']);
