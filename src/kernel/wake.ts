/** What is due on an actor, and what a host has to tell it after the process that ran it died. */
import type { Actor } from './actor.ts';
import type { Message } from './commit.ts';
import { isNextInLine } from './draft.ts';
import type { StepEnvelope } from './envelope.ts';
import type { Tree } from './tree.ts';

type WakeUp = { readonly dueAtMs: number; readonly message: Message & { readonly envelope: StepEnvelope } };

/** When this workflow next wants to be woken, or undefined if only a message or an outcome can move it. */
export function wakeAt(tree: Tree): number | undefined {
  return wakeUps(tree)[0]?.dueAtMs;
}

/** Everything due by `nowMs`, in due order; each at most once per workflow as long as it is not decided. */
export function due(tree: Tree, nowMs: number): WakeUp['message'][] {
  return wakeUps(tree)
    .filter((wakeUp) => wakeUp.dueAtMs <= nowMs)
    .map((wakeUp) => wakeUp.message);
}

/** For a workflow read from disk by a new process: attempts that ran in the old one are lost. */
export function lostAttempts(tree: Tree): WakeUp['message'][] {
  if (tree.root.record.status === 'parked') return [];
  return [...tree.actors()].flatMap(({ record, activities }) =>
    [...activities.values()]
      .filter((activity) => activity.state === 'running')
      .map(({ n, attempt }) => ({ to: record.address.path, envelope: { kind: 'attempt-lost' as const, n, attempt } })),
  );
}

function wakeUps(tree: Tree): WakeUp[] {
  if (tree.root.record.status === 'parked') return [];
  return [...tree.actors()].flatMap(ofActor).sort((a, b) => a.dueAtMs - b.dueAtMs);
}

function ofActor({ record, activities }: Actor): WakeUp[] {
  const to = record.address.path;
  const timers = record.timers.map(({ generation, dueAtMs }): WakeUp => {
    return { dueAtMs, message: { to, envelope: { kind: 'timer', generation } } };
  });
  const retries = [...activities.values()].flatMap((activity): WakeUp[] => {
    const { n, state, nextAttemptAtMs } = activity;
    if ((state !== 'waiting' && state !== 'backoff') || !isNextInLine(activities, activity)) return [];
    return [{ dueAtMs: nextAttemptAtMs ?? record.updatedAtMs, message: { to, envelope: { kind: 'attempt-due', n } } }];
  });
  return [...timers, ...retries];
}
