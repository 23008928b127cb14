/**
 * Machines that did something to be undone when they end badly: charts that leave it to the engine, charts that unwind themselves,
 * parallel regions, and children with undos of their own, two deep.
 */
import type { AnyStateMachine } from 'xstate';
import { assign, setup, spawnChild, stopChild } from 'xstate';
import { activity, child, compensation } from '../../src/authoring.ts';
import type { ActivityName, Context } from './machine-parts.ts';
import { actors as plainActors, context, delays, ends, finalErrorName, guards, outside, step, types } from './machine-parts.ts';

type UndoableName = Extract<ActivityName, 'book' | 'charge' | 'pledge'>;

function undoable(name: UndoableName, attempts: { readonly maximum: number; readonly ofUndo: number }) {
  return activity<{ step: string }, { key: string }>({
    name,
    run: (scope) => outside.run(name, scope) as Promise<{ key: string }>,
    startToCloseTimeout: '2s',
    retry: { maximumAttempts: attempts.maximum, initialInterval: '400ms', nonRetryableErrorTypes: [finalErrorName] },
    compensate: {
      run: (scope) => outside.undo(`${name}:undo`, scope),
      startToCloseTimeout: '2s',
      retry: { maximumAttempts: attempts.ofUndo, initialInterval: '300ms', nonRetryableErrorTypes: [finalErrorName] },
    },
  });
}

const undoables = {
  book: undoable('book', { maximum: 3, ofUndo: 3 }),
  charge: undoable('charge', { maximum: 1, ofUndo: 2 }),
  pledge: undoable('pledge', { maximum: 2, ofUndo: 1 }),
};

function callOf(event: object): number {
  return (event as { readonly call: number }).call;
}

function keyOf(event: object): string {
  return (event as { readonly output: { readonly key: string } }).output.key;
}

const inputOf = ({ context: { variant, delayMs } }: { context: Context }): { variant: string; delayMs: number } => ({ variant, delayMs });
const output = ({ context: { outcomes, told } }: { context: Context }): object => ({ outcomes, told });

const parts = setup({
  types,
  actors: { ...plainActors, ...undoables, compensation },
  actions: {
    hear: assign({ heard: ({ context: { heard }, event }) => [...heard, callOf(event)] }),
    keep: assign({ outcomes: ({ context: { outcomes }, event }) => [...outcomes, keyOf(event)] }),
    count: assign({ rounds: ({ context: { rounds } }) => rounds + 1 }),
  },
  delays,
  guards,
});

/** Leaves it to the engine. */
const trip = parts.createMachine({
  id: 'trip',
  version: '1',
  context,
  initial: 'booking',
  on: { LEAVE: { target: '.left', actions: 'hear' } },
  states: {
    booking: { invoke: { src: 'book', input: step('booking'), onDone: { target: 'paying', actions: 'keep' }, onError: 'failed' } },
    paying: { invoke: { src: 'charge', input: step('paying'), onDone: { target: 'again', actions: 'keep' }, onError: 'failed' } },
    again: { invoke: { src: 'book', input: step('again'), onDone: { target: 'resting', actions: 'keep' }, onError: 'failed' } },
    resting: {
      after: { 9000: 'done' },
      on: {
        BACK: { target: 'booking', guard: 'isFresh', actions: ['hear', 'count'] },
        GO: { target: 'failed', actions: 'hear' },
        END: { target: 'done', actions: 'hear' },
      },
    },
    ...ends,
  },
});

