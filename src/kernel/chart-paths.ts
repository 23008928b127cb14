/**
 * The ways through a chart, from leaf to leaf: a leaf is a state without states of its own, and a chart is in one of them, or in one of
 * each region of a parallel state. Guards are taken as open, so that there may be fewer ways in a life than here, but none more; what stands
 * behind a transition without a guard is not a way. Of parallel states each region is looked at by itself.
 */
import type { ChartGraph, ChartInvoke, ChartState, ChartTransition } from './chart-graph.ts';

/** One transition out of one leaf. */
export interface Move {
  readonly transition: ChartTransition;
  readonly from: string;
  /** The leaves that it enters. */
  readonly to: readonly string[];
}

export class ChartPaths {
  readonly graph: ChartGraph;
  readonly #states: ReadonlyMap<string, ChartState>;
  readonly #moves = new Map<string, readonly Move[]>();
  /** Every leaf that there is a way to. */
  readonly reached: ReadonlySet<string>;

  constructor(graph: ChartGraph) {
    this.graph = graph;
    this.#states = new Map(graph.states.map((state) => [state.id, state]));
    this.reached = this.#reach();
  }

  get root(): ChartState {
    return this.graph.states[0] as ChartState; // a chart has a root
  }

  get initial(): readonly string[] {
    return this.#landing(this.root.id, this.reached);
  }

  state(id: string): ChartState {
    return this.#states.get(id) as ChartState; // ids are those of the graph
  }

  /** The state and those above it, innermost first. */
  chain(id: string): readonly ChartState[] {
    const state = this.state(id);
    return state.above === undefined ? [state] : [state, ...this.chain(state.above)];
  }

  isWithin(id: string, above: string): boolean {
    return this.chain(id).some((state) => state.id === above);
  }

  /** The leaves within a state that there is a way to. */
  leavesOf(id: string): readonly string[] {
    return [...this.reached].filter((leaf) => this.isWithin(leaf, id));
  }

  movesFrom(leaf: string): readonly Move[] {
    return this.#moves.get(leaf) as readonly Move[]; // a leaf that was reached
  }

  /** What runs while the chart is in this leaf. */
  invokesAt(leaf: string): readonly ChartInvoke[] {
    return this.isPassing(leaf) ? [] : this.chain(leaf).flatMap(({ invokes }) => invokes);
  }

