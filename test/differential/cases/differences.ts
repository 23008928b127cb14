/** Where a workflow differs from a plain actor by decision: each known difference, shown. */
import { and, assign, cancel, createMachine, enqueueActions, raise, sendParent, sendTo } from 'xstate';
import { turn } from '../../support/life.ts';
import { errorOf } from '../../support/world.ts';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, next, restart, send, sendEach, succeed } from '../differential-case.ts';
import { empty, note, noting, of } from '../noting.ts';

export const differences: readonly DifferentialCase[] = [
  {
    title: 'an assign that reads what a custom action of the same list did',
    machine: (outside) =>
      of<{ seen: number }>().createMachine({
        id: 'assign-before-action',
        version: '1',
        context: { seen: -1 },
        on: { E: { actions: [() => void (outside.counter += 1), assign({ seen: () => outside.counter })] } },
      }),
    script: [send('E')],
    expected: { context: { seen: 1 } },
    difference: { of: 'all assigns of a macrostep run before any custom action', durable: { context: { seen: 0 }, refusals: [] } },
  },
  {
    title: 'a custom action on entry, before an assign of a raised event',
    machine: (outside) =>
      of<{ seen: number }>().createMachine({
        id: 'assign-of-raised',
        version: '1',
        context: { seen: -1 },
        initial: 'a',
        states: {
          a: { on: { GO: 'b' } },
          b: {
            entry: [() => void (outside.counter += 1), raise({ type: 'READ' })],
            on: { READ: { actions: assign({ seen: () => outside.counter }) } },
          },
        },
      }),
    script: [send('GO')],
    expected: { value: 'b', context: { seen: 1 } },
    difference: {
      of: 'all assigns of a macrostep run before any custom action',
      durable: { value: 'b', context: { seen: 0 }, refusals: [] },
    },
  },
  {
    title: 'a custom action that throws takes its step back in a plain actor only',
    machine: (outside) =>
      of<{ n: number }>().createMachine({
        id: 'throwing-action',
        version: '1',
        context: { n: 0 },
        initial: 'a',
        states: {
          a: {
            on: {
              E: {
                target: 'b',
                actions: [
                  assign({ n: 1 }),
                  ({ event }) => {
                    outside.note('tried', event);
                    throw errorOf('Unable', 'the action cannot');
                  },
                ],
              },
            },
          },
          b: {},
        },
      }),
    script: [send('E'), ...Array.from({ length: 10 }, () => advance(60_000))],
    expected: {
      status: 'error',
      value: 'a',
      context: { n: 0 },
      error: { name: 'Unable', message: 'the action cannot' },
      acts: [{ name: 'tried', event: 'E' }],
    },
    difference: {
      of: 'a custom action that throws fails after its commit',
      durable: {
        status: 'error',
        value: 'b',
        context: { n: 1 },
        error: { name: 'Unable', message: 'the action cannot' },
        workflow: 'failed',
      },
    },
  },
  {
    title: 'a custom action that takes its time',
    machine: (outside) =>
      of<object>().createMachine({
        id: 'slow-action',
        version: '1',
        on: {
          E: {
            actions: [
              async ({ event }) => {
                await turn();
                outside.note('slow', event);
              },
              ({ event }) => outside.note('quick', event),
            ],
          },
        },
      }),
    script: [send('E')],
    expected: {
      acts: [
        { name: 'quick', event: 'E' },
        { name: 'slow', event: 'E' },
      ],
    },
    difference: {
      of: 'a promise that a custom action returns is awaited before the next action',
      durable: {
        acts: [
          { name: 'slow', event: 'E' },
          { name: 'quick', event: 'E' },
        ],
        refusals: [],
      },
    },
  },
  {
    title: 'an action written in place inside enqueueActions',
    machine: (outside) =>
      of<{ n: number }>().createMachine({
        id: 'enqueued-in-place',
        version: '1',
        context: { n: 0 },
        on: {
          E: {
            actions: enqueueActions(({ enqueue }) => {
              enqueue.assign({ n: 1 });
              enqueue(({ event }) => outside.note('in place', event));
            }),
          },
        },
      }),
    script: [send('E')],
    expected: { context: { n: 1 }, acts: [{ name: 'in place', event: 'E' }] },
    difference: {
      of: 'an action written in place inside enqueueActions is refused',
      durable: { context: { n: 0 }, acts: [], workflow: 'parked', refusals: [] },
    },
  },
  {
    title: 'an answer of a child comes before or after what its parent said later',
    machine: () =>
      noting.createMachine({
        id: 'depth-first',
        version: '1',
        context: empty,
        invoke: [
          {
            id: 'a',
            src: of<object>().createMachine({
              id: 'a',
              version: '1',
              on: { ASK: { actions: [sendParent({ type: 'A1' }), sendParent({ type: 'A2' })] } },
            }),
          },
          {
            id: 'b',
            src: of<object>().createMachine({
              id: 'b',
              version: '1',
              on: { ASK: { actions: sendParent({ type: 'B' }) }, PASS: { actions: sendParent({ type: 'PASSED' }) } },
            }),
          },
        ],
        on: {
          GO: { actions: [sendTo('a', { type: 'ASK' }), sendTo('b', { type: 'ASK' })] },
          A1: { actions: ['noteEvent', sendTo('b', { type: 'PASS' })] },
          A2: { actions: 'noteEvent' },
          B: { actions: 'noteEvent' },
          PASSED: { actions: 'noteEvent' },
        },
      }),
    script: [send('GO')],
    expected: { context: { log: ['A1', 'A2', 'B', 'PASSED'] } },
  },
  {
    title: 'two timers of one id, cancelled',
    machine: () =>
      noting.createMachine({
        id: 'two-timers',
        version: '1',
        context: empty,
        on: {
          ARM: { actions: [raise({ type: 'FIRST' }, { id: 'same', delay: 10 }), raise({ type: 'SECOND' }, { id: 'same', delay: 20 })] },
          CANCEL: { actions: cancel('same') },
          '*': { actions: 'noteEvent' },
        },
      }),
    script: [send('ARM'), send('CANCEL'), advance(20), send('END')],
    expected: { context: { log: ['FIRST', 'END'] } },
    difference: { of: 'two timers of one id are both cancelled by it', durable: { context: { log: ['END'] }, refusals: [] } },
  },
  {
    title: 'a delay of more than 2^31 ms',
    machine: () =>
      createMachine({ id: 'long-delay', version: '1', initial: 'a', states: { a: { after: { [2 ** 31 + 1_000]: 'b' } }, b: {} } }),
    script: [advance(1)],
    expected: { value: 'b' },
    isOnOrdinaryTimers: true,
    difference: {
      of: 'delays are exact up to 100 years, and one that is no number fails the step',
      durable: { value: 'a', workflow: 'running' },
    },
  },
  {
    title: 'a delay that is no number',
    machine: () =>
      noting.createMachine({
        id: 'no-number',
        version: '1',
        context: empty,
        on: { GO: { actions: [note('armed'), raise({ type: 'NEVER' }, { delay: () => Number.NaN })] }, NEVER: { actions: note('never') } },
      }),
    script: [send('GO'), advance(1_000)],
    expected: { status: 'active', context: { log: ['armed'] } },
    difference: {
      of: 'delays are exact up to 100 years, and one that is no number fails the step',
      durable: { status: 'active', context: { log: [] }, workflow: 'parked' },
    },
  },
  {
    title: 'a pending promise and a restart',
    machine: (outside) => {
      const work = outside.promise('work');
      return of<{ got: unknown }>({ actors: { work } }).createMachine({
        id: 'restarted-promise',
        version: '1',
        context: { got: null },
        initial: 'busy',
        states: {
          busy: {
            entry: () => outside.live('machine', 'enters'),
            invoke: { src: 'work', id: 'worker', input: 'again', onDone: { target: 'done', actions: 'keep' } },
          },
          done: { entry: () => outside.live('machine', `asked ${outside.world.callsOf('work').length}`) },
        },
      });
    },
    script: [restart, succeed('work', 'at last')],
    expected: { value: 'done', context: { got: 'at last' }, lives: ['machine enters', 'machine asked 1'] },
    difference: {
      of: 'a promise pending at a restart runs again',
      durable: { value: 'done', context: { got: 'at last' }, lives: ['machine enters', 'machine asked 2'] },
    },
  },
  {
    title: 'a callback and a restart',
    machine: (outside) =>
      noting.createMachine({
        id: 'restarted-callback',
        version: '1',
        context: empty,
        invoke: { src: outside.callback('source'), id: 'source', input: { every: 5 } },
        on: { TICK: { actions: note('tick') } },
      }),
    script: [next('source', { type: 'TICK' }), restart, next('source', { type: 'TICK' })],
    expected: { context: { log: ['tick', 'tick'] }, lives: ['source begins {"every":5}'] },
    difference: {
      of: 'callbacks and observables begin anew after a restart',
      durable: { context: { log: ['tick', 'tick'] }, lives: ['source begins {"every":5}', 'source begins {"every":5}'] },
    },
  },
  {
    title: 'an event after the end',
    machine: () => createMachine({ id: 'ended', version: '1', initial: 'a', states: { a: { on: { END: 'z' } }, z: { type: 'final' } } }),
    script: sendEach('END', 'AFTER'),
    expected: { status: 'done', value: 'z' },
    difference: {
      of: 'a closed workflow refuses events',
      durable: { status: 'done', value: 'z', refusals: ['WORKFLOW_CLOSED'], workflow: 'completed' },
    },
  },
  {
    title: 'a reserved event type',
    machine: () => noting.createMachine({ id: 'reserved', version: '1', context: empty, on: { '*': { actions: 'noteEvent' } } }),
    script: sendEach('xstate.done.actor.forged', 'workflow.cancel', 'HONEST'),
    expected: { context: { log: ['xstate.done.actor.forged', 'workflow.cancel', 'HONEST'] } },
    difference: {
      of: 'reserved event types are refused',
      durable: { context: { log: ['HONEST'] }, refusals: ['EVENT_TYPE_RESERVED', 'EVENT_TYPE_RESERVED'] },
    },
  },
  {
    title: 'a guard that throws',
    machine: () =>
      createMachine({
        id: 'throwing-guard',
        version: '1',
        initial: 'a',
        states: {
          a: {
            on: {
              E: {
                guard: and([
                  () => true,
                  () => {
                    throw errorOf('Unsure', 'it cannot say');
                  },
                ]),
                target: 'b',
              },
            },
          },
          b: {},
        },
      }),
    script: [send('E')],
    expected: { status: 'error', value: 'a' },
    difference: {
      of: 'an event that throws parks the workflow',
      durable: { status: 'active', value: 'a', workflow: 'parked', refusals: [] },
    },
  },
  {
    title: 'an assign that throws',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'throwing-assign',
        version: '1',
        context: { n: 0 },
        on: {
          E: {
            actions: [
              assign({ n: 1 }),
              assign(() => {
                throw errorOf('Unable', 'it cannot');
              }),
            ],
          },
        },
      }),
    script: [send('E')],
    expected: { status: 'error', context: { n: 0 }, error: { name: 'Unable' } },
    difference: {
      of: 'an event that throws parks the workflow',
      durable: { status: 'active', context: { n: 0 }, workflow: 'parked', refusals: [] },
    },
  },
  {
    title: 'a message to a child that is not there',
    machine: () =>
      noting.createMachine({
        id: 'no-such-child',
        version: '1',
        context: empty,
        on: { E: { actions: [note('tried'), sendTo('nobody', { type: 'HELLO' })] } },
      }),
    script: [send('E')],
    expected: { status: 'error' },
    difference: {
      of: 'an event that throws parks the workflow',
      durable: { status: 'active', context: { log: [] }, workflow: 'parked', refusals: [] },
    },
  },
  {
    title: 'a first step that throws',
    machine: () =>
      of<object>().createMachine({
        id: 'throwing-start',
        version: '1',
        initial: 'a',
        states: {
          a: {
            entry: assign(() => {
              throw errorOf('Unable', 'it cannot start');
            }),
          },
        },
      }),
    script: [],
    expected: { status: 'error', error: { name: 'Unable', message: 'it cannot start' } },
    difference: { of: 'a start that throws is refused', durable: { refusals: ['STEP_FAILED'], workflow: 'WORKFLOW_NOT_FOUND' } },
  },
  {
    title: 'a child started in a state that is left by what the child says at once',
    machine: () =>
      noting.createMachine({
        id: 'says-at-once',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: { on: { GO: 'b' } },
          b: {
            invoke: {
              id: 'kid',
              src: of<object>().createMachine({
                id: 'hasty',
                version: '1',
                entry: [sendParent({ type: 'NOW' }), sendParent({ type: 'THEN' })],
                initial: 'z',
                states: { z: { type: 'final' } },
              }),
              onDone: { actions: note('done in b') },
            },
            on: { NOW: { target: 'c', actions: note('now') } },
          },
          c: { on: { '*': { actions: 'noteEvent' } } },
        },
      }),
    script: [send('GO')],
    expected: { value: 'c', context: { log: ['now', 'THEN', 'xstate.done.actor.kid'] }, childIds: [] },
    difference: {
      of: 'the end of a child whose state was left is not heard of',
      durable: { value: 'c', context: { log: ['now', 'THEN'] }, childIds: [], refusals: [] },
    },
  },
];
