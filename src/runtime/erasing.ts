/** What is done to the store while nothing else is: taking deleted workflows away, slice by slice, and mending what lists go by. */
import { hasErrorCode } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import type { Store } from '../kernel/ports.ts';

/** Does work on the store while nothing else writes to it. */
export type Alone = <Answer>(work: () => Promise<Answer>) => Promise<Answer>;

export async function eraseAll(store: Store, workflowId: string, lastRun: number, alone: Alone): Promise<void> {
  for (;;) {
    const { isDone } = await alone(() => store.erase(workflowId, lastRun, limits.erasedPerBatchMax));
    if (isDone) return;
  }
}

/** Of an id that has no workflow: goes on with a deletion that a crash cut off. Answers the highest run the id ever had. */
export async function finishErasing(store: Store, workflowId: string, alone: Alone): Promise<number> {
  const tombstone = await store.readTombstone(workflowId);
  if (tombstone?.isClearing === true) await eraseAll(store, workflowId, tombstone.lastRun, alone);
  return tombstone?.lastRun ?? 0;
}

/** What lists and counts go by is derived: found damaged, it is made anew from the records, once. */
export async function mendingListing<Answer>(store: Store, alone: Alone, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!hasErrorCode(error, 'INDEX_DAMAGED')) throw error;
    await alone(() => store.rebuildListing());
    return ask();
  }
}
