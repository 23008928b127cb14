/** Invoked machines. */
import { assign, sendParent, sendTo } from 'xstate';
import type { AnyStateMachine } from 'xstate';
import { errorOf } from '../../support/world.ts';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, fail, send, sendEach, succeed } from '../differential-case.ts';
import { empty, note, noting, of, pass } from '../noting.ts';

/** Counts what it hears and ends on END with what it counted. */
const counter = of<{ n: number }, { from: number }>().createMachine({
  id: 'counter',
  version: '1',
  context: ({ input }) => ({ n: input.from }),
  initial: 'open',
  states: {
    open: { on: { ADD: { actions: assign({ n: ({ context }) => context.n + 1 }) }, END: 'closed' } },
    closed: { type: 'final', output: ({ context }) => ({ said: context.n }) },
  },
  output: ({ context }) => ({ total: context.n }),
});

/** Ends by itself after a while. */
const sleeper = of<{ ms: number }, { ms: number }>().createMachine({
  id: 'sleeper',
  version: '1',
  context: ({ input }) => ({ ms: input.ms }),
  initial: 'asleep',
  states: { asleep: { after: { 100: 'half' } }, half: { after: { 100: 'awake' } }, awake: { type: 'final' } },
  output: ({ context }) => `slept ${context.ms}`,
});

/** Throws on BREAK. */
const brittle = of<object>().createMachine({
  id: 'brittle',
  version: '1',
  on: {
    BREAK: {
      actions: assign(() => {
        throw errorOf('Broken', 'it broke');
      }),
    },
  },
});

function nest(depth: number): AnyStateMachine {
  const inner = depth === 0 ? counter : nest(depth - 1);
  return of<{ depth: number; got: unknown }, { from: number }>({ actors: { inner } }).createMachine({
    id: `nest-${depth}`,
    version: '1',
    context: { depth, got: null },
    initial: 'busy',
    states: {
      busy: {
        invoke: {
          src: 'inner',
          id: 'inner',
          input: { from: depth },
          onDone: { target: 'done', actions: 'keep' },
        },
        on: pass('inner', 'ADD', 'END'),
      },
      done: { type: 'final' },
    },
    output: ({ context }) => ({ depth, of: context.got }),
  });
}

