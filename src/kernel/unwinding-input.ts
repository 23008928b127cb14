import type { Draft } from './draft.ts';
import { limits } from './limits.ts';
import type { UnwindingInput } from './xstate-unwinding.ts';

/** The input of an unwinding of this actor's ledger. */
export function unwindingInput({ address, context }: Draft): UnwindingInput {
  const { nowMs, compensationBudgetMs = limits.compensationBudgetMs } = context;
  return { owner: address.path, budgetAtMs: nowMs + compensationBudgetMs };
}
