/**
 * Takes the steps of a chart that is in one state at a time, by plans (`xstate-plan.ts`) instead of by sets that are built anew in
 * every step; guards, actions and their order are XState's own. What has no plan is left to XState.
 *
 * Invariants
 * 1. A step here and the same step taken by XState give equal snapshots and ask for the same, in the same order.
 * 2. A step that turns out to be XState's is given up as a whole: what it asked for until then is forgotten by who called.
 */
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { evaluateGuard } from 'xstate/guards';
import type { Configuration, Entry, StateNode, Transition } from './xstate-plan.ts';
import { Plans } from './xstate-plan.ts';
import type { ChartScope } from './xstate-scope.ts';
import type { Walk } from './xstate-walk.ts';
import { change, leave, perform, resolved, snapshotOf, spawn, stop, viewOf, walkFrom, without } from './xstate-walk.ts';

const none: readonly never[] = [];

export class Stepper {
  readonly #machine: AnyStateMachine;
  readonly #plans: Plans;

  private constructor(machine: AnyStateMachine, plans: Plans) {
    this.#machine = machine;
    this.#plans = plans;
  }

  /** Undefined for a machine whose steps XState has to take. */
  static of(machine: AnyStateMachine): Stepper | undefined {
    const plans = Plans.of(machine);
    return plans === undefined ? undefined : new Stepper(machine, plans);
  }

  /**
   * The macrostep for an event; undefined if XState has to take it.
   *
   * @throws whatever code of the chart throws
   */
  step(scope: ChartScope, snapshot: AnyMachineSnapshot, event: EventObject): AnyMachineSnapshot | undefined {
    if (event.type === 'xstate.stop' || event.type === 'xstate.init') return undefined;
    const walk = walkFrom(scope, snapshot, this.#plans.configurationOf(snapshot), []);
    const transition = select(walk, event);
    // What nobody handles ends the chart in error.
    if (transition === undefined && event.type.startsWith('xstate.error.actor')) return undefined;
    return unlessLeft(walk, () => {
      this.#microstep(walk, transition, event);
      return this.#settle(walk, event);
    });
  }

  /**
   * The first macrostep; undefined if XState has to take it.
   *
   * @throws whatever code of the chart throws
   */
  start(scope: ChartScope, input: unknown): AnyMachineSnapshot | undefined {
    const event: EventObject & { readonly input: unknown } = { type: 'xstate.init', input };
    const queue: EventObject[] = [];
    const machine = this.#machine as unknown as {
      // private to XState; the self-test calls it at start-up
      readonly _getPreInitialState: (scope: unknown, event: EventObject, queue: EventObject[]) => AnyMachineSnapshot;
    };
    const before = machine._getPreInitialState(scope.call, event, queue);
    const { first } = this.#plans;
    const walk = walkFrom(scope, before, first.next, queue);
    return unlessLeft(walk, () => {
      for (const entry of first.entries) this.#enter(walk, entry, event);
      this.#finish(walk, first.next, event);
      return this.#settle(walk, event);
    });
  }

  /** Takes what follows of itself: transitions that wait for no event, then what was raised. */
  #settle(walk: Walk, event: EventObject): AnyMachineSnapshot {
    let isEventlessNext = true;
    let current = event;
    while (walk.snapshot.status === 'active') {
      const before: AnyMachineSnapshot = walk.snapshot;
      const eventless: Transition | undefined = isEventlessNext ? selectEventless(walk, current) : undefined;
      if (eventless === undefined) {
        const raised = walk.queue.shift();
        if (raised === undefined) break;
        current = raised;
      }
      this.#microstep(walk, eventless ?? select(walk, current), current);
      isEventlessNext = eventless === undefined || walk.snapshot !== before;
    }
    if (walk.snapshot.status !== 'active') {
      for (const child of Object.values(walk.children)) stop(walk, child);
    }
    return walk.snapshot;
  }

  #microstep(walk: Walk, transition: Transition | undefined, event: EventObject): void {
    if (transition === undefined) {
      walk.scope.countMicrostep(none);
      return;
    }
    const plan = this.#plans.planFor(walk.at, transition);
    if (plan === undefined) return leave(walk);
    for (const node of plan.exits) this.#exit(walk, node, event);
    if (transition.actions.length > 0) perform(walk, transition.actions, event);
    for (const entry of plan.entries) this.#enter(walk, entry, event);
    this.#finish(walk, plan.next, event);
    walk.scope.countMicrostep([transition]);
  }

  #exit(walk: Walk, { exit, invoke }: StateNode, event: EventObject): void {
    if (exit.length > 0) perform(walk, exit, event);
    for (const { id } of invoke) {
      stop(walk, walk.children[id]);
      walk.children = without(walk.children, id);
      change(walk);
    }
  }

  #enter(walk: Walk, { node, initialActions, invokedIds }: Entry, event: EventObject): void {
    const { entry, invoke } = node;
    if (entry.length > 0) perform(walk, entry, event, invokedIds);
    for (const invocation of invoke) spawn(walk, invocation, event);
    if (initialActions.length > 0) perform(walk, initialActions, event, invokedIds);
    if (walk.deferred.length > 0) for (const address of walk.deferred.splice(0)) address();
    if (node.type === 'final') this.#complete(walk, node, event);
  }

  /** A final state was entered. */
  #complete(walk: Walk, { id, parent, output }: StateNode, event: EventObject): void {
    const { self } = walk.scope.call;
    const made = (): unknown => (output === undefined ? undefined : resolved(output, { context: walk.context, event, self }));
    const above = parent as StateNode; // a machine that is nothing but a final state is left to XState
    walk.queue.push({ type: `xstate.done.state.${above.id}`, output: made() } as EventObject);
    if (above.parent !== undefined) return;
    walk.status = 'done';
    walk.output = undefined;
    const { output: ofMachine } = this.#machine.root as { readonly output?: unknown };
    if (ofMachine !== undefined) {
      walk.output = resolved(ofMachine, { context: walk.context, event: { type: `xstate.done.state.${id}`, output: made() }, self });
    }
    change(walk);
  }

  /** Ends a microstep. */
  #finish(walk: Walk, next: Configuration, event: EventObject): void {
    const isDone = walk.status === 'done';
    const nodes = isDone ? next.nodes.toReversed() : next.nodes;
    if (isDone) for (const { exit } of nodes) if (exit.length > 0) perform(walk, exit, event);
    const isElsewhere = !walk.snapshot._nodes.includes(next.leaf as never);
    if (isElsewhere) walk.snapshot = snapshotOf(walk, { _nodes: nodes, value: next.value, tags: next.tags });
    else if (walk.isChanged) walk.snapshot = viewOf(walk);
    walk.at = next;
    walk.isChanged = false;
    walk.view = walk.snapshot;
  }
}

function unlessLeft<Result>(walk: Walk, step: () => Result): Result | undefined {
  try {
    const result = step();
    return walk.isLeft ? undefined : result;
  } catch (error) {
    if (walk.isLeft) return undefined;
    throw error;
  }
}

/** The transition of the innermost state that has one for the event. */
function select({ at: { nodes }, snapshot }: Walk, event: EventObject): Transition | undefined {
  for (let depth = nodes.length - 1; depth >= 0; depth -= 1) {
    const found = nodes[depth]?.next(snapshot, event)?.[0];
    if (found !== undefined) return found;
  }
  return undefined;
}

function selectEventless({ at: { always }, snapshot }: Walk, event: EventObject): Transition | undefined {
  return always.find(({ guard }) => guard === undefined || evaluateGuard(guard as never, snapshot.context as never, event, snapshot));
}
