/** Transitions: internal, external, targetless, wildcard, forbidden, eventless; raised events. */
import { assign, cancel, raise } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, send, sendEach } from '../differential-case.ts';
import { empty, note, noting, of } from '../noting.ts';

export const transitions: readonly DifferentialCase[] = [
  {
    title: 'a targetless transition neither leaves nor enters',
    machine: () =>
      noting.createMachine({
        id: 'targetless',
        version: '1',
        context: empty,
        initial: 'a',
        states: { a: { entry: note('in'), exit: note('out'), on: { E: { actions: note('e') } } } },
      }),
    script: sendEach('E', 'E'),
    expected: { value: 'a', context: { log: ['in', 'e', 'e'] } },
  },
  {
    title: 'a transition to itself does not leave, with reenter it does',
    machine: () =>
      noting.createMachine({
        id: 'self',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: {
            entry: note('in'),
            exit: note('out'),
            on: { SAME: { target: 'a', actions: note('same') }, AGAIN: { target: 'a', reenter: true, actions: note('again') } },
          },
        },
      }),
    script: sendEach('SAME', 'AGAIN'),
    expected: { context: { log: ['in', 'same', 'out', 'again', 'in'] } },
  },
  {
    title: 'an internal transition to a descendant keeps the parent, with reenter it does not',
    machine: () =>
      noting.createMachine({
        id: 'internal',
        version: '1',
        context: empty,
        initial: 'p',
        states: {
          p: {
            entry: note('p'),
            exit: note('-p'),
            initial: 'x',
            states: { x: { entry: note('x'), exit: note('-x') }, y: { entry: note('y'), exit: note('-y') } },
            on: { IN: '.y', RE: { target: '.y', reenter: true } },
          },
        },
      }),
    script: sendEach('IN', 'RE'),
    expected: { value: { p: 'y' }, context: { log: ['p', 'x', '-x', 'y', '-y', '-p', 'p', 'y'] } },
  },
  {
    title: 'the root is entered again on reenter',
    machine: () =>
      noting.createMachine({
        id: 'root-again',
        version: '1',
        context: empty,
        entry: note('root'),
        exit: note('-root'),
        initial: 'a',
        states: { a: { entry: note('a'), on: { NEXT: 'b' } }, b: {} },
        on: { RESET: { target: '.a', reenter: true } },
      }),
    script: sendEach('NEXT', 'RESET'),
    expected: { value: 'a', context: { log: ['root', 'a', '-root', 'root', 'a'] } },
  },
  {
    title: 'a wildcard takes what nothing else does',
    machine: () =>
      noting.createMachine({
        id: 'wildcard',
        version: '1',
        context: empty,
        on: { KNOWN: { actions: note('known') }, '*': { actions: 'noteEvent' } },
      }),
    script: sendEach('KNOWN', 'UNKNOWN', 'other.one'),
    expected: { context: { log: ['known', 'UNKNOWN', 'other.one'] } },
  },
  {
    title: 'a partial wildcard takes whole words, the longest first',
    machine: () =>
      noting.createMachine({
        id: 'partial',
        version: '1',
        context: empty,
        on: {
          'mouse.*': { actions: note('mouse.*') },
          'mouse.click.*': { actions: note('mouse.click.*') },
          'mouse.click.left': { actions: note('exact') },
          '*': { actions: note('*') },
        },
      }),
    script: sendEach('mouse', 'mouse.move', 'mouse.click', 'mouse.click.right', 'mouse.click.left', 'mouser.up', 'mouse.click.left.twice'),
    expected: { context: { log: ['mouse.*', 'mouse.*', 'mouse.click.*', 'mouse.click.*', 'exact', '*', 'mouse.click.*'] } },
  },
  {
    title: 'a wildcard of a child state goes before the exact event of its parent',
    machine: () =>
      noting.createMachine({
        id: 'child-wildcard',
        version: '1',
        context: empty,
        initial: 'a',
        states: { a: { on: { '*': { actions: note('any') }, OFF: 'b' } }, b: {} },
        on: { E: { actions: note('exact') } },
      }),
    script: sendEach('E', 'OFF', 'E'),
    expected: { context: { log: ['any', 'exact'] } },
  },
  {
    title: 'a forbidden transition hides the one of the parent',
    machine: () =>
      noting.createMachine({
        id: 'forbidden',
        version: '1',
        context: empty,
        initial: 'locked',
        states: { locked: { on: { E: undefined, OPEN: 'open' } }, open: {} },
        on: { E: { actions: note('heard') } },
      }),
    script: sendEach('E', 'OPEN', 'E'),
    expected: { value: 'open', context: { log: ['heard'] } },
  },
  {
    title: 'an empty transition does not go on to the wildcard',
    machine: () =>
      noting.createMachine({ id: 'empty-transition', version: '1', context: empty, on: { E: {}, '*': { actions: 'noteEvent' } } }),
    script: sendEach('E', 'F'),
    expected: { context: { log: ['F'] } },
  },
  {
    title: 'the first transition whose guard holds is taken',
    machine: () =>
      noting.createMachine({
        id: 'candidates',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: {
            on: {
              E: [
                { guard: 'never', target: 'b' },
                { guard: 'always', target: 'c', actions: note('second') },
                { target: 'd', actions: note('third') },
              ],
            },
          },
          b: {},
          c: {},
          d: {},
        },
      }),
    script: [send('E')],
    expected: { value: 'c', context: { log: ['second'] } },
  },
  {
    title: 'always chains run within one step',
    machine: () =>
      noting.createMachine({
        id: 'chain',
        version: '1',
        context: empty,
        initial: 'idle',
        states: {
          idle: { on: { GO: 'one' } },
          one: { entry: note('1'), exit: note('-1'), always: 'two' },
          two: { entry: note('2'), always: [{ guard: { type: 'isNoted', params: 'never' }, target: 'idle' }, { target: 'three' }] },
          three: { entry: note('3'), always: { guard: { type: 'isNoted', params: '-1' }, target: 'end', actions: note('go') } },
          end: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'end', context: { log: ['1', '-1', '2', '3', 'go'] } },
  },
  {
    title: 'a guarded always in a parent is asked again after each event',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'watch',
        version: '1',
        context: { n: 0 },
        initial: 'low',
        states: { low: { always: { guard: ({ context }) => context.n >= 3, target: 'high' } }, high: {} },
        on: { ADD: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
      }),
    script: sendEach('ADD', 'ADD', 'ADD'),
    expected: { value: 'high', context: { n: 3 } },
  },
  {
    title: 'a targetless always that changes its own guard stops by itself',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'countdown',
        version: '1',
        context: { n: 0 },
        always: { guard: ({ context }) => context.n > 0, actions: assign({ n: ({ context }) => context.n - 1 }) },
        on: { SET: { actions: assign({ n: ({ event }) => event['to'] as number }) }, MARK: {} },
        initial: 'a',
        states: { a: { on: { SET: { target: 'b', actions: assign({ n: 5 }) } } }, b: {} },
      }),
    script: [send('SET')],
    expected: { value: 'b', context: { n: 0 } },
  },
  {
    title: 'raised events are taken in order, after eventless transitions',
    machine: () =>
      noting.createMachine({
        id: 'raise-order',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: { on: { GO: { target: 'b', actions: [raise({ type: 'ONE' }), raise({ type: 'TWO' })] } } },
          b: { always: { target: 'c', actions: note('always') } },
          c: { on: { ONE: { actions: note('one') }, TWO: { target: 'd', actions: note('two') } } },
          d: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'd', context: { log: ['always', 'one', 'two'] } },
  },
  {
    title: 'a raised event may be made of context, event and params',
    machine: () =>
      of<{ n: number; got: unknown }>().createMachine({
        id: 'raise-dynamic',
        version: '1',
        context: { n: 2, got: null },
        on: {
          GO: { actions: raise(({ context, event }) => ({ type: 'TOLD', sum: context.n + (event['plus'] as number) })) },
          TOLD: { actions: assign({ got: ({ event }) => event['sum'] as number }) },
        },
      }),
    script: [send('GO', { plus: 40 })],
    expected: { context: { got: 42 } },
  },
  {
    title: 'a raised event nobody hears is dropped',
    machine: () =>
      noting.createMachine({
        id: 'raise-unheard',
        version: '1',
        context: empty,
        initial: 'a',
        states: { a: { on: { GO: { target: 'b', actions: raise({ type: 'NOBODY' }) } } }, b: {} },
      }),
    script: [send('GO')],
    expected: { value: 'b' },
  },
  {
    title: 'a delayed raise comes later, one with an id can be cancelled',
    machine: () =>
      noting.createMachine({
        id: 'raise-later',
        version: '1',
        context: empty,
        on: {
          GO: { actions: [raise({ type: 'KEPT' }, { delay: 100 }), raise({ type: 'GONE' }, { delay: 200, id: 'gone' })] },
          STOP: { actions: cancel('gone') },
          KEPT: { actions: note('kept') },
          GONE: { actions: note('gone') },
        },
      }),
    script: [send('GO'), advance(99), advance(1), send('STOP'), advance(1_000)],
    expected: { context: { log: ['kept'] } },
  },
  {
    title: 'a delayed raise survives leaving its state',
    machine: () =>
      noting.createMachine({
        id: 'raise-outlives',
        version: '1',
        context: empty,
        initial: 'a',
        states: { a: { entry: raise({ type: 'LATE' }, { delay: 50 }), on: { NEXT: 'b' } }, b: {} },
        on: { LATE: { actions: note('late') } },
      }),
    script: [send('NEXT'), advance(50)],
    expected: { value: 'b', context: { log: ['late'] } },
  },
  {
    title: 'cancel before its raise in one list cancels nothing',
    machine: () =>
      noting.createMachine({
        id: 'cancel-first',
        version: '1',
        context: empty,
        on: {
          GO: { actions: [cancel('x'), raise({ type: 'X' }, { delay: 10, id: 'x' })] },
          NO: { actions: [raise({ type: 'X' }, { delay: 10, id: 'y' }), cancel('y')] },
          X: { actions: note('x') },
        },
      }),
    script: [send('GO'), send('NO'), advance(10)],
    expected: { context: { log: ['x'] } },
  },
  {
    title: 'cancel of an id made of context',
    machine: () =>
      of<{ timer: string; heard: number }>().createMachine({
        id: 'cancel-dynamic',
        version: '1',
        context: { timer: 'second', heard: 0 },
        entry: [raise({ type: 'TICK', by: 1 }, { delay: 10, id: 'first' }), raise({ type: 'TICK', by: 10 }, { delay: 10, id: 'second' })],
        on: {
          CANCEL: { actions: cancel(({ context }) => context.timer) },
          TICK: { actions: assign({ heard: ({ context, event }) => context.heard + (event['by'] as number) }) },
        },
      }),
    script: [send('CANCEL'), advance(10)],
    expected: { context: { heard: 1 } },
  },
  {
    title: 'an event that nothing hears changes nothing',
    machine: () => noting.createMachine({ id: 'unheard', version: '1', context: empty, on: { A: { actions: note('a') } } }),
    script: sendEach('B', 'C', 'A'),
    expected: { status: 'active', context: { log: ['a'] } },
  },
  {
    title: 'regions that would leave one another: the first in document order wins',
    machine: () =>
      noting.createMachine({
        id: 'conflict',
        version: '1',
        context: empty,
        initial: 'both',
        states: {
          both: {
            type: 'parallel',
            states: {
              a: { initial: 'x', states: { x: { on: { E: { target: '#out', actions: note('a') } } } } },
              b: { initial: 'x', states: { x: { on: { E: { target: 'y', actions: note('b') } } }, y: { entry: note('y') } } },
            },
          },
          out: { id: 'out' },
        },
      }),
    script: [send('E')],
    expected: { value: 'out', context: { log: ['a'] } },
  },
];
