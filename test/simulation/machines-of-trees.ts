/**
 * Machines with children: invoked and spawned, two deep, that ask and answer, let each other go and end each other; custom
 * actions, a callback, and activities whose outcome comes from outside.
 */
import type { ActorRefFrom, AnyActorRef, AnyStateMachine } from 'xstate';
import { assign, cancel, forwardTo, fromTransition, sendParent, sendTo, setup, spawnChild, stopChild } from 'xstate';
import { child } from '../../src/authoring.ts';
import type { Context, Events } from './machine-parts.ts';
import { actors, base, context, delays, ends, guards, outside, step, types } from './machine-parts.ts';

const output = ({ context: { outcomes, told } }: { context: Context }): object => ({ outcomes, told });

/** Does one thing and says so; has nothing to say to being cancelled. */
const worker = base.createMachine({
  id: 'worker',
  context,
  output,
  initial: 'busy',
  on: { ASK: { actions: ['tell', sendParent({ type: 'ANSWER' })] } },
  states: {
    busy: { invoke: { src: 'steady', input: step('worker'), onDone: { target: 'reporting', actions: 'keep' }, onError: 'failed' } },
    reporting: { entry: sendParent({ type: 'REPORT' }), after: { wait: 'done' } },
    ...ends,
  },
});

/** Asks its parent, waits for the answer, and winds up when it is cancelled. */
const careful = base.createMachine({
  id: 'careful',
  context,
  output,
  initial: 'asking',
  on: {
    ASK: { actions: ['tell', sendParent({ type: 'ANSWER' }), sendParent({ type: 'REPORT' })] },
    BREAK: { guard: 'refuses', target: '.failed' },
  },
  states: {
    asking: { entry: sendParent({ type: 'QUERY' }), on: { REPLY: 'busy', 'workflow.cancel': 'winding' }, after: { 3000: 'busy' } },
    busy: {
      invoke: { src: 'patient', input: step('careful'), onDone: { target: 'done', actions: 'keep' }, onError: 'failed' },
      on: { 'workflow.cancel': 'winding' },
    },
    winding: {
      invoke: { src: 'steady', input: step('winding'), onDone: { target: 'left', actions: 'keep' }, onError: 'left' },
    },
    ...ends,
  },
});

/** Never comes to be if its input says so. */
const dud = base.createMachine({
  id: 'dud',
  context: ({ input }) => {
    if (input.variant === 'short') throw new Error('It cannot begin.');
    return context({ input });
  },
  output,
  initial: 'resting',
  states: { resting: { after: { wait: 'done' } }, ...ends },
});

const noter = base.createMachine({
  id: 'noter',
  context,
  output,
  initial: 'noting',
  states: {
    noting: {
      entry: ['mark', { type: 'act', params: { tag: 'noting' } }],
      on: { ASK: { actions: ['mark', { type: 'act', params: { tag: 'asked' } }] } },
      after: { wait: 'done' },
    },
    done: { type: 'final', entry: ['mark', { type: 'act', params: { tag: 'noted' } }, 'mark', { type: 'act', params: { tag: 'over' } }] },
  },
});

const echo = base.createMachine({
  id: 'echo',
  context,
  initial: 'open',
  states: { open: { on: { PING: { actions: sendParent({ type: 'PONG' }) } } } },
});

function callOf(event: object): number {
  return (event as { readonly call: number }).call;
}

function keyOf(event: object): string {
  return (event as { readonly output: { readonly key: string } }).output.key;
}

const inputOf = ({ context: { variant, delayMs } }: { context: Context }): { variant: string; delayMs: number } => ({ variant, delayMs });

const branches = setup({
  types,
  actors: { careful },
  actions: { tell: assign({ told: ({ context: { told } }) => told + 1 }) },
});

const branch = branches.createMachine({
  id: 'branch',
  context,
  output,
  initial: 'open',
  on: { BREAK: { actions: forwardTo('leaf') } },
  states: {
    open: {
      invoke: {
        id: 'leaf',
        src: 'careful',
        systemId: 'leaf',
        input: inputOf,
        onDone: 'closing',
        onError: 'failed',
        onSnapshot: { actions: 'tell' },
      },
      on: {
        QUERY: { actions: sendTo('leaf', { type: 'REPLY' }, { delay: 300 }) },
        ASK: { actions: [forwardTo('leaf'), sendParent({ type: 'ANSWER' }, { delay: 200 })] },
        ANSWER: { actions: ['tell', sendParent({ type: 'ANSWER' })] },
        REPORT: { actions: sendParent({ type: 'REPORT' }) },
      },
    },
    closing: { after: { 300: 'done' } },
    ...ends,
  },
});

