/**
 * What a transition of a chart leaves and enters. XState works it out anew in every step; it depends on nothing but the state the
 * chart is in and the transition, so here it is worked out once and kept. Covers charts that are in one state at a time:
 * with parallel states or history it depends on more, and XState takes the step itself.
 *
 * The rules are those of the SCXML recommendation (https://www.w3.org/TR/scxml/#AlgorithmforSCXMLInterpretation) as XState reads
 * them; `xstate-self-test.ts` compares both ways at start-up, and a test does for machines of all kinds.
 */
import type { AnyMachineSnapshot, AnyStateMachine, EventObject, StateValue } from 'xstate';

/** What steps read of a state of XState's. */
export interface StateNode {
  readonly id: string;
  readonly key: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly parent?: StateNode;
  readonly states: Readonly<Record<string, StateNode>>;
  readonly entry: readonly ActionCode[];
  readonly exit: readonly ActionCode[];
  readonly invoke: readonly Invocation[];
  /** The target is there if it has states of its own. */
  readonly initial: { readonly target: readonly [StateNode]; readonly actions: readonly ActionCode[] };
  readonly always?: readonly Transition[];
  readonly output?: unknown;
  readonly tags: readonly string[];
  readonly next: (snapshot: AnyMachineSnapshot, event: EventObject) => readonly Transition[] | undefined;
}

/** An action of a chart: a name, a name with parameters, or a function, which may be one of XState's own. */
export type ActionCode = string | { readonly type: string; readonly params?: unknown } | ((...given: never[]) => unknown);

export interface Invocation {
  readonly id: string;
  readonly src: string;
  readonly input?: unknown;
  readonly systemId?: string;
  readonly onSnapshot?: unknown;
}

export interface Transition {
  readonly source: StateNode;
  readonly target?: readonly StateNode[];
  readonly reenter: boolean;
  readonly actions: readonly ActionCode[];
  readonly eventType: string;
  readonly guard?: unknown;
}

/** The state a chart is in, with those above it. All charts of a machine share it, so whatever is shown of it is frozen or copied. */
export interface Configuration {
  readonly leaf: StateNode;
  /** From the root down to the leaf. */
  readonly nodes: readonly StateNode[];
  readonly value: StateValue;
  readonly tags: ReadonlySet<string>;
  /** Transitions that wait for no event, those of the leaf first. */
  readonly always: readonly Transition[];
}

/** A state that is entered. */
export interface Entry {
  readonly node: StateNode;
  /** What its initial transition does, if it is entered by that. */
  readonly initialActions: readonly ActionCode[];
  readonly invokedIds: readonly string[];
}

export interface Plan {
  /** Innermost first. */
  readonly exits: readonly StateNode[];
  /** Outermost first. */
  readonly entries: readonly Entry[];
  readonly next: Configuration;
}

const none: readonly never[] = [];

export class Plans {
  readonly #root: StateNode;
  readonly #configurations = new Map<StateNode, Configuration>();
  readonly #plans = new Map<StateNode, Map<Transition, Plan | undefined>>();
  #first: Plan | undefined;

  private constructor(root: StateNode) {
    this.#root = root;
  }

  /** Undefined for a machine whose steps XState has to take. */
  static of({ root, options, implementations }: AnyStateMachine): Plans | undefined {
    const top = root as unknown as StateNode; // XState types it with members that vary by machine
    const isPlain = withBelow(top).every(({ type, invoke }) => {
      return type !== 'parallel' && type !== 'history' && invoke.every(({ src }) => Object.hasOwn(implementations.actors, src));
    });
    return isPlain && root.type !== 'final' && options.maxIterations === Infinity ? new Plans(top) : undefined;
  }

  /** Where a snapshot is. */
  configurationOf({ _nodes }: AnyMachineSnapshot): Configuration {
    const nodes = _nodes as unknown as readonly StateNode[]; // as above
    return this.#configurationAt(nodes.find(isLeaf) as StateNode);
  }

