/** What is due on an actor, and what a host has to tell it after the process that ran it died. */
import { policyOf, timeoutsOf } from './activity-policy.ts';
import type { Actor } from './actor.ts';
import type { Envelope } from './envelope.ts';
import type { ActivityRecord } from './record.ts';

type WakeUp = { readonly dueAtMs: number; readonly envelope: Exclude<Envelope, { kind: 'start' }> };

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

/** For an actor read from disk by a new process: attempts that ran in the old one are lost, unless their outcome comes from outside. */
export function lostAttempts(actor: Actor): WakeUp['envelope'][] {
  if (actor.record.status !== 'running') return [];
  return [...actor.activities.values()]
    .filter((activity) => activity.state === 'running' && activity.isHandedOver !== true)
    .map(({ n, attempt }) => ({ kind: 'attempt-lost', n, attempt }));
}

function wakeUps(actor: Actor): WakeUp[] {
  const { record, activities } = actor;
  if (record.status !== 'running') return [];
  const timers = record.timers.map(({ generation, dueAtMs }): WakeUp => ({ dueAtMs, envelope: { kind: 'timer', generation } }));
  const ofActivities = [...activities.values()].flatMap((activity) => activityWakeUps(actor, activity));
  return [...timers, ...ofActivities].filter(({ dueAtMs }) => dueAtMs < Infinity).sort((a, b) => a.dueAtMs - b.dueAtMs);
}

/** The time-outs of an attempt that runs in a process are that process's business, by its own clock. */
function activityWakeUps({ machine, record }: Actor, activity: ActivityRecord): WakeUp[] {
  const { n, attempt, state, isHandedOver, nextAttemptAtMs = record.updatedAtMs, scheduleToCloseAtMs = Infinity } = activity;
  const asWhole: WakeUp = { dueAtMs: scheduleToCloseAtMs, envelope: { kind: 'activity-timed-out', n } };
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
