/** A start as a whole: who has the id already, what the policy says to that, and what is written then, all of it at once. */
import { rootAddress } from './address.ts';
import type { Commit } from './commit.ts';
import type { TreeDecision } from './decide-in-tree.ts';
import { decideInTree, decideTreeStart } from './decide-in-tree.ts';
import type { DecideContext } from './draft.ts';
import type { StepEnvelope } from './envelope.ts';
import type { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import { isDraining } from './mailbox.ts';
import type { ActorRecord, JournalRecord } from './record.ts';
import type { Step } from './step.ts';
import { closedError } from './refusals.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import type { StartPolicy } from './start-policy.ts';
import { judgeStart } from './start-policy.ts';
import type { Tree } from './tree.ts';

export interface StartRequest {
  readonly machine: RegisteredMachine;
  readonly input: Json;
  readonly policy: StartPolicy;
  /** Belongs to the start: whoever has the id then, old or new, is told it in the same commit. */
  readonly signal?: Extract<StepEnvelope, { readonly kind: 'signal' }>;
}

/** The latest run of the id, with the input it was started with. */
export interface ExistingRun {
  readonly record: ActorRecord;
  /** Absent if it is closed and its machine is gone. */
  readonly tree: Tree | undefined;
  readonly input: Json;
}

export type StartDecision =
  /**
   * to be written as one unit, in order: the end of the run before, if it was still open, the first step of the new one, and
   * the signal
   */
  | {
      readonly kind: 'commit';
      readonly isNewRun: boolean;
      readonly tree: Tree;
      readonly steps: readonly Step[];
      readonly signalled?: Commit;
    }
  | { readonly kind: 'use-existing' }
  | { readonly kind: 'refuse'; readonly error: PerdureError };

/** @param lastRun the highest run that was ever given to the id; 0 if none was */
export function decideNewRun(
  workflowId: string,
  lastRun: number,
  existing: ExistingRun | undefined,
  request: StartRequest,
  context: DecideContext,
): StartDecision {
  const decision = decideWithoutSignal(workflowId, lastRun, existing, request, context);
  const { signal } = request;
  if (signal === undefined || decision.kind === 'refuse') return decision;
  const steps = decision.kind === 'commit' ? decision.steps : [];
  const tree = decision.kind === 'commit' ? decision.tree : existing?.tree;
  if (tree === undefined) return existing === undefined ? decision : { kind: 'refuse', error: closedError(existing.record) };
  if (steps.length === 0 && isDraining(tree.root.record))
    throw new TypeError('What waits in the mailbox has to be applied before a signal.');
  const told = decideInTree(tree, { to: [], envelope: signal }, context);
  if (told.kind === 'refuse') return told;
  if (told.kind === 'ignore') return decision;
  return { kind: 'commit', isNewRun: steps.length > 0, tree, steps: [...steps, ...told.steps], signalled: told.steps[0].commit };
}

function decideWithoutSignal(
  workflowId: string,
  lastRun: number,
  existing: ExistingRun | undefined,
  request: StartRequest,
  context: DecideContext,
): StartDecision {
  const { machine, input, policy } = request;
  if (existing === undefined) return begin(workflowId, lastRun + 1, undefined, request, context);
  const { record, tree } = existing;
  const verdict = judgeStart(existing, machine.reference, input, policy);
  if (verdict.kind === 'new-run') return begin(workflowId, record.address.run + 1, undefined, request, context);
  if (verdict.kind !== 'terminate-existing') return verdict;
  const terminate = { kind: 'terminate', reason: 'Another run was started with terminate-existing.' } as const;
  const ended = tree && decideInTree(tree, { to: [], envelope: terminate }, context);
  return begin(workflowId, record.address.run + 1, ended, request, context);
}

/** The input a run was started with, from the first record of its journal. */
export function inputOf(first: JournalRecord | undefined): Json {
  return first?.envelope.kind === 'start' ? first.envelope.input : null;
}

function begin(
  workflowId: string,
  run: number,
  ended: TreeDecision | undefined,
  { machine, input }: StartRequest,
  context: DecideContext,
): StartDecision {
  const decision = decideTreeStart({ machine, address: rootAddress(workflowId, run), input }, context);
  if (decision.kind === 'refuse') return decision;
  const { tree, steps } = decision;
  return { kind: 'commit', isNewRun: true, tree, steps: ended?.kind === 'commit' ? [...ended.steps, ...steps] : steps };
}