  /** How a chart gets into its first state. */
  get first(): Plan {
    return (this.#first ??= this.#begin());
  }

  /** Undefined for a transition that XState has to take. */
  planFor({ leaf }: Configuration, transition: Transition): Plan | undefined {
    const known = this.#plans.get(leaf);
    if (known?.has(transition) === true) return known.get(transition);
    const plan = this.#plan(leaf, transition);
    if (known === undefined) this.#plans.set(leaf, new Map([[transition, plan]]));
    else known.set(transition, plan);
    return plan;
  }

  #begin(): Plan {
    const entries = initialPath(this.#root).map((node) => entryOf(node, true));
    return {
      exits: none,
      entries: [entryOf(this.#root, true), ...entries],
      next: this.#configurationAt(entries.at(-1)?.node ?? this.#root),
    };
  }

  #plan(leaf: StateNode, transition: Transition): Plan | undefined {
    const { source, target: targets = none } = transition;
    const active = pathTo(leaf);
    const [target] = targets;
    if (target === undefined) return { exits: none, entries: none, next: this.#configurationAt(leaf) };
    const domain = domainOf(transition, target, this.#root);
    if (targets.length > 1 || domain === undefined) return undefined;
    const exits = active.filter((node) => isBelow(node, domain)).reverse();
    // A state that a transition of its own leads back to is not left; what is below it is.
    const isEntered = source !== target || source !== domain;
    const above = pathTo(target).filter((node) => node !== target && isBelow(node, domain));
    const below = initialPath(target).map((node) => entryOf(node, true));
    const entries = [...above.map((node) => entryOf(node, false)), ...(isEntered ? [entryOf(target, true)] : none), ...below];
    return { exits, entries, next: this.#configurationAt(below.at(-1)?.node ?? target) };
  }

  #configurationAt(leaf: StateNode): Configuration {
    const known = this.#configurations.get(leaf);
    if (known !== undefined) return known;
    const nodes = Object.freeze(pathTo(leaf));
    const configuration: Configuration = {
      leaf,
      nodes,
      value: valueAt(leaf),
      tags: new Set(nodes.flatMap(({ tags }) => tags)),
      always: nodes.toReversed().flatMap(({ always = none }) => always),
    };
    this.#configurations.set(leaf, configuration);
    return configuration;
  }
}

function withBelow(node: StateNode): StateNode[] {
  return [node, ...Object.values(node.states).flatMap(withBelow)];
}

function isLeaf({ type }: StateNode): boolean {
  return type === 'atomic' || type === 'final';
}

/** From the root down to the node. */
function pathTo(node: StateNode): StateNode[] {
  return node.parent === undefined ? [node] : [...pathTo(node.parent), node];
}

function isBelow(node: StateNode, above: StateNode): boolean {
  return node.parent !== undefined && (node.parent === above || isBelow(node.parent, above));
}

/** The states that are entered with one because it enters its initial one, outermost first. */
function initialPath(node: StateNode): StateNode[] {
  if (node.type !== 'compound') return [];
  const [initial] = node.initial.target;
  return [initial, ...initialPath(initial)];
}

/** The innermost state that is neither left nor entered; undefined if there is none. */
function domainOf({ source, reenter }: Transition, target: StateNode, root: StateNode): StateNode | undefined {
  if (!reenter && (target === source || isBelow(target, source))) return source;
  for (let above = target.parent; above !== undefined; above = above.parent) if (isBelow(source, above)) return above;
  return reenter ? undefined : root;
}

function entryOf(node: StateNode, isByDefault: boolean): Entry {
  const initialActions = isByDefault ? node.initial.actions : none;
  return { node, initialActions, invokedIds: node.invoke.map(({ id }) => id) };
}

/** As XState writes it: the name of the innermost state alone, below an object for each above it. */
function valueAt(leaf: StateNode): StateValue {
  if (leaf.parent === undefined) return Object.freeze({});
  let value: StateValue = leaf.key;
  for (let node = leaf.parent; node.parent !== undefined; node = node.parent) value = Object.freeze({ [node.key]: value });
  return value;
}
