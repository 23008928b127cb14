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
  if (running === undefined && !hasOpen(draft.ledger.now) && !maySomethingBeLeft(draft, before)) return status;
  draft.ending = { status, n: running?.n ?? bearUnwinding(draft) };
  return 'compensating';
}

function isWhole({ isEnded, childId }: ChildRecord): boolean {
  return isEnded !== true && childId !== undoRetried;
}

/**
 * Whether children that are stopped by the end of their parent may leave something that can be undone.
 *
 * @param told the one whose own end leads to this: it said what it leaves
 */
export function maySomethingBeLeft({ machine }: Draft, before: Actor | undefined, told?: number): boolean {
  return [...(before?.children.values() ?? [])].some(({ n, src, isEnded, isActor }) => {
    if (isActor !== true || isEnded === true || n === told) return false;
    const child = machine.children.get(src);
    return child?.kind === 'actor' && child.machine.isUnwinding !== true && mayHaveUndos(child.machine);
  });
}
