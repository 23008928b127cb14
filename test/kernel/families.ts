/** Workflows of several actors, taken from step to step on a disk of plain data: no clock, no host, nothing that runs. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { AnyActorRef, AnyStateMachine } from 'xstate';
import { pendingIn } from '../../src/kernel/activities-in-record.ts';
import type { Actor } from '../../src/kernel/actor.ts';
import { formatPlace, rootAddress } from '../../src/kernel/address.ts';
import type { Commit, Message } from '../../src/kernel/commit.ts';
import { decideInTree, decideTreeStart } from '../../src/kernel/decide-in-tree.ts';
import type { DecideContext } from '../../src/kernel/draft.ts';
import type { MachineRegistry } from '../../src/kernel/machine-registry.ts';
import { createRegistry, revive } from '../../src/kernel/machine-registry.ts';
import { isDraining } from '../../src/kernel/mailbox.ts';
import { isClosed } from '../../src/kernel/record.ts';
import type { Step } from '../../src/kernel/step.ts';
import type { Tree } from '../../src/kernel/tree.ts';
import { contextOf } from '../../src/kernel/xstate-seam.ts';
import { encodePayload } from '../../src/kernel/value-encoding.ts';
import type { Run, WorkflowDocument } from '../support/documents.ts';
import { fold, treeIn } from '../support/documents.ts';
import type { ActEnvelope, StepEnvelope } from '../../src/kernel/envelope.ts';
import { controlTree } from '../../src/kernel/held-tree.ts';
import { at, signal, withoutStacks } from './workflows.ts';

/** The chart's reference to a child. */
export function childOf({ chart }: Actor, id: string): AnyActorRef {
  const found = (chart.snapshot.children as Readonly<Record<string, AnyActorRef | undefined>>)[id];
  if (found === undefined) throw new Error(`There is no child "${id}".`);
  return found;
}

export class Family {
  tree: Tree;
  readonly #registry: MachineRegistry;
  readonly #document: WorkflowDocument = { id: 'w-1', lastRun: 0, runs: [], messages: [], queue: [] };
  #commits = 0;
  #nowMs = 1_000;
  /** Every unit so far, the last one last. */
  readonly units: (readonly Step[])[] = [];

