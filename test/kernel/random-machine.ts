/** Machines of nested states, drawn at random: transitions of all kinds between any of their states, with a trace of what was run. */
import type { AnyStateMachine } from 'xstate';
import { assign, cancel, createMachine, emit, enqueueActions, raise, sendTo, spawnChild, stopChild } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { SeededRandom } from '../simulation/seeded-random.ts';

export const eventTypes: readonly string[] = ['A', 'B', 'C', 'D'];

interface Context {
  readonly trace: readonly string[];
  readonly rounds: number;
}

interface Given {
  readonly context: Context;
  readonly event: { readonly type: string };
}

interface Drawn {
  readonly id: string;
  readonly isFinal: boolean;
  readonly below: readonly Drawn[];
}

interface Drawing {
  readonly random: SeededRandom;
  /** Of all states. */
  readonly ids: readonly string[];
}

const noted = (text: string): unknown =>
  assign({ trace: ({ context, event }: Given) => [...context.trace, `${text} on ${event.type}`].slice(-40) });
const counted = assign({ rounds: ({ context }: Given) => context.rounds + 1 });

/** Every transition counts as a round, so that circles come to an end. */
const isBefore =
  (round: number) =>
  ({ context }: Given) =>
    context.rounds < round;

export function drawMachine(random: SeededRandom): AnyStateMachine {
  const states = drawStates(random, 's', 0);
  const drawing: Drawing = { random, ids: ['drawn', ...idsOf(states)] };
  const isSpawning = random.chance(0.2);
  const config = {
    id: 'drawn',
    version: '1',
    context: ({ input, spawn }: Spawning & { readonly input: unknown }) => {
      if (isSpawning) spawn('work', { id: 'first' });
      return { trace: [String(input)], rounds: 0 };
    },
    ...inside(drawing, states),
    ...behaviour(drawing, 'drawn'),
    output: ({ context }: Given) => context.rounds,
  };
  return createMachine(
    config as never,
    {
      actors: { work: activity({ run: () => undefined }) },
      actions: { act: () => undefined },
      guards: { early: isBefore(4) },
      delays: { soon: ({ context }: Given) => context.rounds },
    } as never,
  );
}

function drawStates(random: SeededRandom, prefix: string, depth: number): Drawn[] {
  return names(random, prefix, 3).map((id) => {
    const isFinal = random.chance(0.15);
    const isCompound = !isFinal && depth < 3 && random.chance(0.45);
    return { id, isFinal, below: isCompound ? drawStates(random, `${id}_`, depth + 1) : [] };
  });
}

function names(random: SeededRandom, prefix: string, most: number): string[] {
  return Array.from({ length: 1 + random.below(most) }, (_, index) => `${prefix}${index}`);
}

function idsOf(states: readonly Drawn[]): string[] {
  return states.flatMap(({ id, below }) => [id, ...idsOf(below)]);
}

function inside(drawing: Drawing, states: readonly Drawn[]): object {
  if (states.length === 0) return {};
  const { random } = drawing;
  const { id } = random.pick(states);
  const initial = random.chance(0.3) ? { target: id, actions: noted(`into ${id}`) } : id;
  return { initial, states: Object.fromEntries(states.map((state) => [state.id, configOf(drawing, state)])) };
}

function configOf(drawing: Drawing, { id, isFinal, below }: Drawn): object {
  const { random } = drawing;
  if (isFinal) return { id, type: 'final', entry: noted(`final ${id}`), ...(random.chance(0.5) ? { output: id } : {}) };
  const onDone = below.length > 0 && random.chance(0.6) ? { onDone: transition(drawing, id) } : {};
  return { id, ...inside(drawing, below), ...behaviour(drawing, id), ...onDone };
}

function behaviour(drawing: Drawing, id: string): object {
  const { random } = drawing;
  const maybe = (share: number, part: () => object): object => (random.chance(share) ? part() : {});
  return {
    entry: [noted(`enter ${id}`), ...extras(drawing, id)],
    exit: [noted(`leave ${id}`), ...extras(drawing, id)],
    ...maybe(0.3, () => ({ tags: [`tag-${id}`, 'common'] })),
    ...maybe(0.6, () => ({ on: Object.fromEntries([...eventTypes, 'UP.*', '*'].map((type) => [type, transitions(drawing, id)])) })),
    ...maybe(0.15, () => ({ always: { ...transition(drawing, id), guard: random.chance(0.5) ? 'early' : isBefore(6) } })),
    ...maybe(0.2, () => ({ after: { [random.chance(0.5) ? 'soon' : '100']: transition(drawing, id) } })),
    ...maybe(0.35, () => ({ invoke: invocations(drawing, id) })),
  };
}

function invocations(drawing: Drawing, id: string): object[] {
  const { random } = drawing;
  return names(random, `${id}-work`, 2).map((childId) => ({
    src: 'work',
    id: childId,
    input: random.chance(0.5) ? ({ context }: Given) => context.trace.length : { of: id },
    ...(random.chance(0.7) ? { onDone: transition(drawing, id) } : {}),
    ...(random.chance(0.5) ? { onError: transition(drawing, id) } : {}),
    ...(random.chance(0.2) ? { systemId: `system-${childId}` } : {}),
    ...(random.chance(0.2) ? { onSnapshot: transition(drawing, id) } : {}),
  }));
}

function transitions(drawing: Drawing, id: string): object[] {
  const { random } = drawing;
  const guard = (): object => (random.chance(0.3) ? { guard: isBefore(random.below(12)) } : {});
  return Array.from({ length: 1 + random.below(2) }, () => ({ ...transition(drawing, id), ...guard() }));
}

function transition(drawing: Drawing, id: string): object {
  const { random, ids } = drawing;
  const actions = [counted, noted(`from ${id}`), ...extras(drawing, id)];
  if (random.chance(0.2)) return { actions };
  return { target: `#${random.pick(ids)}`, actions, ...(random.chance(0.4) ? { reenter: true } : {}) };
}

/** Something else that an action may be, often nothing. */
function extras({ random }: Drawing, id: string): unknown[] {
  if (random.chance(0.65)) return [];
  const kinds: readonly (() => unknown)[] = [
    () => raise({ type: 'A' }, random.chance(0.8) ? { delay: 10 } : {}),
    () => raise({ type: 'B' }, { delay: 50, id: `raised-${id}` }),
    () => cancel(`raised-${id}`),
    () => emit({ type: 'TOLD', by: id }),
    () => ({ type: 'act', params: { of: id } }),
    () => ({ type: 'act', params: ({ context }: Given) => context.trace.length }),
    () => 'act',
    () => sendTo(`${id}-work0`, { type: 'C' }),
    () => sendTo(((given: Given & { readonly self: unknown }) => given.self) as never, { type: 'C' } as never),
    () => spawnChild('work', { id: `own-${id}` }),
    () => assign(({ spawn }: Spawning) => ({ trace: [spawn('work', { id: `assigned-${id}` }).id] })),
    () => stopChild(`own-${id}`),
    () => stopChild(`${id}-work0`),
    () => enqueueActions(enqueuing as never),
  ];
  return [random.pick(kinds)()];
}

interface Spawning {
  readonly spawn: (src: string, options: object) => { readonly id: string };
}

interface Enqueuing {
  readonly enqueue: { (action: unknown): void; readonly assign: (update: object) => void };
  readonly check: (guard: unknown) => boolean;
}

function enqueuing({ enqueue, check }: Enqueuing): void {
  if (check('early')) enqueue({ type: 'act' });
  enqueue.assign({ rounds: ({ context }: Given) => context.rounds + 1 });
}
