/** Reads a chart's structure as plain data. Actions in code (`enqueueActions`, custom ones, events that are made by functions) are not seen. */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { activityDescriptor } from './activity-descriptor.ts';
import type { ChartActor, ChartGraph, ChartInvoke, ChartState, ChartTransition, RaisedEvent } from './chart-graph.ts';
import { actorLogicOf } from './machine-check.ts';
import { isCompensation } from './xstate-compensation.ts';
import { fanOutIn } from './xstate-fan-out.ts';
import { kindOfLogic } from './xstate-logic.ts';
import { invokeSites } from './xstate-structure.ts';

export function chartGraphOf(machine: AnyStateMachine): ChartGraph {
  const nodes = withBelow(machine.root);
  const invokes = invokeSites(machine).map(({ state, src, childId, logic }) => ({ state, childId, ...actorOf(src, logic) }));
  const acting = nodes.flatMap((node) => actionsOf(node).map((action) => ({ state: node.id, action: codeOf(machine, action) })));
  return {
    machine: machine.id,
    states: nodes.map((node) => stateOf(machine, node, invokes)),
    actors: [...actorLogicOf(machine)].map(([src, logic]) => actorOf(src, logic)),
    raised: acting.flatMap(({ state, action }) => raisedBy(state, action)),
    hasHiddenActions: acting.some(({ action }) => typeOf(action) === 'xstate.enqueueActions'),
    hasDeadline: (Object(machine.root.meta) as { readonly deadline?: unknown }).deadline !== undefined,
  };
}

/** A fan-out is as what it runs for each item. */
function actorOf(src: string, given: unknown): ChartActor {
  const logic = fanOutIn(given)?.child ?? given;
  const descriptor = activityDescriptor(logic);
  const undo = descriptor?.undo !== undefined ? 'undo' : descriptor?.isIrreversible === true ? 'irreversible' : 'none';
  return { src, kind: isCompensation(logic) ? 'compensation' : kindOfLogic(logic), undo };
}

function withBelow(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(withBelow)];
}

function stateOf(machine: AnyStateMachine, node: AnyStateNode, invokes: readonly ChartInvoke[]): ChartState {
  return {
    id: node.id,
    type: node.type,
    above: node.parent?.id,
    below: Object.values(node.states).map(({ id }) => id),
    initial: initialOf(node).map(({ id }) => id),
    tags: node.tags,
    isAssigning: isAssigning(machine, [...node.entry, ...node.exit]),
    invokes: invokes.filter(({ state }) => state === node.id),
    transitions: definitionsOf(node).map((definition) => transitionOf(machine, node, definition)),
  };
}

function initialOf(node: AnyStateNode): readonly AnyStateNode[] {
  if (node.type === 'compound') return node.initial.target;
  if (node.type !== 'history') return [];
  const above = node.parent as AnyStateNode; // a root that is a history state has no states to be in
  const targets = [(node.config as { readonly target?: string | readonly string[] }).target ?? []].flat();
  // Written as `#id.path`, or as a path from the state above.
  const find = (target: string): AnyStateNode =>
    target.startsWith('#')
      ? node.machine.getStateNodeById(target)
      : target.split('.').reduce((from, key) => from.states[key] as AnyStateNode, above);
  if (targets.length > 0) return targets.map(find);
  return above.type === 'parallel' ? [above] : initialOf(above);
}

interface Definition {
  readonly eventType: unknown;
  readonly target?: readonly AnyStateNode[] | undefined;
  readonly guard?: unknown;
  readonly reenter: boolean;
  readonly actions: readonly unknown[];
}

function definitionsOf(node: AnyStateNode): readonly Definition[] {
  return [...node.transitions.values(), node.always ?? []].flat();
}

function transitionOf(machine: AnyStateMachine, node: AnyStateNode, definition: Definition): ChartTransition {
  const { target = [], guard, reenter, actions } = definition;
  const on = String(definition.eventType);
  return {
    source: node.id,
    kind: kindOfTransition(on),
    on,
    targets: target.map(({ id }) => id),
    isGuarded: guard !== undefined,
    isInert: target.length === 0 && actions.length === 0 && !reenter,
    isAssigning: isAssigning(machine, actions),
  };
}

const kinds: readonly (readonly [string, ChartTransition['kind']])[] = [
  ['xstate.done.state.', 'state-done'],
  ['xstate.done.actor.', 'child-done'],
  ['xstate.error.actor.', 'child-failed'],
  ['xstate.snapshot.', 'child-news'],
  ['xstate.after.', 'after'],
];

function kindOfTransition(on: string): ChartTransition['kind'] {
  if (on === '') return 'always';
  return kinds.find(([prefix]) => on.startsWith(prefix))?.[1] ?? 'event';
}

function actionsOf(node: AnyStateNode): readonly unknown[] {
  const initially: readonly unknown[] = node.type === 'compound' ? node.initial.actions : [];
  return [...node.entry, ...node.exit, ...initially, ...definitionsOf(node).flatMap(({ actions }) => actions)];
}

function isAssigning(machine: AnyStateMachine, actions: readonly unknown[]): boolean {
  return actions.some((action) => typeOf(codeOf(machine, action)) === 'xstate.assign');
}

/** A named action is what `setup` has under its name. */
function codeOf(machine: AnyStateMachine, action: unknown): unknown {
  if (typeof action === 'function') return action;
  const name = typeof action === 'string' ? action : typeOf(action);
  return (machine.implementations.actions as Readonly<Record<string, unknown>>)[String(name)];
}

/** XState's own actions say what they are. */
function typeOf(action: unknown): unknown {
  return (Object(action) as { readonly type?: unknown }).type;
}

function raisedBy(state: string, action: unknown): RaisedEvent[] {
  const { event, delay } = Object(action) as { readonly event?: { readonly type?: unknown }; readonly delay?: unknown };
  const isOwn = typeOf(action) === 'xstate.raise';
  const isSentLater = typeOf(action) === 'xstate.sendTo' && delay !== undefined;
  const type = isOwn || isSentLater ? event?.type : undefined;
  return typeof type === 'string' ? [{ state, type, isOwn }] : [];
}
