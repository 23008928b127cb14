/** The machines of the contract suite; their activities and impure places are the test's {@link World}. */
import type { ActivityOptions, RetryOptions } from 'perdure/authoring';
import { activity } from 'perdure/authoring';
import { assign, setup } from 'xstate';
import type { World } from './world.ts';

interface Named {
  readonly name: string;
  readonly message: string;
}

function named(error: unknown): Named {
  return error instanceof Error ? { name: error.name, message: error.message } : { name: 'Unknown', message: String(error) };
}

const anything: unknown = undefined;

/** Adds up until it is finished. */
export function counter(version = '1') {
  return setup({
    types: {
      input: {} as { readonly from: number },
      context: {} as { readonly total: number },
      events: {} as { readonly type: 'ADD'; readonly amount: number } | { readonly type: 'FINISH' | 'OTHER' },
      output: {} as { readonly total: number },
    },
  }).createMachine({
    id: 'counter',
    version,
    context: ({ input }) => ({ total: input.from }),
    initial: 'open',
    states: {
      open: { on: { ADD: { actions: assign({ total: ({ context, event }) => context.total + event.amount }) }, FINISH: 'closed' } },
      closed: { type: 'final' },
    },
    output: ({ context }) => ({ total: context.total }),
  });
}

/** Sleeps as long as it is told; LEAVE leaves the state whose timer is armed. */
export const sleeper = setup({
  types: {
    input: {} as { readonly delayMs: number; readonly isAwake?: boolean },
    context: {} as { readonly delayMs: number; readonly isAwake: boolean },
    events: {} as { readonly type: 'LEAVE' | 'REST' } | { readonly type: 'SLEEP'; readonly delayMs: number },
    output: {} as { readonly delayMs: number },
  },
  delays: { given: ({ context }) => context.delayMs },
  guards: { isAwake: ({ context }) => context.isAwake },
}).createMachine({
  id: 'sleeper',
  version: '1',
  context: ({ input }) => ({ delayMs: input.delayMs, isAwake: input.isAwake ?? false }),
  initial: 'deciding',
  states: {
    deciding: { always: [{ guard: 'isAwake', target: 'awake' }, { target: 'asleep' }] },
    awake: { on: { SLEEP: { target: 'asleep', actions: assign({ delayMs: ({ event }) => event.delayMs }) } } },
    asleep: { after: { given: 'ringing' }, on: { LEAVE: 'awake' } },
    ringing: { after: { 1000: 'over' }, on: { LEAVE: 'late', REST: 'silent' } },
    silent: {},
    late: {},
    over: { type: 'final' },
  },
  output: ({ context }) => ({ delayMs: context.delayMs }),
});

/** One activity, `fetch`, tried as the policy says. */
export function errand(world: World, id: string, retry: RetryOptions, more: ActivityOptions<{ readonly item: string }, unknown> = {}) {
  return setup({
    types: {
      input: {} as { readonly item: string },
      context: {} as { readonly item: string; readonly found?: unknown; readonly error?: Named },
      events: {} as { readonly type: 'NUDGE' | 'GIVE_UP' },
      output: {} as { readonly found: unknown } | { readonly error: Named },
    },
    actors: {
      fetch: activity<{ readonly item: string }, unknown>({ retry, run: (scope) => world.call('fetch', scope), ...more }),
    },
  }).createMachine({
    id,
    version: '1',
    context: ({ input }) => ({ item: input.item }),
    initial: 'fetching',
    states: {
      fetching: {
        tags: 'busy',
        on: { GIVE_UP: 'idle' },
        invoke: {
          src: 'fetch',
          input: ({ context }) => ({ item: context.item }),
          onDone: { target: 'found', actions: assign({ found: ({ event }) => event.output }) },
          onError: { target: 'failed', actions: assign({ error: ({ event }) => named(event.error) }) },
        },
      },
      idle: { on: { NUDGE: 'fetching' } },
      found: { type: 'final' },
      failed: { type: 'final', tags: 'failed' },
    },
    output: ({ context }) => (context.error === undefined ? { found: context.found } : { error: context.error }),
  });
}

/** Two activities, one after the other. */
export function relay(world: World) {
  const leg = (name: string) => activity<{ readonly baton: string }, string>({ name, run: (scope) => world.call(name, scope) });
  return setup({
    types: { context: {} as { readonly baton: string }, input: {} as { readonly baton: string }, output: {} as string },
    actors: { first: leg('relay.first'), second: leg('relay.second') },
  }).createMachine({
    id: 'relay',
    version: '1',
    context: ({ input }) => ({ baton: input.baton }),
    initial: 'first',
    states: {
      first: {
        invoke: {
          src: 'first',
          input: ({ context }) => context,
          onDone: { target: 'second', actions: assign({ baton: ({ event }) => event.output }) },
        },
      },
      second: {
        invoke: {
          src: 'second',
          input: ({ context }) => context,
          onDone: { target: 'done', actions: assign({ baton: ({ event }) => event.output }) },
        },
      },
      done: { type: 'final' },
    },
    output: ({ context }) => context.baton,
  });
}

/** Breaks in a guard, in an assign, or at birth. */
export function brittle(world: World) {
  const breakIn = (place: string): boolean => {
    world.note(place);
    if (world.isBroken) throw new RangeError(`broke in the ${place}`);
    return true;
  };
  return setup({
    types: {
      input: {} as { readonly isBroken: boolean },
      context: {} as { readonly touches: number; readonly isBroken: boolean },
      events: {} as { readonly type: 'TOUCH' | 'PRESS' | 'BEND' },
    },
    guards: { check: () => breakIn('guard') },
    actions: { bend: assign({ touches: ({ context }) => (breakIn('assign') ? context.touches : 0) }) },
  }).createMachine({
    id: 'brittle',
    version: '1',
    context: ({ input }) => ({ touches: 0, isBroken: input.isBroken ? breakIn('context') : false }),
    initial: 'whole',
    states: {
      whole: {
        after: { 5000: 'old' },
        on: {
          TOUCH: { actions: assign({ touches: ({ context }) => context.touches + 1 }) },
          PRESS: { guard: 'check', target: 'old' },
          BEND: { target: 'old', actions: [assign({ touches: 99 }), 'bend'] },
        },
      },
      old: {},
    },
  });
}

/** Keeps whatever it is given. */
export const vault = setup({
  types: {
    input: anything,
    context: {} as { readonly kept: unknown; readonly more?: string },
    events: {} as { readonly type: 'KEEP'; readonly value: unknown } | { readonly type: 'BLOAT'; readonly length: number },
  },
}).createMachine({
  id: 'vault',
  version: '1',
  context: ({ input }) => ({ kept: input }),
  on: {
    KEEP: { actions: assign({ kept: ({ event }) => event.value }) },
    BLOAT: { actions: assign({ more: ({ event }) => 'x'.repeat(event.length) }) },
  },
});
