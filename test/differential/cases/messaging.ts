/** Messages between actors: sendTo, sendParent, forwardTo, siblings, delays. */
import { assign, cancel, forwardTo, raise, sendParent, sendTo, spawnChild, stopChild } from 'xstate';
import type { AnyActorRef } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, send, sendEach } from '../differential-case.ts';
import { empty, note, noting, of, pass } from '../noting.ts';

/** Notes the type of everything it hears. */
const listener = noting.createMachine({ id: 'listener', version: '1', context: empty, on: { '*': { actions: 'noteEvent' } } });

/** Answers PING with PONG. */
const ponger = of<{ n: number }>().createMachine({
  id: 'ponger',
  version: '1',
  context: { n: 0 },
  on: {
    PING: { actions: [assign({ n: ({ context }) => context.n + 1 }), sendParent(({ context }) => ({ type: 'PONG', n: context.n }))] },
    LATER: { actions: sendParent({ type: 'PONG', n: -1 }, { delay: 100, id: 'later' }) },
    FORGET: { actions: cancel('later') },
  },
});

export const messaging: readonly DifferentialCase[] = [
  {
    title: 'sendTo by id, reference, function and with an event of context',
    machine: () =>
      of<{ ref: AnyActorRef; n: number }>({ actors: { listener } }).createMachine({
        id: 'send-to',
        version: '1',
        context: ({ spawn }) => ({ ref: spawn('listener', { id: 'kid' }), n: 3 }),
        on: {
          ID: { actions: sendTo('kid', { type: 'BY_ID' }) },
          REF: { actions: sendTo(({ context }) => context.ref, { type: 'BY_REF' }) },
          FUNCTION: {
            actions: sendTo(
              () => 'kid',
              ({ context, event }) => ({ type: `${event.type}.${context.n}` }),
            ),
          },
        },
      }),
    script: sendEach('ID', 'REF', 'FUNCTION'),
    expected: { children: { kid: { context: { log: ['BY_ID', 'BY_REF', 'FUNCTION.3'] } } } },
  },
  {
    title: 'sendTo self comes after the step',
    machine: () =>
      noting.createMachine({
        id: 'send-self',
        version: '1',
        context: empty,
        initial: 'a',
        states: {
          a: { on: { GO: { target: 'b', actions: [sendTo(({ self }) => self, { type: 'OWN' }), raise({ type: 'RAISED' }), note('go')] } } },
          b: { on: { RAISED: { target: 'c', actions: note('raised') }, OWN: { actions: note('own in b') } } },
          c: { on: { OWN: { target: 'd', actions: note('own in c') } } },
          d: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'd', context: { log: ['go', 'raised', 'own in c'] } },
  },
  {
    title: 'a child asks, its parent answers',
    machine: () =>
      of<{ heard: readonly number[] }>({ actors: { ponger } }).createMachine({
        id: 'ping',
        version: '1',
        context: { heard: [] },
        invoke: { src: 'ponger', id: 'kid' },
        on: {
          ...pass('kid', 'PING'),
          PONG: { actions: assign({ heard: ({ context, event }) => [...context.heard, event['n'] as number] }) },
        },
      }),
    script: sendEach('PING', 'PING'),
    expected: { context: { heard: [1, 2] } },
  },
  {
    title: 'ping and pong between parent and child to an end',
    machine: () =>
      of<{ n: number }>({ actors: { ponger } }).createMachine({
        id: 'rally',
        version: '1',
        context: { n: 0 },
        invoke: { src: 'ponger', id: 'kid' },
        initial: 'play',
        states: {
          play: {
            on: {
              SERVE: { actions: sendTo('kid', { type: 'PING' }) },
              PONG: [
                { guard: ({ event }) => (event['n'] as number) >= 10, target: 'over' },
                { actions: [assign({ n: ({ event }) => event['n'] as number }), sendTo('kid', { type: 'PING' })] },
              ],
            },
          },
          over: {},
        },
      }),
    script: [send('SERVE')],
    expected: { value: 'over', context: { n: 9 }, children: { kid: { context: { n: 10 } } } },
  },
  {
    title: 'forwardTo passes the event on as it is',
    machine: () =>
      of<{ to: string }>({
        actors: {
          keeper: of<{ got: unknown }>().createMachine({
            id: 'keeper',
            version: '1',
            context: { got: null },
            on: { '*': { actions: assign({ got: ({ event }) => event }) } },
          }),
        },
      }).createMachine({
        id: 'forwards',
        version: '1',
        context: { to: 'b' },
        invoke: [
          { src: 'keeper', id: 'a' },
          { src: 'keeper', id: 'b' },
        ],
        on: { STATIC: { actions: forwardTo('a') }, DYNAMIC: { actions: forwardTo(({ context }) => context.to) } },
      }),
    script: [send('STATIC', { x: { y: 1 } }), send('DYNAMIC', { z: [2] })],
    expected: {
      children: { a: { context: { got: { type: 'STATIC', x: { y: 1 } } } }, b: { context: { got: { type: 'DYNAMIC', z: [2] } } } },
    },
  },
  {
    title: 'siblings talk by references given as input',
    machine: () =>
      of<{ listener: AnyActorRef | null }>({
        actors: {
          listener,
          talker: of<{ to: AnyActorRef }, { to: AnyActorRef }>().createMachine({
            id: 'talker',
            version: '1',
            context: ({ input }) => ({ to: input.to }),
            on: { TALK: { actions: sendTo(({ context }) => context.to, { type: 'HELLO' }) } },
          }),
        },
      }).createMachine({
        id: 'siblings',
        version: '1',
        context: ({ spawn }) => ({ listener: spawn('listener', { id: 'listener' }) }),
        entry: spawnChild('talker', {
          id: 'talker',
          input: ({ context }: { context: { listener: AnyActorRef | null } }) => ({ to: context.listener }),
        }),
        on: pass('talker', 'TALK'),
      }),
    script: sendEach('TALK', 'TALK'),
    expected: { children: { listener: { context: { log: ['HELLO', 'HELLO'] } }, talker: { context: { to: { reference: 'listener' } } } } },
  },
  {
    title: 'a reference that came in an event can be answered',
    machine: () =>
      of<{ answers: number }>({
        actors: {
          asker: of<{ got: unknown }>().createMachine({
            id: 'asker',
            version: '1',
            context: { got: null },
            on: {
              ASK: { actions: sendParent(({ self }) => ({ type: 'QUESTION', from: self })) },
              ANSWER: { actions: assign({ got: ({ event }) => event['word'] as string }) },
            },
          }),
        },
      }).createMachine({
        id: 'answers',
        version: '1',
        context: { answers: 0 },
        invoke: { src: 'asker', id: 'asker' },
        on: {
          ...pass('asker', 'ASK'),
          QUESTION: {
            actions: [
              sendTo(({ event }) => event['from'] as AnyActorRef, { type: 'ANSWER', word: '42' }),
              assign({ answers: ({ context }) => context.answers + 1 }),
            ],
          },
        },
      }),
    script: [send('ASK')],
    expected: { context: { answers: 1 }, children: { asker: { context: { got: '42' } } } },
  },
  {
    title: 'messages to a child that was stopped or never was go nowhere',
    machine: () =>
      of<{ ref: AnyActorRef | null }>({ actors: { listener } }).createMachine({
        id: 'to-nobody',
        version: '1',
        context: ({ spawn }) => ({ ref: spawn('listener', { id: 'kid' }) }),
        initial: 'a',
        states: {
          a: { on: { STOP: { target: 'b', actions: stopChild('kid') } } },
          b: { on: { REF: { target: 'c', actions: sendTo(({ context }) => context.ref as AnyActorRef, { type: 'LATE' }) } } },
          c: {},
        },
      }),
    script: sendEach('STOP', 'REF'),
    expected: { value: 'c', childIds: [] },
  },
  {
    title: 'a message on entry reaches the child invoked by the same state',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'entry-message',
        version: '1',
        initial: 'a',
        states: {
          a: { on: { GO: 'b' } },
          b: { entry: [sendTo('kid', { type: 'FIRST' }), sendTo('kid', { type: 'SECOND' })], invoke: { src: 'listener', id: 'kid' } },
        },
      }),
    script: [send('GO')],
    expected: { value: 'b', children: { kid: { context: { log: ['FIRST', 'SECOND'] } } } },
  },
  {
    title: 'a delayed message to a child comes at its time and can be cancelled',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'delayed-child',
        version: '1',
        invoke: { src: 'listener', id: 'kid' },
        on: {
          GO: { actions: [sendTo('kid', { type: 'KEPT' }, { delay: 50 }), sendTo('kid', { type: 'GONE' }, { delay: 60, id: 'gone' })] },
          CANCEL: { actions: cancel('gone') },
        },
      }),
    script: [send('GO'), advance(50), send('CANCEL'), advance(100)],
    expected: { children: { kid: { context: { log: ['KEPT'] } } } },
  },
  {
    title: 'a delayed message to a child that stopped meanwhile goes nowhere',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'delayed-gone',
        version: '1',
        initial: 'on',
        states: {
          on: {
            invoke: { src: 'listener', id: 'kid' },
            on: { GO: { actions: sendTo('kid', { type: 'LATE' }, { delay: 50 }) }, OFF: 'off' },
          },
          off: {},
        },
      }),
    script: [send('GO'), send('OFF'), advance(50)],
    expected: { value: 'off', status: 'active', childIds: [] },
  },
  {
    title: 'a delayed message to a parent is lost when its sender stops',
    machine: () =>
      of<{ heard: number }>({ actors: { ponger } }).createMachine({
        id: 'delayed-parent',
        version: '1',
        context: { heard: 0 },
        initial: 'on',
        on: { PONG: { actions: assign({ heard: ({ context }) => context.heard + 1 }) } },
        states: {
          on: { invoke: { src: 'ponger', id: 'kid' }, on: { ...pass('kid', 'LATER', 'FORGET'), OFF: 'off' } },
          off: { on: { ON: 'on' } },
        },
      }),
    script: [
      send('LATER'),
      advance(100),
      send('LATER'),
      advance(50),
      send('OFF'),
      advance(100),
      send('ON'),
      send('LATER'),
      send('FORGET'),
      advance(200),
    ],
    expected: { value: 'on', context: { heard: 1 } },
  },
  {
    title: 'a delayed message to self',
    machine: () =>
      noting.createMachine({
        id: 'delayed-self',
        version: '1',
        context: empty,
        on: {
          GO: {
            actions: [
              sendTo(({ self }) => self, { type: 'LATE' }, { delay: 10 }),
              sendTo(({ self }) => self, { type: 'NOW' }, { delay: 0 }),
            ],
          },
          LATE: { actions: 'noteEvent' },
          NOW: { actions: 'noteEvent' },
        },
      }),
    script: [send('GO'), advance(10)],
    expected: { context: { log: ['NOW', 'LATE'] } },
  },
  {
    title: 'cancel cancels only what its own actor sent',
    machine: () => {
      const kid = noting.createMachine({
        id: 'timer-kid',
        version: '1',
        context: empty,
        entry: raise({ type: 'TICK' }, { id: 'tick', delay: 100 }),
        on: { TICK: { actions: 'noteEvent' }, CANCEL: { actions: cancel('tick') } },
      });
      return of<object>({ actors: { kid } }).createMachine({
        id: 'own-cancel',
        version: '1',
        invoke: [
          { src: 'kid', id: 'a' },
          { src: 'kid', id: 'b' },
        ],
        on: pass('a', 'CANCEL'),
      });
    },
    script: [send('CANCEL'), advance(100)],
    expected: { children: { a: { context: { log: [] } }, b: { context: { log: ['TICK'] } } } },
  },
  {
    title: 'messages of one sender to one receiver keep their order',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'in-order',
        version: '1',
        invoke: { src: 'listener', id: 'kid' },
        on: { GO: { actions: Array.from({ length: 20 }, (_, n) => sendTo('kid', { type: `N${n}` })) } },
      }),
    script: [send('GO')],
    expected: { children: { kid: { context: { log: Array.from({ length: 20 }, (_, n) => `N${n}`) } } } },
  },
  {
    title: 'a message from an exit action of an ending child reaches its parent before its end',
    machine: () =>
      noting.createMachine({
        id: 'last-words',
        version: '1',
        context: empty,
        invoke: {
          src: of<object>().createMachine({
            id: 'speaker',
            version: '1',
            initial: 'a',
            exit: sendParent({ type: 'LAST_WORDS' }),
            states: { a: { on: { END: 'z' } }, z: { type: 'final' } },
          }),
          id: 'kid',
          onDone: { actions: note('done') },
        },
        on: { ...pass('kid', 'END'), LAST_WORDS: { actions: note('last words') } },
      }),
    script: [send('END')],
    expected: { context: { log: ['last words', 'done'] } },
  },
  {
    title: 'a grandchild reaches the root through its parent',
    machine: () =>
      noting.createMachine({
        id: 'relay-root',
        version: '1',
        context: empty,
        invoke: {
          id: 'middle',
          src: of<object>({
            actors: {
              leaf: of<object>().createMachine({ id: 'leaf', version: '1', on: { CALL: { actions: sendParent({ type: 'CALLED' }) } } }),
            },
          }).createMachine({
            id: 'middle',
            version: '1',
            invoke: { src: 'leaf', id: 'leaf' },
            on: { ...pass('leaf', 'CALL'), CALLED: { actions: sendParent(({ event }) => ({ type: `${event.type}.UP` })) } },
          }),
        },
        on: { ...pass('middle', 'CALL'), 'CALLED.UP': { actions: 'noteEvent' } },
      }),
    script: sendEach('CALL', 'CALL'),
    expected: { context: { log: ['CALLED.UP', 'CALLED.UP'] } },
  },
  {
    title: 'messages carry maps, dates and errors',
    machine: () =>
      of<object>({
        actors: {
          keeper: of<{ got: unknown }>().createMachine({
            id: 'keeper',
            version: '1',
            context: { got: null },
            on: { KEEP: { actions: assign({ got: ({ event }) => event['what'] as unknown }) } },
          }),
        },
      }).createMachine({ id: 'rich-message', version: '1', invoke: { src: 'keeper', id: 'kid' }, on: pass('kid', 'KEEP') }),
    script: [send('KEEP', { what: { map: new Map([[new Date(5), new TypeError('odd')]]), none: undefined } })],
    expected: { children: { kid: { context: { got: { map: new Map([[new Date(5), { name: 'TypeError', message: 'odd' }]]) } } } } },
  },
];
