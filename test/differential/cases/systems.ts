/** Transition functions, the system and its ids, `self`, what children emit. */
import { assign, emit, enqueueActions, fromTransition, sendTo, spawnChild, stopChild } from 'xstate';
import type { AnyActorRef, AnyEventObject } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, next, send, sendEach } from '../differential-case.ts';
import { empty, note, noting, of, pass } from '../noting.ts';

const listener = noting.createMachine({ id: 'listener', version: '1', context: empty, on: { '*': { actions: 'noteEvent' } } });

export const transitionLogic: readonly DifferentialCase[] = [
  {
    title: 'a transition function keeps its state',
    machine: () =>
      of<object>({
        actors: {
          tally: fromTransition(
            (state: { sum: number; last: unknown }, event: AnyEventObject) =>
              event.type === 'ADD' ? { sum: state.sum + (event['n'] as number), last: event } : state,
            ({ input }: { input: { from: number } }) => ({ sum: input.from, last: null }),
          ),
        },
      }).createMachine({
        id: 'tally',
        version: '1',
        invoke: { src: 'tally', id: 'tally', input: { from: 10 } },
        on: pass('tally', 'ADD', 'OTHER'),
      }),
    script: [send('ADD', { n: 1 }), send('OTHER'), send('ADD', { n: 2 })],
    expected: { children: { tally: { status: 'active', context: { sum: 13, last: { type: 'ADD', n: 2 } } } } },
  },
  {
    title: 'a transition function sends through the system',
    machine: () =>
      of<object>({
        actors: {
          listener,
          relay: fromTransition((n: number, event: AnyEventObject, { system }) => {
            (system.get('ear') as AnyActorRef | undefined)?.send({ type: `${event.type}.${n}` });
            return n + 1;
          }, 0),
        },
      }).createMachine({
        id: 'transition-system',
        version: '1',
        invoke: [
          { src: 'listener', id: 'listener', systemId: 'ear' },
          { src: 'relay', id: 'relay' },
        ],
        on: pass('relay', 'A', 'B'),
      }),
    script: sendEach('A', 'B'),
    expected: { children: { listener: { context: { log: ['A.0', 'B.1'] } }, relay: { context: 2 } } },
  },
  {
    title: 'a transition function sends to itself',
    machine: () =>
      of<object>({
        actors: {
          countdown: fromTransition((n: number, event: AnyEventObject, { self }) => {
            if (event.type === 'DOWN' && n > 1) self.send({ type: 'DOWN' });
            return event.type === 'DOWN' ? n - 1 : n;
          }, 5),
        },
      }).createMachine({
        id: 'transition-self',
        version: '1',
        invoke: { src: 'countdown', id: 'countdown' },
        on: pass('countdown', 'DOWN'),
      }),
    script: [send('DOWN')],
    expected: { children: { countdown: { context: 0 } } },
  },
  {
    title: 'a transition function that throws is an error to its parent',
    machine: () =>
      of<{ got: unknown }>({
        actors: {
          brittle: fromTransition((n: number, event: AnyEventObject) => {
            if (event.type === 'BREAK') throw new RangeError('broken');
            return n + 1;
          }, 0),
        },
      }).createMachine({
        id: 'transition-throws',
        version: '1',
        context: { got: null },
        initial: 'on',
        states: {
          on: {
            invoke: { src: 'brittle', id: 'brittle', onError: { target: 'off', actions: 'keep' } },
            on: pass('brittle', 'FINE', 'BREAK'),
          },
          off: {},
        },
      }),
    script: sendEach('FINE', 'BREAK'),
    expected: { value: 'off', context: { got: 'broken' } },
    difference: { of: 'an event that throws parks the workflow', durable: { value: 'on', workflow: 'parked', refusals: [] } },
  },
];

