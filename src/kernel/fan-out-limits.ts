import { tooManyInline, tooManyUndoable } from './engine-errors.ts';
import type { FanOutPlan } from './fan-out-plan.ts';
import { isTooMany } from './fan-out-plan.ts';
import { limits } from './limits.ts';
import type { RegisteredMachine } from './registered-machine.ts';

/** The name of what is run for each item, among the actors of the fan-out. */
export const itemSource = 'item';

/** Why it cannot be of so many items. */
export function refusalOf({ machine }: { readonly machine: RegisteredMachine }, plan: FanOutPlan, items: number): Error | undefined {
  if (isTooMany(plan, items)) return tooManyInline(items);
  const isUndone = machine.activities.get(itemSource)?.descriptor.undo !== undefined;
  return isUndone && items > limits.undoableItemsMax ? tooManyUndoable(items) : undefined;
}
