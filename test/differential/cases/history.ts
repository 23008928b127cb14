/** History states: shallow, deep, with a default. */
import { createMachine } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { send, sendEach } from '../differential-case.ts';
import { empty, note, noting } from '../noting.ts';

export const history: readonly DifferentialCase[] = [
  {
    title: 'shallow history recalls the child and enters it at its initial state',
    machine: () =>
      createMachine({
        id: 'shallow',
        version: '1',
        initial: 'on',
        states: {
          on: {
            initial: 'a',
            states: {
              a: { on: { NEXT: 'b' } },
              b: { initial: 'b1', states: { b1: { on: { NEXT: 'b2' } }, b2: {} } },
              back: { type: 'history' },
            },
            on: { OFF: 'off' },
          },
          off: { on: { ON: 'on.back' } },
        },
      }),
    script: sendEach('NEXT', 'NEXT', 'OFF', 'ON'),
    expected: { value: { on: { b: 'b1' } } },
  },
  {
    title: 'deep history recalls the leaf',
    machine: () =>
      noting.createMachine({
        id: 'deep',
        version: '1',
        context: empty,
        initial: 'on',
        states: {
          on: {
            initial: 'a',
            entry: note('on'),
            states: {
              a: { on: { NEXT: 'b' } },
              b: {
                entry: note('b'),
                initial: 'b1',
                states: { b1: { entry: note('b1'), on: { NEXT: 'b2' } }, b2: { entry: note('b2') } },
              },
              back: { type: 'history', history: 'deep' },
            },
            on: { OFF: 'off' },
          },
          off: { on: { ON: 'on.back' } },
        },
      }),
    script: sendEach('NEXT', 'NEXT', 'OFF', 'ON'),
    expected: { value: { on: { b: 'b2' } }, context: { log: ['on', 'b', 'b1', 'b2', 'on', 'b', 'b2'] } },
  },
  {
    title: 'history without a past enters its default target',
    machine: () =>
      createMachine({
        id: 'default-target',
        version: '1',
        initial: 'off',
        states: {
          off: { on: { ON: 'on.back' } },
          on: {
            initial: 'a',
            states: { a: {}, b: { on: { NEXT: 'c' } }, c: {}, back: { type: 'history', target: 'b' } },
            on: { OFF: 'off' },
          },
        },
      }),
    script: sendEach('ON', 'NEXT', 'OFF', 'ON', 'OFF', 'ON'),
    expected: { value: { on: 'c' } },
  },
  {
    title: 'history without a past and without a default enters the initial state',
    machine: () =>
      noting.createMachine({
        id: 'no-default',
        version: '1',
        context: empty,
        initial: 'off',
        states: {
          off: { on: { ON: '#hist' } },
          on: {
            initial: { target: 'a', actions: note('initially') },
            states: { a: { entry: note('a') }, b: {}, back: { id: 'hist', type: 'history' } },
          },
        },
      }),
    script: [send('ON')],
    expected: { value: { on: 'a' }, context: { log: ['initially', 'a'] } },
  },
  {
    title: 'deep history recalls all parallel regions',
    machine: () =>
      createMachine({
        id: 'deep-parallel',
        version: '1',
        initial: 'on',
        states: {
          on: {
            type: 'parallel',
            states: {
              x: { initial: '1', states: { '1': { on: { X: '2' } }, '2': { initial: 'p', states: { p: { on: { X: 'q' } }, q: {} } } } },
              y: { initial: '1', states: { '1': { on: { Y: '2' } }, '2': {} } },
              hist: { type: 'history', history: 'deep' },
            },
            on: { OFF: 'off' },
          },
          off: { on: { ON: 'on.hist' } },
        },
      }),
    script: sendEach('X', 'X', 'Y', 'OFF', 'ON'),
    expected: { value: { on: { x: { '2': 'q' }, y: '2' } } },
  },
  {
    title: 'each region has a history of its own',
    machine: () =>
      createMachine({
        id: 'two-histories',
        version: '1',
        initial: 'on',
        states: {
          on: {
            type: 'parallel',
            states: {
              x: { initial: 'a', states: { a: { on: { E: 'b' } }, b: {}, hx: { type: 'history' } } },
              y: { initial: 'a', states: { a: { on: { E: 'b' } }, b: {}, hy: { type: 'history' } } },
            },
            on: { OFF: 'off' },
          },
          off: { on: { ONLY_X: 'on.x.hx', BOTH: { target: ['on.x.hx', 'on.y.hy'] } } },
        },
      }),
    script: sendEach('E', 'OFF', 'ONLY_X', 'OFF', 'BOTH'),
    expected: { value: { on: { x: 'b', y: 'a' } } },
  },
  {
    title: 'history of a history: leaving again remembers anew',
    machine: () =>
      createMachine({
        id: 'anew',
        version: '1',
        initial: 'on',
        states: {
          on: {
            initial: 'a',
            states: { a: { on: { N: 'b' } }, b: { on: { N: 'c' } }, c: {}, h: { type: 'history', history: 'shallow' } },
            on: { OFF: 'off', RESET: 'on' },
          },
          off: { on: { ON: 'on.h' } },
        },
      }),
    script: sendEach('N', 'OFF', 'ON', 'N', 'OFF', 'ON'),
    expected: { value: { on: 'c' } },
  },
  {
    title: 'a transition may go to history from inside',
    machine: () =>
      noting.createMachine({
        id: 'history-inside',
        version: '1',
        context: empty,
        initial: 'p',
        states: {
          p: {
            initial: 'a',
            exit: note('-p'),
            states: { a: { on: { N: 'b' } }, b: { entry: note('b') }, h: { type: 'history' } },
            on: { AGAIN: { target: '.h', reenter: true } },
          },
        },
      }),
    script: sendEach('N', 'AGAIN'),
    expected: { value: { p: 'b' }, context: { log: ['b', '-p', 'b'] } },
  },
];
