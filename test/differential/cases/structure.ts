/** States: atomic, compound, parallel, final; initial states; order of entry and exit. */
import { createMachine, raise } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { send, sendEach } from '../differential-case.ts';
import { empty, note, noting } from '../noting.ts';

export const structure: readonly DifferentialCase[] = [
  {
    title: 'an atomic root counts as its own state',
    machine: () => noting.createMachine({ id: 'atomic', version: '1', context: empty, on: { A: { actions: note('a') } } }),
    script: sendEach('A', 'A'),
    expected: { value: {}, context: { log: ['a', 'a'] }, status: 'active' },
  },
  {
    title: 'compound states are entered down to the leaf and left up from it',
    machine: () =>
      noting.createMachine({
        id: 'nested',
        version: '1',
        context: empty,
        entry: note('root'),
        initial: 'a',
        states: {
          a: {
            entry: note('a'),
            exit: note('-a'),
            initial: 'b',
            states: {
              b: { entry: note('b'), exit: note('-b'), initial: 'c', states: { c: { entry: note('c'), exit: note('-c') } } },
            },
            on: { NEXT: { target: 'd', actions: note('go') } },
          },
          d: { entry: [note('d'), note('d2')] },
        },
      }),
    script: [send('NEXT')],
    expected: { value: 'd', context: { log: ['root', 'a', 'b', 'c', '-c', '-b', '-a', 'go', 'd', 'd2'] } },
  },
  {
    title: 'parallel regions are entered in document order and left in reverse',
    machine: () =>
      noting.createMachine({
        id: 'parallel',
        version: '1',
        context: empty,
        initial: 'both',
        states: {
          both: {
            type: 'parallel',
            entry: note('both'),
            exit: note('-both'),
            states: {
              left: { entry: note('left'), exit: note('-left'), initial: 'l1', states: { l1: { entry: note('l1'), exit: note('-l1') } } },
              right: {
                entry: note('right'),
                exit: note('-right'),
                initial: 'r1',
                states: { r1: { entry: note('r1'), exit: note('-r1') } },
              },
            },
            on: { OUT: 'none' },
          },
          none: {},
        },
      }),
    script: [send('OUT')],
    expected: { value: 'none', context: { log: ['both', 'left', 'l1', 'right', 'r1', '-r1', '-right', '-l1', '-left', '-both'] } },
  },
  {
    title: 'one event moves all parallel regions that hear it',
    machine: () =>
      noting.createMachine({
        id: 'regions',
        version: '1',
        context: empty,
        type: 'parallel',
        states: {
          a: { initial: 'off', states: { off: { on: { GO: { target: 'on', actions: note('a') } } }, on: {} } },
          b: { initial: 'off', states: { off: { on: { GO: { target: 'on', actions: note('b') } } }, on: {} } },
          c: { initial: 'off', states: { off: { on: { OTHER: 'on' } }, on: {} } },
        },
      }),
    script: [send('GO')],
    expected: { value: { a: 'on', b: 'on', c: 'off' }, context: { log: ['a', 'b'] } },
  },
  {
    title: 'a child state hears an event before its parent does',
    machine: () =>
      noting.createMachine({
        id: 'shadow',
        version: '1',
        context: empty,
        initial: 'a',
        on: { E: { actions: note('root') } },
        states: {
          a: { on: { E: { target: 'b', actions: note('leaf') } } },
          b: {},
        },
      }),
    script: sendEach('E', 'E'),
    expected: { value: 'b', context: { log: ['leaf', 'root'] } },
  },
  {
    title: 'initial with actions runs them between parent and child',
    machine: () =>
      noting.createMachine({
        id: 'initial-actions',
        version: '1',
        context: empty,
        initial: 'idle',
        states: {
          idle: { on: { GO: 'deep' } },
          deep: {
            entry: note('deep'),
            initial: { target: 'leaf', actions: [note('initially'), note('again')] },
            states: { leaf: { entry: note('leaf') } },
          },
        },
      }),
    script: [send('GO')],
    expected: { value: { deep: 'leaf' }, context: { log: ['deep', 'initially', 'again', 'leaf'] } },
  },
  {
    title: 'a target below a compound state skips its initial state',
    machine: () =>
      noting.createMachine({
        id: 'deep-target',
        version: '1',
        context: empty,
        initial: 'idle',
        states: {
          idle: { on: { GO: '#deep-target.deep.second' } },
          deep: {
            entry: note('deep'),
            initial: { target: 'first', actions: note('initially') },
            states: { first: { entry: note('first') }, second: { entry: note('second') } },
          },
        },
      }),
    script: [send('GO')],
    expected: { value: { deep: 'second' }, context: { log: ['deep', 'second'] } },
  },
  {
    title: 'a transition into one region enters the others at their initial states',
    machine: () =>
      noting.createMachine({
        id: 'into-region',
        version: '1',
        context: empty,
        initial: 'idle',
        states: {
          idle: { on: { GO: '#two' } },
          both: {
            type: 'parallel',
            states: {
              a: { initial: 'one', states: { one: { entry: note('a1') }, two: { id: 'two', entry: note('a2') } } },
              b: { initial: 'one', states: { one: { entry: note('b1') }, two: { entry: note('b2') } } },
            },
          },
        },
      }),
    script: [send('GO')],
    expected: { value: { both: { a: 'two', b: 'one' } }, context: { log: ['a2', 'b1'] } },
  },
  {
    title: 'a transition with several targets enters all of them',
    machine: () =>
      noting.createMachine({
        id: 'several-targets',
        version: '1',
        context: empty,
        initial: 'idle',
        states: {
          idle: { on: { GO: { target: ['#a3', '#b2'] } } },
          both: {
            type: 'parallel',
            states: {
              a: { initial: 'a1', states: { a1: { entry: note('a1') }, a3: { id: 'a3', entry: note('a3') } } },
              b: { initial: 'b1', states: { b1: { entry: note('b1') }, b2: { id: 'b2', entry: note('b2') } } },
            },
          },
        },
      }),
    script: [send('GO')],
    expected: { value: { both: { a: 'a3', b: 'b2' } }, context: { log: ['a3', 'b2'] } },
  },
  {
    title: 'parallel states nested in parallel states',
    machine: () =>
      createMachine({
        id: 'nested-parallel',
        version: '1',
        type: 'parallel',
        states: {
          x: {
            type: 'parallel',
            states: {
              x1: { initial: 'p', states: { p: { on: { E: 'q' } }, q: {} } },
              x2: { initial: 'p', states: { p: { on: { E: 'q' } }, q: {} } },
            },
          },
          y: { initial: 'p', states: { p: { on: { F: 'q' } }, q: { on: { E: 'p' } } } },
        },
      }),
    script: sendEach('F', 'E'),
    expected: { value: { x: { x1: 'q', x2: 'q' }, y: 'p' } },
  },
  {
    title: 'tags are those of all active states',
    machine: () =>
      createMachine({
        id: 'tagged',
        version: '1',
        tags: ['root'],
        type: 'parallel',
        states: {
          light: { initial: 'red', states: { red: { tags: 'stop', on: { GO: 'green' } }, green: { tags: ['go', 'safe'] } } },
          walk: { tags: ['walking'] },
        },
      }),
    script: [send('GO')],
    expected: { tags: ['go', 'root', 'safe', 'walking'] },
  },
  {
    title: 'meta and description change nothing',
    machine: () =>
      createMachine({
        id: 'described',
        version: '1',
        description: 'the whole',
        meta: { owner: 'nobody' },
        initial: 'a',
        states: {
          a: { meta: { view: 'list' }, description: 'first', on: { GO: { target: 'b', description: 'onward', meta: { by: 'hand' } } } },
          b: { meta: { view: 'detail' } },
        },
      }),
    script: [send('GO')],
    expected: { value: 'b' },
  },
  {
    title: 'states are found by ids of their own and by relative targets',
    machine: () =>
      createMachine({
        id: 'targets',
        version: '1',
        initial: 'a',
        states: {
          a: { on: { ID: '#own', SIBLING: 'b' } },
          b: { initial: 'x', states: { x: {}, y: {} }, on: { INNER: '.y', ID: '#own' } },
          c: { id: 'own', initial: 'z', states: { z: { on: { DEEP: '#targets.b.y' } } } },
        },
      }),
    script: sendEach('SIBLING', 'INNER', 'ID', 'DEEP'),
    expected: { value: { b: 'y' } },
  },
  {
    title: 'keys with dots, dashes and spaces are states like others',
    machine: () =>
      createMachine({
        id: 'odd.keys',
        version: '1',
        initial: 'a-b',
        states: { 'a-b': { on: { 'X Y': 'c d' } }, 'c d': { initial: 'é', states: { é: { on: { back: '#home' } } } }, e: { id: 'home' } },
      }),
    script: sendEach('X Y', 'back'),
    expected: { value: 'e' },
  },
  {
    title: 'an event raised on entry is taken before one from outside',
    machine: () =>
      noting.createMachine({
        id: 'raised-entry',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: { on: { GO: 'b' } },
          b: { entry: [note('b'), raise({ type: 'INNER' })], on: { INNER: 'c' }, exit: note('-b') },
          c: { entry: note('c') },
        },
      }),
    script: [send('GO')],
    expected: { value: 'c', context: { log: ['b', '-b', 'c'] } },
  },
  {
    title: 'a deep chart of five levels keeps its place',
    machine: () =>
      noting.createMachine({
        id: 'five',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: {
            initial: 'b',
            states: {
              b: {
                initial: 'c',
                states: {
                  c: {
                    initial: 'd',
                    states: {
                      d: { initial: 'e', states: { e: { on: { N: 'f' } }, f: { entry: note('f') } }, on: { N: 'g' } },
                      g: { entry: note('g') },
                    },
                    on: { N: 'h' },
                  },
                  h: { entry: note('h') },
                },
              },
            },
          },
        },
      }),
    script: sendEach('N', 'N', 'N'),
    expected: { value: { a: { b: 'h' } }, context: { log: ['f', 'g', 'h'] } },
  },
];
