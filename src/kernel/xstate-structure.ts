/**
 * The structure of a machine: what identifies a version. It is walked over the state nodes, since `machine.toJSON()` loses
 * `always`, inline guards and the delays of `after`. Function bodies are not part of it: bundlers change them.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { and, or } from 'xstate';
import type { Json } from './json.ts';

const hashBytes = 16;

/** One invoked child as declared in the chart. */
export interface InvokeSite {
  readonly state: string;
  readonly src: string;
  readonly childId: string;
  readonly systemId: string | undefined;
  readonly hasOnSnapshot: boolean;
  readonly logic: unknown;
}

/** A place in the chart that names code: to find what is missing or not supported. */
export interface CodeSite {
  readonly state: string;
  readonly slot: string;
  readonly kind: 'action' | 'guard' | 'delay';
  /** `(inline)` for a function written in place. */
  readonly name: string;
  readonly code: unknown;
}

/** All states of a machine, the root first, in document order. */
function stateNodes(machine: AnyStateMachine): AnyStateNode[] {
  const walk = (node: AnyStateNode): AnyStateNode[] => [node, ...Object.values(node.states).flatMap(walk)];
  return walk(machine.root);
}

/** The state whose `after` armed a timer. XState names it by delay and state, either of which may hold any character. */
export function stateOfAfter(machine: AnyStateMachine, timerId: string | undefined): string | undefined {
  const nameOfTimer = (node: AnyStateNode, delay: string): string =>
    `xstate.after.${Number.isNaN(Number(delay)) ? delay : Number(delay)}.${node.id}`;
  return stateNodes(machine).find((node) => Object.keys(node.config.after ?? {}).some((delay) => nameOfTimer(node, delay) === timerId))?.id;
}

/** Plain data describing the chart: states, events, targets, names of guards and actions, delays, invoked sources. */
export function structureOf(machine: AnyStateMachine): Json {
  return { states: stateNodes(machine).map(describeNode) };
}

/** Hex digest of a structure: SHA-256, cut to 128 bits. */
export function hashStructure(structure: Json): string {
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(structure))).subarray(0, hashBytes));
}

/** What differs between two structures of one machine: its states, and those of the machines among its actors. */
export function differingStates(before: Json, after: Json): string[] {
  const actorsOf = (structure: Json): Readonly<Record<string, Json>> =>
    (structure as { readonly actors?: Readonly<Record<string, Json>> }).actors ?? {};
  const [old, current] = [actorsOf(before), actorsOf(after)];
  const among = [...new Set([...Object.keys(old), ...Object.keys(current)])].flatMap((src) => {
    const [was, is] = [old[src], current[src]];
    if (was === undefined || is === undefined) return [`actor "${src}" was ${was === undefined ? 'added' : 'removed'}`];
    // A machine that comes round again is named only.
    if (typeof was === 'string' || typeof is === 'string') return was === is ? [] : [`actor "${src}" changed`];
    return differingStates(was, is).map((line) => `actor "${src}": ${line}`);
  });
  return [...differingOwnStates(before, after), ...among];
}

function differingOwnStates(before: Json, after: Json): string[] {
  const index = (structure: Json): Map<string, string> => {
    const states = (structure as { readonly states: readonly { readonly id: string }[] }).states;
    return new Map(states.map((state) => [state.id, JSON.stringify(state)]));
  };
  const [old, current] = [index(before), index(after)];
  return [
    ...[...old.keys()].filter((id) => !current.has(id)).map((id) => `state "${id}" was removed`),
    ...[...current.keys()].filter((id) => !old.has(id)).map((id) => `state "${id}" was added`),
    ...[...current].filter(([id, text]) => old.has(id) && old.get(id) !== text).map(([id]) => `state "${id}" changed`),
  ];
}

export function invokeSites(machine: AnyStateMachine): InvokeSite[] {
  return stateNodes(machine).flatMap((node) =>
    node.invoke.map((invoke, index) => {
      const configured = [node.config.invoke].flat()[index] as { readonly src?: unknown; readonly onSnapshot?: unknown } | undefined;
      const inline = typeof configured?.src === 'string' ? undefined : configured?.src;
      return {
        state: node.id,
        src: invoke.src as string,
        childId: invoke.id,
        systemId: invoke.systemId,
        hasOnSnapshot: configured?.onSnapshot !== undefined,
        logic: inline ?? machine.implementations.actors[invoke.src as string],
      };
    }),
  );
}

export function codeSites(machine: AnyStateMachine): CodeSite[] {
  const { actions, guards, delays } = machine.implementations as Record<'actions' | 'guards' | 'delays', Record<string, unknown>>;
  return stateNodes(machine).flatMap((node) => {
    const site = (kind: CodeSite['kind'], slot: string, code: unknown, named: Record<string, unknown>): CodeSite => {
      const name = nameOf(code);
      return { state: node.id, slot, kind, name, code: isReference(code) ? named[name] : code };
    };
    const transitions = transitionsOf(node);
    const acting = [
      ...node.entry.map((code) => site('action', 'entry', code, actions)),
      ...node.exit.map((code) => site('action', 'exit', code, actions)),
      ...(node.states === undefined || node.type !== 'compound'
        ? []
        : node.initial.actions.map((code) => site('action', 'initial', code, actions))),
      ...transitions.flatMap(({ slot, actions: codes }) => codes.map((code) => site('action', slot, code, actions))),
    ];
    return [
      ...acting,
      ...acting.flatMap(({ slot, code }) => namedDelays(code).map((delay) => site('delay', slot, delay, delays))),
      ...transitions.flatMap(({ slot, guard }) => leafGuards(guard, guards).map((code) => site('guard', slot, code, guards))),
      ...Object.keys(node.config.after ?? {})
        .filter((delay) => Number.isNaN(Number(delay)))
        .map((delay) => site('delay', 'after', delay, delays)),
    ];
  });
}

