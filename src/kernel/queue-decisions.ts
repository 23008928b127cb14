/** Decisions that wait for a person: an item of the queue for each state with the tag `needs-decision`, as long as the actor is in it. */
import type { Address } from './address.ts';
import type { Draft } from './draft.ts';
import type { QueuePlace } from './queue-record.ts';
import { putQueueItem, removeQueueItem } from './queue-record.ts';
import type { ActorRecord, OpenDecision, WorkflowStatus } from './record.ts';
import type { AnyMachineSnapshot } from './xstate-seam.ts';
import { statesToDecide } from './xstate-decisions.ts';

/** What a step leads to. */
interface Reached {
  readonly status: WorkflowStatus;
  readonly atMs: number;
  /** Undefined if the chart was not asked. */
  readonly snapshot: AnyMachineSnapshot | undefined;
}

/** What the record says of them after a step, with what that changes of the queue put into the draft. */
export function decisionsAfter(
  draft: Draft,
  known: ActorRecord['decisions'],
  { status, atMs, snapshot }: Reached,
): ActorRecord['decisions'] {
  const canDecide = status === 'running' || status === 'paused' || status === 'parked';
  if (canDecide && snapshot === undefined) return known;
  const states = canDecide && snapshot !== undefined ? statesToDecide(snapshot) : [];
  const { open, last } = known ?? { open: [], last: 0 };
  const gone = open.filter(({ state }) => !states.includes(state));
  const begun = states
    .filter((state) => !open.some((decision) => decision.state === state))
    .map((state, index): OpenDecision => ({ n: last + index + 1, state, atMs }));
  if (gone.length + begun.length === 0) return known;
  const { id, version } = draft.machine.reference;
  for (const decision of gone) removeQueueItem(draft, decisionPlace(draft.address, decision));
  for (const decision of begun) {
    putQueueItem(draft, { ...decisionPlace(draft.address, decision), machine: { id, version }, name: decision.state });
  }
  return { last: last + begun.length, open: [...open.filter((decision) => !gone.includes(decision)), ...begun] };
}

export function decisionPlace(address: Address, { n, atMs }: OpenDecision): QueuePlace {
  return { kind: 'decision', cause: 'decision', address, n, atMs };
}
