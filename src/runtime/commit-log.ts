/** What of a commit somebody should look at. */
import type { Commit } from '../kernel/commit.ts';
import type { ItemRecord } from '../kernel/item-record.ts';
import type { Json } from '../kernel/json.ts';
import { roughSize } from '../kernel/json.ts';
import { limits } from '../kernel/limits.ts';
import type { Logger } from '../kernel/logger.ts';
import { silentLogger } from '../kernel/logger.ts';

/** Tells of workflows that were parked, of activities that failed for good and of what grows; says nothing of what was in them. */
export function logCommit(logger: Logger, commit: Commit): void {
  if (logger === silentLogger) return;
  const { record, journal, activitiesRemoved } = commit;
  logGrowth(logger, commit);
  logChildren(logger, commit);
  const { workflowId: id, run } = record.address;
  const { envelope, outcome } = journal;
  if (outcome === 'parked') {
    logger.warn({ id, run, reason: record.parked?.reason, class: record.parked?.failure.class }, 'A workflow was parked.');
  }
  for (const { cause, name, failure, attempts } of commit.queuePut ?? []) {
    if (cause !== 'activity') continue;
    logger.warn(
      { id, run, activity: name, attempt: attempts, class: failure?.class },
      'An activity failed for good, and waits for a person.',
    );
  }
  const items = commit.itemsPut ?? [];
  if (items.length > 0) logItems(logger, items, { id, run });
  if (items.length > 0 || !failing.has(envelope.kind)) return;
  if (!('attempt' in envelope) || !activitiesRemoved.includes(envelope.n)) return;
  const { activity, attempt, class: errorClass } = record.activityFailure ?? {};
  logger.warn({ id, run, activity, attempt, class: errorClass }, 'An activity failed for good.');
}

/** In one line what failed in one step: it may be very many. */
function logItems(logger: Logger, items: readonly ItemRecord[], workflow: { readonly id: string; readonly run: number }): void {
  // Of those that are machines each tells of its own activities.
  const failed = items.filter(({ status, input }) => status === 'failed' && input !== undefined);
  const [first] = failed;
  if (first === undefined) return;
  const { activity, attempt, class: errorClass } = first.failure ?? {};
  const others = failed.length === 1 ? {} : { items: failed.length };
  logger.warn({ ...workflow, activity, attempt, class: errorClass, item: first.n, ...others }, 'An activity failed for good.');
}

const longLife =
  'An actor took very many steps: of its history the first and the newest stay, as many as maxHistorySteps says. ' +
  'End it and start another in its place to keep all.';

/** Long lives and large payloads work, up to their limits; but they cost at every step. */
function logGrowth(logger: Logger, { record, journal, activitiesPut }: Commit): void {
  const { workflowId: id, run, path } = record.address;
  const { sequence } = record;
  if (sequence % limits.stepsWarned === 0) {
    logger.warn({ id, run, path, sequence }, longLife);
  }
  const { envelope } = journal;
  const told = 'event' in envelope ? envelope.event : 'output' in envelope ? envelope.output : 'input' in envelope ? envelope.input : null;
  // A context that did not change was told of when it did.
  const isContextNew = Object.keys(journal.context.set).length > 0;
  const payloads: Readonly<Record<string, Json>> = {
    [envelope.kind]: told,
    context: isContextNew ? record.chart.context : null,
    ...Object.fromEntries(
      activitiesPut.filter(({ attempt }) => attempt <= 1).map(({ name, input }) => [`input of activity "${name}"`, input]),
    ),
  };
  for (const [payload, json] of Object.entries(payloads)) {
    const bytes = roughSize(json);
    if (bytes < limits.payloadBytesWarned) continue;
    logger.warn({ id, run, path, payload, bytes }, 'A payload is large; keep large data elsewhere and pass its address.');
  }
}

/** Each step of an actor costs more the more children it has; those of a fan-out are no part of this. */
function logChildren(logger: Logger, { record, childrenPut, activitiesPut }: Commit): void {
  const children = record.children + record.activities.length;
  if (children < limits.childrenWarned || record.fanOut !== undefined) return;
  const born = childrenPut.filter(({ isEnded, isDetached }) => isEnded !== true && isDetached !== true).length;
  const scheduled = activitiesPut.filter(({ attempt, uncharged }) => attempt + uncharged === 0).length;
  if (children - born - scheduled >= limits.childrenWarned) return;
  const { workflowId: id, run, path } = record.address;
  logger.warn({ id, run, path, children }, manyChildren);
}

const manyChildren =
  'An actor has very many children: fanOut(child, { concurrency }) runs as many as one child, at a cost that does not grow with them.';

const failing: ReadonlySet<string> = new Set(['attempt-failed', 'attempt-timed-out', 'attempt-lost', 'attempt-released']);
