/** A start as a whole: who has the id already, what the policy says to that, and what is written then, all of it at once. */
import { rootAddress } from './address.ts';
import type { Step } from './decide-in-tree.ts';
import { decideInTree, decideTreeStart } from './decide-in-tree.ts';
import type { DecideContext } from './draft.ts';
import type { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import type { ActorRecord, JournalRecord } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import type { StartPolicy } from './start-policy.ts';
import { judgeStart } from './start-policy.ts';
import type { Tree } from './tree.ts';

export interface StartRequest {
  readonly machine: RegisteredMachine;
  readonly input: Json;
  readonly policy: StartPolicy;
}

/** The latest run of the id, with the input it was started with. */
export interface ExistingRun {
  readonly record: ActorRecord;
  /** Absent if it is closed and its machine is gone. */
  readonly tree: Tree | undefined;
  readonly input: Json;
}

export type StartDecision =
  /** to be written as one unit, in order: the end of the run before, if it was still open, and the first step of the new one */
  | { readonly kind: 'commit'; readonly tree: Tree; readonly steps: readonly Step[] }
  | { readonly kind: 'use-existing' }
  | { readonly kind: 'refuse'; readonly error: PerdureError };

export function decideNewRun(
  workflowId: string,
  existing: ExistingRun | undefined,
  request: StartRequest,
  context: DecideContext,
): StartDecision {
  const { machine, input, policy } = request;
  if (existing === undefined) return decideTreeStart({ machine, address: rootAddress(workflowId, 1), input }, context);
  const { record, tree } = existing;
  const verdict = judgeStart(existing, machine.reference, input, policy);
  if (verdict.kind !== 'terminate-existing') return verdict;
  // First of all, since a start that is refused must not end anybody.
  const begun = decideTreeStart({ machine, address: rootAddress(workflowId, record.address.run + 1), input }, context);
  if (begun.kind === 'refuse') return begun;
  const terminate = { kind: 'terminate', reason: 'Another run was started with terminate-existing.' } as const;
  const ended = tree && decideInTree(tree, { to: [], envelope: terminate }, context);
  return { ...begun, steps: ended?.kind === 'commit' ? [...ended.steps, ...begun.steps] : begun.steps };
}

/** The input a run was started with, from the first record of its journal. */
export function inputOf(first: JournalRecord | undefined): Json {
  return first?.envelope.kind === 'start' ? first.envelope.input : null;
}
