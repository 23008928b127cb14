/** A parent with a fan-out, whose items end as a test says. */
import type { FanOutOptions } from 'perdure/authoring';
import { activity, fanOut } from 'perdure/authoring';
import type { AnyActorLogic } from 'xstate';
import { assign, setup } from 'xstate';
import type { World } from './world.ts';

/** Invokes a fan-out in its first state, and keeps what it hears of it, once for each time. `isFinal`: it ends with what it heard. */
export function parentOf(items: AnyActorLogic, inputs: unknown, { isFinal = false } = {}) {
  return setup({ types: { context: {} as { heard: readonly unknown[] } }, actors: { items } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'busy',
    context: { heard: [] },
    on: {
      'xstate.done.actor.all': { actions: assign({ heard: ({ context, event }) => [...context.heard, event['output'] as unknown] }) },
    },
    states: {
      busy: {
        invoke: {
          src: 'items',
          id: 'all',
          input: inputs,
          onDone: { target: 'done', actions: assign({ heard: ({ context, event }) => [...context.heard, event.output as unknown] }) },
          onError: { target: 'failed', actions: assign({ heard: ({ context, event }) => [...context.heard, event.error] }) },
        },
        on: { LEAVE: 'left' },
      },
      done: isFinal ? { type: 'final' } : {},
      failed: {},
      left: {},
    },
    output: ({ context }) => context.heard.at(-1),
  });
}

export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** An item whose end a test tells: it is called `item 7` for the input 7. */
export function itemsOf(world: World, { maximumAttempts = 1, ...options }: FanOutOptions & { readonly maximumAttempts?: number }) {
  const item = activity<number, string>({
    name: 'item',
    run: (scope) => world.call(`item ${scope.input}`, scope),
    retry: { maximumAttempts, initialInterval: '1s', jitter: 'none' },
  });
  return fanOut(item, options);
}

export function callsIn(world: World): string[] {
  return world.calls.map(({ name }) => name);
}
