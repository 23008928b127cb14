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
}

export interface UnwindingContext extends UnwindingInput, CompensationOutput {
  /** What is being undone. */
  readonly current: { readonly entry: number; readonly name: string } | null;
}

export type UnwindingEvent =
  | { readonly type: 'unwinding.entry'; readonly entry: number; readonly name: string }
  | { readonly type: 'unwinding.undone' | 'unwinding.deferred'; readonly name: string }
  | { readonly type: 'unwinding.over' };

/** How long is waited for what is in flight is over. */
export const impatient = 'unwinding.impatient';
/** The time of the unwinding as a whole is over. */
export const budgetOver = 'unwinding.budget';

const isOwing = ({ context }: { readonly context: UnwindingContext }): boolean => context.deferred.length > 0;

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
  context: ({ input }) => ({ ...input, current: null, undone: [], deferred: [] }),
  initial: 'settling',
  states: {
    settling: {},
    undoing: {},
    undone: { type: 'final' },
    deferred: { type: 'final', tags: ['compensation-deferred'] },
  },
  on: {
    'unwinding.entry': { target: '.undoing', actions: assign({ current: ({ event }) => ({ entry: event.entry, name: event.name }) }) },
    'unwinding.undone': { actions: assign({ current: null, undone: ({ context, event }) => [...context.undone, event.name] }) },
    'unwinding.deferred': { actions: assign({ current: null, deferred: ({ context, event }) => [...context.deferred, event.name] }) },
    'unwinding.over': [{ guard: isOwing, target: '.deferred' }, { target: '.undone' }],
  },
  output: ({ context }) => ({ undone: context.undone, deferred: context.deferred }),
});

export const unwindingChart: AnyStateMachine = chart;
