/** Callbacks and observables. */
import { assign, fromCallback, fromEventObservable, fromObservable, fromTransition } from 'xstate';
import type { AnyActorRef, AnyEventObject } from 'xstate';
import { errorOf } from '../../support/world.ts';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, complete, failSource, next, send, sendEach } from '../differential-case.ts';
import { empty, note, noting, of, pass } from '../noting.ts';

export const callbacks: readonly DifferentialCase[] = [
  {
    title: 'a callback sends events back',
    machine: (outside) =>
      of<{ got: readonly unknown[] }>({ actors: { source: outside.callback('source') } }).createMachine({
        id: 'callback',
        version: '1',
        context: { got: [] },
        invoke: { src: 'source', id: 'source', input: { every: 5 } },
        on: { TICK: { actions: assign({ got: ({ context, event }) => [...context.got, event['n'] as number] }) } },
      }),
    script: [next('source', { type: 'TICK', n: 1 }), next('source', { type: 'OTHER' }), next('source', { type: 'TICK', n: 2 })],
    expected: { context: { got: [1, 2] }, lives: ['source begins {"every":5}'] },
  },
  {
    title: 'a callback hears what is sent to it and is cleaned up when its state is left',
    machine: (outside) =>
      of<object>({ actors: { source: outside.callback('source') } }).createMachine({
        id: 'callback-hears',
        version: '1',
        initial: 'on',
        states: {
          on: { invoke: { src: 'source', id: 'source' }, on: { ...pass('source', 'HEAR', 'THIS'), OFF: 'off' } },
          off: { on: { ON: 'on' } },
        },
      }),
    script: sendEach('HEAR', 'THIS', 'OFF', 'ON', 'HEAR'),
    expected: {
      value: 'on',
      lives: ['source begins', 'source hears HEAR', 'source hears THIS', 'source ends', 'source begins', 'source hears HEAR'],
    },
  },
  {
    title: 'a callback that throws at its start reaches onError',
    machine: () =>
      of<{ got: unknown }>({
        actors: {
          source: fromCallback(() => {
            throw errorOf('NoSource', 'there is none');
          }),
        },
      }).createMachine({
        id: 'callback-throws',
        version: '1',
        context: { got: null },
        initial: 'off',
        states: {
          off: { on: { ON: 'on' } },
          on: { invoke: { src: 'source', id: 'source', onError: { target: 'failed', actions: 'keep' } } },
          failed: {},
        },
      }),
    script: [send('ON')],
    expected: { value: 'failed', context: { got: 'there is none' } },
  },
  {
    title: 'a callback that throws unheard fails the machine',
    machine: () =>
      of<object>({
        actors: {
          source: fromCallback(() => {
            throw errorOf('NoSource', 'there is none');
          }),
        },
      }).createMachine({
        id: 'callback-unheard',
        version: '1',
        initial: 'off',
        states: { off: { on: { ON: 'on' } }, on: { invoke: { src: 'source' } } },
      }),
    script: [send('ON')],
    expected: { status: 'error', error: { name: 'NoSource' } },
  },
  {
    title: 'a callback sends back at once',
    machine: () =>
      noting.createMachine({
        id: 'callback-at-once',
        version: '1',
        context: empty,
        initial: 'off',
        states: {
          off: { on: { ON: 'on' } },
          on: {
            invoke: {
              src: fromCallback(({ sendBack }) => {
                sendBack({ type: 'ONE' });
                sendBack({ type: 'TWO' });
              }),
            },
            on: { ONE: { actions: 'noteEvent' }, TWO: { target: 'end', actions: 'noteEvent' } },
          },
          end: {},
        },
      }),
    script: [send('ON')],
    expected: { value: 'end', context: { log: ['ONE', 'TWO'] } },
  },
  {
    title: 'what a stopped callback sends back is not heard',
    machine: (outside) =>
      noting.createMachine({
        id: 'callback-late',
        version: '1',
        context: empty,
        initial: 'on',
        on: { TICK: { actions: note('tick') } },
        states: { on: { invoke: { src: outside.callback('source'), id: 'source' }, on: { OFF: 'off' } }, off: {} },
      }),
    script: [next('source', { type: 'TICK' }), send('OFF'), next('source', { type: 'TICK' })],
    expected: { value: 'off', context: { log: ['tick'] } },
  },
  {
    title: 'a callback answers what it receives',
    machine: () =>
      noting.createMachine({
        id: 'callback-answers',
        version: '1',
        context: empty,
        invoke: {
          id: 'echo',
          src: fromCallback(({ sendBack, receive }) => {
            receive((event: AnyEventObject) => sendBack({ type: `${event.type}.ECHO` }));
          }),
        },
        on: { ...pass('echo', 'CALL'), 'CALL.ECHO': { actions: 'noteEvent' } },
      }),
    script: sendEach('CALL', 'CALL'),
    expected: { context: { log: ['CALL.ECHO', 'CALL.ECHO'] } },
  },
  {
    title: 'a callback of a child machine speaks to the child',
    machine: (outside) =>
      of<object>({
        actors: {
          kid: noting.createMachine({
            id: 'kid',
            version: '1',
            context: empty,
            invoke: { src: outside.callback('source'), id: 'source' },
            on: { TICK: { actions: note('tick') } },
          }),
        },
      }).createMachine({ id: 'callback-of-child', version: '1', invoke: { src: 'kid', id: 'kid' } }),
    script: [next('source', { type: 'TICK' })],
    expected: { children: { kid: { context: { log: ['tick'] } } } },
  },
];

