/** Workflows taken from step to step by their decisions alone: no clock, no disk, nothing that runs. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import type { Actor } from '../../src/kernel/actor.ts';
import { reviveActor } from '../../src/kernel/actor.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { Decision } from '../../src/kernel/decide.ts';
import { decideInTree } from '../../src/kernel/decide-in-tree.ts';
import { decideStart } from '../../src/kernel/decide.ts';
import type { DecideContext } from '../../src/kernel/draft.ts';
import type { ActEnvelope, ControlEnvelope, StepEnvelope } from '../../src/kernel/envelope.ts';
import { encodeEvent } from '../../src/kernel/event-check.ts';
import { failedOutcome } from '../../src/kernel/failure.ts';
import { controlTree } from '../../src/kernel/held-tree.ts';
import type { ActivityRecord } from '../../src/kernel/record.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import type { StoredActor } from '../../src/kernel/ports.ts';
import { Tree } from '../../src/kernel/tree.ts';
import type { Surroundings } from '../../src/kernel/xstate-scope.ts';
import { encodePayload } from '../../src/kernel/value-encoding.ts';

export interface Taken {
  readonly commit: Commit;
  readonly actor: Actor;
}

/** What decisions depend on; a place for every attempt and the middle of every jitter unless told otherwise. */
export function at(nowMs: number, others: Partial<DecideContext> = {}): DecideContext {
  return { nowMs, random: () => 0.5, admit: () => true, ...others };
}

export function began(machine: AnyStateMachine, input?: unknown, context: DecideContext = at(1_000), deadlineAtMs?: number): Taken {
  const tree = new Tree(registerMachine(machine), rootAddress('w-1', 1));
  const { machine: registered, address, surroundings } = tree;
  const beginning = { machine: registered, address, input: encodePayload(input, 'input'), surroundings, deadlineAtMs };
  const first = taken(decideStart(beginning, context));
  surrounded(first.actor, tree);
  return first;
}

const trees = new WeakMap<Surroundings, Tree>();

/** Its chart sees what it is at this step: tests take different steps from one and the same. */
function surrounded(actor: Actor, tree = trees.get(actor.chart.scope.surroundings)): void {
  tree?.add(actor);
  if (tree !== undefined) trees.set(tree.surroundings, tree);
}

/** A tree of this one actor, as a new process would read it from disk. */
export function treeOf(actor: Actor): Tree {
  const tree = new Tree(actor.machine, actor.record.address);
  surrounded(reviveActor(actor.machine, storedOf(actor), tree.surroundings), tree);
  return tree;
}

/** An actor as it is on disk. */
export function storedOf({ record, activities, children, ledger }: Actor): StoredActor {
  const stored = { record, activities: [...activities.values()], children: [...children.values()], ledger: [...ledger.values()] };
  return JSON.parse(JSON.stringify(stored)) as typeof stored;
}

/** What a workflow whose root this is makes of it: of what is committed, the first step. */
export function decidedOn(actor: Actor, envelope: StepEnvelope, context: DecideContext, mail?: number): Decision {
  surrounded(actor);
  const tree = trees.get(actor.chart.scope.surroundings) ?? treeOf(actor);
  const decision = decideInTree(tree, { to: [], envelope }, context, mail);
  return decision.kind === 'commit' ? { kind: 'commit', ...decision.steps[0] } : decision;
}

/** What a person asks of it. */
export function controlled(actor: Actor, kind: ActEnvelope['kind'], nowMs = 3_000): Taken {
  return taken(controlledBy(actor, { kind }, nowMs));
}

/** What it makes of what is asked of the engine. */
export function controlledBy(actor: Actor, envelope: ControlEnvelope, nowMs: number): Decision {
  surrounded(actor);
  const decision = controlTree(trees.get(actor.chart.scope.surroundings) ?? treeOf(actor), envelope, { nowMs });
  return decision.kind === 'commit' ? { kind: 'commit', ...decision.steps[0] } : decision;
}

/** One step that commits. It is decided twice, in memory and on the actor as it would be read from disk: both must say the same. */
export function took(actor: Actor, envelope: StepEnvelope, context: DecideContext = at(2_000), mail?: number): Taken {
  const live = taken(decidedOn(actor, envelope, context, mail));
  const revived = taken(decidedOn(revive(actor), envelope, context, mail));
  expect(withoutStacks(revived.commit)).toStrictEqual(withoutStacks(live.commit));
  return live;
}

/** Where user code threw differs by who called it; nothing else may. */
export function withoutStacks(commit: Commit): unknown {
  return JSON.parse(JSON.stringify(commit, (key, value: unknown) => (key === 'stack' ? '' : value)));
}

/** Steps one after the other, a second apart. */
export function walked(actor: Actor, ...envelopes: StepEnvelope[]): Taken {
  const [first, ...rest] = envelopes;
  if (first === undefined) throw new TypeError('A walk has a step at least.');
  return rest.reduce(
    (before, envelope) => took(before.actor, envelope, at(before.commit.record.updatedAtMs + 1_000)),
    took(actor, first, at(actor.record.updatedAtMs + 1_000)),
  );
}

export function taken(decision: Decision): Taken {
  if (decision.kind !== 'commit') {
    throw new Error(`It was expected to commit, and it answered ${decision.kind}.`, {
      cause: decision.kind === 'refuse' ? decision.error : undefined,
    });
  }
  const { commit, actor } = decision;
  // Plain data, as a store keeps it: writing it down changes nothing.
  expect(isDeepStrictEqual(JSON.parse(JSON.stringify(commit)), commit)).toBe(true);
  expect(actor.record).toBe(commit.record);
  expect(commit.journal).toMatchObject({ sequence: commit.record.sequence, status: commit.record.status, atMs: commit.record.updatedAtMs });
  expect(commit.record.activities.map(({ n }) => n)).toEqual([...actor.activities.keys()]);
  expect(commit.record.children).toBe(actor.children.size);
  return { commit, actor };
}

/** The same actor as a new process would find it on disk. */
export function revive(actor: Actor): Actor {
  return treeOf(actor).root;
}

export function signal(type: string, data: Record<string, unknown> = {}): Extract<StepEnvelope, { kind: 'signal' }> {
  return { kind: 'signal', event: encodeEvent({ type, ...data }) };
}

export function completed(n: number, output?: unknown, attempt = 1): StepEnvelope {
  return { kind: 'attempt-completed', n, attempt, output: encodePayload(output, 'output') };
}

export function failed(n: number, error: unknown, attempt = 1): StepEnvelope {
  return { kind: 'attempt-failed', n, attempt, ...failedOutcome(error) };
}

/** An error whose class is this name. */
export function errorNamed(name: string, message = 'it went wrong'): Error {
  return Object.assign(new Error(message), { name });
}

/** The only pending activity. */
export function pending(actor: Actor): ActivityRecord {
  const [activity, ...others] = actor.activities.values();
  if (activity === undefined || others.length > 0) {
    throw new Error(`It was expected to have one pending activity, not ${actor.activities.size}.`);
  }
  return activity;
}

export function valueOf({ commit }: Taken): unknown {
  return commit.record.chart.value;
}
