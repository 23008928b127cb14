/**
 * The one place that calls XState. A step calls the public `ActorLogic` methods of a machine with a scope of our own instead
 * of an actor, so nothing is executed: what the step wants done is collected and becomes data of the commit.
 *
 * Invariants
 * 1. A scope belongs to one actor; its per-step state is reset before each call and read right after it.
 * 2. No action is executed and no child is started here: `exec` and `start` are never called.
 * 3. A throw leaves the caller's chart as it was; only the counters of the abandoned step are lost.
 * 4. The private surface of XState that creating a child touches is the underscore methods below, nowhere else.
 *    `xstate-self-test.ts` checks all of it at start-up against the version installed.
 */
import type { AnyActorRef, AnyMachineSnapshot, AnyStateMachine, EventObject, StateValue } from 'xstate';
import { PerdureError } from './errors.ts';
import { limits } from './limits.ts';
import type { ChartRecord } from './record.ts';
import { decodeValue } from './value-decoding.ts';

export type { AnyMachineSnapshot, AnyStateMachine, EventObject, SnapshotFrom, EventFromLogic, InputFrom, OutputFrom } from 'xstate';

/** The live chart of one actor: what XState computes on, with the scope it computes in. */
export interface LiveChart {
  readonly snapshot: AnyMachineSnapshot;
  readonly scope: ChartScope;
}

/** A child as it is on disk. */
export interface ChildRecord {
  readonly n: number;
  readonly childId: string;
  readonly src: string;
}

/** What a step wants done, in the order the chart said it. */
export type ChartAction =
  | { readonly kind: 'schedule'; readonly id: string | undefined; readonly delay: number; readonly event: unknown }
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'spawn'; readonly n: number; readonly childId: string; readonly src: string; readonly input: unknown }
  | { readonly kind: 'stop'; readonly n: number };

export interface ChartStep {
  readonly chart: LiveChart;
  /** Whether the chart had a transition for the event. */
  readonly isHandled: boolean;
  readonly actions: readonly ChartAction[];
  /** The counter after the step; children take their numbers from it. */
  readonly childCounter: number;
}

interface CollectedAction {
  readonly type: string;
  readonly params: unknown;
}

interface StepState {
  actions: CollectedAction[];
  childCounter: number;
  childrenMade: number;
  microsteps: number;
  handled: boolean | undefined;
}

export interface ChartScope {
  readonly step: StepState;
  readonly sessionId: string;
  readonly self: ScopeSelf;
  readonly call: Parameters<AnyStateMachine['transition']>[2];
}

interface ScopeSelf {
  readonly id: string;
  readonly sessionId: string;
  snapshot: AnyMachineSnapshot | undefined;
}

/**
 * The initial macrostep.
 *
 * @param sessionId the actor's address: children are numbered below it
 * @throws whatever the machine's code throws; nothing has happened then
 */
export function startChart(machine: AnyStateMachine, sessionId: string, input: unknown): ChartStep {
  const scope = createScope(sessionId);
  resetStep(scope, 0);
  const snapshot = machine.getInitialSnapshot(scope.call, input) as AnyMachineSnapshot;
  if (snapshot.status === 'error') throw snapshot.error;
  scope.step.handled = true;
  return finishStep({ snapshot, scope });
}

/**
 * One macrostep.
 *
 * @throws whatever the machine's code throws; nothing has happened then
 */
export function stepChart(machine: AnyStateMachine, chart: LiveChart, event: EventObject, childCounter: number): ChartStep {
  const { scope } = chart;
  resetStep(scope, childCounter);
  scope.self.snapshot = chart.snapshot;
  const snapshot = machine.transition(chart.snapshot, event, scope.call) as AnyMachineSnapshot;
  return finishStep({ snapshot, scope });
}

/**
 * A chart read from disk. Children are light references: enough for a chart to stop them, nothing that runs.
 *
 * @throws Error if the machine has no such state any more
 */
export function reviveChart(machine: AnyStateMachine, sessionId: string, record: ChartRecord, children: readonly ChildRecord[]): LiveChart {
  const context = Object.fromEntries(Object.entries(record.context).map(([key, json]) => [key, decodeValue(json)]));
  const recalled = Object.entries(record.history).map(([id, nodeIds]) => [id, nodeIds.map((nodeId) => machine.getStateNodeById(nodeId))]);
  const snapshot = machine.resolveState({
    value: record.value as StateValue,
    context,
    status: record.status,
    historyValue: Object.fromEntries(recalled) as AnyMachineSnapshot['historyValue'],
    ...(record.output === undefined ? {} : { output: decodeValue(record.output) }),
    ...(record.error === undefined ? {} : { error: decodeValue(record.error) }),
  }) as AnyMachineSnapshot;
  const scope = createScope(sessionId);
  const references: object = Object.fromEntries(children.map((child) => [child.childId, lightReference(scope, child)]));
  const chart = { snapshot: Object.assign(snapshot, { children: references }), scope };
  scope.self.snapshot = chart.snapshot;
  return chart;
}

/** Ids of the states each history state recalls. */
export function historyOf(snapshot: AnyMachineSnapshot): ChartRecord['history'] {
  const recalled = Object.entries(snapshot.historyValue as Record<string, readonly { readonly id: string }[]>);
  return Object.fromEntries(recalled.map(([id, nodes]) => [id, nodes.map((node) => node.id)]));
}

