/** Corners of children: what is begun, stopped and said within one step. */
import { assign, cancel, emit, fromCallback, raise, sendParent, sendTo, spawnChild, stopChild } from 'xstate';
import type { AnyActorRef } from 'xstate';
import { errorOf } from '../../support/world.ts';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, fail, next, send, sendEach, succeed } from '../differential-case.ts';
import { empty, note, noting, of, pass } from '../noting.ts';

const listener = noting.createMachine({ id: 'listener', version: '1', context: empty, on: { '*': { actions: 'noteEvent' } } });

/** Says back that it heard. */
const confirmer = of<object>().createMachine({
  id: 'confirmer',
  version: '1',
  on: { '*': { actions: sendParent(({ event }) => ({ type: `GOT.${event.type}` })) } },
});

const ender = of<object>().createMachine({
  id: 'ender',
  version: '1',
  initial: 'on',
  states: { on: { on: { END: 'off' } }, off: { type: 'final' } },
});

export const childCorners: readonly DifferentialCase[] = [
  {
    title: 'a child whose state is left and entered again within one step begins anew',
    machine: (outside) =>
      of<object>({ actors: { source: outside.callback('source') } }).createMachine({
        id: 'left-and-entered',
        version: '1',
        initial: 'a',
        states: {
          a: { invoke: { src: 'source', id: 'source' }, on: { GO: { target: 'b', actions: raise({ type: 'BACK' }) } } },
          b: { on: { BACK: 'a' } },
        },
      }),
    script: [send('GO')],
    expected: { value: 'a', lives: ['source begins', 'source ends', 'source begins'], childIds: ['source'] },
  },
  {
    title: 'the root invokes anew on reenter only',
    machine: (outside) =>
      of<object>({ actors: { source: outside.callback('source') } }).createMachine({
        id: 'root-invokes',
        version: '1',
        invoke: { src: 'source', id: 'source' },
        initial: 'a',
        states: { a: {}, b: {} },
        on: { B: '.b', RE: { target: '.a', reenter: true } },
      }),
    script: sendEach('B', 'RE'),
    expected: { value: 'a', lives: ['source begins', 'source ends', 'source begins'] },
  },
  {
    title: 'a message on exit reaches the child that is stopped by it',
    machine: () =>
      noting.createMachine({
        id: 'exit-message',
        version: '1',
        context: empty,
        initial: 'on',
        on: { 'GOT.BYE': { actions: 'noteEvent' } },
        states: { on: { invoke: { src: confirmer, id: 'kid' }, exit: sendTo('kid', { type: 'BYE' }), on: { OFF: 'off' } }, off: {} },
      }),
    script: [send('OFF')],
    expected: { value: 'off', context: { log: ['GOT.BYE'] }, childIds: [] },
  },
  {
    title: 'a child that ends by the last word before it is stopped',
    machine: () =>
      noting.createMachine({
        id: 'last-word',
        version: '1',
        context: empty,
        invoke: { src: ender, id: 'kid', onDone: { actions: 'noteEvent' } },
        on: { GO: { actions: [sendTo('kid', { type: 'END' }), stopChild('kid')] } },
      }),
    script: [send('GO')],
    expected: { context: { log: ['xstate.done.actor.kid'] }, childIds: [] },
    difference: { of: 'the end of a child whose state was left is not heard of', durable: { context: { log: [] }, childIds: [] } },
  },
  {
    title: 'a child that is told to stop its siblings by its parent in one step',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'stop-sibling',
        version: '1',
        entry: [spawnChild('listener', { id: 'a' }), spawnChild('listener', { id: 'b' })],
        on: { GO: { actions: [sendTo('a', { type: 'ONE' }), stopChild('b'), sendTo('a', { type: 'TWO' })] } },
      }),
    script: [send('GO')],
    expected: { childIds: ['a'], children: { a: { context: { log: ['ONE', 'TWO'] } } } },
  },
  {
    title: 'a delayed message to a child just begun can be cancelled, one without delay cannot',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'just-begun',
        version: '1',
        initial: 'a',
        states: {
          a: { on: { GO: 'b' } },
          b: {
            invoke: { src: 'listener', id: 'kid' },
            entry: [
              sendTo('kid', { type: 'DELAYED' }, { id: 'delayed', delay: 10 }),
              sendTo('kid', { type: 'DIRECT' }, { id: 'direct' }),
              cancel('delayed'),
              cancel('direct'),
            ],
          },
        },
      }),
    script: [send('GO'), advance(10)],
    expected: { value: 'b', children: { kid: { context: { log: ['DIRECT'] } } } },
  },
  {
    title: 'done events reach only the state that invoked',
    machine: (outside) =>
      noting.createMachine({
        id: 'own-done',
        version: '1',
        context: empty,
        type: 'parallel',
        states: {
          a: {
            initial: 'x',
            states: { x: { invoke: { src: outside.activity('first'), onDone: { target: 'y', actions: note('a') } } }, y: {} },
          },
          b: {
            initial: 'x',
            states: { x: { invoke: { src: outside.activity('second'), onDone: { target: 'y', actions: note('b') } } }, y: {} },
          },
        },
      }),
    script: [succeed('second')],
    expected: { value: { a: 'x', b: 'y' }, context: { log: ['b'] } },
  },
  {
    title: 'partial wildcards hear of the ends of actors',
    machine: (outside) =>
      of<{ heard: readonly string[] }>({ actors: { work: outside.activity('work'), bad: outside.activity('bad') } }).createMachine({
        id: 'wild-done',
        version: '1',
        context: { heard: [] },
        entry: [spawnChild('work', { id: 'good' }), spawnChild('bad', { id: 'bad' })],
        on: {
          'xstate.done.actor.*': { actions: assign({ heard: ({ context, event }) => [...context.heard, event.type] }) },
          'xstate.error.*': { actions: assign({ heard: ({ context, event }) => [...context.heard, event.type] }) },
        },
      }),
    script: [fail('bad', errorOf('Refused', 'no')), succeed('work')],
    expected: { status: 'active', context: { heard: ['xstate.error.actor.bad', 'xstate.done.actor.good'] } },
  },
  {
    title: 'syncSnapshot of a spawned child tells its parent of each snapshot',
    machine: () =>
      of<{ seen: readonly unknown[] }>({ actors: { listener } }).createMachine({
        id: 'synced',
        version: '1',
        context: { seen: [] },
        on: {
          GO: { actions: spawnChild('listener', { id: 'kid', syncSnapshot: true }) },
          ...pass('kid', 'A', 'B'),
          'xstate.snapshot.kid': {
            actions: assign({
              seen: ({ context, event }) => [
                ...context.seen,
                (event['snapshot'] as { context: { log: readonly string[] } }).context.log.length,
              ],
            }),
          },
        },
      }),
    script: sendEach('GO', 'A', 'B'),
    expected: { context: { seen: [0, 1, 2] } },
  },
  {
    title: 'an invoked child can be stopped by hand and its state be left then',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'stopped-by-hand',
        version: '1',
        initial: 'on',
        states: {
          on: { invoke: { src: 'listener', id: 'kid' }, on: { STOP: { actions: stopChild('kid') }, OFF: 'off' } },
          off: { on: { ON: 'on' } },
        },
      }),
    script: sendEach('STOP', 'OFF', 'ON', 'STOP'),
    expected: { value: 'on', childIds: [] },
  },
  {
    title: 'history enters a state with a child, which begins anew',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'history-child',
        version: '1',
        initial: 'on',
        states: {
          on: {
            initial: 'a',
            states: { a: { on: { N: 'b' } }, b: { invoke: { src: 'listener', id: 'kid' }, on: pass('kid', 'E') }, h: { type: 'history' } },
            on: { OFF: 'off' },
          },
          off: { on: { ON: 'on.h' } },
        },
      }),
    script: sendEach('N', 'E', 'E', 'OFF', 'ON', 'E'),
    expected: { value: { on: 'b' }, children: { kid: { context: { log: ['E'] } } } },
  },
  {
    title: 'both regions of a parallel state send to one child in one step',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'both-send',
        version: '1',
        type: 'parallel',
        invoke: { src: 'listener', id: 'kid' },
        states: {
          a: { on: { E: { actions: [sendTo('kid', { type: 'A1' }), sendTo('kid', { type: 'A2' })] } } },
          b: { on: { E: { actions: sendTo('kid', { type: 'B' }) } } },
        },
      }),
    script: [send('E')],
    expected: { children: { kid: { context: { log: ['A1', 'A2', 'B'] } } } },
  },
  {
    title: 'three actors that speak to one another within one step',
    machine: () =>
      of<object>({
        actors: {
          speaker: of<object>().createMachine({
            id: 'speaker',
            version: '1',
            on: {
              GO: {
                actions: [
                  sendTo(({ system }) => system.get('relay') as AnyActorRef, { type: 'RELAY' }),
                  sendTo(({ system }) => system.get('ear') as AnyActorRef, { type: 'DIRECT' }),
                ],
              },
            },
          }),
          relay: of<object>().createMachine({
            id: 'relay',
            version: '1',
            on: { RELAY: { actions: sendTo(({ system }) => system.get('ear') as AnyActorRef, { type: 'RELAYED' }) } },
          }),
          ear: noting.createMachine({ id: 'ear', version: '1', context: empty, on: { '*': { actions: 'noteEvent' } } }),
        },
      }).createMachine({
        id: 'three',
        version: '1',
        invoke: [
          { src: 'ear', id: 'ear', systemId: 'ear' },
          { src: 'relay', id: 'relay', systemId: 'relay' },
          { src: 'speaker', id: 'speaker' },
        ],
        on: pass('speaker', 'GO'),
      }),
    script: [send('GO')],
    expected: { children: { ear: { context: { log: ['RELAYED', 'DIRECT'] } } } },
  },
  {
    title: 'an exit action of an ending child speaks to a grandchild before it is stopped',
    machine: (outside) =>
      of<object>({
        actors: {
          middle: of<object>({ actors: { source: outside.callback('source') } }).createMachine({
            id: 'middle',
            version: '1',
            invoke: { src: 'source', id: 'source' },
            exit: sendTo('source', { type: 'FAREWELL' }),
            initial: 'a',
            states: { a: { on: { END: 'z' } }, z: { type: 'final' } },
          }),
        },
      }).createMachine({
        id: 'farewell',
        version: '1',
        initial: 'on',
        states: { on: { invoke: { src: 'middle', id: 'middle', onDone: 'off' }, on: pass('middle', 'END') }, off: {} },
      }),
    script: [send('END')],
    expected: { value: 'off', lives: ['source begins', 'source hears FAREWELL', 'source ends'] },
  },
  {
    title: 'an actor that throws what is no Error',
    machine: () =>
      of<{ got: unknown }>({
        actors: {
          source: fromCallback(() => {
            throwAnything({ code: 7 });
          }),
        },
      }).createMachine({
        id: 'throws-anything',
        version: '1',
        context: { got: null },
        initial: 'off',
        states: {
          off: { on: { ON: 'on' } },
          on: { invoke: { src: 'source', onError: { target: 'failed', actions: assign({ got: ({ event }) => event.error }) } } },
          failed: {},
        },
      }),
    script: [send('ON')],
    expected: { value: 'failed', context: { got: { code: 7 } } },
  },
  {
    title: 'a callback emits, and its parent does not',
    machine: () =>
      of<object>({
        actors: {
          source: fromCallback(({ emit: say, receive }) => {
            receive(() => say({ type: 'BY_CALLBACK' }));
          }),
        },
      }).createMachine({
        id: 'callback-emits',
        version: '1',
        invoke: { src: 'source', id: 'source' },
        on: { E: { actions: [sendTo('source', { type: 'HELLO' }), emit({ type: 'BY_PARENT' })] } },
      }),
    script: [send('E')],
    expected: { emitted: [{ type: 'BY_PARENT' }] },
  },
  {
    title: 'a parent reads the new snapshot of a child that speaks to it',
    machine: () =>
      of<{ ref: AnyActorRef; read: unknown }>({
        actors: {
          kid: of<{ n: number }>().createMachine({
            id: 'reporting',
            version: '1',
            context: { n: 0 },
            on: { ADD: { actions: [assign({ n: ({ context }) => context.n + 1 }), sendParent({ type: 'ADDED' })] } },
          }),
        },
      }).createMachine({
        id: 'reads-new',
        version: '1',
        context: ({ spawn }) => ({ ref: spawn('kid', { id: 'kid' }), read: null }),
        on: {
          ...pass('kid', 'ADD'),
          ADDED: { actions: assign({ read: ({ context }) => (context.ref.getSnapshot() as { context: { n: number } }).context.n }) },
        },
      }),
    script: sendEach('ADD', 'ADD'),
    expected: { context: { read: 2 } },
  },
  {
    title: 'fifty spawned children are told one by one and end one by one',
    machine: () =>
      of<{ ended: number }>({
        actors: {
          kid: of<object>().createMachine({
            id: 'one-of-many',
            version: '1',
            initial: 'a',
            states: { a: { on: { END: 'z' } }, z: { type: 'final' } },
          }),
        },
      }).createMachine({
        id: 'fifty',
        version: '1',
        context: { ended: 0 },
        entry: Array.from({ length: 50 }, (_, n) => spawnChild('kid', { id: `kid-${n}` })),
        on: {
          ALL: { actions: Array.from({ length: 50 }, (_, n) => sendTo(`kid-${n}`, { type: 'END' })) },
          'xstate.done.actor.*': { actions: assign({ ended: ({ context }) => context.ended + 1 }) },
        },
      }),
    script: [send('ALL')],
    expected: { context: { ended: 50 } },
  },
  {
    title: 'a child that fails stops its brothers only if nobody handles it',
    machine: (outside) => {
      const make = (name: string, isHandled: boolean) =>
        of<object>({ actors: { work: outside.activity(name), source: outside.callback(`source of ${name}`) } }).createMachine({
          id: name,
          version: '1',
          invoke: [
            { src: 'source', id: 'source' },
            { src: 'work', id: 'work', ...(isHandled ? { onError: { actions: () => undefined } } : {}) },
          ],
        });
      return of<{ log: readonly string[] }>({
        actors: { handling: make('handling', true), failing: make('failing', false) },
      }).createMachine({
        id: 'brothers',
        version: '1',
        context: { log: [] },
        invoke: [
          { src: 'handling', id: 'handling', onError: { actions: assign({ log: ({ context }) => [...context.log, 'handling failed'] }) } },
          { src: 'failing', id: 'failing', onError: { actions: assign({ log: ({ context }) => [...context.log, 'failing failed'] }) } },
        ],
      });
    },
    script: [fail('handling', errorOf('Refused', 'a')), fail('failing', errorOf('Refused', 'b'))],
    expected: {
      context: { log: ['failing failed'] },
      lives: ['source of handling begins', 'source of failing begins', 'source of failing ends'],
    },
  },
  {
    title: 'sendTo with a delay of context and sendParent with a named one',
    machine: () =>
      of<{ ms: number; heard: readonly string[] }>({ actors: { confirmer } }).createMachine({
        id: 'delays-between',
        version: '1',
        context: { ms: 30, heard: [] },
        invoke: { src: 'confirmer', id: 'kid' },
        on: {
          GO: { actions: [sendTo('kid', { type: 'HI' }, { delay: ({ context }) => context.ms }), assign({ ms: 1 })] },
          'GOT.HI': { actions: assign({ heard: ({ context, event }) => [...context.heard, event.type] }) },
        },
      }),
    script: [send('GO'), advance(29), advance(1)],
    expected: { context: { ms: 1, heard: ['GOT.HI'] } },
  },
  {
    title: 'a source that was restarted by reenter is not heard of twice',
    machine: (outside) =>
      noting.createMachine({
        id: 'not-twice',
        version: '1',
        context: empty,
        initial: 'on',
        states: {
          on: {
            invoke: { src: outside.eventObservable('source'), id: 'source' },
            on: { TICK: { actions: note('tick') }, RE: { target: 'on', reenter: true } },
          },
        },
      }),
    script: [next('source', { type: 'TICK' }), send('RE'), next('source', { type: 'TICK' })],
    expected: { context: { log: ['tick', 'tick'] }, lives: ['source begins', 'source ends', 'source begins'] },
  },
];

/** Whatever is thrown has to come through, Error or not. */
function throwAnything(what: unknown): never {
  throw what as Error;
}
