/**
 * The protocol of deadlines: what a deadline means to the steps of a workflow.
 *
 * - It is due as a timer of the root is, which the chart neither sees nor cancels. A chart is asked once.
 * - From that moment on no attempt of an activity begins, in the whole workflow, until the root has heard of it: then either everything
 *   ends, or the chart goes on with what it wants done now.
 */
import type { Actor } from './actor.ts';
import type { DecideContext, Draft } from './draft.ts';
import { disarmTimer } from './draft.ts';
import type { Change, Reaction } from './reaction.ts';
import type { Mail } from './mail-record.ts';
import type { ActorRecord, TimerRecord } from './record.ts';
import { hasEnded } from './record.ts';
import type { EventObject } from './xstate-seam.ts';

const type = 'workflow.deadline';

/** With the first step of the root. One in the past is due at once. */
export function armDeadline(draft: Draft, atMs: number): void {
  const { nowMs } = draft.context;
  draft.counters.timer += 1;
  const generation = draft.counters.timer;
  const dueAtMs = Math.max(atMs, nowMs);
  draft.timers.set(generation, { id: type, generation, dueAtMs, armedAtMs: nowMs, event: { type }, isDeadline: true });
  draft.deadline = { atMs };
  draft.attemptsUntilMs = atMs;
}

/** What a root whose deadline timer fired is told: hosts know a timer by its generation alone. */
export function toldOfTimer({ record }: Actor, mail: Mail): Mail {
  const { to, envelope } = mail;
  if (envelope.kind !== 'timer' || to.length > 0 || record.deadline === undefined) return mail;
  return deadlineTimer(record)?.generation === envelope.generation ? { ...mail, envelope: { kind: 'deadline' } } : mail;
}

/** A step of any actor of the workflow, as the root's deadline allows it. */
export function withinDeadline(root: ActorRecord, context: DecideContext): DecideContext {
  const { deadline } = root;
  if (deadline === undefined || deadline.passedAtMs !== undefined || hasEnded(root)) return context;
  return { ...context, attemptsUntilMs: deadline.atMs };
}

export function deadlinePassed({ record, machine }: Actor): Reaction {
  const timer = deadlineTimer(record);
  if (record.deadline === undefined || timer === undefined) return { kind: 'ignore' };
  const { atMs } = record.deadline;
  const change: Change = (draft) => {
    disarmTimer(draft, timer);
    draft.deadline = { atMs, passedAtMs: draft.context.nowMs };
    draft.attemptsUntilMs = Infinity;
  };
  const reason = `It was to end by ${new Date(atMs).toISOString()}, its deadline.`;
  return {
    kind: 'ask',
    event: { type, dueAtMs: atMs } as EventObject,
    isNamed: machine.handlesDeadline,
    end: { status: 'failed', failureClass: 'DeadlineExceeded', reason },
    change,
  };
}

function deadlineTimer({ timers }: ActorRecord): TimerRecord | undefined {
  return timers.find(({ isDeadline }) => isDeadline === true);
}