export const systems: readonly DifferentialCase[] = [
  {
    title: 'a systemId finds an actor from anywhere in the tree',
    machine: () =>
      of<object>({
        actors: {
          listener,
          deep: of<object>({
            actors: {
              leaf: of<object>().createMachine({
                id: 'leaf',
                version: '1',
                on: { CALL: { actions: sendTo(({ system }) => system.get('ear') as AnyActorRef, { type: 'FROM_LEAF' }) } },
              }),
            },
          }).createMachine({ id: 'deep', version: '1', invoke: { src: 'leaf', id: 'leaf' }, on: pass('leaf', 'CALL') }),
        },
      }).createMachine({
        id: 'system-id',
        version: '1',
        invoke: [
          { src: 'listener', id: 'listener', systemId: 'ear' },
          { src: 'deep', id: 'deep' },
        ],
        on: pass('deep', 'CALL'),
      }),
    script: [send('CALL')],
    expected: { children: { listener: { context: { log: ['FROM_LEAF'] } } } },
  },
  {
    title: 'spawnChild with a systemId',
    machine: () =>
      of<object>({ actors: { listener } }).createMachine({
        id: 'spawned-system-id',
        version: '1',
        entry: spawnChild('listener', { id: 'kid', systemId: 'ear' }),
        on: { CALL: { actions: sendTo(({ system }) => system.get('ear') as AnyActorRef, { type: 'CALLED' }) } },
      }),
    script: sendEach('CALL'),
    expected: { children: { kid: { context: { log: ['CALLED'] } } } },
  },
  {
    title: 'a systemId is free again when its actor stops',
    machine: () =>
      of<{ there: readonly boolean[] }>({ actors: { listener } }).createMachine({
        id: 'free-again',
        version: '1',
        context: { there: [] },
        initial: 'on',
        on: { LOOK: { actions: assign({ there: ({ context, system }) => [...context.there, system.get('ear') !== undefined] }) } },
        states: {
          on: { invoke: { src: 'listener', id: 'a', systemId: 'ear' }, on: { OFF: 'off' } },
          off: { on: { ON: 'other' } },
          other: { invoke: { src: 'listener', id: 'b', systemId: 'ear' } },
        },
      }),
    script: sendEach('LOOK', 'OFF', 'LOOK', 'ON', 'LOOK'),
    expected: { value: 'other', context: { there: [true, false, true] } },
  },
  {
    title: 'a systemId of a nested child is free again when an ancestor stops',
    machine: () =>
      of<{ there: readonly boolean[] }>({
        actors: {
          middle: of<object>({ actors: { listener } }).createMachine({
            id: 'middle',
            version: '1',
            invoke: { src: 'listener', id: 'inner', systemId: 'ear' },
          }),
        },
      }).createMachine({
        id: 'nested-free',
        version: '1',
        context: { there: [] },
        entry: spawnChild('middle', { id: 'middle' }),
        on: {
          LOOK: { actions: assign({ there: ({ context, system }) => [...context.there, system.get('ear') !== undefined] }) },
          STOP: { actions: stopChild('middle') },
        },
      }),
    script: sendEach('LOOK', 'STOP', 'LOOK'),
    expected: { context: { there: [true, false] } },
  },
  {
    title: 'spawn in assign with a systemId',
    machine: () =>
      of<{ ref: AnyActorRef | null }>({ actors: { listener } }).createMachine({
        id: 'assigned-system-id',
        version: '1',
        context: { ref: null },
        on: {
          GO: { actions: assign({ ref: ({ spawn }) => spawn('listener', { id: 'kid', systemId: 'ear' }) }) },
          CALL: {
            actions: sendTo(
              ({ system }) => system.get('ear') as AnyActorRef,
              ({ event }) => event,
            ),
          },
        },
      }),
    script: sendEach('GO', 'CALL'),
    expected: { children: { kid: { context: { log: ['CALL'] } } } },
  },
  {
    title: 'self is the same actor in guards, assigns and input',
    machine: () =>
      of<{ id: string | null; kid: string | null }>({
        actors: {
          namer: of<{ parent: AnyActorRef }, { parent: AnyActorRef }>().createMachine({
            id: 'namer',
            version: '1',
            context: ({ input }) => ({ parent: input.parent }),
            on: { CALL: { actions: sendTo(({ context }) => context.parent, { type: 'CALLED' }) } },
          }),
        },
      }).createMachine({
        id: 'selves',
        version: '1',
        context: { id: null, kid: null },
        invoke: { src: 'namer', id: 'namer', input: ({ self }) => ({ parent: self }) },
        on: {
          ...pass('namer', 'CALL'),
          CALLED: { guard: ({ context }) => context.id === null, actions: assign({ id: ({ self }) => self.id }) },
        },
      }),
    script: [send('CALL')],
    expected: { context: { id: 'play' } },
  },
  {
    title: 'self in an action shows the snapshot before the step',
    machine: () =>
      of<{ seen: readonly unknown[] }>().createMachine({
        id: 'self-snapshot',
        version: '1',
        context: { seen: [] },
        initial: 'a',
        states: {
          a: {
            on: {
              GO: {
                target: 'b',
                actions: assign({ seen: ({ context, self }) => [...context.seen, (self.getSnapshot() as { value: unknown }).value] }),
              },
            },
          },
          b: { entry: assign({ seen: ({ context, self }) => [...context.seen, (self.getSnapshot() as { value: unknown }).value] }) },
        },
      }),
    script: [send('GO')],
    expected: { value: 'b', context: { seen: ['a', 'a'] } },
  },
  {
    title: 'what a child emits is not emitted by the root',
    machine: () =>
      of<object>({
        actors: { kid: of<object>().createMachine({ id: 'emitting-kid', version: '1', on: { E: { actions: emit({ type: 'BY_KID' }) } } }) },
      }).createMachine({
        id: 'kid-emits',
        version: '1',
        invoke: { src: 'kid', id: 'kid' },
        on: { E: { actions: [sendTo('kid', ({ event }) => event), emit({ type: 'BY_ROOT' })] } },
      }),
    script: [send('E')],
    expected: { emitted: [{ type: 'BY_ROOT' }] },
  },
  {
    title: 'regions of a parallel state invoke side by side',
    machine: (outside) =>
      noting.createMachine({
        id: 'regions-invoke',
        version: '1',
        context: empty,
        type: 'parallel',
        states: {
          a: { initial: 'on', states: { on: { invoke: { src: listener, id: 'a' }, on: { A_OFF: 'off' } }, off: {} } },
          b: {
            initial: 'on',
            states: { on: { invoke: { src: outside.callback('source'), id: 'b' }, on: { TICK: { actions: note('tick') } } } },
          },
          c: {
            initial: 'on',
            states: { on: { invoke: { src: fromTransition((n: number) => n + 1, 0), id: 'c' }, on: pass('c', 'STEP') } },
          },
        },
        on: pass('a', 'HELLO'),
      }),
    script: [send('HELLO'), next('source', { type: 'TICK' }), send('STEP'), send('A_OFF')],
    expected: { value: { a: 'off', b: 'on', c: 'on' }, childIds: ['b', 'c'], context: { log: ['tick'] }, children: { c: { context: 1 } } },
  },
  {
    title: 'enqueueActions sends to parent and children',
    machine: () =>
      of<{ got: unknown }>({
        actors: {
          doubler: of<object>().createMachine({
            id: 'doubler',
            version: '1',
            on: {
              DOUBLE: {
                actions: enqueueActions(({ enqueue, event }) => enqueue.sendParent({ type: 'DOUBLED', n: (event['n'] as number) * 2 })),
              },
            },
          }),
        },
      }).createMachine({
        id: 'enqueue-parent',
        version: '1',
        context: { got: null },
        invoke: { src: 'doubler', id: 'doubler' },
        on: {
          GO: { actions: enqueueActions(({ enqueue }) => enqueue.sendTo('doubler', { type: 'DOUBLE', n: 21 })) },
          DOUBLED: { actions: assign({ got: ({ event }) => event['n'] as number }) },
        },
      }),
    script: [send('GO')],
    expected: { context: { got: 42 } },
  },
  {
    title: 'timers of machines three deep run on one clock',
    machine: () => {
      const leaf = of<object>().createMachine({
        id: 'leaf',
        version: '1',
        initial: 'a',
        states: { a: { after: { 30: 'z' } }, z: { type: 'final' } },
        output: 'leaf',
      });
      const middle = of<{ got: unknown }>({ actors: { leaf } }).createMachine({
        id: 'middle',
        version: '1',
        context: { got: null },
        initial: 'wait',
        states: {
          wait: { after: { 20: 'busy' } },
          busy: { invoke: { src: 'leaf', id: 'leaf', onDone: { target: 'z', actions: 'keep' } } },
          z: { type: 'final' },
        },
        output: ({ context }) => ['middle', context.got],
      });
      return of<{ got: unknown }>({ actors: { middle } }).createMachine({
        id: 'clocks',
        version: '1',
        context: { got: null },
        initial: 'busy',
        states: {
          busy: { invoke: { src: 'middle', id: 'middle', onDone: { target: 'done', actions: 'keep' } }, after: { 51: 'late' } },
          done: {},
          late: {},
        },
      });
    },
    script: [advance(20), advance(29), advance(1), advance(1)],
    expected: { value: 'done', context: { got: ['middle', 'leaf'] } },
  },
];