  constructor(machine: AnyStateMachine, input?: unknown, context: Partial<DecideContext> = {}) {
    this.#registry = createRegistry([machine]);
    const registered = this.#registry.machines[0]!;
    const beginning = { machine: registered, address: rootAddress('w-1', 1), input: encodePayload(input, 'input') };
    const begun = decideTreeStart(beginning, at(this.#nowMs, context));
    if (begun.kind === 'refuse') throw begun.error;
    this.tree = begun.tree;
    this.#write(begun.steps);
  }

  /** What happens, decided twice: in memory and on what a new process reads from disk. Both must say the same. */
  tell(path: readonly number[], envelope: StepEnvelope, context: Partial<DecideContext> = {}): readonly Commit[] {
    return this.#decide({ to: path, envelope }, context);
  }

  #decide(message: Message, context: Partial<DecideContext>, mail?: number): readonly Commit[] {
    this.#nowMs += 1_000;
    const revived = this.#read();
    const live = decideInTree(this.tree, message, at(this.#nowMs, context), mail);
    const again = decideInTree(revived, message, at(this.#nowMs, context), mail);
    expect(stepsOf(again).map(({ commit }) => withoutStacks(commit))).toStrictEqual(
      stepsOf(live).map(({ commit }) => withoutStacks(commit)),
    );
    if (live.kind === 'refuse') throw live.error;
    this.#write(stepsOf(live));
    return stepsOf(live).map(({ commit }) => commit);
  }

  /** What a person asks of the engine. */
  control(kind: ActEnvelope['kind']): void {
    this.#nowMs += 1_000;
    this.#write(stepsOf(controlTree(this.tree, { kind }, { nowMs: this.#nowMs })));
  }

  /** The oldest row of the mailbox, decided twice as everything is. */
  takeMail(): void {
    const [row] = this.stored().mail;
    if (row === undefined) throw new Error('There is nothing in the mailbox.');
    this.#decide(row, {}, row.n);
  }

  /** Takes rows of the mailbox as a host does, until there are none or the workflow is parked; says who took steps. */
  drain(): readonly string[] {
    const order: string[] = [];
    while (isDraining(this.root.record)) {
      this.takeMail();
      order.push(...this.order);
    }
    return order;
  }

  send(type: string, data: Record<string, unknown> = {}): readonly Commit[] {
    return this.tell([], signal(type, data));
  }

  /** Goes on as the next process would. */
  reopen(): this {
    this.tree = this.#read();
    return this;
  }

  get last(): readonly Step[] {
    return this.units.at(-1) ?? [];
  }

  /** The latest commit of each actor ever, by place. */
  get run(): Run {
    return this.#document.runs[0]!;
  }

  stored(...path: readonly number[]): Run[number] {
    const found = this.run.find(({ record }) => formatPlace(record.address.path) === formatPlace(path));
    if (found === undefined) throw new Error(`There was never an actor at "${formatPlace(path)}".`);
    return found;
  }

  /** State values by place, of everybody who is in memory. */
  get values(): Record<string, unknown> {
    return Object.fromEntries([...this.tree.actors()].map(({ record }) => [formatPlace(record.address.path), record.chart.value]));
  }

  get root(): Actor {
    return this.tree.root;
  }

  get context(): unknown {
    return contextOf(this.root.chart.snapshot);
  }

  /** Who took steps in the last unit, on what, in order: `1.2 message`. */
  get order(): readonly string[] {
    return this.last.map(({ commit: { journal } }) => {
      const { envelope, address } = journal;
      const event = 'event' in envelope ? ` ${String((envelope.event as { readonly type?: unknown }).type)}` : '';
      return `${formatPlace(address.path) || 'root'}: ${envelope.kind}${event}`;
    });
  }

  #write(steps: readonly Step[]): void {
    for (const { commit, actor } of steps) {
      // Plain data, as a store keeps it: writing it down changes nothing.
      expect(isDeepStrictEqual(JSON.parse(JSON.stringify(commit)), commit)).toBe(true);
      fold(this.#document, commit, (this.#commits += 1));
      this.tree.show(commit, actor);
    }
    this.units.push(steps);
    this.#check();
  }

  /** What every store checks, and that memory and disk agree. */
  #check(): void {
    for (const { record, activities, children } of this.run) {
      expect(record.children).toBe(children.length);
      expect(record.activities).toEqual(pendingIn(new Map(activities.map((activity) => [activity.n, activity]))));
      // What is still to be said may be the start of a child, or that it was never born.
      const isMissed = this.stored().mail.length === 0;
      for (const { n, isActor } of children) if (isActor === true && isMissed) this.stored(...record.address.path, n);
      if (isClosed(record.status)) expect(record.timers).toEqual([]);
    }
    const { record: root, mail } = this.stored();
    // The numbers of its rows are the last ones up to the counter.
    const { counters, queued = 0 } = root;
    expect(mail.map(({ n }) => n)).toEqual(Array.from({ length: queued }, (_, index) => (counters.mail ?? 0) - queued + 1 + index));
    const places = (tree: Tree): string[] => [...tree.actors()].map(({ record }) => formatPlace(record.address.path)).sort();
    const [inMemory, onDisk] = [places(this.tree), places(this.#read())];
    // Who ended stays in memory while mail waits.
    if (queued > 0) expect(inMemory).toEqual(expect.arrayContaining(onDisk));
    else expect(inMemory).toEqual(onDisk);
  }

  #read(): Tree {
    const stored = JSON.parse(JSON.stringify(treeIn(this.run))) as ReturnType<typeof treeIn>;
    const revival = revive(this.#registry, stored);
    if (revival.kind !== 'tree') throw new Error('It cannot be read.', { cause: revival });
    return revival.tree;
  }
}

function stepsOf(decision: ReturnType<typeof decideInTree>): readonly Step[] {
  return decision.kind === 'commit' ? decision.steps : [];
}