const counter = fromTransition(
  (state: { readonly count: number }, event: { readonly type: string }) => {
    return event.type === 'ADD' ? { count: state.count + 1 } : state;
  },
  { count: 0 },
);

interface RootContext extends Context {
  readonly mate?: ActorRefFrom<typeof worker>;
}

type RootEvents = Events | { readonly type: 'xstate.done.actor.one' | 'xstate.error.actor.one' | 'xstate.snapshot.four' };

/** What the roots of trees are made of. */
const roots = setup({
  types: { ...types, context: {} as RootContext, events: {} as RootEvents },
  actors: {
    ...actors,
    worker,
    careful,
    branch,
    counter,
    echo,
    dud,
    noter,
    lasting: child(careful, { parentClosePolicy: 'abandon' }),
    brief: child(worker, { parentClosePolicy: 'terminate' }),
  },
  actions: {
    hear: assign({ heard: ({ context: { heard }, event }) => [...heard, callOf(event)] }),
    keep: assign({ outcomes: ({ context: { outcomes }, event }) => [...outcomes, keyOf(event)] }),
    count: assign({ rounds: ({ context: { rounds } }) => rounds + 1 }),
    tell: assign({ told: ({ context: { told } }) => told + 1 }),
    mark: assign({ marks: ({ context: { marks } }) => marks + 1 }),
    // What it returns is awaited by a durable host.
    act: ({ self }, { tag }: { tag: string }): unknown => outside.act(self.sessionId, tag),
  },
  delays,
  guards,
});

const nest = roots.createMachine({
  id: 'nest',
  version: '1',
  context,
  initial: 'growing',
  states: {
    growing: {
      invoke: { id: 'branch', src: 'branch', systemId: 'branch', input: inputOf, onDone: 'resting', onError: 'failed' },
      on: {
        GO: {
          actions: ['hear', sendTo('branch', { type: 'ASK' }), sendTo(({ system }) => system.get('leaf') as AnyActorRef, { type: 'ASK' })],
        },
        ANSWER: { actions: 'tell' },
        REPORT: { actions: 'tell' },
        LEAVE: { target: 'left', actions: 'hear' },
        BACK: { target: 'growing', reenter: true, guard: 'isFresh', actions: ['hear', 'count'] },
        POISON: { actions: ['hear', sendTo('branch', { type: 'BREAK' })] },
      },
    },
    resting: {
      on: { BACK: { target: 'growing', guard: 'isFresh', actions: ['hear', 'count'] }, END: { target: 'done', actions: 'hear' } },
    },
    ...ends,
  },
});

const crew = roots.createMachine({
  id: 'crew',
  version: '1',
  context,
  initial: 'working',
  states: {
    working: {
      entry: [
        spawnChild('worker', { id: 'one', systemId: 'one', input: inputOf }),
        spawnChild('careful', { id: 'two', input: inputOf }),
        spawnChild('lasting', { id: 'three', input: inputOf }),
        spawnChild('brief', { id: 'four', input: inputOf, syncSnapshot: true }),
        assign({ mate: ({ spawn, context: own }) => spawn('worker', { id: 'mate', input: inputOf({ context: own }) }) }),
      ],
      after: { 9000: 'done' },
      on: {
        GO: {
          actions: [
            'hear',
            sendTo('one', { type: 'ASK' }),
            sendTo(({ system }) => system.get('one') as AnyActorRef, { type: 'ASK' }, { delay: 500 }),
            sendTo('two', { type: 'ASK' }),
            sendTo('three', { type: 'ASK' }),
            sendTo('one', { type: 'ASK' }),
            sendTo('four', { type: 'ASK' }),
            sendTo(({ context: { mate } }) => mate as AnyActorRef, { type: 'ASK' }),
            sendTo('two', { type: 'ASK' }),
          ],
        },
        ANSWER: { actions: 'tell' },
        REPORT: { actions: 'tell' },
        QUERY: { actions: sendTo('two', { type: 'REPLY' }) },
        'xstate.done.actor.*': { actions: 'tell' },
        'xstate.error.actor.*': { actions: 'tell' },
        'xstate.snapshot.*': { actions: 'tell' },
        BACK: {
          guard: 'isFresh',
          actions: [
            'hear',
            'count',
            stopChild('one'),
            spawnChild('worker', { id: 'one', systemId: 'one', input: inputOf }),
            sendTo('one', { type: 'ASK' }),
            stopChild('two'),
          ],
        },
        HOLD: { actions: ['hear', stopChild('three'), stopChild('four')] },
        LEAVE: { target: 'left', actions: 'hear' },
        END: { target: 'failed', actions: 'hear' },
        POISON: { actions: ['hear', sendTo('two', { type: 'BREAK' }), sendTo('one', { type: 'ASK' })] },
      },
    },
    ...ends,
  },
});