export const observables: readonly DifferentialCase[] = [
  {
    title: 'an observable shows its values in snapshots',
    machine: (outside) =>
      of<{ seen: readonly unknown[] }>({ actors: { source: outside.observable('source') } }).createMachine({
        id: 'observable',
        version: '1',
        context: { seen: [] },
        invoke: {
          src: 'source',
          id: 'source',
          input: { of: 'it' },
          onSnapshot: {
            actions: assign({
              seen: ({ context, event }) => [...context.seen, (event.snapshot as unknown as { context: unknown }).context],
            }),
          },
        },
      }),
    script: [next('source', 1), next('source', { two: 2 })],
    expected: { context: { seen: [undefined, 1, { two: 2 }] }, lives: ['source begins {"of":"it"}'] },
    isSpoiltByCrashes: true,
  },
  {
    title: 'an observable completes',
    machine: (outside) =>
      of<{ got: unknown }>({ actors: { source: outside.observable('source') } }).createMachine({
        id: 'observable-done',
        version: '1',
        context: { got: 'nothing' },
        initial: 'on',
        states: { on: { invoke: { src: 'source', id: 'source', onDone: { target: 'done', actions: 'keep' } } }, done: {} },
      }),
    script: [next('source', 7), complete('source')],
    expected: { value: 'done', context: { got: undefined } },
    isSpoiltByCrashes: true,
  },
  {
    title: 'an observable fails',
    machine: (outside) =>
      of<{ got: unknown }>({ actors: { source: outside.observable('source') } }).createMachine({
        id: 'observable-fails',
        version: '1',
        context: { got: null },
        initial: 'on',
        states: { on: { invoke: { src: 'source', id: 'source', onError: { target: 'failed', actions: 'keep' } } }, failed: {} },
      }),
    script: [failSource('source', errorOf('Dry', 'ran dry'))],
    expected: { value: 'failed', context: { got: 'ran dry' } },
  },
  {
    title: 'an observable is left when its state is',
    machine: (outside) =>
      noting.createMachine({
        id: 'observable-left',
        version: '1',
        context: empty,
        initial: 'on',
        states: {
          on: { invoke: { src: outside.observable('source'), id: 'source', onSnapshot: { actions: note('seen') } }, on: { OFF: 'off' } },
          off: {},
        },
      }),
    script: [next('source', 1), send('OFF'), next('source', 2)],
    expected: { value: 'off', lives: ['source begins', 'source ends'], context: { log: ['seen', 'seen'] } },
    isSpoiltByCrashes: true,
  },
  {
    title: 'an event observable sends its events to its parent',
    machine: (outside) =>
      of<{ sum: number }>({ actors: { source: outside.eventObservable('source') } }).createMachine({
        id: 'event-observable',
        version: '1',
        context: { sum: 0 },
        initial: 'on',
        states: { on: { invoke: { src: 'source', id: 'source', onDone: 'done' } }, done: {} },
        on: { ADD: { actions: assign({ sum: ({ context, event }) => context.sum + (event['n'] as number) }) } },
      }),
    script: [next('source', { type: 'ADD', n: 3 }), next('source', { type: 'ADD', n: 4 }), complete('source')],
    expected: { value: 'done', context: { sum: 7 } },
  },
  {
    title: 'an event observable fails',
    machine: (outside) =>
      of<{ got: unknown }>({ actors: { source: outside.eventObservable('source') } }).createMachine({
        id: 'event-observable-fails',
        version: '1',
        context: { got: null },
        initial: 'on',
        states: { on: { invoke: { src: 'source', id: 'source', onError: { target: 'failed', actions: 'keep' } } }, failed: {} },
      }),
    script: [failSource('source', errorOf('Dry', 'ran dry'))],
    expected: { value: 'failed', context: { got: 'ran dry' } },
  },
  {
    title: 'observables that complete at once',
    machine: () =>
      noting.createMachine({
        id: 'complete-at-once',
        version: '1',
        context: empty,
        initial: 'off',
        states: {
          off: { on: { ON: 'values' } },
          values: {
            invoke: {
              src: fromObservable(() => ({ subscribe: immediately([{ type: 'V' }]) })),
              onDone: { target: 'events', actions: note('values') },
            },
          },
          events: {
            invoke: {
              src: fromEventObservable(() => ({ subscribe: immediately([{ type: 'E' }]) })),
              onDone: { target: 'end', actions: note('events') },
            },
            on: { E: { actions: 'noteEvent' } },
          },
          end: {},
        },
      }),
    script: [send('ON')],
    expected: { value: 'end', context: { log: ['values', 'E', 'events'] } },
  },
];

