/**
 * The one place that calls XState. A step calls the public `ActorLogic` methods of a machine with a scope of our own
 * (`xstate-scope.ts`) instead of an actor, so nothing is executed: what the step wants done is collected and becomes data of the
 * commit.
 *
 * Invariants
 * 1. A throw leaves the caller's chart as it was; only the counters of the abandoned step are lost.
 * 2. What a step wants done comes out in the order in which XState would do it.
 */
import type { AnyActorRef, AnyMachineSnapshot, AnyStateMachine, EventFromLogic, EventObject, StateValue } from 'xstate';
import { isReserved } from './event-check.ts';
import type { Json } from './json.ts';
import type { ChartRecord, ChildRecord } from './record.ts';
import type { References } from './value-decoding.ts';
import { decodeValue } from './value-decoding.ts';
import type { Reference } from './xstate-reference.ts';
import type { ChartAction, ChartLogic } from './xstate-chart-action.ts';
import { toChartAction } from './xstate-chart-action.ts';
import type { CollectedStep, Place } from './xstate-scope.ts';
import { ChartScope, childMade } from './xstate-scope.ts';

export type { AnyActorLogic, AnyMachineSnapshot, AnyStateMachine, EventObject, SnapshotFrom } from 'xstate';
export type { EmittedFrom, InputFrom, OutputFrom } from 'xstate';

/** What may be sent to a workflow: a chart may have something to say to what only the engine sends. */
export type SignalFrom<Machine extends AnyStateMachine> = Exclude<EventFromLogic<Machine>, { readonly type: `workflow.${string}` }>;

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
  const step = takeFirst(logic, scope, given);
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
  const step = takeStep(logic, chart, event, childCounter);
  return finishStep(logic, scope, logic.kind === 'transition' ? { ...step, handledBy: [event.type] } : step);
}

type Taken = CollectedStep & { readonly result: AnyMachineSnapshot };

function takeFirst({ stepper, logic }: ChartLogic, scope: ChartScope, input: unknown): Taken {
  const own = stepper === undefined ? undefined : scope.collect(0, () => stepper.start(scope, input));
  if (isTaken(own)) return own;
  return scope.collect(0, () => logic.getInitialSnapshot(scope.call, input as never) as AnyMachineSnapshot);
}

function takeStep({ stepper, logic }: ChartLogic, { snapshot, scope }: LiveChart, event: EventObject, childCounter: number): Taken {
  const own = stepper === undefined ? undefined : scope.collect(childCounter, () => stepper.step(scope, snapshot, event));
  if (isTaken(own)) return own;
  return scope.collect(
    childCounter,
    () => logic.transition(snapshot, event as never, scope.call) as unknown as AnyMachineSnapshot, // a snapshot of another kind of logic has fewer members, read with care
  );
}

function isTaken(step: (CollectedStep & { readonly result: AnyMachineSnapshot | undefined }) | undefined): step is Taken {
  return step?.result !== undefined;
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
  const byId: object = Object.fromEntries([...own.values()].map((reference) => [reference.id, reference]));
  return { snapshot: Object.assign(snapshot, { children: byId }), scope };
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
  return (sessionId, id) => {
    const children = Object.values((snapshot.children as Record<string, Reference | undefined> | undefined) ?? {});
    return children.find((child) => child?.sessionId === sessionId) ?? scope.reference({ sessionId, id });
  };
}

function referencesOf(scope: ChartScope, own: ReadonlyMap<string, Reference>): References {
  return (sessionId, id) => own.get(sessionId) ?? scope.reference({ sessionId, id });
}

/** Numbers of the children that the chart of a machine refers to. */
export function childNumbers({ snapshot, scope }: LiveChart): ReadonlySet<number | undefined> {
  const children = Object.values(snapshot.children as Readonly<Record<string, AnyActorRef>>);
  return new Set(children.map(({ sessionId }) => scope.childNumber(sessionId)));
}

/** Ids of the states each history state recalls. */
export function historyOf(snapshot: AnyMachineSnapshot): ChartRecord['history'] {
  const recalled = Object.entries((snapshot.historyValue as Record<string, readonly { readonly id: string }[]> | undefined) ?? {});
  if (recalled.length === 0) return noHistory;
  return Object.fromEntries(recalled.map(([id, nodes]) => [id, nodes.map((node) => node.id)]));
}

const noHistory: ChartRecord['history'] = {};

/** Event types the chart of a machine has a transition for in this snapshot; guards are not asked. What only the engine says is left out. */
export function acceptedEvents(snapshot: AnyMachineSnapshot): string[] {
  const nodes = snapshot._nodes as readonly { readonly ownEvents: readonly string[] }[];
  return [...new Set(nodes.flatMap((node) => node.ownEvents))].filter((type) => !isReserved(type)).sort();
}

function finishStep(logic: ChartLogic, scope: ChartScope, step: Taken): ChartStep {
  const actions: ChartAction[] = [];
  for (const action of step.actions) {
    const asked = toChartAction(logic, scope, action);
    if (asked !== undefined) actions.push(asked);
  }
  return {
    chart: { snapshot: step.result, scope },
    isHandled: step.handledBy.length > 0,
    isMeant: step.handledBy.some((descriptor) => descriptor !== '*'),
    actions,
    childCounter: step.childCounter,
  };
}