export const childMachines: readonly DifferentialCase[] = [
  {
    title: 'an invoked machine ends with output for its parent',
    machine: () =>
      of<{ start: number; got: unknown }>({ actors: { counter } }).createMachine({
        id: 'parent',
        version: '1',
        context: { start: 5, got: null },
        initial: 'busy',
        states: {
          busy: {
            invoke: {
              src: 'counter',
              id: 'kid',
              input: ({ context }) => ({ from: context.start }),
              onDone: { target: 'done', actions: 'keep' },
            },
            on: pass('kid', 'ADD', 'END'),
          },
          done: {},
        },
      }),
    script: sendEach('ADD', 'ADD', 'END'),
    expected: { value: 'done', context: { got: { total: 7 } }, childIds: [] },
  },
  {
    title: 'an invoked machine runs on its own timers',
    machine: () =>
      noting.createMachine({
        id: 'timed-child',
        version: '1',
        context: empty,
        initial: 'busy',
        states: {
          busy: { invoke: { src: sleeper, id: 'kid', input: { ms: 200 }, onDone: { target: 'done', actions: 'noteEvent' } } },
          done: {},
        },
      }),
    script: [advance(100), advance(99), advance(1)],
    expected: { value: 'done', context: { log: ['xstate.done.actor.kid'] } },
  },
  {
    title: 'leaving the state stops the child and its timers',
    machine: () =>
      noting.createMachine({
        id: 'stops-child',
        version: '1',
        context: empty,
        initial: 'busy',
        states: {
          busy: { invoke: { src: sleeper, id: 'kid', input: { ms: 1 }, onDone: { actions: note('done') } }, on: { LEAVE: 'left' } },
          left: { on: { BACK: 'busy' } },
        },
      }),
    script: [advance(150), send('LEAVE'), advance(500), send('BACK'), advance(100)],
    expected: { value: 'busy', context: { log: [] }, children: { kid: { value: 'half' } } },
  },
  {
    title: 'an error in a child machine reaches onError',
    machine: () =>
      of<{ error: unknown }>({ actors: { brittle } }).createMachine({
        id: 'child-error',
        version: '1',
        context: { error: null },
        initial: 'busy',
        states: {
          busy: {
            invoke: { src: 'brittle', id: 'kid', onError: { target: 'failed', actions: assign({ error: ({ event }) => event.error }) } },
            on: pass('kid', 'BREAK'),
          },
          failed: {},
        },
      }),
    script: [send('BREAK')],
    expected: { value: 'failed', context: { error: { name: 'Broken', message: 'it broke' } } },
    difference: {
      of: 'an event that throws parks the workflow',
      durable: { value: 'busy', context: { error: null }, workflow: 'parked', refusals: [] },
    },
  },
  {
    title: 'an error of a child that nobody handles climbs to the root',
    machine: () =>
      of<object>({
        actors: {
          middle: of<object>({ actors: { brittle } }).createMachine({
            id: 'middle',
            version: '1',
            invoke: { src: 'brittle', id: 'kid' },
            on: pass('kid', 'BREAK'),
          }),
        },
      }).createMachine({ id: 'climbing-error', version: '1', invoke: { src: 'middle', id: 'middle' }, on: pass('middle', 'BREAK') }),
    script: [send('BREAK')],
    expected: { status: 'error', error: { name: 'Broken', message: 'it broke' } },
    difference: { of: 'an event that throws parks the workflow', durable: { status: 'active', workflow: 'parked', refusals: [] } },
  },
  {
    title: 'machines nested three deep pass events down and output up',
    machine: () => nest(2),
    input: { from: 0 },
    script: sendEach('ADD', 'ADD', 'END'),
    expected: { status: 'done', output: { depth: 2, of: { depth: 1, of: { depth: 0, of: { total: 2 } } } } },
  },
  {
    title: 'two children of one source do not mix',
    machine: () =>
      of<{ log: readonly unknown[] }>({ actors: { counter } }).createMachine({
        id: 'twice',
        version: '1',
        context: { log: [] },
        invoke: [
          {
            src: 'counter',
            id: 'a',
            input: { from: 100 },
            onDone: { actions: assign({ log: ({ context, event }) => [...context.log, ['a', event.output]] }) },
          },
          {
            src: 'counter',
            id: 'b',
            input: { from: 200 },
            onDone: { actions: assign({ log: ({ context, event }) => [...context.log, ['b', event.output]] }) },
          },
        ],
        on: {
          A: { actions: sendTo('a', { type: 'ADD' }) },
          B: { actions: sendTo('b', { type: 'ADD' }) },
          END: { actions: [sendTo('b', { type: 'END' }), sendTo('a', { type: 'END' })] },
        },
      }),
    script: sendEach('A', 'B', 'B', 'END'),
    expected: {
      context: {
        log: [
          ['b', { total: 202 }],
          ['a', { total: 101 }],
        ],
      },
    },
  },
  {
    title: 'a child that ends at once is done in the step that began it',
    machine: () =>
      noting.createMachine({
        id: 'at-once-child',
        version: '1',
        context: empty,
        initial: 'idle',
        states: {
          idle: { on: { GO: 'busy' } },
          busy: {
            entry: note('busy'),
            invoke: {
              src: of<object>().createMachine({ id: 'now', version: '1', initial: 'z', states: { z: { type: 'final' } }, output: 'now' }),
              id: 'kid',
              onDone: { target: 'done', actions: 'noteEvent' },
            },
          },
          done: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'done', context: { log: ['busy', 'xstate.done.actor.kid'] } },
  },
  {
    title: 'a child that fails at its start reaches onError',
    machine: () =>
      noting.createMachine({
        id: 'start-error-child',
        version: '1',
        context: empty,
        initial: 'idle',
        states: {
          idle: { on: { GO: 'busy' } },
          busy: {
            invoke: {
              src: of<object>().createMachine({
                id: 'broken-start',
                version: '1',
                entry: assign(() => {
                  throw new Error('at the start');
                }),
              }),
              id: 'kid',
              onError: { target: 'failed', actions: 'noteEvent' },
            },
          },
          failed: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'failed', context: { log: ['xstate.error.actor.kid'] } },
  },
  {
    title: 'a child machine with an activity of its own',
    machine: (outside) =>
      of<{ got: unknown }>({
        actors: {
          errand: of<{ got: unknown }, { key: string }>({ actors: { work: outside.activity('work') } }).createMachine({
            id: 'errand',
            version: '1',
            context: ({ input }) => ({ got: input.key }),
            initial: 'busy',
            states: {
              busy: {
                invoke: {
                  src: 'work',
                  input: ({ context }) => context.got,
                  onDone: { target: 'z', actions: 'keep' },
                },
              },
              z: { type: 'final' },
            },
            output: ({ context }) => context.got as string,
          }),
        },
      }).createMachine({
        id: 'with-errand',
        version: '1',
        context: { got: null },
        initial: 'busy',
        states: {
          busy: {
            invoke: {
              src: 'errand',
              id: 'errand',
              input: { key: 'k' },
              onDone: { target: 'done', actions: 'keep' },
            },
            on: { LEAVE: 'left' },
          },
          done: {},
          left: { on: { BACK: 'busy' } },
        },
      }),
    script: [send('LEAVE'), send('BACK'), succeed('work', 'by the child')],
    expected: { value: 'done', context: { got: 'by the child' } },
  },
  {
    title: 'a failing activity of a child fails the child, its parent hears it',
    machine: (outside) =>
      of<{ got: unknown }>({
        actors: {
          errand: of<object>({ actors: { work: outside.activity('work') } }).createMachine({
            id: 'failing-errand',
            version: '1',
            invoke: { src: 'work', id: 'work' },
          }),
        },
      }).createMachine({
        id: 'hears-failure',
        version: '1',
        context: { got: null },
        initial: 'busy',
        states: {
          busy: {
            invoke: { src: 'errand', id: 'errand', onError: { target: 'failed', actions: assign({ got: ({ event }) => event.error }) } },
          },
          failed: {},
        },
      }),
    script: [fail('work', errorOf('Refused', 'no such key'))],
    expected: { value: 'failed', context: { got: { name: 'Refused', message: 'no such key' } } },
  },
  {
    title: 'reenter begins a child anew',
    machine: () =>
      of<object>({ actors: { counter } }).createMachine({
        id: 'anew-child',
        version: '1',
        initial: 'busy',
        states: {
          busy: {
            invoke: { src: 'counter', id: 'kid', input: { from: 0 } },
            on: { ...pass('kid', 'ADD'), RE: { target: 'busy', reenter: true }, STAY: { target: 'busy' } },
          },
        },
      }),
    script: sendEach('ADD', 'ADD', 'STAY', 'RE', 'ADD'),
    expected: { children: { kid: { context: { n: 1 } } } },
  },
  {
    title: 'a child that is done stays until its state is left, and hears nothing more',
    machine: () =>
      noting.createMachine({
        id: 'done-child-stays',
        version: '1',
        context: empty,
        initial: 'busy',
        states: {
          busy: {
            invoke: { src: counter, id: 'kid', input: { from: 3 }, onDone: { actions: 'noteEvent' } },
            on: { ...pass('kid', 'ADD', 'END'), LEAVE: 'left' },
          },
          left: {},
        },
      }),
    script: sendEach('ADD', 'END', 'ADD', 'END'),
    expected: { context: { log: ['xstate.done.actor.kid'] }, children: { kid: { status: 'done', output: { total: 4 } } } },
  },
  {
    title: 'children of the root stop when it ends',
    machine: (outside) =>
      of<object>({ actors: { counter, work: outside.activity('work') } }).createMachine({
        id: 'ending-root',
        version: '1',
        invoke: [
          { src: 'counter', id: 'kid', input: { from: 0 } },
          { src: 'work', id: 'worker' },
        ],
        initial: 'a',
        states: { a: { on: { END: 'z' } }, z: { type: 'final' } },
      }),
    script: [send('END')],
    expected: { status: 'done' },
  },
  {
    title: 'a stopped child runs no exit actions, a child that is done does',
    machine: (outside) =>
      of<object>({
        actors: {
          kid: of<object>({ actions: { act: outside.act('act') } }).createMachine({
            id: 'exiting',
            version: '1',
            entry: { type: 'act', params: 'in' },
            exit: { type: 'act', params: 'out' },
            initial: 'a',
            states: { a: { exit: { type: 'act', params: '-a' }, on: { END: 'z' } }, z: { type: 'final' } },
          }),
        },
      }).createMachine({
        id: 'exits-of-children',
        version: '1',
        initial: 'first',
        states: {
          first: { invoke: { src: 'kid', id: 'kid' }, on: { NEXT: 'second' } },
          second: { invoke: { src: 'kid', id: 'kid', onDone: 'third' }, on: pass('kid', 'END') },
          third: {},
        },
      }),
    script: sendEach('NEXT', 'END'),
    expected: {
      value: 'third',
      acts: ['in', 'in', '-a', 'out'].map((params, index) => ({ name: 'act', event: index < 2 ? 'xstate.init' : 'END', params })),
    },
  },
  {
    title: 'the generated id of an invoked child comes from its place',
    machine: () =>
      noting.createMachine({
        id: 'generated',
        version: '1',
        context: empty,
        initial: 'busy',
        states: { busy: { invoke: [{ src: sleeper, input: { ms: 0 }, onDone: { target: 'done', actions: 'noteEvent' } }] }, done: {} },
      }),
    script: [advance(100), advance(100)],
    expected: { value: 'done', context: { log: ['xstate.done.actor.0.generated.busy'] } },
  },
  {
    title: 'a child invoked by an entry of a region sees context that entry actions made',
    machine: () =>
      of<{ from: number }>({ actors: { counter } }).createMachine({
        id: 'input-after-entry',
        version: '1',
        context: { from: 0 },
        initial: 'idle',
        states: {
          idle: { on: { GO: 'busy' } },
          busy: {
            entry: assign({ from: 41 }),
            invoke: { src: 'counter', id: 'kid', input: ({ context, event }) => ({ from: context.from + event.type.length }) },
          },
        },
      }),
    script: [send('GO')],
    expected: { children: { kid: { context: { n: 43 } } } },
  },
  {
    title: 'provide replaces a child machine',
    machine: () =>
      of<object>({ actors: { kid: counter } })
        .createMachine({
          id: 'provided-child',
          version: '1',
          initial: 'a',
          states: { a: { on: { GO: 'b' } }, b: { invoke: { src: 'kid', id: 'kid', input: { ms: 3, from: 0 } } } },
        })
        .provide({ actors: { kid: sleeper } }),
    script: [send('GO'), advance(100)],
    expected: { children: { kid: { value: 'half', context: { ms: 3 } } } },
  },
  {
    title: 'a child answers in the step in which it was begun',
    machine: () =>
      noting.createMachine({
        id: 'immediate-answer',
        version: '1',
        context: empty,
        initial: 'idle',
        states: {
          idle: { on: { GO: 'busy' } },
          busy: {
            invoke: {
              src: of<object>().createMachine({
                id: 'eager',
                version: '1',
                entry: [sendParent({ type: 'ONE' }), sendParent({ type: 'TWO' })],
              }),
              id: 'kid',
            },
            on: { ONE: { actions: 'noteEvent' }, TWO: { target: 'end', actions: 'noteEvent' } },
          },
          end: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'end', context: { log: ['ONE', 'TWO'] } },
  },
];
