/** What a step wants done, as data: read off what XState executes, in its order. */
import type { AnyActorLogic, AnyActorRef, EventObject } from 'xstate';
import { PerdureError } from './errors.ts';
import type { Stepper } from './xstate-steps.ts';
import type { ChartScope, CollectedAction } from './xstate-scope.ts';
import { childMade } from './xstate-scope.ts';

/** Actor logic that takes steps: a machine, or a transition function. */
export interface ChartLogic {
  readonly kind: 'machine' | 'transition';
  /** For a machine: with actors that are not evaluated when a reference to them is made. */
  readonly logic: AnyActorLogic;
  /** Takes the steps in XState's stead where it can. */
  readonly stepper?: Stepper | undefined;
  /** Names of custom actions by their functions. */
  readonly actions: ReadonlyMap<unknown, string>;
  /** Names of actor logic that a chart may hand over itself instead of its name. */
  readonly names: ReadonlyMap<unknown, string>;
}

/** What a step wants done, in the order the chart said it. Actors are named by their session ids. */
export type ChartAction =
  | {
      readonly kind: 'schedule';
      readonly id: string | undefined;
      readonly delay: number;
      readonly event: unknown;
      readonly to: string | undefined;
    }
  | { readonly kind: 'cancel'; readonly id: string }
  | {
      readonly kind: 'spawn';
      readonly n: number;
      readonly childId: string;
      readonly src: string;
      readonly input: unknown;
      readonly systemId: string | undefined;
      readonly isWatched: boolean;
    }
  | { readonly kind: 'stop'; readonly n: number }
  | { readonly kind: 'send'; readonly to: string; readonly event: unknown }
  | { readonly kind: 'emit'; readonly event: unknown }
  | { readonly kind: 'log'; readonly label: string | undefined; readonly value: unknown }
  | { readonly kind: 'act'; readonly action: string; readonly params: unknown; readonly context: unknown; readonly event: EventObject };

/**
 * Undefined for what the step itself has seen to.
 *
 * @throws PerdureError for what cannot be kept or found again
 */
export function toChartAction(logic: ChartLogic, scope: ChartScope, action: CollectedAction): ChartAction | undefined {
  const custom = logic.actions.get(action.exec);
  if (custom !== undefined) return customAction(custom, action);
  switch (action.type) {
    case childMade:
      return madeChild(logic, scope, action.params as AnyActorRef);
    case 'xstate.raise': {
      const { id, delay, event } = action.params as { id?: string; delay?: number; event: unknown };
      // Without a delay the event was consumed inside the step.
      return delay === undefined ? undefined : { kind: 'schedule', id, delay, event, to: undefined };
    }
    case 'xstate.sendTo':
      return sending(scope, action.params as SendParams);
    case 'xstate.cancel':
      return { kind: 'cancel', id: (action.params as { sendId: string }).sendId };
    case 'xstate.spawnChild':
      return spawned(action.params as { readonly actorRef?: unknown; readonly src: unknown });
    case 'xstate.stopChild':
      return stopped(scope, action.params as AnyActorRef | undefined);
    case 'xstate.emit':
      return { kind: 'emit', event: (action.params as { event: unknown }).event };
    case 'xstate.log': {
      const { value, label } = action.params as { value: unknown; label?: string };
      return { kind: 'log', label, value };
    }
    default:
      throw unknownAction(action);
  }
}

function customAction(name: string, { params, info }: CollectedAction): ChartAction {
  if (info === undefined) throw new TypeError(`XState executed the action "${name}" without saying on what.`);
  return { kind: 'act', action: name, params, context: info.context, event: info.event };
}

interface SendParams {
  readonly to: { readonly sessionId: string } | undefined;
  readonly targetId?: string;
  readonly event: EventObject;
  readonly id?: string;
  readonly delay?: number;
}

function sending(scope: ChartScope, { to, targetId, event, id, delay }: SendParams): ChartAction {
  if (to === undefined) throw new Error(`Unable to send event to actor '${String(targetId)}'.`);
  const { sessionId } = to;
  // XState's way for a child to hand an error up.
  const data = (event as { readonly data?: unknown }).data;
  const said = event.type === 'xstate.error' ? { type: `xstate.error.actor.${scope.self.id}`, error: data, actorId: scope.self.id } : event;
  if (typeof delay === 'number') return { kind: 'schedule', id, delay, event, to: sessionId === scope.sessionId ? undefined : sessionId };
  return { kind: 'send', to: sessionId, event: said };
}

function madeChild(logic: ChartLogic, scope: ChartScope, child: AnyActorRef): ChartAction {
  const made = child as AnyActorRef & {
    readonly options: { readonly input?: unknown };
    readonly systemId?: string;
    readonly _syncSnapshot?: boolean;
  };
  const src = typeof made.src === 'string' ? made.src : logic.names.get(made.src);
  if (src === undefined) {
    throw refused(`spawned "${made.id}" from actor logic without a name`, 'name it in setup({ actors }) and spawn it by that name');
  }
  const n = scope.childNumber(made.sessionId);
  if (n === undefined) throw new TypeError(`XState made "${made.id}" a child of somebody else.`);
  return {
    kind: 'spawn',
    n,
    childId: made.id,
    src,
    input: made.options.input,
    systemId: made.systemId,
    isWatched: made._syncSnapshot ?? false,
  };
}

/** The child itself was met when it was made. */
function spawned({ actorRef, src }: { readonly actorRef?: unknown; readonly src: unknown }): undefined {
  if (actorRef !== undefined) return undefined;
  throw new PerdureError('IMPLEMENTATION_MISSING', `The chart spawned "${String(src)}", which has no code; add it to setup({ actors }).`, {
    missing: [`actor "${String(src)}"`],
  });
}

function stopped(scope: ChartScope, child: AnyActorRef | undefined): ChartAction | undefined {
  if (child === undefined) return undefined;
  const n = scope.childNumber(child.sessionId);
  if (n === undefined) throw new Error(`Cannot stop child actor ${child.id} of ${scope.self.id} because it is not a child`);
  return { kind: 'stop', n };
}

function unknownAction({ type, exec, info }: CollectedAction): Error {
  if (exec === undefined) {
    return new PerdureError(
      'IMPLEMENTATION_MISSING',
      `The chart asked for the action "${type}", which has no code; add it to setup({ actions }).`,
      {
        missing: [`action "${type}"`],
      },
    );
  }
  const place = `made the action "${type}" while it handled "${info?.event.type ?? ''}", inside enqueueActions()`;
  return refused(place, 'its code could not be found again after a restart: name it in setup({ actions }) and enqueue it by that name');
}

function refused(what: string, remedy: string): Error {
  return new PerdureError('MACHINE_INVALID', `The chart ${what}; ${remedy}.`, { machine: '', problems: [what] });
}