const tally = roots.createMachine({
  id: 'tally',
  version: '1',
  context,
  initial: 'counting',
  states: {
    counting: {
      invoke: [
        { id: 'counter', src: 'counter', systemId: 'counter', onSnapshot: { actions: 'tell' } },
        { id: 'echo', src: 'echo', input: inputOf },
        { id: 'dud', src: 'dud', input: inputOf, onDone: { actions: 'tell' }, onError: { actions: 'tell' } },
      ],
      after: { 7000: 'more' },
      on: {
        GO: { actions: ['hear', sendTo('counter', { type: 'ADD' }), sendTo('counter', { type: 'ADD' }, { delay: 400, id: 'later' })] },
        HOLD: { actions: ['hear', cancel('later'), sendTo('echo', { type: 'PING' }, { delay: 100 })] },
        PONG: [{ guard: 'isWorn', actions: sendTo('echo', { type: 'PING' }) }, { actions: 'tell' }],
        POISON: { actions: ['hear', 'count', 'count', sendTo('echo', { type: 'PING' })] },
        BACK: { target: 'counting', reenter: true, guard: 'isFresh', actions: 'hear' },
        END: { target: 'more', actions: 'hear' },
      },
    },
    // Cannot bear that its child never begins.
    more: { invoke: { id: 'dud', src: 'dud', input: inputOf, onDone: 'done' } },
    ...ends,
  },
});

const scribe = roots.createMachine({
  id: 'scribe',
  version: '1',
  context,
  initial: 'first',
  states: {
    first: {
      entry: ['mark', { type: 'act', params: { tag: 'first' } }, 'mark', ({ self }) => outside.act(self.sessionId, 'in place')],
      exit: ['mark', { type: 'act', params: { tag: 'gone' } }],
      invoke: [
        { src: 'steady', input: step('first'), onDone: { target: 'second', actions: 'keep' }, onError: 'failed' },
        { id: 'noter', src: 'noter', input: inputOf },
      ],
      on: {
        GO: { actions: ['hear', 'mark', { type: 'act', params: { tag: 'go' } }, sendTo('noter', { type: 'ASK' })] },
        LEAVE: { target: 'left', actions: 'hear' },
      },
    },
    second: {
      on: {
        GO: { actions: ['hear', 'mark', { type: 'act', params: { tag: 'again' } }] },
        BACK: { target: 'first', guard: 'isFresh', actions: ['hear', 'count'] },
        END: { target: 'done', actions: 'hear' },
      },
      after: { 4000: 'done' },
    },
    ...ends,
    done: { type: 'final', entry: ['mark', ({ self }) => outside.act(self.sessionId, 'in the end')] },
  },
});

const listener = base.createMachine({
  id: 'listener',
  version: '1',
  context,
  initial: 'open',
  states: {
    open: {
      invoke: { id: 'ears', src: 'ears', input: ({ self }) => ({ owner: self.sessionId }) },
      on: {
        BEAT: [{ guard: ({ context: { told } }) => told >= 4, target: 'resting' }, { actions: 'tell' }],
        GO: { actions: ['hear', sendTo('ears', { type: 'HUM' })] },
        BACK: { target: 'open', reenter: true, guard: 'isFresh', actions: ['hear', 'count'] },
        LEAVE: { target: 'left', actions: 'hear' },
        POISON: { guard: 'refuses', target: 'failed' },
      },
    },
    resting: { invoke: { src: 'scarce', input: step('resting'), onDone: { target: 'done', actions: 'keep' }, onError: 'failed' } },
    ...ends,
  },
});

const awaiting = base.createMachine({
  id: 'awaiting',
  version: '1',
  context,
  initial: 'asked',
  states: {
    asked: {
      invoke: { src: 'later', input: step('asked'), onDone: { target: 'owed', actions: 'keep' }, onError: 'owed' },
      on: { GO: { actions: 'hear' }, LEAVE: { target: 'left', actions: 'hear' }, POISON: { guard: 'refuses', target: 'failed' } },
    },
    owed: {
      invoke: [
        { src: 'scarce', input: step('owed'), onDone: { target: 'resting', actions: 'keep' }, onError: 'failed' },
        { src: 'later', input: step('besides'), onDone: { actions: 'keep' }, onError: { actions: 'tell' } },
      ],
    },
    resting: { on: { BACK: { target: 'asked', guard: 'isFresh', actions: ['hear', 'count'] }, END: { target: 'done', actions: 'hear' } } },
    ...ends,
  },
});

export const machinesOfTrees: readonly AnyStateMachine[] = [nest, crew, tally, scribe, listener, awaiting];
