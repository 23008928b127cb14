/** Corners of charts without children. */
import { assign, cancel, createMachine, enqueueActions, not, raise, setup, stateIn } from 'xstate';
import type { AnyEventObject } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, send, sendEach } from '../differential-case.ts';
import { empty, note, noting, of } from '../noting.ts';

export const chartCorners: readonly DifferentialCase[] = [
  {
    title: 'a transition to an ancestor leaves and enters what is below it only',
    machine: () =>
      noting.createMachine({
        id: 'to-ancestor',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: {
            entry: note('a'),
            exit: note('-a'),
            initial: 'b',
            states: { b: { entry: note('b'), exit: note('-b'), on: { UP: '#to-ancestor.a' } }, c: {} },
            on: { C: '.c' },
          },
        },
      }),
    script: sendEach('C', 'UP', 'C'),
    expected: { value: { a: 'c' }, context: { log: ['a', 'b', '-b'] } },
  },
  {
    title: 'a child that goes to its own parent enters it at the initial state',
    machine: () =>
      noting.createMachine({
        id: 'own-parent',
        version: '1',
        context: empty,
        initial: 'p',
        states: {
          p: {
            id: 'p',
            entry: note('p'),
            exit: note('-p'),
            initial: 'x',
            states: { x: { entry: note('x'), on: { N: 'y' } }, y: { exit: note('-y'), on: { P: '#p' } } },
          },
        },
      }),
    script: sendEach('N', 'P'),
    expected: { value: { p: 'x' }, context: { log: ['p', 'x', '-y', '-p', 'p', 'x'] } },
  },
  {
    title: 'a parallel state is entered again while one region is the target',
    machine: () =>
      noting.createMachine({
        id: 'parallel-again',
        version: '1',
        context: empty,
        initial: 'both',
        states: {
          both: {
            type: 'parallel',
            on: { AGAIN: { target: '.a.two', reenter: true } },
            states: {
              a: { exit: note('-a'), initial: 'one', states: { one: { entry: note('a1') }, two: { entry: note('a2') } } },
              b: { exit: note('-b'), initial: 'one', states: { one: { entry: note('b1'), on: { B: 'two' } }, two: { entry: note('b2') } } },
            },
          },
        },
      }),
    script: sendEach('B', 'AGAIN'),
    expected: { value: { both: { a: 'two', b: 'one' } }, context: { log: ['a1', 'b1', 'b2', '-b', '-a', 'a2', 'b1'] } },
  },
  {
    title: 'regions react to one another within one step',
    machine: () =>
      createMachine({
        id: 'cascade',
        version: '1',
        type: 'parallel',
        states: {
          a: { initial: 'off', states: { off: { on: { GO: 'on' } }, on: { id: 'a-on' } } },
          b: { initial: 'off', states: { off: { always: { guard: stateIn('#a-on'), target: 'on' } }, on: { id: 'b-on' } } },
          c: { initial: 'off', states: { off: { always: { guard: stateIn('#b-on'), target: 'on' } }, on: {} } },
          d: { initial: 'on', states: { on: { always: { guard: not(stateIn({ a: 'off' })), target: 'off' } }, off: {} } },
        },
      }),
    script: [send('GO')],
    expected: { value: { a: 'on', b: 'on', c: 'on', d: 'off' } },
  },
  {
    title: 'an event raised on exit is heard in the next state',
    machine: () =>
      noting.createMachine({
        id: 'raise-on-exit',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: { exit: raise({ type: 'LEFT' }), on: { GO: 'b', LEFT: { actions: note('in a') } } },
          b: { on: { LEFT: { target: 'c', actions: note('in b') } } },
          c: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'c', context: { log: ['in b'] } },
  },
  {
    title: 'an event raised at the end is heard by nobody',
    machine: () =>
      noting.createMachine({
        id: 'raise-at-end',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: { on: { END: { target: 'z', actions: raise({ type: 'LATE' }) } } },
          z: { type: 'final', entry: raise({ type: 'LATER' }) },
        },
        on: { LATE: { actions: note('late') }, LATER: { actions: note('later') } },
      }),
    script: [send('END')],
    expected: { status: 'done', value: 'z', context: { log: [] } },
  },
  {
    title: 'the exit of the root at the end is called with the event that led there',
    machine: () =>
      noting.createMachine({
        id: 'last-event',
        version: '1',
        context: empty,
        exit: 'noteEvent',
        initial: 'a',
        states: { a: { on: { GO: { actions: raise({ type: 'RAISED' }) }, RAISED: 'z' } }, z: { type: 'final', entry: 'noteEvent' } },
      }),
    script: [send('GO')],
    expected: { status: 'done', context: { log: ['RAISED', 'RAISED'] } },
  },
  {
    title: 'a wildcard hears the events of timers and of done states, too',
    machine: () =>
      noting.createMachine({
        id: 'wild-internals',
        version: '1',
        context: empty,
        initial: 'w',
        on: { '*': { actions: 'noteEvent' } },
        states: {
          w: { initial: 'a', states: { a: { after: { 10: { guard: 'never', target: 'z' } }, on: { N: 'z' } }, z: { type: 'final' } } },
        },
      }),
    script: [advance(10), send('N')],
    expected: { context: { log: ['xstate.after.10.wild-internals.w.a', 'xstate.done.state.wild-internals.w'] } },
  },
  {
    title: 'states and events named like members of every object',
    machine: () =>
      createMachine({
        id: 'members',
        version: '1',
        initial: 'constructor',
        states: {
          constructor: { on: { toString: 'hasOwnProperty' } },
          hasOwnProperty: { on: { isPrototypeOf: 'toString' } },
          toString: {},
        },
      }),
    script: sendEach('valueOf', 'toString', 'isPrototypeOf'),
    expected: { value: 'toString' },
  },
  {
    title: 'numeric state keys',
    machine: () =>
      noting.createMachine({
        id: 'numbers',
        version: '1',
        context: empty,
        type: 'parallel',
        states: {
          '10': { entry: note('10'), exit: note('-10') },
          '9': { entry: note('9') },
          b: { initial: '2', states: { '2': { on: { N: '1' } }, '1': { entry: note('1') } } },
        },
      }),
    script: [send('N')],
    expected: { value: { '9': {}, '10': {}, b: '1' }, context: { log: ['9', '10', '1'] } },
  },
  {
    title: 'an unguarded always after guarded ones, with actions of all kinds',
    machine: () =>
      setup({
        types: { context: {} as { n: number }, events: {} as AnyEventObject },
        actions: { more: assign({ n: ({ context }) => context.n + 1 }) },
      }).createMachine({
        id: 'loop-to-ten',
        version: '1',
        context: { n: 0 },
        initial: 'idle',
        states: {
          idle: { on: { GO: 'loop' } },
          loop: {
            entry: 'more',
            always: [
              { guard: ({ context }) => context.n >= 10, target: 'end' },
              { target: 'loop', reenter: true },
            ],
          },
          end: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'end', context: { n: 10 } },
  },
  {
    title: 'a raise that raises, a hundred deep',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'raise-chain',
        version: '1',
        context: { n: 0 },
        on: {
          GO: { actions: raise({ type: 'STEP' }) },
          STEP: {
            guard: ({ context }) => context.n < 100,
            actions: [assign({ n: ({ context }) => context.n + 1 }), raise({ type: 'STEP' })],
          },
        },
      }),
    script: [send('GO')],
    expected: { context: { n: 100 } },
  },
  {
    title: 'after an endless number of delays of zero that ends by a guard',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'zero-chain',
        version: '1',
        context: { n: 0 },
        initial: 'idle',
        states: {
          idle: { on: { GO: 'tick' } },
          tick: {
            entry: assign({ n: ({ context }) => context.n + 1 }),
            after: {
              0: [
                { guard: ({ context }) => context.n >= 5, target: 'end' },
                { target: 'tick', reenter: true },
              ],
            },
          },
          end: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'end', context: { n: 5 } },
  },
  {
    title: 'raise with a named delay, and one that is cancelled within the same step',
    machine: () =>
      setup({
        types: { context: {} as { log: readonly string[] }, events: {} as AnyEventObject },
        actions: { noteEvent: assign({ log: ({ context, event }) => [...context.log, event.type] }) },
        delays: { soon: 10, never: 20 },
      }).createMachine({
        id: 'named-raise',
        version: '1',
        context: { log: [] },
        initial: 'a',
        states: {
          a: { on: { GO: 'b' } },
          b: {
            entry: [raise({ type: 'KEPT' }, { delay: 'soon' }), raise({ type: 'GONE' }, { delay: 'never', id: 'gone' })],
            exit: cancel('gone'),
            always: 'c',
          },
          c: {},
        },
        on: { '*': { actions: 'noteEvent' } },
      }),
    script: [send('GO'), advance(10), advance(10)],
    expected: { value: 'c', context: { log: ['KEPT'] } },
  },
  {
    title: 'a timer that was cancelled can be armed again under its id',
    machine: () =>
      noting.createMachine({
        id: 'rearmed-id',
        version: '1',
        context: empty,
        on: { ARM: { actions: [cancel('t'), raise({ type: 'RING' }, { id: 't', delay: 100 })] }, RING: { actions: note('ring') } },
      }),
    script: [send('ARM'), advance(90), send('ARM'), advance(90), send('ARM'), advance(99), advance(1), advance(500)],
    expected: { context: { log: ['ring'] } },
  },
  {
    title: 'several timers that were due long ago, in due order, each in its own step',
    machine: () =>
      noting.createMachine({
        id: 'overdue',
        version: '1',
        context: empty,
        entry: [raise({ type: 'C' }, { delay: 300 }), raise({ type: 'A' }, { delay: 100 }), raise({ type: 'B' }, { delay: 200 })],
        initial: 'a',
        states: {
          a: { on: { A: { target: 'b', actions: 'noteEvent' } } },
          b: { on: { B: { target: 'c', actions: 'noteEvent' }, C: 'wrong' } },
          c: { on: { C: { actions: 'noteEvent' } } },
          wrong: {},
        },
      }),
    script: [advance(10_000)],
    expected: { value: 'c', context: { log: ['A', 'B', 'C'] } },
  },
  {
    title: 'enqueueActions inside entry of a state that is left at once',
    machine: () =>
      noting.createMachine({
        id: 'enqueue-through',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: { on: { GO: 'b' } },
          b: {
            entry: enqueueActions(({ enqueue, context, event }) => {
              enqueue(note(`${event.type} after ${context.log.length}`));
              enqueue.raise({ type: 'ON' });
            }),
            exit: note('-b'),
            on: { ON: 'c' },
          },
          c: { entry: 'noteEvent' },
        },
      }),
    script: [send('GO')],
    expected: { value: 'c', context: { log: ['GO after 0', '-b', 'ON'] } },
  },
  {
    title: 'an event carries what it was sent with, down to the last undefined',
    machine: () =>
      of<{ got: unknown }>().createMachine({
        id: 'event-data',
        version: '1',
        context: { got: null },
        on: { E: { actions: assign({ got: ({ event }) => event }) } },
      }),
    script: [
      send('E', {
        none: undefined,
        nan: Number.NaN,
        minus: -0,
        big: 1n,
        list: [undefined, null],
        nested: { at: new Date(1) },
        bytes: new Uint8Array([0, 255]),
      }),
    ],
    expected: {
      context: {
        got: { type: 'E', none: undefined, nan: Number.NaN, minus: -0, big: 1n, list: [undefined, null], nested: { at: new Date(1) } },
      },
    },
  },
  {
    title: 'tags and guards of all regions in a state that is passed through leave nothing behind',
    machine: () =>
      createMachine({
        id: 'pass-through-tags',
        version: '1',
        initial: 'a',
        states: {
          a: { tags: 'first', on: { GO: 'b' } },
          b: { tags: 'passed', always: 'c' },
          c: { type: 'parallel', tags: 'last', states: { x: { tags: 'x' }, y: { tags: ['y', 'x'] } } },
        },
      }),
    script: [send('GO')],
    expected: { tags: ['last', 'x', 'y'], value: { c: { x: {}, y: {} } } },
  },
  {
    title: 'a final state of one region does not end another',
    machine: () =>
      noting.createMachine({
        id: 'half-done',
        version: '1',
        context: empty,
        type: 'parallel',
        states: {
          a: { initial: 'x', states: { x: { on: { A: 'z' } }, z: { type: 'final' } }, onDone: { actions: note('a done') } },
          b: { initial: 'x', states: { x: { on: { B: { actions: note('b') }, A: { actions: note('b heard') } } } } },
        },
      }),
    script: sendEach('A', 'B'),
    expected: { status: 'active', value: { a: 'z', b: 'x' }, context: { log: ['b heard', 'a done', 'b'] } },
  },
];
