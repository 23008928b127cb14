import type { Draft } from './draft.ts';
import { limits } from './limits.ts';
import type { UnwindingInput } from './xstate-unwinding.ts';

/**
 * The input of an unwinding of this actor's ledger.
 *
 * @param only the number of the one entry to undo; anything else: all of it
 */
export function unwindingInput({ address, context, fanOut }: Draft, only: unknown): UnwindingInput {
  const { nowMs, compensationBudgetMs = limits.compensationBudgetMs } = context;
  const ofItems = fanOut === undefined ? {} : { isOfItems: true as const };
  const input = { owner: address.path, budgetAtMs: nowMs + compensationBudgetMs, ...ofItems };
  return typeof only === 'number' ? { ...input, only } : input;
}
