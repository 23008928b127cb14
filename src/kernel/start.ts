/** A start as a whole: who has the id already, what the policy says to that, and what is written then, all of it at once. */
import { rootAddress } from './address.ts';
import type { Commit } from './commit.ts';
import type { Deadline } from './deadline.ts';
import { momentOf } from './deadline.ts';
import type { TreeDecision } from './decide-in-tree.ts';
import { endAll } from './ending.ts';
import { decideInTree, decideTreeStart } from './decide-in-tree.ts';
import type { DecideContext } from './draft.ts';
import type { StepEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import { listingOf } from './listing.ts';
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
  /** Default: the machine's. */
  readonly deadline?: Deadline | undefined;
  /** Belongs to the start: whoever has the id then, old or new, is told it in the same commit. */
  readonly signal?: Extract<StepEnvelope, { readonly kind: 'signal' }>;
}

/** The latest run of the id, with the input it was started with. */
export interface ExistingRun {
  readonly record: ActorRecord;
  /** Absent if it is closed and its machine is gone. */
  readonly tree: Tree | undefined;
  readonly input: Json;
  /** Without a tree: whether something goes on after its end once its machine is there. */
  readonly isLeftOpen?: boolean;
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
  const { machine, input, policy, signal } = request;
  const verdict = existing === undefined ? undefined : judgeStart(existing, machine.reference, input, policy);
  if (verdict?.kind === 'refuse') return verdict;
  if (existing !== undefined && verdict?.kind === 'use-existing') return signalExisting(existing, signal, context);
  // Whatever comes for a run that is not the latest of its id would find nobody.
  if (verdict?.kind === 'new-run' && existing !== undefined && goesOn(existing)) {
    return { kind: 'refuse', error: stillRunning(existing.record) };
  }
  const run = (existing?.record.address.run ?? lastRun) + 1;
  const { deadline = machine.deadline } = request;
  const deadlineAtMs = deadline && momentOf(deadline, context.nowMs);
  const begun = decideTreeStart({ machine, address: rootAddress(workflowId, run), input, deadlineAtMs }, context);
  if (begun.kind === 'refuse') return begun;
  const { tree } = begun;
  const told = signal === undefined ? undefined : decideInTree(tree, { to: [], envelope: signal }, context);
  if (told?.kind === 'refuse') return told;
  // Last of all, since what is refused must not end anybody.
  const ended = verdict?.kind === 'terminate-existing' && existing?.tree !== undefined ? endAll(existing.tree, termination, context) : [];
  const signalled = told?.kind === 'commit' ? { signalled: told.steps[0].commit } : {};
  const steps = [...ended, ...inPlaceOf(existing?.record, ended, begun.steps), ...stepsOf(told)];
  return { kind: 'commit', isNewRun: true, tree, steps, ...signalled };
}

/** Lists show the latest run of an id: the new one takes the place of the one before, as it ended. */
function inPlaceOf(
  before: ActorRecord | undefined,
  ended: readonly Step[],
  [first, ...others]: readonly [Step, ...Step[]],
): readonly Step[] {
  const replaced = ended.findLast(({ commit }) => commit.record.address.path.length === 0)?.commit.record ?? before;
  if (replaced === undefined) return [first, ...others];
  return [{ ...first, commit: { ...first.commit, listed: { ...first.commit.listed, before: listingOf(replaced) } } }, ...others];
}

const termination = { kind: 'terminate', reason: 'Another run was started with terminate-existing.', isForAll: true } as const;

function goesOn({ tree, isLeftOpen = false }: ExistingRun): boolean {
  return tree === undefined ? isLeftOpen : !tree.isOver;
}

function stillRunning({ address: { workflowId: id }, status }: ActorRecord): PerdureError {
  const message = `Workflow "${id}" is closed (${status}), but a child of it or its last custom actions still run. Start it again when they have ended.`;
  return new PerdureError('WORKFLOW_EXISTS', message, { id, status, reason: 'policy' });
}

function stepsOf(decision: TreeDecision | undefined): readonly Step[] {
  return decision?.kind === 'commit' ? decision.steps : [];
}

function signalExisting({ record, tree }: ExistingRun, signal: StartRequest['signal'], context: DecideContext): StartDecision {
  if (signal === undefined) return { kind: 'use-existing' };
  if (tree === undefined) return { kind: 'refuse', error: closedError(record) };
  if (isDraining(tree.root.record)) throw new TypeError('What waits in the mailbox has to be applied before a signal.');
  // A signal is never ignored.
  const told = decideInTree(tree, { to: [], envelope: signal }, context) as Exclude<TreeDecision, { readonly kind: 'ignore' }>;
  if (told.kind === 'refuse') return told;
  return { kind: 'commit', isNewRun: false, tree, steps: told.steps, signalled: told.steps[0].commit };
}

/** The input a run was started with, from the first record of its journal. */
export function inputOf(first: JournalRecord | undefined): Json {
  return first?.envelope.kind === 'start' ? first.envelope.input : null;
}
