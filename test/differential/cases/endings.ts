/** Final states, done events, output. */
import { assign, createMachine } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, send, sendEach } from '../differential-case.ts';
import { empty, note, noting, of } from '../noting.ts';

export const endings: readonly DifferentialCase[] = [
  {
    title: 'a top final state ends the machine with its output',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'ends',
        version: '1',
        context: { n: 20 },
        initial: 'open',
        states: { open: { on: { CLOSE: 'closed' } }, closed: { type: 'final' } },
        output: ({ context, event }) => ({ total: context.n + 1, by: event.type }),
      }),
    script: [send('CLOSE')],
    expected: { status: 'done', output: { total: 21 } },
  },
  {
    title: 'the output of the final state reaches the output of the machine',
    machine: () =>
      of<object>().createMachine({
        id: 'passes-output',
        version: '1',
        initial: 'open',
        states: {
          open: { on: { CLOSE: 'closed' } },
          closed: { type: 'final', output: ({ event }) => ({ said: event['word'] as string }) },
        },
        output: ({ event }) => ({ inner: event['output'] }),
      }),
    script: [send('CLOSE', { word: 'bye' })],
    expected: { status: 'done', output: { inner: { said: 'bye' } } },
  },
  {
    title: 'a machine without output ends without one',
    machine: () =>
      createMachine({ id: 'no-output', version: '1', initial: 'a', states: { a: { on: { END: 'z' } }, z: { type: 'final' } } }),
    script: [send('END')],
    expected: { status: 'done', output: undefined, value: 'z' },
  },
  {
    title: 'static outputs of state and machine',
    machine: () =>
      of<object>().createMachine({
        id: 'static-output',
        version: '1',
        initial: 'a',
        states: { a: { on: { END: 'z' } }, z: { type: 'final' } },
        output: { fixed: [1, 2, 3] },
      }),
    script: [send('END')],
    expected: { status: 'done', output: { fixed: [1, 2, 3] } },
  },
  {
    title: 'a machine that is done at once never waits',
    machine: () =>
      of<{ n: number }, { n: number }>().createMachine({
        id: 'at-once',
        version: '1',
        context: ({ input }) => ({ n: input.n }),
        initial: 'z',
        states: { z: { type: 'final' } },
        output: ({ context }) => context.n * 2,
      }),
    input: { n: 21 },
    script: [],
    expected: { status: 'done', output: 42 },
  },
  {
    title: 'onDone of a compound state hears the output of its final child',
    machine: () =>
      of<{ heard: unknown; type: string }>().createMachine({
        id: 'compound-done',
        version: '1',
        context: { heard: null, type: '' },
        initial: 'work',
        states: {
          work: {
            initial: 'a',
            states: { a: { on: { N: 'b' } }, b: { type: 'final', output: ({ context }) => ({ was: context.type }) } },
            onDone: {
              target: 'after',
              actions: assign({ heard: ({ event }) => event['output'], type: ({ event }) => event.type }),
            },
          },
          after: {},
        },
      }),
    script: [send('N')],
    expected: { value: 'after', context: { heard: { was: '' }, type: 'xstate.done.state.compound-done.work' } },
  },
  {
    title: 'onDone of a parallel state waits for all regions',
    machine: () =>
      noting.createMachine({
        id: 'parallel-done',
        version: '1',
        context: empty,
        initial: 'both',
        states: {
          both: {
            type: 'parallel',
            states: {
              a: {
                initial: 'x',
                states: { x: { on: { A: 'z' } }, z: { type: 'final', entry: note('a') } },
                onDone: { actions: note('a done') },
              },
              b: {
                initial: 'x',
                states: { x: { on: { B: 'z' } }, z: { type: 'final', entry: note('b') } },
                onDone: { actions: note('b done') },
              },
            },
            onDone: { target: 'end', actions: note('both done') },
          },
          end: {},
        },
      }),
    script: sendEach('B', 'A'),
    expected: { value: 'end', context: { log: ['b', 'b done', 'a', 'a done', 'both done'] } },
  },
  {
    title: 'a parallel root ends when all its regions have',
    machine: () =>
      of<object>().createMachine({
        id: 'parallel-root',
        version: '1',
        type: 'parallel',
        states: {
          a: { initial: 'x', states: { x: { on: { A: 'z' } }, z: { type: 'final' } } },
          b: { initial: 'x', states: { x: { on: { B: 'z' } }, z: { type: 'final' } } },
        },
        output: 'all',
      }),
    script: sendEach('A', 'B'),
    expected: { status: 'done', output: 'all' },
  },
  {
    title: 'done events climb through nested compounds in one step',
    machine: () =>
      noting.createMachine({
        id: 'climb',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: {
            initial: 'b',
            states: {
              b: {
                initial: 'c',
                states: { c: { on: { E: 'd' } }, d: { type: 'final', entry: note('d') } },
                onDone: { target: 'e', actions: note('b done') },
              },
              e: { type: 'final', entry: note('e') },
            },
            onDone: { target: 'f', actions: note('a done') },
          },
          f: { type: 'final', entry: note('f') },
        },
      }),
    script: [send('E')],
    expected: { status: 'done', value: 'f', context: { log: ['d', 'b done', 'e', 'a done', 'f'] } },
  },
  {
    title: 'exit actions of all states run when the machine ends',
    machine: () =>
      noting.createMachine({
        id: 'exits',
        version: '1',
        context: empty,
        exit: note('-root'),
        initial: 'a',
        states: { a: { exit: note('-a'), on: { END: 'z' } }, z: { type: 'final', entry: note('z'), exit: note('-z') } },
      }),
    script: [send('END')],
    expected: { status: 'done', context: { log: ['-a', 'z', '-z', '-root'] } },
  },
  {
    title: 'the output of the machine sees what exit actions assigned',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'late-assign',
        version: '1',
        context: { n: 1 },
        exit: assign({ n: ({ context }) => context.n + 100 }),
        initial: 'a',
        states: { a: { on: { END: 'z' } }, z: { type: 'final', entry: assign({ n: ({ context }) => context.n + 10 }) } },
        output: ({ context }) => ({ n: context.n }),
      }),
    script: [send('END')],
    expected: { status: 'done' },
  },
  {
    title: 'a final child of a compound state that goes nowhere stays',
    machine: () =>
      noting.createMachine({
        id: 'stays-final',
        version: '1',
        context: empty,
        initial: 'w',
        states: {
          w: {
            initial: 'a',
            states: { a: { on: { N: 'z' } }, z: { type: 'final' } },
            on: { AGAIN: { target: '.a', actions: note('again') } },
          },
        },
      }),
    script: sendEach('N', 'AGAIN', 'N'),
    expected: { status: 'active', value: { w: 'z' }, context: { log: ['again'] } },
  },
  {
    title: 'done state events can be heard by their name',
    machine: () =>
      noting.createMachine({
        id: 'named-done',
        version: '1',
        context: empty,
        initial: 'w',
        states: { w: { id: 'worker', initial: 'a', states: { a: { on: { N: 'z' } }, z: { type: 'final' } } }, end: { type: 'final' } },
        on: { 'xstate.done.state.worker': { target: '.end', actions: note('heard') } },
      }),
    script: [send('N')],
    expected: { status: 'done', context: { log: ['heard'] } },
  },
  {
    title: 'a guarded onDone is asked in order',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'guarded-done',
        version: '1',
        context: { n: 0 },
        initial: 'w',
        states: {
          w: {
            entry: assign({ n: ({ context }) => context.n + 1 }),
            initial: 'a',
            states: { a: { on: { N: 'z' } }, z: { type: 'final' } },
            onDone: [{ guard: ({ context }) => context.n < 3, target: 'w', reenter: true }, { target: 'end' }],
          },
          end: {},
        },
      }),
    script: sendEach('N', 'N', 'N'),
    expected: { value: 'end', context: { n: 3 } },
  },
  {
    title: 'tags failed and cancelled on a final state change nothing in the chart',
    machine: () =>
      of<object>().createMachine({
        id: 'failed-tag',
        version: '1',
        initial: 'a',
        states: { a: { after: { 10: 'z' } }, z: { type: 'final', tags: ['failed'] } },
        output: { error: { name: 'NotToday', message: 'no' } },
      }),
    script: [advance(10)],
    expected: { status: 'done', tags: ['failed'], output: { error: { name: 'NotToday' } } },
  },
];
