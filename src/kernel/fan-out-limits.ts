import { tooManyInline, tooManyUndoable } from './engine-errors.ts';
import type { FanOutPlan } from './fan-out-plan.ts';
import { isTooMany } from './fan-out-plan.ts';
import { limits } from './limits.ts';
import { armTimer } from './arm-timer.ts';
import type { Draft } from './draft.ts';
import type { RegisteredMachine } from './registered-machine.ts';

/** The name of what is run for each item, among the actors of the fan-out. */
export const itemSource = 'item';

/** Why it cannot be of so many items. */
export function refusalOf({ machine }: { readonly machine: RegisteredMachine }, plan: FanOutPlan, items: number): Error | undefined {
  if (isTooMany(plan, items)) return tooManyInline(items);
  const isUndone = machine.activities.get(itemSource)?.descriptor.undo !== undefined;
  return isUndone && items > limits.undoableItemsMax ? tooManyUndoable(items) : undefined;
}

/**
 * How many items may still begin in this row: machines that end at once are one long conversation otherwise, which nobody else gets a word
 * into, and which looks as if it had no end.
 *
 * @param isInTurn whether the row before is over
 */
export function leftInRow(begun: number, isInTurn: boolean): number {
  const left = limits.itemsInRowMax - (begun % limits.itemsInRowMax);
  return begun > 0 && left === limits.itemsInRowMax && !isInTurn ? 0 : left;
}

const nextRow = 'fan-out.next';

/** The next row begins once others had their turn. */
export function armNext(draft: Draft): void {
  for (const { id } of draft.timers.now.values()) if (id === nextRow) return;
  armTimer(draft, { kind: 'schedule', id: nextRow, event: { type: nextRow }, delay: 0, to: undefined });
}
