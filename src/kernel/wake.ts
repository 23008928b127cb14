/** What is due on a workflow, and what a host has to tell it after the process that ran it died. */
import { policyOf, timeoutsOf } from './activity-policy.ts';
import type { Actor } from './actor.ts';
import type { Message } from './commit.ts';
import { isNextInLine } from './draft.ts';
import type { ParkEnvelope, StepEnvelope } from './envelope.ts';
import { isHeld } from './mailbox.ts';
import type { ActivityRecord } from './record.ts';
import type { Tree } from './tree.ts';

type Wake = { readonly dueAtMs: number; readonly envelope: StepEnvelope };
type WakeUp = { readonly dueAtMs: number; readonly message: StepMessage };

/** What an actor of the workflow is told once it was started. */
export type StepMessage = Message & { readonly envelope: StepEnvelope };

/** What a workflow that was read from disk is told before anything else. */
export interface FirstWords {
  /** It is not to be run; of everything else it hears when it is unparked. */
  readonly park?: ParkEnvelope;
  /** What became of the attempts that run according to its records. */
  readonly messages: readonly StepMessage[];
  /** Its callbacks and observables do not begin before they are let. */
  readonly holdsVolatile?: true;
}

/** When this workflow next wants to be woken, or undefined if only a message or an outcome can move it. */
export function wakeAt(tree: Tree): number | undefined {
  return wakeUps(tree)[0]?.dueAtMs;
}

/** Everything due by `nowMs`, in due order; each at most once per workflow as long as it is not decided. */
export function due(tree: Tree, nowMs: number): StepMessage[] {
  return wakeUps(tree)
    .filter((wakeUp) => wakeUp.dueAtMs <= nowMs)
    .map((wakeUp) => wakeUp.message);
}

/**
 * For a workflow read from disk by a new process: attempts that ran in the old one are lost, unless their outcome comes from
 * outside. Of one that is paused or parked, too: it hears of them later.
 */
export function lostAttempts(tree: Tree): StepMessage[] {
  return [...tree.actors()].flatMap(({ record, activities }) =>
    [...activities.values()]
      .filter((activity) => activity.state === 'running' && activity.isHandedOver !== true)
      .map(({ n, attempt }) => ({ to: record.address.path, envelope: { kind: 'attempt-lost' as const, n, attempt } })),
  );
}

function wakeUps(tree: Tree): WakeUp[] {
  if (isHeld(tree.root.record)) return [];
  return [...tree.actors()]
    .flatMap((actor) => {
      const to = actor.record.address.path;
      return ofActor(actor).map(({ dueAtMs, envelope }): WakeUp => ({ dueAtMs, message: { to, envelope } }));
    })
    .filter(({ dueAtMs }) => dueAtMs < Infinity)
    .sort((a, b) => a.dueAtMs - b.dueAtMs);
}

function ofActor(actor: Actor): Wake[] {
  const { record, activities } = actor;
  const timers = record.timers.map(({ generation, dueAtMs }): Wake => ({ dueAtMs, envelope: { kind: 'timer', generation } }));
  return [...timers, ...[...activities.values()].flatMap((activity) => ofActivity(actor, activity))];
}

/** The time-outs of an attempt that runs in a process are that process's business, by its own clock. */
function ofActivity({ machine, record, activities }: Actor, activity: ActivityRecord): Wake[] {
  const { n, attempt, state, isHandedOver, nextAttemptAtMs = record.updatedAtMs, scheduleToCloseAtMs = Infinity } = activity;
  const asWhole: Wake = { dueAtMs: scheduleToCloseAtMs, envelope: { kind: 'activity-timed-out', n } };
  if (state === 'live' || state === 'settled' || state === 'exhausted' || !isNextInLine(activities, activity)) return [];
  if (state !== 'running') return [asWhole, { dueAtMs: nextAttemptAtMs, envelope: { kind: 'attempt-due', n } }];
  const policy = isHandedOver === true ? policyOf(machine, activity) : undefined;
  if (policy === undefined) return [asWhole];
  const { closeAtMs, signAtMs } = timeoutsOf(activity, policy);
  return [
    asWhole,
    { dueAtMs: closeAtMs, envelope: { kind: 'attempt-timed-out', n, attempt } },
    { dueAtMs: signAtMs, envelope: { kind: 'attempt-timed-out', n, attempt, timeout: 'heartbeat' } },
  ];
}