  /** It is left in the step that enters it, since some `always` without a guard leads away: nothing is begun or awaited there. */
  isPassing(leaf: string): boolean {
    return this.movesFrom(leaf).some(({ transition }) => this.#isPassedBy(transition, leaf, this.reached));
  }

  /**
   * The leaves that there is a way to from these, with them.
   *
   * @param isOpen whether a move may be taken; all if left out
   */
  from(starts: readonly string[], isOpen: (move: Move) => boolean = () => true): ReadonlySet<string> {
    const found = new Set(starts);
    for (const leaf of found) {
      for (const move of this.movesFrom(leaf)) if (isOpen(move)) for (const entered of move.to) found.add(entered);
    }
    return found;
  }

  /** What was found to be reached may complete states, whose transitions lead on: until nothing new comes of it. */
  #reach(): ReadonlySet<string> {
    let reached: ReadonlySet<string> = new Set();
    for (let size = -1; size < reached.size;) {
      ({ size } = reached);
      const known = reached;
      const found = new Set([...this.#landing(this.root.id, known), ...known]);
      for (const leaf of found) {
        const moves = this.#possible(leaf, known).map((transition) => ({ transition, from: leaf, to: this.#entered(transition, known) }));
        this.#moves.set(leaf, moves);
        for (const { to } of moves) for (const entered of to) found.add(entered);
      }
      reached = found;
    }
    return reached;
  }

  /** The transitions that may be taken in a leaf: the innermost first, and none behind one that is sure to be taken instead. */
  #possible(leaf: string, reached: ReadonlySet<string>): readonly ChartTransition[] {
    const chain = this.chain(leaf);
    const [state, above] = chain;
    // The end of the chart.
    if (state?.type === 'final' && above?.id === this.root.id && above.type === 'compound') return [];
    const always = untilSure(chain.flatMap(({ transitions }) => transitions.filter(({ kind }) => kind === 'always')));
    if (always.some((transition) => this.#isPassedBy(transition, leaf, reached))) return always;
    return [...always, ...awaited(chain)].filter((transition) => !transition.isInert && this.#canHappen(transition, leaf, reached));
  }

  /**
   * XState stops taking what leads to where it is already; and of two transitions into other regions of one parallel state only one is
   * taken, so that such a one may leave its leaf where it is.
   */
  #isPassedBy(transition: ChartTransition, leaf: string, reached: ReadonlySet<string>): boolean {
    const { kind, targets, isGuarded } = transition;
    if (kind !== 'always' || isGuarded || this.#entered(transition, reached).every((entered) => entered === leaf)) return false;
    const chain = this.chain(leaf);
    return chain.every((region, index) => {
      const above = chain[index + 1];
      return above?.type !== 'parallel' || targets.every((to) => this.isWithin(to, region.id) || !this.isWithin(to, above.id));
    });
  }

  #canHappen({ kind, on, source }: ChartTransition, leaf: string, reached: ReadonlySet<string>): boolean {
    if (kind === 'child-failed') return !this.state(source).invokes.some((invoke) => isNeverFailing(invoke, on));
    if (kind !== 'state-done') return true;
    const done = this.#states.get(on.slice('xstate.done.state.'.length));
    if (done === undefined || this.state(leaf).type !== 'final' || !this.isWithin(leaf, done.id)) return false;
    return done.type === 'parallel' ? this.#canComplete(done, reached) : done.below.includes(leaf);
  }

  #canComplete({ type, below }: ChartState, reached: ReadonlySet<string>): boolean {
    const inside = below.map((id) => this.state(id));
    if (type === 'parallel') return inside.every((region) => region.type === 'history' || this.#canComplete(region, reached));
    return inside.some((state) => state.type === 'final' && reached.has(state.id));
  }

  #entered({ source, targets }: ChartTransition, reached: ReadonlySet<string>): readonly string[] {
    const beside = targets.flatMap((target) => this.#besides(target, source));
    return [...new Set([...targets, ...beside].flatMap((id) => this.#landing(id, reached)))];
  }

  /** The other regions of parallel states that are entered with a state, unless the transition comes from its own region. */
  #besides(target: string, source: string): readonly string[] {
    const chain = this.chain(target);
    return chain.flatMap((region, index) => {
      const above = chain[index + 1];
      if (above?.type !== 'parallel' || this.isWithin(source, region.id)) return [];
      return above.below.filter((id) => id !== region.id && this.state(id).type !== 'history');
    });
  }

  /** The leaves in which a chart is when it has entered a state. What a history state recalls was reached before. */
  #landing(id: string, reached: ReadonlySet<string>): readonly string[] {
    const { type, below, initial, above } = this.state(id);
    const into = (ids: readonly string[]): readonly string[] => ids.flatMap((inner) => this.#landing(inner, reached));
    switch (type) {
      case 'atomic':
      case 'final':
        return [id];
      case 'compound':
        return into(initial);
      case 'parallel':
        return into(below.filter((inner) => this.state(inner).type !== 'history'));
      case 'history':
        return [...into(initial), ...[...reached].filter((leaf) => this.isWithin(leaf, above as string))]; // a root is never entered as history
    }
  }
}

/** Whether an event descriptor accepts whatever another one accepts. */
export function covers(descriptor: string, other: string): boolean {
  if (descriptor === other || descriptor === '*') return true;
  if (!descriptor.endsWith('.*')) return false;
  return `${other}.`.startsWith(descriptor.slice(0, -1));
}

function awaited(chain: readonly ChartState[]): ChartTransition[] {
  const taken: string[] = [];
  return chain.flatMap(({ transitions }) => {
    const [here, mine]: [Set<string>, ChartTransition[]] = [new Set(), []];
    for (const transition of transitions) {
      const { kind, on, isGuarded } = transition;
      if (kind === 'always' || here.has(on) || taken.some((descriptor) => covers(descriptor, on))) continue;
      mine.push(transition);
      if (!isGuarded) here.add(on);
    }
    taken.push(...here);
    return mine;
  });
}

/** Up to the first that is sure to be taken. */
function untilSure(transitions: readonly ChartTransition[]): ChartTransition[] {
  const sure = transitions.findIndex(({ isGuarded }) => !isGuarded);
  return sure < 0 ? [...transitions] : transitions.slice(0, sure + 1);
}

function isNeverFailing({ kind, childId }: ChartInvoke, on: string): boolean {
  return kind === 'compensation' && on === `xstate.error.actor.${childId}`;
}
