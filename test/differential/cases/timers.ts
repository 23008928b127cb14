/** `after` and other delays. */
import { assign, createMachine, raise, setup } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, send, sendEach } from '../differential-case.ts';
import { empty, note, noting, of } from '../noting.ts';

const delayed = setup({
  types: { context: {} as { wait: number; n: number }, input: {} as { wait: number } },
  delays: { fixed: 250, ofContext: ({ context }) => context.wait },
});

export const timers: readonly DifferentialCase[] = [
  {
    title: 'after a number of milliseconds, not before',
    machine: () => createMachine({ id: 'after', version: '1', initial: 'a', states: { a: { after: { 1000: 'b' } }, b: {} } }),
    script: [advance(999), advance(1)],
    expected: { value: 'b' },
  },
  {
    title: 'after several delays in one state, the earliest wins',
    machine: () =>
      noting.createMachine({
        id: 'several-after',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: { after: { 300: { actions: note('300') }, 100: { actions: note('100') }, 200: { target: 'b', actions: note('200') } } },
          b: {},
        },
      }),
    script: [advance(100), advance(100), advance(500)],
    expected: { value: 'b', context: { log: ['100', '200'] } },
  },
  {
    title: 'leaving a state disarms its timer, entering it arms another',
    machine: () =>
      createMachine({
        id: 'disarm',
        version: '1',
        initial: 'a',
        states: { a: { after: { 100: 'late' }, on: { PAUSE: 'p' } }, p: { on: { RESUME: 'a' } }, late: {} },
      }),
    script: [advance(90), send('PAUSE'), advance(50), send('RESUME'), advance(99), advance(1)],
    expected: { value: 'late' },
  },
  {
    title: 'reenter arms a timer anew, an internal transition does not',
    machine: () =>
      createMachine({
        id: 'rearm',
        version: '1',
        initial: 'a',
        states: { a: { after: { 100: 'b' }, on: { RE: { target: 'a', reenter: true }, IN: {} } }, b: {} },
      }),
    script: [advance(90), send('RE'), advance(60), send('IN'), advance(39), advance(1)],
    expected: { value: 'b' },
  },
  {
    title: 'named delays: fixed and of context',
    machine: () =>
      delayed.createMachine({
        id: 'named-delays',
        version: '1',
        context: ({ input }) => ({ wait: input.wait, n: 0 }),
        initial: 'a',
        states: { a: { after: { fixed: 'b' } }, b: { after: { ofContext: 'c' } }, c: {} },
      }),
    input: { wait: 70 },
    script: [advance(250), advance(69), advance(1)],
    expected: { value: 'c' },
  },
  {
    title: 'a delay of context is that of the moment of entry',
    machine: () =>
      delayed.createMachine({
        id: 'delay-moment',
        version: '1',
        context: { wait: 100, n: 0 },
        initial: 'a',
        states: {
          a: { entry: assign({ wait: 40 }), after: { ofContext: 'b' }, on: { SLOW: { actions: assign({ wait: 9_999 }) } } },
          b: {},
        },
      }),
    script: [send('SLOW'), advance(39), advance(1)],
    expected: { value: 'b', context: { wait: 9_999 } },
  },
  {
    title: 'delays can be provided from outside',
    machine: () =>
      delayed
        .createMachine({
          id: 'provided-delay',
          version: '1',
          context: { wait: 1, n: 0 },
          initial: 'a',
          states: { a: { after: { fixed: 'b' } }, b: {} },
        })
        .provide({ delays: { fixed: 10 } }),
    script: [advance(9), advance(1)],
    expected: { value: 'b' },
  },
  {
    title: 'a guarded after that refuses is over',
    machine: () =>
      noting.createMachine({
        id: 'guarded-after',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: {
            after: {
              10: [
                { guard: 'never', target: 'b' },
                { guard: { type: 'isNoted', params: 'x' }, target: 'c' },
              ],
              20: { target: 'd' },
            },
            on: { X: { actions: note('x') } },
          },
          b: {},
          c: {},
          d: {},
        },
      }),
    script: [advance(10), send('X'), advance(10)],
    expected: { value: 'd', context: { log: ['x'] } },
  },
  {
    title: 'a guarded after that holds is taken',
    machine: () =>
      noting.createMachine({
        id: 'guarded-after-holds',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: {
            after: {
              10: [
                { guard: 'never', target: 'b' },
                { guard: { type: 'isNoted', params: 'x' }, target: 'c' },
              ],
            },
            on: { X: { actions: note('x') } },
          },
          b: {},
          c: {},
        },
      }),
    script: [send('X'), advance(10)],
    expected: { value: 'c' },
  },
  {
    title: 'a timer of a parent runs on while its children change',
    machine: () =>
      createMachine({
        id: 'parent-timer',
        version: '1',
        initial: 'p',
        states: {
          p: { after: { 100: 'late' }, initial: 'x', states: { x: { after: { 60: 'y' } }, y: { after: { 60: 'z' } }, z: {} } },
          late: {},
        },
      }),
    script: [advance(60), advance(39), advance(1)],
    expected: { value: 'late' },
  },
  {
    title: 'timers due together fire in the order they were armed',
    machine: () =>
      noting.createMachine({
        id: 'together',
        version: '1',
        context: empty,
        entry: [raise({ type: 'B' }, { delay: 50 }), raise({ type: 'A' }, { delay: 50 }), raise({ type: 'C' }, { delay: 20 })],
        on: { '*': { actions: 'noteEvent' } },
      }),
    script: [advance(50)],
    expected: { context: { log: ['C', 'B', 'A'] } },
  },
  {
    title: 'a delay of zero fires by itself, after the step',
    machine: () =>
      noting.createMachine({
        id: 'zero',
        version: '1',
        context: empty,
        initial: 'a',
        states: { a: { on: { GO: { target: 'b', actions: raise({ type: 'NOW' }, { delay: 0 }) } } }, b: { entry: note('b') } },
        on: { NOW: { actions: note('now') } },
      }),
    script: [send('GO')],
    expected: { context: { log: ['b', 'now'] } },
  },
  {
    title: 'a negative delay fires by itself',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'negative',
        version: '1',
        context: { n: 0 },
        on: {
          GO: { actions: raise({ type: 'NOW' }, { delay: () => -5 }) },
          NOW: { actions: assign({ n: ({ context }) => context.n + 1 }) },
        },
      }),
    script: [send('GO')],
    expected: { context: { n: 1 } },
  },
  {
    title: 'fractions of milliseconds count',
    machine: () =>
      createMachine({
        id: 'fractions',
        version: '1',
        initial: 'a',
        states: { a: { after: { half: 'b' } }, b: {} },
      }).provide({ delays: { half: 10.5 } }),
    script: [advance(10), advance(1)],
    expected: { value: 'b' },
  },
  {
    title: 'a timer outlives many events that have nothing to do with it',
    machine: () =>
      noting.createMachine({
        id: 'outlives',
        version: '1',
        context: empty,
        initial: 'a',
        states: { a: { after: { 100: { target: 'b', actions: note('late') } }, on: { E: { actions: note('e') } } }, b: {} },
      }),
    script: [...sendEach('E', 'E', 'E'), advance(50), send('E'), advance(50)],
    expected: { value: 'b', context: { log: ['e', 'e', 'e', 'e', 'late'] } },
  },
  {
    title: 'the delay of a raise may be made of event and params',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'raise-delay',
        version: '1',
        context: { n: 0 },
        on: {
          IN: { actions: raise({ type: 'TICK' }, { delay: ({ event }) => event['ms'] as number }) },
          TICK: { actions: assign({ n: ({ context }) => context.n + 1 }) },
        },
      }),
    script: [send('IN', { ms: 20 }), send('IN', { ms: 30 }), advance(20), advance(10)],
    expected: { context: { n: 2 } },
  },
  {
    title: 'all timers go when the machine ends',
    machine: () =>
      noting.createMachine({
        id: 'ended-timers',
        version: '1',
        context: empty,
        entry: raise({ type: 'LATE' }, { delay: 100 }),
        initial: 'a',
        states: { a: { after: { 50: 'z' } }, z: { type: 'final' } },
        on: { LATE: { actions: note('late') } },
      }),
    script: [advance(50), advance(100)],
    expected: { status: 'done', context: { log: [] } },
  },
  {
    title: 'two parallel regions have timers of one delay',
    machine: () =>
      noting.createMachine({
        id: 'region-timers',
        version: '1',
        context: empty,
        type: 'parallel',
        states: {
          a: { initial: 'x', states: { x: { after: { 30: { target: 'y', actions: note('a') } } }, y: {} } },
          b: { initial: 'x', states: { x: { after: { 30: { target: 'y', actions: note('b') } } }, y: {} } },
        },
      }),
    script: [advance(30)],
    expected: { value: { a: 'y', b: 'y' }, context: { log: ['a', 'b'] } },
  },
];
