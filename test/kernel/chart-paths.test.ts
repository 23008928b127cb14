import { assert, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { createMachine } from 'xstate';
import { getAdjacencyMap } from 'xstate/graph';
import { ChartPaths, covers } from '../../src/kernel/chart-paths.ts';
import { chartGraphOf } from '../../src/kernel/xstate-chart-graph.ts';
import type { SeededRandom } from '../simulation/seeded-random.ts';
import { createRandom } from '../simulation/seeded-random.ts';

interface Drawn {
  readonly id: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly below: readonly Drawn[];
}

const eventTypes = ['A', 'B', 'B.ONE', 'C'];

/** Charts without guards. */
class Draw {
  readonly #random: SeededRandom;
  readonly #kinds: readonly Drawn['type'][];
  #ids: readonly string[] = [];

  constructor(seed: number, kinds: readonly Drawn['type'][]) {
    this.#random = createRandom(seed);
    this.#kinds = kinds;
  }

  machine(): AnyStateMachine {
    const below = this.#draw('s', 0, this.#kinds);
    this.#ids = idsOf(below);
    const top = { id: 'drawn', type: 'compound', below } as const;
    return createMachine(this.#config(top) as never) as AnyStateMachine;
  }

  #draw(prefix: string, depth: number, kinds: readonly Drawn['type'][]): Drawn[] {
    return Array.from({ length: 2 + this.#random.below(3) }, (_, index) => {
      const id = `${prefix}${index}`;
      // The first is the one that is entered.
      const drawn = index === 0 || this.#random.chance(0.5) ? 'atomic' : this.#random.pick(kinds);
      const type = depth >= 2 && (drawn === 'compound' || drawn === 'parallel') ? 'atomic' : drawn;
      const inner = type === 'parallel' ? kinds.filter((kind) => kind === 'compound') : kinds;
      const below = type === 'compound' || type === 'parallel' ? this.#draw(`${id}_`, depth + 1, inner) : [];
      return { id, type, below };
    });
  }

  #config({ id, type, below }: Drawn): object {
    if (type === 'history') return { id, type, history: this.#random.pick(['shallow', 'deep']) };
    if (type === 'final') return { id, type };
    const states = Object.fromEntries(below.map((state) => [state.id, this.#config(state)]));
    const inside = type === 'atomic' ? {} : type === 'parallel' ? { type, states } : { initial: below[0]?.id, states };
    // What waits for no event, or may take those of XState itself, leads on, never back, so that no circle comes of it.
    const later = this.#ids.filter((other) => other > id && !other.startsWith(id));
    const onward = (share: number): string | undefined =>
      later.length > 0 && this.#random.chance(share) ? `#${this.#random.pick(later)}` : undefined;
    const onDone = type === 'atomic' ? undefined : onward(0.5);
    const always = type === 'atomic' ? onward(0.15) : undefined;
    const anything = onward(0.15);
    const some = eventTypes.concat('B.*').filter(() => this.#random.chance(0.5));
    const on = Object.fromEntries(some.map((event) => [event, this.#random.chance(0.15) ? {} : this.#transition()]));
    return { id, ...inside, on: anything === undefined ? on : { ...on, '*': anything }, onDone, always };
  }

  #transition(): object {
    return { target: `#${this.#random.pick(this.#ids)}`, reenter: this.#random.chance(0.2) };
  }
}

function idsOf(states: readonly Drawn[]): string[] {
  return states.flatMap(({ id, below }) => [id, ...idsOf(below)]);
}

/** Every leaf of every state that XState itself comes to when it is sent every event. */
function visited(machine: AnyStateMachine): string[] {
  const events = eventTypes.concat('B.TWO', 'OTHER').map((type) => ({ type }));
  const serializeState = ({ value, historyValue }: AnyMachineSnapshot): string =>
    JSON.stringify([value, Object.entries(historyValue).map(([id, nodes]) => [id, nodes.map((node: { readonly id: string }) => node.id)])]);
  // XState takes events also of what is over, when it is asked like this.
  const stopWhen = ({ status }: { readonly status: string }): boolean => status === 'done';
  const map = getAdjacencyMap(machine, { stopWhen: stopWhen as never, events, serializeState: serializeState as never, limit: 5_000 });
  const nodes = Object.values(map).flatMap(({ state }) => (state as unknown as AnyMachineSnapshot)._nodes);
  return [...new Set(nodes.filter(({ type }) => type === 'atomic' || type === 'final').map(({ id }) => id))].sort();
}

const pathsOf = (machine: AnyStateMachine): ChartPaths => new ChartPaths(chartGraphOf(machine));

describe('the leaves that there is a way to', () => {
  test('are those XState comes to, where nothing is guarded and one state is active at a time, but for those it passes', () => {
    assert(
      property(integer({ min: 1 }), (seed) => {
        const machine = new Draw(seed, ['atomic', 'compound']).machine();
        const paths = pathsOf(machine);
        expect([...paths.reached].filter((leaf) => !paths.isPassing(leaf)).sort()).toEqual(visited(machine));
      }),
      { numRuns: 150 },
    );
  });

  test('are no fewer with ends, regions and history', () => {
    assert(
      property(integer({ min: 1 }), (seed) => {
        const machine = new Draw(seed, ['atomic', 'compound', 'parallel', 'final', 'history']).machine();
        const { reached } = pathsOf(machine);
        expect(visited(machine).filter((id) => !reached.has(id))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

test.each([
  ['A', 'A', true],
  ['A', 'B', false],
  ['*', 'xstate.done.actor.x', true],
  ['A.*', 'A', true],
  ['A.*', 'A.B.C', true],
  ['A.*', 'A.B.*', true],
  ['A.B.*', 'A.*', false],
  ['A.*', 'AB', false],
  ['A', 'A.*', false],
])('a transition for %s accepts whatever %s is: %s', (descriptor, other, expected) => {
  expect(covers(descriptor, other)).toBe(expected);
});