/** Event types the chart has a transition for now; guards are not asked. Internal ones are left out. */
export function acceptedEvents(snapshot: AnyMachineSnapshot): string[] {
  const nodes = snapshot._nodes as readonly { readonly ownEvents: readonly string[] }[];
  return [...new Set(nodes.flatMap((node) => node.ownEvents))].filter((type) => !type.startsWith('xstate.')).sort();
}

function finishStep(chart: LiveChart): ChartStep {
  const { step, self } = chart.scope;
  self.snapshot = chart.snapshot;
  const actions = step.actions.flatMap(toChartAction);
  const spawned = actions.filter((action) => action.kind === 'spawn').length;
  if (spawned !== step.childrenMade) {
    throw unsupported('spawn() inside assign() or a context factory', 'use invoke');
  }
  return { chart, isHandled: step.handled ?? false, actions, childCounter: step.childCounter };
}

function toChartAction(action: CollectedAction): readonly ChartAction[] {
  switch (action.type) {
    case 'xstate.raise': {
      const { id, delay, event } = action.params as { id?: string; delay?: number; event: unknown };
      // Without a delay the event was consumed inside the step.
      return delay === undefined ? [] : [{ kind: 'schedule', id, delay, event }];
    }
    case 'xstate.cancel':
      return [{ kind: 'cancel', id: (action.params as { sendId: string }).sendId }];
    case 'xstate.spawnChild': {
      const { actorRef, src, input } = action.params as { actorRef: AnyActorRef | undefined; src: unknown; input: unknown };
      if (actorRef === undefined || typeof src !== 'string') {
        throw unsupported('a spawned child without a registered name', 'name it in setup({ actors })');
      }
      return [{ kind: 'spawn', n: childNumber(actorRef), childId: actorRef.id, src, input }];
    }
    case 'xstate.stopChild':
      return action.params === undefined ? [] : [{ kind: 'stop', n: childNumber(action.params as AnyActorRef) }];
    default:
      throw unsupported(`the action "${action.type}"`, 'move what it does into an activity');
  }
}

function unsupported(what: string, remedy: string): Error {
  return new PerdureError('MACHINE_INVALID', `The chart used ${what}, which is not supported; ${remedy}.`, {
    machine: '',
    problems: [what],
  });
}

function childNumber(ref: { readonly sessionId: string }): number {
  return Number(ref.sessionId.slice(ref.sessionId.lastIndexOf(':') + 1));
}

function resetStep(scope: ChartScope, childCounter: number): void {
  const { step } = scope;
  step.actions = [];
  step.childCounter = childCounter;
  step.childrenMade = 0;
  step.microsteps = 0;
  step.handled = undefined;
}

function createScope(sessionId: string): ChartScope {
  const step: StepState = { actions: [], childCounter: 0, childrenMade: 0, microsteps: 0, handled: undefined };
  const self: ScopeSelf & { getSnapshot(): AnyMachineSnapshot | undefined } = {
    id: sessionId,
    sessionId,
    snapshot: undefined,
    getSnapshot: () => self.snapshot,
  };
  const system = createSystem(sessionId, step);
  const call = {
    self: Object.assign(self, { system }),
    id: sessionId,
    sessionId,
    system,
    logger: ignore,
    defer: ignore,
    emit: ignore,
    stopChild: ignore,
    actionExecutor: (action: CollectedAction) => void step.actions.push(action),
  };
  return { step, sessionId, self, call: call as unknown as ChartScope['call'] }; // an ActorRef has members that a step never touches
}

/** The part of XState's actor system that creating a child reference calls. */
function createSystem(sessionId: string, step: StepState): object {
  return {
    _bookId: () => {
      step.childCounter += 1;
      return `${sessionId}:${step.childCounter}`;
    },
    _register: (id: string) => id,
    _unregister: ignore,
    _set: () => {
      throw unsupported('systemId', 'leave it out');
    },
    _relay: ignore,
    _clock: { setTimeout: ignore, clearTimeout: ignore },
    _logger: ignore,
    _sendInspectionEvent: (event: { readonly type: string; readonly _transitions?: readonly unknown[] }) => {
      if (event.type === '@xstate.actor') step.childrenMade += 1;
      if (event.type === '@xstate.microstep') countMicrostep(step, event._transitions);
    },
    get: () => undefined,
    getAll: () => ({}),
  };
}

function countMicrostep(step: StepState, transitions: readonly unknown[] | undefined): void {
  step.microsteps += 1;
  // The first microstep of a step is the one for the event itself.
  step.handled ??= transitions !== undefined && transitions.length > 0;
  if (step.microsteps <= limits.microstepsMax) return;
  throw new PerdureError(
    'LIMIT_EXCEEDED',
    `The step was stopped after ${limits.microstepsMax} microsteps: an \`always\` or \`raise\` leads back to itself.`,
    { limit: 'microstepsMax', max: limits.microstepsMax },
  );
}

function lightReference(scope: ChartScope, { n, childId, src }: ChildRecord): object {
  const reference = {
    id: childId,
    src,
    sessionId: `${scope.sessionId}:${n}`,
    _parent: scope.self,
    send: ignore,
    getSnapshot: () => ({ status: 'active' as const, output: undefined, error: undefined }),
    // As XState's own references have them, so that a snapshot can be shown and stored before and after a restart.
    getPersistedSnapshot: () => ({ status: 'active' as const, output: undefined, error: undefined }),
    toJSON: () => ({ xstate$$type: 1, id: childId }),
  };
  return reference;
}

function ignore(): void {
  // A step calls this where a running actor would act; acting comes after the commit.
}
