/** Workflows that are paused, parked or have mail to read first: what is told to one of their actors, and how one comes to be parked. */
import { abortOverdue } from './attempt-protocol.ts';
import type { HandEnvelope } from './by-hand.ts';
import type { Actor } from './actor.ts';
import type { Commit, Effect } from './commit.ts';
import type { ControlEnvelope, Envelope, StepEnvelope } from './envelope.ts';
import type { PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import type { CommitContext } from './kept-journal.ts';
import type { PoisonPlace } from './mailbox.ts';
import { lateChange } from './late-outcome.ts';
import { holdingOf, keepMail, parkPoisoned, refusalToHold } from './mailbox.ts';
import { control } from './pause.ts';
import { exhaustedPlace } from './queue-record.ts';
import type { RecordChange, RecordDecision } from './record-commit.ts';
import { actorAfter, commitRecord } from './record-commit.ts';
import type { ActivityRecord, ActorRecord } from './record.ts';
import type { Mail } from './mail-record.ts';
import { activityNotFound, notAwaited } from './refusals.ts';
import type { Step } from './step.ts';
import type { Tree } from './tree.ts';

type Held =
  | { readonly kind: 'commit'; readonly steps: readonly [Step, ...Step[]] }
  | { readonly kind: 'ignore' }
  | { readonly kind: 'refuse'; readonly error: PerdureError };

/** What becomes of the actor by a commit on its record alone. */
export function recordStep(tree: Tree, actor: Actor, { commit }: { readonly commit: Commit }): Step {
  const step = { commit, actor: actorAfter(actor, commit) };
  tree.put(commit, step.actor);
  return step;
}

/** What is asked of the engine. */
export function controlTree(tree: Tree, envelope: ControlEnvelope, context: CommitContext): Held {
  // Of a workflow that closed, what goes on after its end can be parked.
  if (envelope.kind === 'park' && tree.isOver) return { kind: 'ignore' };
  const decision: RecordDecision = control(tree.root.record, envelope, context);
  return decision.kind === 'commit' ? { kind: 'commit', steps: [recordStep(tree, tree.root, decision)] } : decision;
}

/** What a workflow that is held makes of what one of its actors is told; undefined for what is decided as ever. */
export function holdInTree(
  tree: Tree,
  to: readonly number[],
  envelope: Exclude<StepEnvelope, { readonly kind: 'terminate' }>,
  context: CommitContext,
): Held | undefined {
  const actor = tree.get(to);
  const activity = 'n' in envelope ? actor?.activities.get(envelope.n) : undefined;
  if (actor === undefined) return { kind: 'ignore' };
  const refusal = refusalToHold(tree.root.record, envelope);
  if (refusal !== undefined) return { kind: 'refuse', error: refusal };
  const holding = activity === undefined && isNewsOfUndos(actor, envelope) ? 'keep' : holdingOf(envelope, activity);
  switch (holding) {
    case 'pass':
      return undefined;
    case 'refuse':
      return { kind: 'refuse', error: tooLate(actor.record, envelope) };
    case 'ignore':
      return { kind: 'ignore' };
    case 'late':
      return { kind: 'commit', steps: [recordStep(tree, actor, commitRecord(actor.record, envelope, 'late', context, {}))] };
    case 'keep':
      return { kind: 'commit', steps: keep(tree, actor, envelope, context, {}) };
    case 'settle':
      return { kind: 'commit', steps: keep(tree, actor, envelope, context, settling(activity, envelope, actor)) };
  }
}

/** What is left to end by itself says once what there is to undo. */
function isNewsOfUndos(actor: Actor, envelope: StepEnvelope): boolean {
  if (envelope.kind !== 'attempt-completed' && envelope.kind !== 'attempt-failed') return false;
  return envelope.isFromOutside !== true && lateChange(actor, envelope) !== undefined;
}

/** Parks the workflow on what made a chart of it throw. */
export function parkTree(
  tree: Tree,
  poison: Mail,
  place: PoisonPlace,
  failure: FailureRecord,
  context: CommitContext,
): readonly [Step, ...Step[]] {
  const { to, envelope } = poison;
  const actor = tree.get(to);
  const activity = 'n' in envelope ? actor?.activities.get(envelope.n) : undefined;
  const change = settling(activity, envelope, actor);
  const { root } = tree;
  const state = (actor ?? root).record.chart.value;
  const at = to.length === 0 ? change : {};
  const { machine } = (actor ?? root).record;
  const parked = parkPoisoned(root.record, poison, { ...place, machine }, { ...failure, state }, context, at);
  const first = recordStep(tree, root, parked);
  return actor === undefined || to.length === 0 ? [first] : [first, ...besides(tree, actor, envelope, context, change)];
}

function tooLate(record: ActorRecord, envelope: StepEnvelope): PerdureError {
  return 'attempt' in envelope ? notAwaited(record, envelope) : activityNotFound(record, (envelope as HandEnvelope).n);
}

/** A row of the root's mailbox, and what changes with the actor it is for. */
function keep(tree: Tree, actor: Actor, envelope: StepEnvelope, context: CommitContext, change: RecordChange): readonly [Step, ...Step[]] {
  const { path } = actor.record.address;
  const { root } = tree;
  const first = recordStep(tree, root, keepMail(root.record, { to: path, envelope }, context, path.length === 0 ? change : {}));
  return path.length === 0 ? [first] : [first, ...besides(tree, actor, envelope, context, change)];
}

function besides(tree: Tree, actor: Actor, envelope: Envelope, context: CommitContext, change: RecordChange): readonly Step[] {
  if (change.activitiesPut === undefined) return [];
  return [recordStep(tree, actor, commitRecord(actor.record, envelope, 'queued', context, change))];
}

/** The activity waits for nothing but its outcome in the mailbox; an attempt that took too long gives up its place. */
function settling(activity: ActivityRecord | undefined, envelope: Envelope, actor: Actor | undefined): RecordChange {
  if (activity === undefined || activity.kind === 'volatile') return {};
  const effects: Effect[] = [];
  const isByHand = envelope.kind === 'activity-completed' || envelope.kind === 'activity-failed';
  const isFromOutside = isByHand || ('isFromOutside' in envelope && envelope.isFromOutside);
  if (isFromOutside && activity.state === 'running') effects.push({ kind: 'abort-attempt', n: activity.n, reason: 'settled' });
  abortOverdue({ effects }, activity, envelope);
  if (activity.state !== 'exhausted' || actor === undefined) return { activitiesPut: [{ ...activity, state: 'settled' }], effects };
  const { lastError: _, ...rest } = activity;
  const queueRemoved = [exhaustedPlace(actor.record.address, activity)];
  return { activitiesPut: [{ ...rest, state: 'settled' }], queueRemoved };
}
