/**
 * One microstep on its way: what it made of a snapshot so far, and how actions change that. Actions and what they are given are
 * XState's own, but for `assign`; only the bookkeeping around them is done here.
 */
import type { AnyMachineSnapshot, EventObject, StateValue } from 'xstate';
import type { ActionCode, Configuration, Invocation } from './xstate-plan.ts';
import type { ChartScope } from './xstate-scope.ts';

/** What there is to see of a snapshot. */
export interface SnapshotParts {
  readonly status: AnyMachineSnapshot['status'];
  readonly value: StateValue;
  readonly context: unknown;
  readonly output: unknown;
  readonly tags: ReadonlySet<string>;
  readonly children: Children;
}

export type Children = Readonly<Record<string, unknown>>;

/** The step on its way: what it made of the snapshot so far. */
export interface Walk {
  readonly scope: ChartScope;
  /** Events raised that are still to be taken. */
  readonly queue: EventObject[];
  /** What was sent to a child that is made later in the same entry. */
  readonly deferred: (() => void)[];
  /** After the last microstep. */
  snapshot: AnyMachineSnapshot;
  at: Configuration;
  // What the microstep under way makes of it.
  context: unknown;
  children: Children;
  status: AnyMachineSnapshot['status'];
  output: unknown;
  isChanged: boolean;
  /** The members above as a snapshot; undefined if they changed since it was made. */
  view: AnyMachineSnapshot | undefined;
  /** It turned out that XState has to take the step. */
  isLeft: boolean;
}

/** An action of XState's own. */
interface BuiltIn {
  readonly type: string;
  readonly resolve: (
    scope: unknown,
    snapshot: unknown,
    given: ActionArguments,
    params: unknown,
    self: BuiltIn,
    extra: { readonly internalQueue: EventObject[]; readonly deferredActorIds: readonly string[] | undefined },
  ) => readonly [AnyMachineSnapshot, unknown, readonly ActionCode[] | undefined];
  readonly retryResolve?: (scope: unknown, snapshot: unknown, params: unknown) => void;
  readonly execute?: unknown;
  /** Of an `assign`. */
  readonly assignment?: Assignment;
}

type Assigner = (given: object, params: unknown) => unknown;
type Assignment = Assigner | Readonly<Record<string, unknown>>;

interface ActionArguments {
  readonly context: unknown;
  readonly event: EventObject;
  readonly self: unknown;
  readonly system: unknown;
}

export function walkFrom(scope: ChartScope, snapshot: AnyMachineSnapshot, at: Configuration, queue: EventObject[]): Walk {
  const { context, status, output, children } = snapshot as SnapshotParts;
  return { scope, queue, deferred: [], snapshot, at, context, children, status, output, isChanged: false, view: snapshot, isLeft: false };
}

/**
 * Resolves actions in their order.
 *
 * @param deferredActorIds children that are made after these actions, by which they may be sent to already
 */
export function perform(walk: Walk, actions: readonly ActionCode[], event: EventObject, deferredActorIds?: readonly string[]): void {
  const { scope } = walk;
  const { self, system } = scope.call;
  for (const action of actions) {
    const code = codeOf(walk, action);
    const given = { context: walk.context, event, self, system };
    const params = paramsOf(action, given);
    if (!isBuiltIn(code)) {
      scope.execute({ type: typeOf(action), info: given, params, exec: code });
      continue;
    }
    if (code.assignment !== undefined) {
      assign(walk, code.assignment, given, params);
      continue;
    }
    const snapshot = viewOf(walk);
    const [next, wanted, more] = code.resolve(scope.call, snapshot, given, params, code, { internalQueue: walk.queue, deferredActorIds });
    if (next !== snapshot) take(walk, next);
    const { retryResolve } = code;
    if (retryResolve !== undefined && deferredActorIds !== undefined) {
      walk.deferred.push(() => retryResolve(scope.call, viewOf(walk), wanted));
    }
    if (code.execute !== undefined) scope.execute({ type: code.type, info: given, params: wanted, exec: code.execute });
    if (more !== undefined) perform(walk, more, event, deferredActorIds);
  }
}

