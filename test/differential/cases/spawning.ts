/** Spawned actors: by action, in assign, in the context factory; stopped, replaced, referred to. */
import { assign, enqueueActions, fromTransition, sendTo, spawnChild, stopChild } from 'xstate';
import type { ActorRefLike, AnyActorRef, AnyEventObject } from 'xstate';
import { errorOf } from '../../support/world.ts';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, fail, send, sendEach, succeed } from '../differential-case.ts';
import { empty, note, noting, of, pass } from '../noting.ts';

/** Counts, ends on END. */
const counter = of<{ n: number }, { from: number } | undefined>().createMachine({
  id: 'spawned-counter',
  version: '1',
  context: ({ input }) => ({ n: input?.from ?? 0 }),
  initial: 'open',
  states: { open: { on: { ADD: { actions: assign({ n: ({ context }) => context.n + 1 }) }, END: 'closed' } }, closed: { type: 'final' } },
  output: ({ context }) => context.n,
});

const ender = of<object>().createMachine({ id: 'ender', version: '1', initial: 'z', states: { z: { type: 'final' } }, output: 'at once' });

interface Keeping {
  readonly ref: AnyActorRef | null;
}

export const spawning: readonly DifferentialCase[] = [
  {
    title: 'spawnChild with id and input',
    machine: () =>
      of<{ from: number }>({ actors: { counter } }).createMachine({
        id: 'spawns',
        version: '1',
        context: { from: 3 },
        on: {
          GO: {
            actions: spawnChild('counter', { id: 'kid', input: ({ context }: { context: { from: number } }) => ({ from: context.from }) }),
          },
          ...pass('kid', 'ADD'),
        },
      }),
    script: sendEach('GO', 'ADD'),
    expected: { children: { kid: { context: { n: 4 } } } },
  },
  {
    title: 'spawnChild with an id made of the event',
    machine: () =>
      of<object>({ actors: { counter } }).createMachine({
        id: 'spawns-dynamic',
        version: '1',
        on: {
          GO: { actions: spawnChild('counter', { id: ({ event }) => `kid-${String(event['n'])}`, input: { from: 0 } }) },
          STOP: { actions: stopChild(({ event }) => `kid-${String(event['n'])}`) },
        },
      }),
    script: [send('GO', { n: 1 }), send('GO', { n: 2 }), send('GO', { n: 3 }), send('STOP', { n: 2 })],
    expected: { childIds: ['kid-1', 'kid-3'] },
  },
  {
    title: 'spawnChild without an id is not in children',
    machine: () =>
      of<object>({ actors: { counter } }).createMachine({
        id: 'spawns-nameless',
        version: '1',
        initial: 'a',
        states: { a: { on: { GO: { target: 'b', actions: spawnChild('counter') } } }, b: {} },
      }),
    script: [send('GO')],
    expected: { value: 'b' },
  },
  {
    title: 'the end of a spawned child is heard by its done event',
    machine: () =>
      of<{ got: unknown }>({ actors: { counter } }).createMachine({
        id: 'spawned-done',
        version: '1',
        context: { got: null },
        entry: spawnChild('counter', { id: 'kid', input: { from: 1 } }),
        on: { ...pass('kid', 'ADD', 'END'), 'xstate.done.actor.kid': { actions: 'keep' } },
      }),
    script: sendEach('ADD', 'END'),
    expected: { context: { got: 2 } },
  },
  {
    title: 'spawn in assign keeps the reference in context',
    machine: () =>
      of<Keeping>({ actors: { counter } }).createMachine({
        id: 'spawn-assign',
        version: '1',
        context: { ref: null },
        on: {
          GO: { actions: assign({ ref: ({ spawn }) => spawn('counter', { id: 'kid', input: { from: 10 } }) }) },
          ADD: { actions: sendTo(({ context }) => context.ref as AnyActorRef, { type: 'ADD' }) },
        },
      }),
    script: sendEach('GO', 'ADD', 'ADD'),
    expected: { context: { ref: { reference: 'kid' } }, children: { kid: { context: { n: 12 } } } },
  },
  {
    title: 'spawn in assign without an id',
    machine: () =>
      of<{ refs: readonly AnyActorRef[] }>({ actors: { counter } }).createMachine({
        id: 'spawn-nameless',
        version: '1',
        context: { refs: [] },
        on: {
          GO: {
            actions: assign({
              refs: ({ context, spawn }) => [...context.refs, spawn('counter', { input: { from: context.refs.length } })],
            }),
          },
          ADD: { actions: sendTo(({ context }) => context.refs[1] as AnyActorRef, { type: 'ADD' }) },
        },
      }),
    script: sendEach('GO', 'GO', 'ADD'),
    expected: {
      context: { refs: [{ reference: '(automatic)' }, { reference: '(automatic)' }] },
      children: { '(automatic 0)': { context: { n: 0 } }, '(automatic 1)': { context: { n: 2 } } },
    },
  },
  {
    title: 'spawn in the context factory',
    machine: () =>
      of<Keeping>({ actors: { counter } }).createMachine({
        id: 'spawn-context',
        version: '1',
        context: ({ spawn }) => ({ ref: spawn('counter', { id: 'kid', input: { from: 7 } }) }),
        on: { ADD: { actions: sendTo(({ context }) => context.ref as AnyActorRef, { type: 'ADD' }) } },
      }),
    script: sendEach('ADD'),
    expected: { children: { kid: { context: { n: 8 } } } },
  },
  {
    title: 'references in arrays, maps and nested objects of context',
    machine: () =>
      of<{ all: { list: readonly AnyActorRef[]; by: ReadonlyMap<string, AnyActorRef> } }>({ actors: { counter } }).createMachine({
        id: 'nested-references',
        version: '1',
        context: ({ spawn }) => {
          const [a, b] = [spawn('counter', { id: 'a' }), spawn('counter', { id: 'b' })];
          return { all: { list: [a, b], by: new Map([['second', b]]) } };
        },
        on: {
          FIRST: { actions: sendTo(({ context }) => context.all.list[0] as AnyActorRef, { type: 'ADD' }) },
          SECOND: { actions: sendTo(({ context }) => context.all.by.get('second') as AnyActorRef, { type: 'ADD' }) },
        },
      }),
    script: sendEach('FIRST', 'SECOND', 'SECOND'),
    expected: { children: { a: { context: { n: 1 } }, b: { context: { n: 2 } } } },
  },
  {
    title: 'stopChild by id, by reference and by function',
    machine: () =>
      of<Keeping>({ actors: { counter } }).createMachine({
        id: 'stops',
        version: '1',
        context: ({ spawn }) => ({ ref: spawn('counter', { id: 'by-ref' }) }),
        entry: [
          spawnChild('counter', { id: 'by-id' }),
          spawnChild('counter', { id: 'by-function' }),
          spawnChild('counter', { id: 'stays' }),
        ],
        on: {
          ID: { actions: stopChild('by-id') },
          REF: { actions: stopChild(({ context }) => context.ref as AnyActorRef) },
          FUNCTION: { actions: stopChild(() => 'by-function') },
          NOBODY: { actions: stopChild('nobody') },
        },
      }),
    script: sendEach('ID', 'REF', 'FUNCTION', 'NOBODY'),
    expected: { childIds: ['stays'] },
  },
  {
    title: 'a child may be spawned again under the id of one that was stopped',
    machine: () =>
      of<object>({ actors: { counter } }).createMachine({
        id: 'again',
        version: '1',
        on: {
          GO: {
            actions: spawnChild('counter', {
              id: 'kid',
              input: ({ event }: { event: AnyEventObject }) => ({ from: event['from'] as number }),
            }),
          },
          STOP: { actions: stopChild('kid') },
          ...pass('kid', 'ADD'),
        },
      }),
    script: [send('GO', { from: 1 }), send('ADD'), send('STOP'), send('GO', { from: 50 }), send('ADD')],
    expected: { children: { kid: { context: { n: 51 } } } },
  },
  {
    title: 'a child is restarted under its id within one list of actions',
    machine: () =>
      of<object>({ actors: { counter } }).createMachine({
        id: 'restarts',
        version: '1',
        entry: spawnChild('counter', { id: 'kid', input: { from: 1 } }),
        on: { ...pass('kid', 'ADD'), RESTART: { actions: [stopChild('kid'), spawnChild('counter', { id: 'kid', input: { from: 100 } })] } },
      }),
    script: sendEach('ADD', 'RESTART', 'ADD'),
    expected: { children: { kid: { context: { n: 101 } } } },
  },
  {
    title: 'a child spawned and stopped in one macrostep never starts',
    machine: (outside) =>
      of<object>({
        actors: {
          loud: of<object>({ actions: { act: outside.act('loud') } }).createMachine({
            id: 'loud',
            version: '1',
            invoke: { src: outside.callback('inner') },
            entry: 'act',
          }),
        },
      }).createMachine({
        id: 'stillborn',
        version: '1',
        initial: 'a',
        states: {
          a: { on: { GO: 'b' } },
          b: { entry: spawnChild('loud', { id: 'kid' }), exit: stopChild('kid'), always: 'c' },
          c: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'c', acts: [], lives: [], childIds: [] },
  },
  {
    title: 'a spawned child outlives the state that spawned it',
    machine: () =>
      of<object>({ actors: { counter } }).createMachine({
        id: 'outliving',
        version: '1',
        initial: 'a',
        states: { a: { entry: spawnChild('counter', { id: 'kid' }), on: { NEXT: 'b' } }, b: { on: pass('kid', 'ADD') } },
      }),
    script: sendEach('NEXT', 'ADD'),
    expected: { value: 'b', children: { kid: { context: { n: 1 } } } },
  },
  {
    title: 'a spawned child that ends at once is heard',
    machine: () =>
      of<{ got: unknown }>({ actors: { ender } }).createMachine({
        id: 'ends-at-once',
        version: '1',
        context: { got: null },
        on: { GO: { actions: spawnChild('ender', { id: 'kid' }) }, 'xstate.done.actor.kid': { actions: 'keep' } },
      }),
    script: [send('GO')],
    expected: { context: { got: 'at once' } },
  },
  {
    title: 'a child spawned in the context factory that ends at once is heard',
    machine: () =>
      of<{ ref: ActorRefLike | null; got: unknown }>({ actors: { ender } }).createMachine({
        id: 'ends-in-factory',
        version: '1',
        context: ({ spawn }) => ({ ref: spawn('ender', { id: 'kid' }), got: null }),
        on: { 'xstate.done.actor.kid': { actions: 'keep' } },
      }),
    script: [],
    expected: { context: { got: 'at once' } },
  },
  {
    title: 'a spawned activity',
    machine: (outside) =>
      of<{ got: unknown }>({ actors: { work: outside.activity('work') } }).createMachine({
        id: 'spawned-activity',
        version: '1',
        context: { got: null },
        entry: spawnChild('work', { id: 'worker', input: { n: 1 } }),
        on: { 'xstate.done.actor.worker': { actions: 'keep' } },
      }),
    script: [succeed('work', 'spawned')],
    expected: { context: { got: 'spawned' } },
  },
  {
    title: 'an unhandled error of a spawned activity fails the machine',
    machine: (outside) =>
      of<object>({ actors: { work: outside.activity('work') } }).createMachine({
        id: 'spawned-failure',
        version: '1',
        entry: spawnChild('work', { id: 'worker' }),
      }),
    script: [fail('work', errorOf('Refused', 'never'))],
    expected: { status: 'error', error: { name: 'Refused' } },
  },
  {
    title: 'a handled error of a spawned activity',
    machine: (outside) =>
      of<{ got: unknown }>({ actors: { work: outside.activity('work') } }).createMachine({
        id: 'spawned-handled',
        version: '1',
        context: { got: null },
        entry: spawnChild('work', { id: 'worker' }),
        on: { 'xstate.error.actor.worker': { actions: 'keep' } },
      }),
    script: [fail('work', errorOf('Refused', 'never'))],
    expected: { status: 'active', context: { got: 'never' } },
  },
  {
    title: 'a spawned promise',
    machine: (outside) =>
      of<{ got: unknown }>({ actors: { work: outside.promise('work') } }).createMachine({
        id: 'spawned-promise',
        version: '1',
        context: { got: null },
        on: { GO: { actions: spawnChild('work', { id: 'worker' }) }, 'xstate.done.actor.worker': { actions: 'keep' } },
      }),
    script: [send('GO'), succeed('work', [1, 2])],
    expected: { context: { got: [1, 2] } },
  },
  {
    title: 'enqueueActions spawns, sends to and stops children',
    machine: () =>
      of<{ n: number }>({ actors: { counter } }).createMachine({
        id: 'enqueue-children',
        version: '1',
        context: { n: 0 },
        on: {
          GO: {
            actions: enqueueActions(({ enqueue, context }) => {
              enqueue.spawnChild('counter', { id: `kid-${context.n}`, input: { from: 5 } });
              enqueue.sendTo(`kid-${context.n}`, { type: 'ADD' });
              enqueue.assign({ n: context.n + 1 });
            }),
          },
          STOP: { actions: enqueueActions(({ enqueue }) => enqueue.stopChild('kid-0')) },
        },
      }),
    script: sendEach('GO', 'GO', 'STOP'),
    expected: { childIds: ['kid-1'], children: { 'kid-1': { context: { n: 6 } } } },
  },
  {
    title: 'a spawned child keeps its own timers',
    machine: () =>
      noting
        .createMachine({
          id: 'spawned-timers',
          version: '1',
          context: empty,
          entry: spawnChild('sleeper', { id: 'kid' }),
          on: { 'xstate.done.actor.kid': { actions: note('awake') }, STOP: { actions: stopChild('kid') } },
        })
        .provide({
          actors: {
            sleeper: of<object>().createMachine({
              id: 'sleepy',
              version: '1',
              initial: 'a',
              states: { a: { after: { 100: 'z' } }, z: { type: 'final' } },
            }),
          },
        }),
    script: [advance(99), advance(1)],
    expected: { context: { log: ['awake'] } },
  },
  {
    title: 'a stopped child hears of no timer and sends no end',
    machine: () =>
      noting
        .createMachine({
          id: 'stopped-timers',
          version: '1',
          context: empty,
          initial: 'on',
          entry: spawnChild('sleeper', { id: 'kid' }),
          on: { 'xstate.done.actor.kid': { actions: note('awake') } },
          states: { on: { on: { STOP: { target: 'off', actions: stopChild('kid') } } }, off: {} },
        })
        .provide({
          actors: {
            sleeper: of<object>().createMachine({
              id: 'sleepy',
              version: '1',
              initial: 'a',
              states: { a: { after: { 100: 'z' } }, z: { type: 'final' } },
            }),
          },
        }),
    script: [send('STOP'), advance(1_000)],
    expected: { value: 'off', context: { log: [] }, childIds: [] },
  },
  {
    title: 'children of children stop with them',
    machine: (outside) =>
      of<object>({
        actors: {
          middle: of<object>({ actors: { source: outside.callback('source') } }).createMachine({
            id: 'middle',
            version: '1',
            entry: spawnChild('source', { id: 'spawned' }),
            invoke: { src: 'source', id: 'invoked' },
          }),
        },
      }).createMachine({
        id: 'family',
        version: '1',
        initial: 'on',
        states: { on: { invoke: { src: 'middle', id: 'middle' }, on: { OFF: 'off' } }, off: {} },
      }),
    script: [send('OFF')],
    expected: { value: 'off', lives: ['source begins', 'source begins', 'source ends', 'source ends'] },
  },
  {
    title: 'a context factory of a child may use its input and spawn',
    machine: () =>
      of<object>({
        actors: {
          middle: of<{ refs: readonly AnyActorRef[] }, { kids: number }>({ actors: { counter } }).createMachine({
            id: 'factory-of-child',
            version: '1',
            context: ({ input, spawn }) => ({
              refs: Array.from({ length: input.kids }, (_, n) => spawn('counter', { id: `kid-${n}`, input: { from: n } })),
            }),
            on: { ADD: { actions: sendTo(({ context }) => context.refs[1] as AnyActorRef, { type: 'ADD' }) } },
          }),
        },
      }).createMachine({
        id: 'grandparent',
        version: '1',
        invoke: { src: 'middle', id: 'middle', input: { kids: 3 } },
        on: pass('middle', 'ADD'),
      }),
    script: [send('ADD')],
    expected: {
      children: {
        middle: { children: { 'kid-0': { context: { n: 0 } }, 'kid-1': { context: { n: 2 } }, 'kid-2': { context: { n: 2 } } } },
      },
    },
  },
  {
    title: 'a child of a transition function is spawned by name',
    machine: () =>
      of<object>({
        actors: {
          tally: fromTransition(
            (state: { n: number }, event: AnyEventObject) => (event.type === 'ADD' ? { n: state.n + 1 } : state),
            ({ input }: { input: number }) => ({ n: input }),
          ),
        },
      }).createMachine({
        id: 'spawned-transition',
        version: '1',
        entry: spawnChild('tally', { id: 'tally', input: 5 }),
        on: pass('tally', 'ADD'),
      }),
    script: sendEach('ADD', 'ADD'),
    expected: { children: { tally: { context: { n: 7 } } } },
  },
];