/** Regions beside each other, one of which may fail, be left or be over while the others are at it. */
const twin = parts.createMachine({
  id: 'twin',
  version: '1',
  context,
  initial: 'both',
  states: {
    both: {
      type: 'parallel',
      states: {
        left: {
          initial: 'busy',
          states: {
            busy: {
              invoke: { src: 'book', input: step('left'), onDone: { target: 'more', actions: 'keep' }, onError: '#twin.failed' },
              on: { HOLD: { target: 'rest', actions: 'hear' } },
            },
            more: { invoke: { src: 'charge', input: step('more'), onDone: { target: 'rest', actions: 'keep' }, onError: '#twin.undoing' } },
            rest: { type: 'final' },
          },
        },
        right: {
          initial: 'busy',
          states: {
            busy: {
              invoke: { src: 'pledge', input: step('right'), onDone: { target: 'rest', actions: 'keep' }, onError: 'rest' },
              after: { 3000: 'rest' },
            },
            rest: { type: 'final' },
          },
        },
        third: {
          initial: 'busy',
          states: {
            busy: { invoke: { src: 'book', input: step('third'), onDone: { target: 'open', actions: 'keep' }, onError: '#twin.undoing' } },
            open: { after: { wait: 'rest' } },
            rest: { type: 'final' },
          },
        },
      },
      onDone: 'resting',
      on: {
        END: { target: 'undoing', actions: 'hear' },
        LEAVE: { target: 'left', actions: 'hear' },
        GO: { target: 'failed', actions: 'hear' },
      },
    },
    resting: {
      after: { 5000: 'done' },
      on: { END: { target: 'undoing', actions: 'hear' }, LEAVE: { target: 'left', actions: 'hear' } },
    },
    undoing: { invoke: { src: 'compensation', onDone: 'failed' }, on: { LEAVE: { target: 'left', actions: 'hear' } } },
    ...ends,
  },
});

/** Unwinds itself and goes on, beside a region that does more meanwhile. */
const prudent = parts.createMachine({
  id: 'prudent',
  version: '1',
  context,
  initial: 'working',
  states: {
    working: {
      type: 'parallel',
      on: { HOLD: { target: 'failed', actions: 'hear' } },
      onDone: 'done',
      states: {
        main: {
          initial: 'booking',
          states: {
            booking: {
              invoke: { src: 'book', input: step('booking'), onDone: { target: 'paying', actions: 'keep' }, onError: 'undoing' },
              on: { END: { target: 'undoing', actions: 'hear' } },
            },
            paying: {
              invoke: { src: 'charge', input: step('paying'), onDone: { target: 'resting', actions: 'keep' }, onError: 'undoing' },
              on: { END: { target: 'undoing', actions: 'hear' }, 'workflow.cancel': 'undoing', 'workflow.deadline': 'undoing' },
            },
            resting: { on: { END: { target: 'undoing', actions: 'hear' } }, after: { 6000: 'over' } },
            undoing: {
              invoke: { src: 'compensation', onDone: [{ guard: 'isFresh', target: 'deciding' }, { target: 'over' }] },
              on: { LEAVE: { target: 'over', actions: 'hear' } },
            },
            deciding: { after: { 4000: 'over' }, on: { BACK: { target: 'booking', actions: ['hear', 'count'] } } },
            over: { type: 'final' },
          },
        },
        side: {
          initial: 'idle',
          states: {
            idle: { on: { GO: { target: 'busy', actions: 'hear' } }, after: { 9000: 'over' } },
            busy: { invoke: { src: 'book', input: step('side'), onDone: { target: 'idle', actions: 'keep' }, onError: 'idle' } },
            over: { type: 'final' },
          },
        },
      },
    },
    ...ends,
  },
});

/** Leaves what it did to its parent. */
const booker = parts.createMachine({
  id: 'booker',
  context,
  output,
  initial: 'booking',
  states: {
    booking: { invoke: { src: 'book', input: step('booking'), onDone: { target: 'paying', actions: 'keep' }, onError: 'failed' } },
    paying: { invoke: { src: 'charge', input: step('paying'), onDone: { target: 'open', actions: 'keep' }, onError: 'failed' } },
    open: { after: { wait: 'done' } },
    ...ends,
  },
});

/** Undoes what it did itself where it is cancelled or fails. */
const frugal = parts.createMachine({
  id: 'frugal',
  context,
  output,
  initial: 'booking',
  states: {
    booking: {
      invoke: { src: 'book', input: step('booking'), onDone: { target: 'open', actions: 'keep' }, onError: 'undoing' },
      on: { 'workflow.cancel': 'undoing' },
    },
    open: { after: { wait: 'paying' }, on: { 'workflow.cancel': 'undoing' } },
    paying: { invoke: { src: 'charge', input: step('paying'), onDone: { target: 'done', actions: 'keep' }, onError: 'failed' } },
    undoing: { invoke: { src: 'compensation', onDone: 'left' } },
    ...ends,
  },
});

