/** What is due on an actor, and what a host has to tell it after the process that ran it died. */
import type { Actor } from './actor.ts';
import type { StepEnvelope } from './envelope.ts';
import { isClosed } from './record.ts';

type WakeUp = { readonly dueAtMs: number; readonly envelope: StepEnvelope };

/** When this actor next wants to be woken, or undefined if only a message or an outcome can move it. */
export function wakeAt(actor: Actor): number | undefined {
  return wakeUps(actor)[0]?.dueAtMs;
}

/** Everything due by `nowMs`, in due order; each at most once per actor as long as it is not decided. */
export function due(actor: Actor, nowMs: number): WakeUp['envelope'][] {
  return wakeUps(actor)
    .filter((wakeUp) => wakeUp.dueAtMs <= nowMs)
    .map((wakeUp) => wakeUp.envelope);
}

/**
 * For an actor read from disk by a new process: attempts that ran in the old one are lost. Of one that is paused or parked, too: it
 * hears of them later. Those whose outcome waits in the mailbox are settled and not among them.
 */
export function lostAttempts(actor: Actor): WakeUp['envelope'][] {
  if (isClosed(actor.record.status)) return [];
  return [...actor.activities.values()]
    .filter((activity) => activity.state === 'running')
    .map(({ n, attempt }) => ({ kind: 'attempt-lost', n, attempt }));
}

function wakeUps(actor: Actor): WakeUp[] {
  const { record, activities } = actor;
  if (record.status !== 'running') return [];
  const timers = record.timers.map(({ generation, dueAtMs }): WakeUp => ({ dueAtMs, envelope: { kind: 'timer', generation } }));
  const retries = [...activities.values()].flatMap(({ n, state, nextAttemptAtMs }): WakeUp[] => {
    if (state === 'running' || state === 'settled') return [];
    return [{ dueAtMs: nextAttemptAtMs ?? record.updatedAtMs, envelope: { kind: 'attempt-due', n } }];
  });
  return [...timers, ...retries].sort((a, b) => a.dueAtMs - b.dueAtMs);
}