/** A subscription that says all it has at once. */
function immediately(values: readonly AnyEventObject[]) {
  return (observer: unknown): { unsubscribe: () => void } => {
    const { next: hear, complete: end } = observer as { next?: (value: AnyEventObject) => void; complete?: () => void };
    for (const value of values) hear?.(value);
    end?.();
    return { unsubscribe: () => undefined };
  };
}

/** Counts to three on timers. */
const counting = of<{ n: number }>().createMachine({
  id: 'counting',
  version: '1',
  context: { n: 0 },
  initial: 'counting',
  states: {
    counting: {
      always: { guard: ({ context }) => context.n >= 3, target: 'enough' },
      after: { 10: { target: 'counting', reenter: true, actions: assign({ n: ({ context }) => context.n + 1 }) } },
    },
    enough: { type: 'final' },
  },
});

export const watching: readonly DifferentialCase[] = [
  {
    title: 'onSnapshot of a machine sees each of its snapshots',
    machine: () =>
      of<{ seen: readonly unknown[] }>({ actors: { counting } }).createMachine({
        id: 'watches-machine',
        version: '1',
        context: { seen: [] },
        initial: 'on',
        states: {
          on: {
            invoke: {
              src: 'counting',
              id: 'kid',
              onSnapshot: {
                actions: assign({
                  seen: ({ context, event }) => {
                    const { value, status } = event.snapshot as unknown as { value: string; status: string; context: { n: number } };
                    return [...context.seen, [value, status, (event.snapshot as unknown as { context: { n: number } }).context.n]];
                  },
                }),
              },
              onDone: 'done',
            },
          },
          done: {},
        },
      }),
    script: [advance(10), advance(10), advance(10)],
    expected: {
      value: 'done',
      context: {
        seen: [
          ['counting', 'active', 0],
          ['counting', 'active', 1],
          ['counting', 'active', 2],
        ],
      },
    },
  },
  {
    title: 'onSnapshot of a transition function',
    machine: () =>
      noting
        .createMachine({
          id: 'watches-transition',
          version: '1',
          context: empty,
          invoke: {
            src: 'tally',
            id: 'tally',
            onSnapshot: [
              { guard: ({ event }) => (event.snapshot as unknown as { context: number }).context > 1, actions: note('more than one') },
              { actions: note('one or less') },
            ],
          },
          on: pass('tally', 'ADD'),
        })
        .provide({ actors: { tally: fromTransition((n: number, event: AnyEventObject) => (event.type === 'ADD' ? n + 1 : n), 0) } }),
    script: sendEach('ADD', 'ADD', 'ADD'),
    expected: { context: { log: ['one or less', 'one or less', 'more than one', 'more than one'] } },
  },
  {
    title: 'onSnapshot may leave the state that invoked',
    machine: (outside) =>
      noting.createMachine({
        id: 'watch-and-leave',
        version: '1',
        context: empty,
        initial: 'on',
        states: {
          on: {
            invoke: {
              src: outside.observable('source'),
              id: 'source',
              onSnapshot: {
                guard: ({ event }) => (event.snapshot as unknown as { context: unknown }).context === 'enough',
                target: 'off',
                actions: 'noteEvent',
              },
            },
          },
          off: {},
        },
      }),
    script: [next('source', 'some'), next('source', 'enough')],
    expected: { value: 'off', context: { log: ['xstate.snapshot.source'] } },
    isSpoiltByCrashes: true,
  },
  {
    title: 'an assign reads the snapshot of a child kept in context',
    machine: () =>
      of<{ ref: AnyActorRef; read: unknown }>({ actors: { counting } }).createMachine({
        id: 'reads-child',
        version: '1',
        context: ({ spawn }) => ({ ref: spawn('counting', { id: 'kid' }), read: null }),
        on: { READ: { actions: assign({ read: ({ context }) => (context.ref.getSnapshot() as { context: { n: number } }).context.n }) } },
      }),
    script: [advance(10), send('READ'), advance(10), send('READ')],
    expected: { context: { read: 2 } },
  },
];
