/** The chart of an unwinding: what people see of it. What it does is decided in `unwinding.ts`, which also tells it what happened. */
import { assign, setup } from 'xstate';
import type { AnyStateMachine } from 'xstate';
import type { CompensationOutput } from './volatile-ledger.ts';

export interface UnwindingInput {
  /** Path of the actor whose ledger is unwound. */
  readonly owner: readonly number[];
  /** When what is left is deferred. Epoch milliseconds. */
  readonly budgetAtMs: number;
  /** The one undo there is to run, since a person wanted it to be retried. */
  readonly only?: number;
  /** It is the ledger of a fan-out: each name is told once, however many items there are. */
  readonly isOfItems?: true;
}

/** What is being undone: the entry of the ledger, and the number of its undo among the activities and children of the unwinding. */
export interface Current {
  readonly entry: number;
  readonly name: string;
  readonly n: number;
}

export interface UnwindingContext extends UnwindingInput, CompensationOutput {
  /** One at a time; of a fan-out as many as its items. */
  readonly current: readonly Current[];
}

export type UnwindingEvent =
  | ({ readonly type: 'unwinding.entry' } & Current)
  | { readonly type: 'unwinding.undone' | 'unwinding.deferred'; readonly ended: readonly Omit<Current, 'n'>[] }
  | { readonly type: 'unwinding.over' };

/** How long is waited for what is in flight is over. */
export const impatient = 'unwinding.impatient';
/** The time of the unwinding as a whole is over. */
export const budgetOver = 'unwinding.budget';

const isOwing = ({ context }: { readonly context: UnwindingContext }): boolean => context.deferred.length > 0;

type Ended = Extract<UnwindingEvent, { readonly ended: unknown }>;

function left({ context, event }: { readonly context: UnwindingContext; readonly event: Ended }): UnwindingContext['current'] {
  return context.current.filter(({ entry }) => !event.ended.some((each) => each.entry === entry));
}

function told({ isOfItems }: UnwindingContext, names: readonly string[], ended: Ended['ended']): readonly string[] {
  const more = ended.map(({ name }) => name);
  if (isOfItems !== true) return [...names, ...more];
  // The same list again is not written again.
  return more.every((name) => names.includes(name)) ? names : [...new Set([...names, ...more])];
}

const chart = setup({
  types: {
    context: {} as UnwindingContext,
    events: {} as UnwindingEvent,
    input: {} as UnwindingInput,
    output: {} as CompensationOutput,
    tags: {} as 'compensation-deferred',
  },
}).createMachine({
  id: 'compensation',
  version: '1',
  context: ({ input }) => ({ ...input, current: [], undone: [], deferred: [] }),
  initial: 'settling',
  states: {
    settling: {},
    undoing: {},
    undone: { type: 'final' },
    deferred: { type: 'final', tags: ['compensation-deferred'] },
  },
  on: {
    'unwinding.entry': {
      target: '.undoing',
      actions: assign({ current: ({ context, event: { entry, name, n } }) => [...context.current, { entry, name, n }] }),
    },
    'unwinding.undone': {
      actions: assign({ current: left, undone: ({ context, event }) => told(context, context.undone, event.ended) }),
    },
    'unwinding.deferred': {
      actions: assign({ current: left, deferred: ({ context, event }) => told(context, context.deferred, event.ended) }),
    },
    'unwinding.over': [{ guard: isOwing, target: '.deferred' }, { target: '.undone' }],
  },
  output: ({ context }) => ({ undone: context.undone, deferred: context.deferred }),
});

export const unwindingChart: AnyStateMachine = chart;