/**
 * The machine's own action functions by name: those of `setup` by that name, those written in place by their place. A place stays
 * the same over restarts, a function does not.
 */
export function actionCode(machine: AnyStateMachine): ReadonlyMap<string, ActionCode> {
  const code = new Map<string, ActionCode>();
  const add = (name: string, action: unknown): void => {
    if (typeof action === 'function' && !('resolve' in action)) code.set(name, action as ActionCode);
  };
  for (const [name, action] of Object.entries(machine.implementations.actions)) add(`action ${name}`, action);
  for (const node of stateNodes(machine)) {
    const slots: readonly (readonly [string, readonly unknown[]])[] = [
      ['entry', node.entry],
      ['exit', node.exit],
      ['initial', node.type === 'compound' ? node.initial.actions : []],
      ...transitionsOf(node).map(({ slot, actions }, index) => [`${slot} #${index}`, actions] as const),
    ];
    for (const [slot, actions] of slots) actions.forEach((action, index) => add(`state ${node.id} ${slot} [${index}]`, action));
  }
  return code;
}

/** A custom action as XState calls it. */
export type ActionCode = (args: object, params: unknown) => unknown;

/** Whether some state names this event, by its type or by a prefix of it. `*` means anything, and so nothing in particular. */
export function namesEvent(machine: AnyStateMachine, type: string): boolean {
  const named = new Set(stateNodes(machine).flatMap((node) => [...node.transitions.keys()]));
  const prefixes = type.split('.').map((_part, index, parts) => `${parts.slice(0, index).join('.')}.*`);
  return [type, ...prefixes.slice(1)].some((descriptor) => named.has(descriptor));
}

interface TransitionSite {
  readonly slot: string;
  readonly targets: readonly string[];
  readonly guard: unknown;
  readonly actions: readonly unknown[];
  readonly reenter: boolean;
}

function transitionsOf(node: AnyStateNode): TransitionSite[] {
  const defined = [...node.transitions.values(), node.always ?? []].flat();
  return defined.map((transition) => ({
    slot: transition.eventType === '' ? 'always' : String(transition.eventType),
    targets: (transition.target ?? []).map((target) => target.id),
    guard: transition.guard,
    actions: transition.actions,
    reenter: transition.reenter,
  }));
}

function describeNode(node: AnyStateNode): Json {
  return {
    id: node.id,
    type: node.type,
    history: node.history === false ? null : node.history,
    ...(node.type === 'history' ? { target: (node.config as { readonly target?: string }).target ?? null } : {}),
    initial: node.type === 'compound' ? node.initial.target.map((target) => target.id) : [],
    initially: node.type === 'compound' ? node.initial.actions.map(describeAction) : [],
    tags: [...node.tags],
    entry: node.entry.map(describeAction),
    exit: node.exit.map(describeAction),
    invoke: node.invoke.map((invoke) => ({ id: invoke.id, src: invoke.src as string })),
    transitions: transitionsOf(node).map(({ slot, targets, guard, actions, reenter }) => ({
      on: slot,
      targets,
      guard: guard === undefined ? null : describeGuard(guard),
      actions: actions.map(describeAction),
      reenter,
    })),
  };
}

function describeAction(action: unknown): Json {
  const { delay, event } = Object(action) as { delay?: unknown; event?: { type?: unknown } };
  const details = typeof delay === 'number' || typeof delay === 'string' ? { delay } : {};
  const raised = typeof event?.type === 'string' ? { event: event.type } : {};
  return { name: nameOf(action), ...details, ...raised };
}

/** The delay of a raised event, if it is named: XState takes one that is missing for none. Those of `after` are found as such. */
function namedDelays(action: unknown): string[] {
  const { delay, id } = Object(action) as { readonly delay?: unknown; readonly id?: unknown };
  return typeof delay === 'string' && !String(id).startsWith('xstate.after.') ? [delay] : [];
}

/** The guards inside `and`, `or` and `not`, down to those that are code; also where the composite itself is named. */
function leafGuards(guard: unknown, named: Record<string, unknown>): unknown[] {
  const inner = innerGuards(guard) ?? (isReference(guard) ? innerGuards(named[nameOf(guard)]) : undefined);
  if (inner !== undefined) return inner.flatMap((leaf) => leafGuards(leaf, named));
  return guard === undefined ? [] : [guard];
}

function describeGuard(guard: unknown): Json {
  const inner = innerGuards(guard);
  return inner === undefined ? nameOf(guard) : { [compositeName(guard)]: inner.map(describeGuard) };
}

function innerGuards(guard: unknown): readonly unknown[] | undefined {
  return (Object(guard) as { readonly guards?: readonly unknown[] }).guards;
}

/** By what it does, since bundlers change the names of functions. */
function compositeName(guard: unknown): string {
  const check = checkOf(guard);
  return check === checkOf(and([])) ? 'and' : check === checkOf(or([])) ? 'or' : 'not';
}

function checkOf(guard: unknown): unknown {
  return (Object(guard) as { readonly check?: unknown }).check;
}

/** Whether code is named rather than written in place. */
function isReference(code: unknown): boolean {
  return typeof code === 'string' || (typeof code === 'object' && code !== null);
}

/** The name in `setup`; XState's own actions carry a type that starts with `xstate.`. */
function nameOf(code: unknown): string {
  if (typeof code === 'string') return code;
  const type = (Object(code) as { type?: unknown }).type;
  return typeof type === 'string' ? type : '(inline)';
}
