/**
 * Ending a workflow from outside.
 *
 * - `cancel` asks: a chart that says something to `workflow.cancel` where it is decides what comes of it; any other ends `cancelled`.
 *   It is asked once: another request changes nothing.
 * - `terminate` does not ask: no code of users is run any more, of its children neither. It works whether the workflow runs, is paused or
 *   parked, and ends what goes on after the end of one that closed.
 */
import type { Actor } from './actor.ts';
import type { Tree } from './tree.ts';
import type { DecideContext } from './draft.ts';
import type { CancelEnvelope, Envelope } from './envelope.ts';
import { decideInTree } from './decide-in-tree.ts';
import type { TreeDecision } from './decide-in-tree.ts';
import { checkOptions, checkTexts } from './options.ts';
import type { ActorRecord } from './record.ts';
import { isClosed } from './record.ts';
import { closedError } from './refusals.ts';
import type { Step } from './step.ts';

/** Who ends a workflow, and why: journaled, and the message of its failure. */
export interface EndOptions {
  readonly by?: string;
  readonly reason?: string;
}

export type TerminateEnvelope = Extract<Envelope, { readonly kind: 'terminate' }>;

/** @throws TypeError if an option is not what it should be */
export function cancelOf(options: unknown = {}): CancelEnvelope {
  const { by, reason = 'It was cancelled.' } = checkEnd('cancel', options);
  return { kind: 'cancel', reason, ...(by === undefined ? {} : { by }) };
}

/** @throws TypeError if an option is not what it should be */
export function terminateOf(options: unknown = {}): TerminateEnvelope {
  const { by, reason = 'It was terminated.' } = checkEnd('terminate', options);
  return { kind: 'terminate', reason, isForAll: true, ...(by === undefined ? {} : { by }) };
}

function checkEnd(kind: string, options: unknown): EndOptions {
  checkOptions<EndOptions>(options, kind, { by: true, reason: true });
  const { by, reason } = options as EndOptions;
  checkTexts(kind, { by, reason });
  return options as EndOptions;
}

/** What comes of a request to end a workflow that has ended: the same again changes nothing. */
export function whenEnded(record: ActorRecord, { kind }: CancelEnvelope | TerminateEnvelope): Exclude<TreeDecision, { kind: 'commit' }> {
  const isSame = record.status === (kind === 'cancel' ? 'cancelled' : 'terminated');
  return isSame ? { kind: 'ignore' } : { kind: 'refuse', error: closedError(record) };
}

/** Ends everything in a workflow, in one unit. */
export function terminateTree(tree: Tree, envelope: TerminateEnvelope, context: DecideContext): TreeDecision {
  const { record } = tree.root;
  if (isClosed(record.status) && tree.isOver) return whenEnded(record, envelope);
  // One at least: something of it goes on.
  return { kind: 'commit', steps: endAll(tree, envelope, context) as readonly [Step, ...Step[]] };
}

/** Children before their parents, so that none is asked to cancel: that would run its code. Of who has ended, what is left goes. */
export function endAll(tree: Tree, envelope: TerminateEnvelope, context: DecideContext): readonly Step[] {
  const all = [...tree.actors()].sort((a, b) => depthOf(b) - depthOf(a));
  return all.flatMap(({ record }) => {
    const decision = decideInTree(tree, { to: record.address.path, envelope }, context);
    return decision.kind === 'commit' ? decision.steps : [];
  });
}

function depthOf({ record }: Actor): number {
  return record.address.path.length;
}
