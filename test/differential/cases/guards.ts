/** Guards: inline, named, with params, composed, of the state. */
import type { AnyEventObject } from 'xstate';
import { and, assign, createMachine, not, or, setup, stateIn } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { send, sendEach } from '../differential-case.ts';
import { empty, note, noting } from '../noting.ts';

interface Count {
  readonly n: number;
}

const counting = setup({
  types: { context: {} as Count, events: {} as AnyEventObject },
  actions: { add: assign({ n: ({ context }) => context.n + 1 }) },
  guards: {
    isAtLeast: ({ context }, { least }: { least: number }) => context.n >= least,
    isEven: ({ context }) => context.n % 2 === 0,
    isTold: ({ event }) => event['told'] === true,
    isEvenAndBig: and(['isEven', { type: 'isAtLeast', params: { least: 4 } }]),
  },
});

export const guards: readonly DifferentialCase[] = [
  {
    title: 'a named guard takes its params',
    machine: () =>
      counting.createMachine({
        id: 'guard-params',
        version: '1',
        context: { n: 0 },
        initial: 'low',
        on: { ADD: { actions: 'add' } },
        states: { low: { on: { TRY: { guard: { type: 'isAtLeast', params: { least: 2 } }, target: 'high' } } }, high: {} },
      }),
    script: sendEach('TRY', 'ADD', 'TRY', 'ADD', 'TRY'),
    expected: { value: 'high', context: { n: 2 } },
  },
  {
    title: 'params of a guard may be made of context and event',
    machine: () =>
      counting.createMachine({
        id: 'guard-dynamic',
        version: '1',
        context: { n: 3 },
        initial: 'low',
        states: {
          low: {
            on: { TRY: { guard: { type: 'isAtLeast', params: ({ event }) => ({ least: event['least'] as number }) }, target: 'high' } },
          },
          high: {},
        },
      }),
    script: [send('TRY', { least: 4 }), send('TRY', { least: 3 })],
    expected: { value: 'high' },
  },
  {
    title: 'and, or and not compose',
    machine: () =>
      counting.createMachine({
        id: 'composed',
        version: '1',
        context: { n: 1 },
        initial: 'a',
        on: { ADD: { actions: 'add' } },
        states: {
          a: { on: { TRY: { guard: and([not('isEven'), or(['isTold', { type: 'isAtLeast', params: { least: 3 } }])]), target: 'b' } } },
          b: { on: { TRY: { guard: not(and(['isTold', 'isEven'])), target: 'c' } } },
          c: {},
        },
      }),
    script: [send('TRY'), send('ADD'), send('TRY', { told: true }), send('ADD'), send('TRY'), send('TRY')],
    expected: { value: 'c', context: { n: 3 } },
  },
  {
    title: 'a composed guard may be named',
    machine: () =>
      counting.createMachine({
        id: 'named-composed',
        version: '1',
        context: { n: 0 },
        initial: 'a',
        on: { ADD: { actions: 'add' } },
        states: { a: { always: { guard: 'isEvenAndBig', target: 'b' } }, b: {} },
      }),
    script: sendEach('ADD', 'ADD', 'ADD', 'ADD'),
    expected: { value: 'b', context: { n: 4 } },
  },
  {
    title: 'stateIn asks another region, by id and by value',
    machine: () =>
      createMachine({
        id: 'state-in',
        version: '1',
        type: 'parallel',
        states: {
          door: { initial: 'shut', states: { shut: { on: { OPEN: 'open' } }, open: { id: 'opened' } } },
          cat: {
            initial: 'inside',
            states: {
              inside: { on: { WALK: { guard: stateIn('#opened'), target: 'outside' } } },
              outside: { on: { WALK: { guard: stateIn({ door: 'open' }), target: 'away' } } },
              away: {},
            },
          },
        },
      }),
    script: sendEach('WALK', 'OPEN', 'WALK', 'WALK'),
    expected: { value: { door: 'open', cat: 'away' } },
  },
  {
    title: 'guards of one step see the context before it',
    machine: () =>
      counting.createMachine({
        id: 'guard-before',
        version: '1',
        context: { n: 0 },
        type: 'parallel',
        states: {
          a: { initial: 'x', states: { x: { on: { E: { target: 'y', actions: 'add' } } }, y: {} } },
          b: { initial: 'x', states: { x: { on: { E: { guard: { type: 'isAtLeast', params: { least: 1 } }, target: 'y' } } }, y: {} } },
        },
      }),
    script: [send('E')],
    expected: { value: { a: 'y', b: 'x' }, context: { n: 1 } },
  },
  {
    title: 'a guard may ask the event that led to an eventless transition',
    machine: () =>
      noting.createMachine({
        id: 'guard-event',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: { on: { LEFT: 'fork', RIGHT: 'fork' } },
          fork: {
            always: [
              { guard: ({ event }) => event.type === 'LEFT', target: 'left' },
              { target: 'right', actions: note('right') },
            ],
          },
          left: {},
          right: {},
        },
      }),
    script: [send('RIGHT')],
    expected: { value: 'right', context: { log: ['right'] } },
  },
  {
    title: 'a guard of a child that refuses lets the parent answer',
    machine: () =>
      noting.createMachine({
        id: 'guard-bubble',
        version: '1',
        context: empty,
        initial: 'a',
        on: { E: { actions: note('parent') } },
        states: { a: { on: { E: { guard: 'never', actions: note('child') } } } },
      }),
    script: [send('E')],
    expected: { context: { log: ['parent'] } },
  },
];
