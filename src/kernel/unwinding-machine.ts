/** What unwinds the ledger of a machine, as a machine: its activities are the undos of the other's, its children what unwinds theirs. */
import type { ActivityDescriptor, ActivityScope, UndoDescriptor, UndoScope } from './activity-descriptor.ts';
import type { RegisteredActivity, RegisteredChild, RegisteredMachine } from './registered-machine.ts';
import { hashStructure, structureOf } from './xstate-structure.ts';
import { unwindingChart } from './xstate-unwinding.ts';

/** What an undo is given as its input, decoded. */
export type UndoInput = Pick<UndoScope<unknown, unknown>, 'input' | 'output' | 'outcome' | 'error' | 'idempotencyKey'>;

/** The name of its logic where the engine begins it, beside the names that charts use. */
export const unwindingSource = 'perdure.compensation';

/** Under this id is the unwinding of the one undo that a person wants to be run again. */
export const undoRetried = 'perdure.undo';

const structure = structureOf(unwindingChart);
const structureHash = hashStructure(structure);

/**
 * What unwinds `machine`; to be filled with {@link fillUnwinding} once all of that is known.
 *
 * @param isOfItems whether that is a fan-out
 */
export function emptyUnwinding(
  { id, version }: Pick<RegisteredMachine['reference'], 'id' | 'version'>,
  isOfItems = false,
): RegisteredMachine {
  return {
    reference: { id: `${id}.compensation`, version, structureHash },
    structure,
    logic: { kind: 'machine', logic: unwindingChart, actions: new Map(), names: new Map() },
    machine: unwindingChart,
    activities: new Map(),
    children: new Map(),
    actions: new Map(),
    handlesCancel: false,
    handlesDeadline: false,
    deadline: undefined,
    needsDecisions: false,
    isUnwinding: true,
    ...(isOfItems ? { isOfItems } : {}),
  };
}

/** Its parts, by the names that the ledger has them under. */
export function fillUnwinding(
  unwinding: RegisteredMachine,
  activities: ReadonlyMap<string, RegisteredActivity>,
  children: ReadonlyMap<string, RegisteredChild>,
): void {
  for (const [src, { name, descriptor }] of activities) {
    if (descriptor.undo === undefined) continue;
    (unwinding.activities as Map<string, RegisteredActivity>).set(src, undoOf(src, `${name}:undo`, descriptor.undo));
  }
  for (const [src, child] of children) {
    if (child.kind !== 'actor' || child.machine.unwinding === undefined) continue;
    const own: RegisteredChild = { kind: 'actor', machine: child.machine.unwinding, parentClosePolicy: 'abandon' };
    (unwinding.children as Map<string, RegisteredChild>).set(src, own);
  }
}

function undoOf(src: string, name: string, { run, startToCloseTimeoutMs, retry }: UndoDescriptor): RegisteredActivity {
  const runUndo: ActivityDescriptor['run'] = (scope) => run?.(scopeOf(scope));
  return { src, name, descriptor: { kind: 'activity', name, run: runUndo, startToCloseTimeoutMs, retry } };
}

/** The signal is made when it is looked at, as in the scope of an activity. */
function scopeOf(scope: ActivityScope<unknown>): UndoScope<unknown, unknown> {
  const { input, output, outcome, error, idempotencyKey } = scope.input as UndoInput;
  return {
    input,
    output,
    outcome,
    error,
    idempotencyKey,
    attempt: scope.attempt,
    get signal() {
      return scope.signal;
    },
  };
}
