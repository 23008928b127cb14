/** Machines that note in their context what happened, in order. */
import type { AnyEventObject, NonReducibleUnknown, UnknownActorLogic } from 'xstate';
import { assign, sendTo, setup } from 'xstate';

export interface Noted {
  readonly log: readonly string[];
}

/** Actions by name that any machine of {@link of} has. */
const common = {
  /** Keeps in `got` what an actor ended with, or the message of its error. */
  keep: assign(({ event }: { event: AnyEventObject }) => ({ got: 'error' in event ? (event['error'] as Error).message : event['output'] })),
  /** Sends the event on, as it is, to the actor whose id is given. */
  pass: sendTo(
    (_args, id: string) => id,
    ({ event }) => event,
  ),
};

const noActors: Record<string, UnknownActorLogic> = {};

/** `createMachine` of it knows the action that {@link note} names. */
export const noting = setup({
  types: { context: {} as Noted, events: {} as AnyEventObject },
  actors: noActors,
  actions: {
    note: assign({ log: ({ context }, word: string) => [...context.log, word] }),
    pass: sendTo(
      (_args, id: string) => id,
      ({ event }) => event,
    ),
    noteEvent: assign({ log: ({ context, event }) => [...context.log, event.type] }),
  },
  guards: {
    isNoted: ({ context }, word: string) => context.log.includes(word),
    always: () => true,
    never: () => false,
  },
});

type CustomAction = (args: { readonly event: AnyEventObject }, params: NonReducibleUnknown) => void;

interface Parts {
  readonly actors?: Record<string, UnknownActorLogic>;
  /** Names of custom actions and what they do. */
  readonly actions?: Record<string, CustomAction>;
}

/** Transitions that send events on to an actor. */
export function pass(id: string, ...types: readonly string[]): Record<string, { actions: { type: 'pass'; params: string } }> {
  return Object.fromEntries(types.map((type) => [type, { actions: { type: 'pass', params: id } }]));
}

/** `setup` for machines of this context and input. Events of any type can be asked for anything, actors give anything. */
export function of<Context extends object, Input = undefined, Output extends NonReducibleUnknown = NonReducibleUnknown>(parts: Parts = {}) {
  return setup({
    types: {
      context: {} as Context & Record<string, unknown>,
      events: {} as AnyEventObject,
      input: {} as Input,
      output: {} as Output,
      emitted: {} as AnyEventObject,
    },
    actors: parts.actors ?? {},
    // All of them as if they were functions: what they do to the context is not for the compiler to check.
    actions: { ...common, ...parts.actions } as unknown as Record<string, CustomAction>,
  });
}

export const empty: Noted = { log: [] };

export function note(word: string): { readonly type: 'note'; readonly params: string } {
  return { type: 'note', params: word };
}