const brokers = setup({ types, actors: { booker, frugal }, delays, guards });

/** Does nothing itself: what is to be undone is its children's. */
const broker = brokers.createMachine({
  id: 'broker',
  context,
  initial: 'open',
  states: {
    open: {
      type: 'parallel',
      states: {
        one: {
          initial: 'busy',
          states: {
            busy: { invoke: { src: 'booker', input: inputOf, onDone: 'over', onError: '#broker.failed' } },
            over: { type: 'final' },
          },
        },
        other: {
          initial: 'busy',
          states: { busy: { invoke: { src: 'frugal', input: inputOf, onDone: 'over', onError: 'over' } }, over: { type: 'final' } },
        },
      },
      onDone: 'done',
    },
    ...ends,
  },
});

const guilds = setup({
  types,
  actors: {
    ...undoables,
    booker,
    frugal,
    broker,
    brief: child(booker, { parentClosePolicy: 'terminate' }),
    compensation,
  },
  actions: {
    hear: assign({ heard: ({ context: { heard }, event }) => [...heard, callOf(event)] }),
    keep: assign({ outcomes: ({ context: { outcomes }, event }) => [...outcomes, keyOf(event)] }),
    count: assign({ rounds: ({ context: { rounds } }) => rounds + 1 }),
    tell: assign({ told: ({ context: { told } }) => told + 1 }),
  },
  delays,
  guards,
});

const guild = guilds.createMachine({
  id: 'guild',
  version: '1',
  context,
  initial: 'working',
  states: {
    working: {
      entry: [spawnChild('frugal', { id: 'one', input: inputOf }), spawnChild('brief', { id: 'two', input: inputOf })],
      invoke: [
        { src: 'book', input: step('working'), onDone: { actions: 'keep' }, onError: 'failed' },
        { id: 'broker', src: 'broker', input: inputOf, onDone: 'resting', onError: { actions: 'tell' } },
      ],
      after: { 8000: 'resting' },
      on: {
        BACK: { target: 'working', reenter: true, guard: 'isFresh', actions: ['hear', 'count', stopChild('one'), stopChild('two')] },
        HOLD: { actions: ['hear', stopChild('two')] },
        END: { target: 'undoing', actions: 'hear' },
        LEAVE: { target: 'left', actions: 'hear' },
        GO: { target: 'failed', actions: 'hear' },
      },
    },
    resting: {
      invoke: { src: 'charge', input: step('resting'), onDone: { target: 'open', actions: 'keep' }, onError: 'failed' },
    },
    open: {
      after: { 5000: 'done' },
      on: {
        END: { target: 'undoing', actions: 'hear' },
        LEAVE: { target: 'left', actions: 'hear' },
        GO: { target: 'failed', actions: 'hear' },
      },
    },
    undoing: { invoke: { src: 'compensation', onDone: 'failed' }, on: { LEAVE: { target: 'left', actions: 'hear' } } },
    ...ends,
  },
});

/** One at a time, whose steps are its children's. */
const agency = guilds.createMachine({
  id: 'agency',
  version: '1',
  context,
  initial: 'first',
  on: { LEAVE: { target: '.left', actions: 'hear' } },
  states: {
    first: { invoke: { id: 'first', src: 'booker', input: inputOf, onDone: 'second', onError: 'failed' } },
    second: { invoke: { id: 'second', src: 'broker', input: inputOf, onDone: 'third', onError: 'failed' } },
    third: { invoke: { src: 'charge', input: step('third'), onDone: { target: 'resting', actions: 'keep' }, onError: 'failed' } },
    resting: {
      after: { 6000: 'done' },
      on: {
        BACK: { target: 'first', guard: 'isFresh', actions: ['hear', 'count'] },
        END: { target: 'failed', actions: 'hear' },
      },
    },
    ...ends,
  },
});

export const machinesWithUndos: readonly AnyStateMachine[] = [trip, twin, prudent, guild, agency];
