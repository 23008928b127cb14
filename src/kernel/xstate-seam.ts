/**
 * The one place that calls XState. A step calls the public `ActorLogic` methods of a machine with a scope of our own
 * (`xstate-scope.ts`) instead of an actor, so nothing is executed: what the step wants done is collected and becomes data of the
 * commit.
 *
 * Invariants
 * 1. A throw leaves the caller's chart as it was; only the counters of the abandoned step are lost.
 * 2. What a step wants done comes out in the order in which XState would do it.
 */
import type { AnyActorLogic, AnyActorRef, AnyMachineSnapshot, AnyStateMachine, EventObject, StateValue } from 'xstate';
import { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import type { ChartRecord, ChildRecord } from './record.ts';
import type { References } from './value-decoding.ts';
import { decodeValue } from './value-decoding.ts';
import type { Reference } from './xstate-reference.ts';
import type { CollectedAction, CollectedStep, Place } from './xstate-scope.ts';
import { ChartScope, childMade } from './xstate-scope.ts';

export type { AnyActorLogic, AnyMachineSnapshot, AnyStateMachine, EventObject, SnapshotFrom } from 'xstate';
export type { EmittedFrom, EventFromLogic, InputFrom, OutputFrom } from 'xstate';

/** Actor logic that takes steps: a machine, or a transition function. */
export interface ChartLogic {
  readonly kind: 'machine' | 'transition';
  /** For a machine: with actors that are not evaluated when a reference to them is made. */
  readonly logic: AnyActorLogic;
  /** Names of custom actions by their functions. */
  readonly actions: ReadonlyMap<unknown, string>;
  /** Names of actor logic that a chart may hand over itself instead of its name. */
  readonly names: ReadonlyMap<unknown, string>;
}

/**
 * The machine with its named actors replaced by ones that do nothing: XState takes the first step of a machine as soon as a
 * reference to it is made, and here a child takes its steps as an actor of its own.
 */
export function withoutActors(machine: AnyStateMachine): AnyStateMachine {
  const names = Object.keys(machine.implementations.actors);
  if (names.length === 0) return machine;
  return machine.provide({ actors: Object.fromEntries(names.map((name) => [name, still])) });
}

const still = {
  transition: (snapshot: unknown) => snapshot,
  getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
  getPersistedSnapshot: (snapshot: unknown) => snapshot,
};

/** The live chart of one actor: what XState computes on, with the scope it computes in. */
export interface LiveChart {
  readonly snapshot: AnyMachineSnapshot;
  readonly scope: ChartScope;
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

export interface ChartStep {
  readonly chart: LiveChart;
  /** Whether the chart had a transition for the event. */
  readonly isHandled: boolean;
  /** Whether one of them names the event, instead of taking whatever comes. */
  readonly isMeant: boolean;
  readonly actions: readonly ChartAction[];
  /** The counter after the step; children take their numbers from it. */
  readonly childCounter: number;
}

/**
 * The initial macrostep.
 *
 * @throws whatever the logic's code throws; nothing has happened then
 */
export function startChart(logic: ChartLogic, place: Place, input: Json): ChartStep {
  const scope = new ChartScope(place);
  const given = decodeValue(input, referencesOf(scope, new Map()));
  const step = scope.collect(0, () => logic.logic.getInitialSnapshot(scope.call, given as never) as AnyMachineSnapshot);
  if (step.result.status === 'error') throw step.result.error;
  // XState starts the children of a first step before anything else.
  const actions = step.actions.toSorted((a, b) => Number(b.type === childMade) - Number(a.type === childMade));
  return finishStep(logic, scope, { ...step, actions, handledBy: ['xstate.init'] });
}

/**
 * One macrostep.
 *
 * @throws whatever the logic's code throws; nothing has happened then
 */
export function stepChart(logic: ChartLogic, chart: LiveChart, event: EventObject, childCounter: number): ChartStep {
  const { scope } = chart;
  const step = scope.collect(
    childCounter,
    () => logic.logic.transition(chart.snapshot, event as never, scope.call) as unknown as AnyMachineSnapshot, // a snapshot of another kind of logic has fewer members, read with care
  );
  return finishStep(logic, scope, logic.kind === 'transition' ? { ...step, handledBy: [event.type] } : step);
}

/**
 * A chart read from disk. Children are references: enough for a chart to stop them and to send to them, nothing that runs.
 *
 * @throws Error if the machine has no such state any more
 */
export function reviveChart(logic: ChartLogic, place: Place, record: ChartRecord, children: readonly RevivedChild[]): LiveChart {
  const scope = new ChartScope(place);
  const own = new Map(
    children.map(({ n, childId, src, systemId }) => {
      const sessionId = scope.childSession(n);
      return [sessionId, scope.reference({ sessionId, id: childId, src, systemId })] as const;
    }),
  );
  const references = referencesOf(scope, own);
  const context = Object.fromEntries(Object.entries(record.context).map(([key, json]) => [key, decodeValue(json, references)]));
  const ending = {
    output: record.output === undefined ? undefined : decodeValue(record.output, references),
    error: record.error === undefined ? undefined : decodeValue(record.error, references),
  };
  if (logic.kind === 'transition') {
    const snapshot = { status: record.status, ...ending, context: context[transitionState] };
    return { snapshot: snapshot as unknown as AnyMachineSnapshot, scope }; // it has no state nodes; those who read any ask for them with care
  }
  const machine = logic.logic as AnyStateMachine;
  const recalled = Object.entries(record.history).map(([id, nodeIds]) => [id, nodeIds.map((nodeId) => machine.getStateNodeById(nodeId))]);
  const snapshot = machine.resolveState({
    value: record.value as StateValue,
    context,
    status: record.status,
    historyValue: Object.fromEntries(recalled) as AnyMachineSnapshot['historyValue'],
    ...(ending.output === undefined ? {} : { output: ending.output }),
    ...(ending.error === undefined ? {} : { error: ending.error }),
  }) as AnyMachineSnapshot;
  const references_ = Object.fromEntries([...own.values()].map((reference) => [reference.id, reference]));
  return { snapshot: Object.assign(snapshot, { children: references_ }), scope };
}

export type RevivedChild = Pick<ChildRecord, 'n' | 'childId' | 'src' | 'systemId'>;

/** Under this key the state of a transition function is kept, where a machine has the keys of its context. */
const transitionState = 'state';

/** The context of a machine; for a transition function, its state under a key. */
export function contextOf(snapshot: AnyMachineSnapshot): unknown {
  return 'machine' in snapshot ? snapshot.context : { [transitionState]: (snapshot as { readonly context: unknown }).context };
}

/** The chart, ended in error without a step: what XState makes of an actor whose action threw. */
export function failChart({ snapshot, scope }: LiveChart, error: unknown): LiveChart {
  return {
    snapshot: Object.assign(Object.create(Object.getPrototypeOf(snapshot) as object), snapshot, {
      status: 'error',
      error,
    }) as AnyMachineSnapshot,
    scope,
  };
}

/** For values that go into this chart: references in them become the chart's own. */
export function referencesIn({ snapshot, scope }: LiveChart): References {
  const children = Object.values((snapshot.children as Record<string, Reference | undefined> | undefined) ?? {});
  return (sessionId, id) => children.find((child) => child?.sessionId === sessionId) ?? scope.reference({ sessionId, id });
}

function referencesOf(scope: ChartScope, own: ReadonlyMap<string, Reference>): References {
  return (sessionId, id) => own.get(sessionId) ?? scope.reference({ sessionId, id });
}

/** Numbers of the children the chart refers to. */
export function childNumbers({ snapshot, scope }: LiveChart): Set<number> {
  const children = Object.values((snapshot.children as Record<string, AnyActorRef | undefined> | undefined) ?? {});
  const numbers = children.map((child) => (child === undefined ? undefined : scope.childNumber(child.sessionId)));
  return new Set(numbers.filter((n) => n !== undefined));
}

/** Ids of the states each history state recalls. */
export function historyOf(snapshot: AnyMachineSnapshot): ChartRecord['history'] {
  const recalled = Object.entries((snapshot.historyValue as Record<string, readonly { readonly id: string }[]> | undefined) ?? {});
  return Object.fromEntries(recalled.map(([id, nodes]) => [id, nodes.map((node) => node.id)]));
}

/** Event types the chart has a transition for now; guards are not asked. Internal ones are left out. */
export function acceptedEvents(snapshot: AnyMachineSnapshot): string[] {
  const nodes = (snapshot._nodes as readonly { readonly ownEvents: readonly string[] }[] | undefined) ?? [];
  return [...new Set(nodes.flatMap((node) => node.ownEvents))].filter((type) => !type.startsWith('xstate.')).sort();
}

function finishStep(logic: ChartLogic, scope: ChartScope, step: CollectedStep & { readonly result: AnyMachineSnapshot }): ChartStep {
  return {
    chart: { snapshot: step.result, scope },
    isHandled: step.handledBy.length > 0,
    isMeant: step.handledBy.some((descriptor) => descriptor !== '*'),
    actions: step.actions.flatMap((action) => toChartAction(logic, scope, action)),
    childCounter: step.childCounter,
  };
}

function toChartAction(logic: ChartLogic, scope: ChartScope, action: CollectedAction): readonly ChartAction[] {
  const custom = logic.actions.get(action.exec);
  if (custom !== undefined) return [customAction(custom, action)];
  switch (action.type) {
    case childMade:
      return [madeChild(logic, scope, action.params as AnyActorRef)];
    case 'xstate.raise': {
      const { id, delay, event } = action.params as { id?: string; delay?: number; event: unknown };
      // Without a delay the event was consumed inside the step.
      return delay === undefined ? [] : [{ kind: 'schedule', id, delay, event, to: undefined }];
    }
    case 'xstate.sendTo':
      return [sending(scope, action.params as SendParams)];
    case 'xstate.cancel':
      return [{ kind: 'cancel', id: (action.params as { sendId: string }).sendId }];
    case 'xstate.spawnChild':
      return spawned(action.params as { readonly actorRef?: unknown; readonly src: unknown });
    case 'xstate.stopChild':
      return stopped(scope, action.params as AnyActorRef | undefined);
    case 'xstate.emit':
      return [{ kind: 'emit', event: (action.params as { event: unknown }).event }];
    case 'xstate.log': {
      const { value, label } = action.params as { value: unknown; label?: string };
      return [{ kind: 'log', label, value }];
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
function spawned({ actorRef, src }: { readonly actorRef?: unknown; readonly src: unknown }): readonly ChartAction[] {
  if (actorRef !== undefined) return [];
  throw new PerdureError('IMPLEMENTATION_MISSING', `The chart spawned "${String(src)}", which has no code; add it to setup({ actors }).`, {
    missing: [`actor "${String(src)}"`],
  });
}

function stopped(scope: ChartScope, child: AnyActorRef | undefined): readonly ChartAction[] {
  if (child === undefined) return [];
  const n = scope.childNumber(child.sessionId);
  if (n === undefined) throw new Error(`Cannot stop child actor ${child.id} of ${scope.self.id} because it is not a child`);
  return [{ kind: 'stop', n }];
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
