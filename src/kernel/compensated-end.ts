/** The end of a workflow with something to undo: it closes when that is over. */
import type { Actor } from './actor.ts';
import { bearUnwinding } from './apply-actions.ts';
import type { Draft } from './draft.ts';
import { isUnwinder, mayHaveUndos } from './ledger.ts';
import { hasOpen } from './ledger-record.ts';
import type { ChildRecord, WorkflowStatus } from './record.ts';
import { undoRetried } from './unwinding-machine.ts';

/**
 * The status after the end of a chart. A root that ended badly and has, or may have, something to undo is `compensating` first; an
 * unwinding that runs already is waited for.
 *
 * @param before the actor before the step: children that are stopped by it may leave something
 */
export function statusOfEnd(draft: Draft, before: Actor | undefined, status: WorkflowStatus): WorkflowStatus {
  if ((status !== 'failed' && status !== 'cancelled') || draft.address.path.length > 0) return status;
  const running = [...draft.children.now.values()].find((child) => isWhole(child) && isUnwinder(draft.machine, child));
  if (running === undefined && !mayLeaveUndos(draft, before)) return status;
  draft.ending = { status, n: running?.n ?? bearUnwinding(draft) };
  return 'compensating';
}

function isWhole({ isEnded, childId }: ChildRecord): boolean {
  return isEnded !== true && childId !== undoRetried;
}

/**
 * Whether an actor that ends has something to undo, or may have.
 *
 * @param before the actor before the step: children that are stopped by it may leave something
 * @param told the child whose own end leads to this one: it said what it leaves
 */
export function mayLeaveUndos({ machine, ledger, resting }: Draft, before: Actor | undefined, told?: number): boolean {
  if (resting !== undefined || hasOpen(ledger.now)) return true;
  return [...(before?.children.values() ?? [])].some(({ n, src, isEnded, isActor }) => {
    if (isActor !== true || isEnded === true || n === told) return false;
    const child = machine.children.get(src);
    return child?.kind === 'actor' && child.machine.isUnwinding !== true && mayHaveUndos(child.machine);
  });
}
