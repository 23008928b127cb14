/** Machines whose children have something to undo; what they do and undo is the test's {@link World}. */
import type { UndoOptions } from 'perdure/authoring';
import { activity, compensation } from 'perdure/authoring';
import { setup } from 'xstate';
import type { World } from './world.ts';

interface StepOptions {
  /** Does not hear that it is aborted. */
  readonly isDeaf?: boolean;
  readonly undo?: Pick<UndoOptions<unknown, unknown>, 'retry' | 'startToCloseTimeout'>;
  /** Its code does not say how it is undone. */
  readonly hasNoUndo?: boolean;
}

/** A step with one attempt; its undo is called `undo NAME` and has one attempt, too, unless told otherwise. */
function stepOf(world: World, name: string, { isDeaf = false, undo = {}, hasNoUndo = false }: StepOptions = {}) {
  const deaf = new AbortController().signal;
  return activity<unknown, string>({
    name,
    run: (scope) => world.call(name, isDeaf ? { ...scope, signal: deaf } : scope),
    retry: { maximumAttempts: 1 },
    startToCloseTimeout: '1d',
    ...(!hasNoUndo && {
      compensate: {
        run: ({ input, output, outcome, error, ...scope }) =>
          world.call(`undo ${name}`, { input: { input, output, outcome, error }, ...scope }),
        retry: { maximumAttempts: 1 },
        ...undo,
      },
    }),
  });
}

interface FamilyOptions extends StepOptions {
  /** The child undoes what it did itself when it is asked to cancel. */
  readonly cleansUp?: boolean;
  /** Who does the steps of the child: itself, or a child of its own. */
  readonly isDeep?: boolean;
}

/** Packs, then a child goes to sea and swims, then it sleeps; a failure leaves everything to the engine. */
export function family(world: World, { cleansUp = false, isDeep = false, ...options }: FamilyOptions = {}) {
  const step = (name: string) => stepOf(world, name, options);
  const swimmer = setup({ actors: { sea: step('sea'), swim: step('swim'), compensation } }).createMachine({
    id: 'swimmer',
    initial: 'sea',
    states: {
      sea: { invoke: { src: 'sea', onDone: 'swim' } },
      swim: { invoke: { src: 'swim', onDone: 'done' } },
      undoing: { invoke: { src: 'compensation', onDone: 'done' } },
      done: { type: 'final' },
    },
    ...(cleansUp && { on: { 'workflow.cancel': '.undoing' } }),
  });
  const guide = setup({ actors: { swimmer } }).createMachine({
    id: 'guide',
    initial: 'guiding',
    states: { guiding: { invoke: { src: 'swimmer', onDone: 'done' } }, done: { type: 'final' } },
  });
  const actors = { pack: step('pack'), sleep: step('sleep'), swimmer, guide };
  return setup({ actors }).createMachine({
    id: 'family',
    version: '1',
    initial: 'packing',
    states: {
      packing: { invoke: { src: 'pack', onDone: 'away' } },
      away: { invoke: { src: isDeep ? 'guide' : 'swimmer', onDone: 'sleeping' }, on: { LEAVE: 'failed' } },
      sleeping: { invoke: { src: 'sleep', onDone: 'done', onError: 'failed' } },
      done: { type: 'final' },
      failed: { type: 'final', tags: 'failed' },
    },
  });
}

/** Two steps at once; told to, it leaves both, and its chart has them undone. */
export function twoAtOnce(world: World, options: StepOptions = {}) {
  const actors = { left: stepOf(world, 'left', options), right: stepOf(world, 'right', options), compensation };
  return setup({ actors }).createMachine({
    id: 'two-at-once',
    version: '1',
    initial: 'both',
    states: {
      both: {
        type: 'parallel',
        states: {
          left: { initial: 'doing', states: { doing: { invoke: { src: 'left', onDone: 'done' } }, done: { type: 'final' } } },
          right: { initial: 'doing', states: { doing: { invoke: { src: 'right', onDone: 'done' } }, done: { type: 'final' } } },
        },
        onDone: 'waiting',
        on: { UNDO: 'undoing' },
      },
      waiting: { on: { UNDO: 'undoing' } },
      undoing: {
        invoke: { src: 'compensation', onDone: 'failed' },
        on: {
          GIVE_UP: 'failed',
          AGAIN: 'again',
          BREAK: {
            guard: () => {
              if (world.isBroken) throw new Error('broken');
              return false;
            },
            target: 'failed',
          },
        },
      },
      again: { invoke: { src: 'compensation', onDone: 'failed' } },
      failed: { type: 'final', tags: 'failed' },
    },
  });
}
