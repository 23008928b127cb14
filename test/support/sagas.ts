/** Machines with something to undo; what they do and undo is the test's {@link World}. */
import type { UndoOptions } from 'perdure/authoring';
import { activity, compensation } from 'perdure/authoring';
import { assign, setup } from 'xstate';
import type { World } from './world.ts';

type Retry = UndoOptions<unknown, unknown>['retry'];

/** A step named after what it does; its undo is called `undo NAME`. */
function step(
  world: World,
  name: string,
  { attempts = 1, undo = { maximumAttempts: 1 } }: { readonly attempts?: number; readonly undo?: Retry } = {},
) {
  return activity<unknown, string>({
    name,
    run: (scope) => world.call(name, scope),
    retry: { maximumAttempts: attempts, initialInterval: 1_000, jitter: 'none' },
    compensate: {
      run: ({ input, output, outcome, error, ...scope }) =>
        world.call(`undo ${name}`, { input: { input, output, outcome, error }, ...scope }),
      ...(undo && { retry: undo }),
    },
  });
}

/** Hotel, then flight, then car; a failure leaves everything to the engine. */
export function trip(world: World, undo?: Retry) {
  const book = (name: string) => step(world, name, undo === undefined ? {} : { undo });
  return setup({
    types: { input: {} as string },
    actors: { hotel: book('hotel'), flight: book('flight'), car: book('car') },
  }).createMachine({
    id: 'trip',
    version: '1',
    initial: 'hotel',
    states: {
      hotel: { invoke: { src: 'hotel', input: 'a room', onDone: 'flight', onError: 'failed' } },
      flight: { invoke: { src: 'flight', input: 'a seat', onDone: 'car', onError: 'failed' } },
      car: { invoke: { src: 'car', input: 'a car', onDone: 'done', onError: 'failed' }, on: { LEAVE: 'failed' } },
      done: { type: 'final' },
      failed: { type: 'final', tags: 'failed' },
    },
  });
}

/** The same, unwound by its chart, which goes on to an end of its own. */
export function charted(world: World) {
  return setup({
    types: { context: {} as { readonly undone: readonly string[]; readonly deferred: readonly string[] } },
    actors: { hotel: step(world, 'hotel'), flight: step(world, 'flight'), compensation },
  }).createMachine({
    id: 'charted',
    version: '1',
    context: { undone: [], deferred: [] },
    initial: 'hotel',
    states: {
      hotel: { invoke: { src: 'hotel', onDone: 'flight' } },
      flight: { invoke: { src: 'flight', onDone: 'waiting', onError: 'compensating' } },
      waiting: { on: { UNDO: 'compensating' } },
      compensating: {
        invoke: {
          src: 'compensation',
          onDone: {
            target: 'undone',
            actions: assign({ undone: ({ event }) => event.output.undone, deferred: ({ event }) => event.output.deferred }),
          },
        },
        on: { GIVE_UP: 'failed' },
      },
      undone: { type: 'final' },
      failed: { type: 'final', tags: 'failed' },
    },
    output: ({ context }: { readonly context: unknown }) => context,
  });
}

/** Two steps at once; one that fails takes the other with it. */
export function pair(world: World) {
  return setup({ actors: { left: step(world, 'left'), right: step(world, 'right'), compensation } }).createMachine({
    id: 'pair',
    version: '1',
    initial: 'both',
    states: {
      both: {
        type: 'parallel',
        states: {
          left: {
            initial: 'doing',
            states: { doing: { invoke: { src: 'left', onDone: 'done', onError: '#pair.compensating' } }, done: { type: 'final' } },
          },
          right: {
            initial: 'doing',
            states: { doing: { invoke: { src: 'right', onDone: 'done', onError: '#pair.compensating' } }, done: { type: 'final' } },
          },
        },
        onDone: 'done',
        on: { UNDO: 'compensating' },
      },
      compensating: { invoke: { src: 'compensation', onDone: 'failed' } },
      done: { type: 'final' },
      failed: { type: 'final', tags: 'failed' },
    },
  });
}

/** What it does is done by a child of its child; the one between does nothing itself. */
export function delegated(world: World) {
  const inner = setup({ actors: { hotel: step(world, 'hotel') } }).createMachine({
    id: 'inner',
    initial: 'hotel',
    states: { hotel: { invoke: { src: 'hotel', onDone: 'open' } }, open: {} },
  });
  const between = setup({ actors: { inner } }).createMachine({ id: 'between', invoke: { src: 'inner' } });
  return setup({ actors: { between } }).createMachine({ id: 'delegated', version: '1', invoke: { src: 'between' } });
}
