/**
 * Custom actions of a chart as durable effects: the actions of one step are kept in one row with the event and the context
 * they were given, and run in order once the step is on disk. They are tried again like an activity; if they fail for good the
 * actor ends in error, as it does in XState when an action throws.
 *
 * Invariants
 * 1. Of one actor, the actions of one step begin after those of the step before have ended.
 * 2. An actor that ended still has its last actions run.
 */
import type { Actor } from './actor.ts';
import type { ActivityScope } from './activity-descriptor.ts';
import { idempotencyKey } from './address.ts';
import type { Draft } from './draft.ts';
import { beginAttempt, isNextInLine, putActivity } from './draft.ts';
import type { Reaction } from './reaction.ts';
import { encodePayload } from './value-encoding.ts';
import type { ChartAction } from './xstate-chart-action.ts';
import type { EventObject } from './xstate-seam.ts';
import type { ActionCode } from './xstate-structure.ts';

/** Stands where an activity has the name of its logic. */
export const actionsSource = 'xstate.actions';

/** What is kept of the custom actions of one step. Events and contexts stand once for all actions that were given the same one. */
export interface ActionsInput {
  readonly events: readonly EventObject[];
  readonly contexts: readonly unknown[];
  /** `event` and `context` are positions. */
  readonly actions: readonly { readonly action: string; readonly params: unknown; readonly event: number; readonly context: number }[];
}

type Act = Extract<ChartAction, { kind: 'act' }>;

export function scheduleActions(draft: Draft, acts: readonly Act[]): void {
  if (acts.length === 0) return;
  draft.counters.child += 1;
  const n = draft.counters.child;
  const input = inputOfActions(acts);
  putActivity(draft, {
    n,
    childId: actionsSource,
    src: actionsSource,
    name: `${draft.machine.reference.id}.actions`,
    kind: 'actions',
    input: encodePayload(input, 'params, event and context of the custom actions'),
    idempotencyKey: idempotencyKey(draft.address, n),
    scheduledAtMs: draft.context.nowMs,
    attempt: 0,
    uncharged: 0,
    state: 'waiting',
  });
  draft.scheduled.push(n);
}

function inputOfActions(acts: readonly Act[]): ActionsInput {
  const events = [...new Set(acts.map(({ event }) => event))];
  const contexts = [...new Set(acts.map(({ context }) => context))];
  const actions = acts.map(({ action, params, event, context }) => {
    return { action, params, event: events.indexOf(event), context: contexts.indexOf(context) };
  });
  return { events, contexts, actions };
}

/** The end of custom actions is nothing a chart hears of, unless they failed. */
export function ofActions(actor: Actor, reaction: Reaction): Reaction {
  if (reaction.kind !== 'deliver') return reaction;
  const { event, change } = reaction;
  const changeAndGoOn = (draft: Draft): void => {
    change(draft);
    beginNextActions(draft);
  };
  if (!event.type.startsWith('xstate.error.')) return { kind: 'note', change: changeAndGoOn };
  // Who has ended cannot fail any more; what comes after is not held up.
  if (actor.record.status !== 'running') return { kind: 'note', change: changeAndGoOn };
  return { kind: 'fail', error: (event as { readonly error?: unknown }).error, change: changeAndGoOn };
}

/** Hosts pass over what is not next in line: if there is no place now, they have to be told of it again. */
function beginNextActions(draft: Draft): void {
  for (const activity of draft.activities.now.values()) {
    const isDue = activity.kind === 'actions' && activity.state === 'waiting' && isNextInLine(draft.activities.now, activity);
    if (!isDue) continue;
    if (draft.context.admit(activity.name, activity.idempotencyKey)) beginAttempt(draft, activity);
    // Hosts learn of who waits for a place by its row: it is put again, as another.
    else putActivity(draft, { ...activity });
  }
}

/** Runs the actions of one step. A promise that one returns is awaited before the next. */
export async function runActions(
  { events, contexts, actions }: ActionsInput,
  code: ReadonlyMap<string, ActionCode>,
  references: { readonly self: unknown; readonly system: unknown },
  signal: ActivityScope<unknown>['signal'],
): Promise<void> {
  for (const { action, params, event, context } of actions) {
    if (signal.aborted) throw signal.reason;
    const run = code.get(action);
    if (run === undefined) throw new Error(`The action "${action}" is not in the machine any more.`);
    await run({ context: contexts[context], event: events[event], ...references }, params);
  }
}