/** As XState's own, which would work out the state anew for a snapshot that is not kept. */
function assign(walk: Walk, assignment: Assignment, { context, event, self, system }: ActionArguments, params: unknown): void {
  const given = { context, event, spawn: () => leave(walk), self, system };
  walk.context = Object.assign(
    {},
    context,
    typeof assignment === 'function' ? assignment(given, params) : updateOf(assignment, given, params),
  );
  change(walk);
}

function updateOf(assignment: Readonly<Record<string, unknown>>, given: object, params: unknown): object {
  const update: Record<string, unknown> = {};
  for (const key of Object.keys(assignment)) {
    const value = assignment[key];
    update[key] = typeof value === 'function' ? (value as Assigner)(given, params) : value;
  }
  return update;
}

/** Gives up the step: what code of the chart makes of the error does not matter. */
export function leave(walk: Walk): never {
  walk.isLeft = true;
  throw new Error('This step is taken by XState.');
}

function codeOf({ snapshot: { machine } }: Walk, action: ActionCode): unknown {
  if (typeof action === 'function') return action;
  const named = machine.implementations.actions as unknown as Readonly<Record<string, unknown>>; // typed by the machine's own names
  return named[typeof action === 'string' ? action : action.type];
}

export function spawn(walk: Walk, { id, src, input, systemId, onSnapshot }: Invocation, event: EventObject): void {
  const { scope, context } = walk;
  const given = resolved(input, { context, event, self: scope.call.self });
  const child = scope.makeChild({ id, src, systemId, input: given, isWatched: Boolean(onSnapshot) });
  walk.children = Object.assign({}, walk.children, { [id]: child });
  change(walk);
}

/** A child that an action stopped before is gone already. */
export function stop({ scope }: Walk, child: unknown): void {
  if (child !== undefined) scope.execute({ type: 'xstate.stopChild', params: child });
}

export function change(walk: Walk): void {
  walk.isChanged = true;
  walk.view = undefined;
}

function take(walk: Walk, { context, children }: AnyMachineSnapshot): void {
  walk.context = context;
  walk.children = children as Children;
  change(walk);
}

/** What actions between two microsteps see: what was made of the snapshot so far, still in its old state. */
export function viewOf(walk: Walk): AnyMachineSnapshot {
  const { _nodes, tags } = walk.snapshot as unknown as Pick<Where, '_nodes' | 'tags'>; // `_nodes` is typed loosely by XState
  return (walk.view ??= snapshotOf(walk, { _nodes, value: walk.at.value, tags }));
}

/** In the order of XState's own, so that engines take them for the same kind of object. */
export function snapshotOf(
  { snapshot: before, context, children, status, output }: Walk,
  { _nodes, value, tags }: Where,
): AnyMachineSnapshot {
  const { error, machine, historyValue, matches, hasTag, can, getMeta, toJSON } = before;
  const made = {
    status,
    output,
    error,
    machine,
    context,
    _nodes,
    value,
    tags: new Set(tags),
    children,
    historyValue,
    matches,
    hasTag,
    can,
    getMeta,
    toJSON,
  };
  return made as unknown as AnyMachineSnapshot; // all members that XState gives one
}

interface Where {
  readonly _nodes: readonly unknown[];
  readonly value: unknown;
  readonly tags: ReadonlySet<string>;
}

export function without(children: Children, id: string): Children {
  const rest: Record<string, unknown> = {};
  for (const other of Object.keys(children)) if (other !== id) rest[other] = children[other];
  return rest;
}

function isBuiltIn(code: unknown): code is BuiltIn {
  return typeof code === 'function' && 'resolve' in code;
}

function paramsOf(action: ActionCode, { context, event }: ActionArguments): unknown {
  if (typeof action !== 'object' || !('params' in action)) return undefined;
  return resolved(action.params, { context, event });
}

function typeOf(action: ActionCode): string {
  if (typeof action === 'string') return action;
  return typeof action === 'object' ? action.type : action.name || '(anonymous)';
}

/** A mapper is called, anything else is the value itself. */
export function resolved(mapper: unknown, given: object): unknown {
  return typeof mapper === 'function' ? (mapper as (given: object) => unknown)(given) : mapper;
}
