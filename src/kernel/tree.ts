/**
 * All actors of one workflow that run or that a chart refers to, as decided so far. Actors themselves are immutable; the tree
 * says which of them is the latest.
 *
 * Invariants
 * 1. A step changes one actor: `put` is the only way in, with the commit that explains it.
 * 2. What charts see of each other outside of a step is what was shown, and only what is on disk is.
 * 3. An actor leaves when it is closed, nothing of it is pending, it waits for the end of no child, and its parent does not refer
 *    to it, nor has anything of it to be undone; and not while something waits in the mailbox, which may be said to it yet.
 */
import type { Actor } from './actor.ts';
import type { Address } from './address.ts';
import { childAddress, formatAddress, formatPlace, numberOf, pathOf } from './address.ts';
import type { Commit } from './commit.ts';
import { isOpen } from './ledger-record.ts';
import type { ChildRecord } from './record.ts';
import { isClosed } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import { decodeValue } from './value-decoding.ts';
import type { Identity } from './xstate-reference.ts';
import type { Surroundings } from './xstate-scope.ts';

export class Tree {
  readonly address: Address;
  /** The machine of the root. */
  readonly machine: RegisteredMachine;
  readonly surroundings: Surroundings;
  /** What callbacks and observables show of themselves: they live in the host. */
  showLive: (sessionId: string) => unknown = () => undefined;
  readonly #actors = new Map<string, Actor>();
  readonly #shown = new Map<string, Actor>();
  /** How many actors have something pending. */
  #active = 0;
  /** Who would leave if nothing waited in the mailbox: it may be for them, or lead to something that is. */
  readonly #waiting: (readonly number[])[] = [];
  #named: ReadonlyMap<string, Identity> | undefined = undefined;

  constructor(machine: RegisteredMachine, address: Address) {
    this.machine = machine;
    this.address = address;
    this.surroundings = {
      snapshotOf: (sessionId) => this.#snapshotIn(this.#actors, sessionId),
      shownOf: (sessionId) => this.#snapshotIn(this.#shown, sessionId),
      find: (systemId) => this.#systemIds().get(systemId),
      named: () => this.#systemIds(),
    };
  }

  get root(): Actor {
    const root = this.#actors.get('');
    if (root === undefined) throw new TypeError('A tree is asked for its root before its first step.');
    return root;
  }

  get(path: readonly number[]): Actor | undefined {
    return this.#actors.get(formatPlace(path));
  }

  /** Whether anything runs or waits to run, so that it has to stay in memory. */
  get isActive(): boolean {
    return this.#active > 0;
  }

  /** Whether the root has ended, and nothing of the workflow runs or waits to run any more. */
  get isOver(): boolean {
    return !this.isActive && [...this.actors()].every(({ record }) => isClosed(record.status));
  }

  /** Parents before their children. */
  actors(): Iterable<Actor> {
    return this.#actors.values();
  }

  /** As they are on disk: what a host may act upon. */
  shown(): Iterable<Actor> {
    return this.#shown.values();
  }

  /** Reads an actor in; what is on disk is shown. */
  add(actor: Actor): void {
    const place = formatPlace(actor.record.address.path);
    this.#set(actor);
    this.#shown.set(place, actor);
    this.#named = undefined;
  }

  /** Takes over what a step decided. */
  put(commit: Commit, actor: Actor): void {
    this.#set(actor);
    const { activitiesPut, activitiesRemoved, childrenPut, childrenRemoved } = commit;
    if (activitiesPut.length + activitiesRemoved.length + childrenPut.length + childrenRemoved.length > 0) this.#named = undefined;
  }

  /**
   * A commit is on disk: charts may read the state after it from outside of steps, and who is not needed any more leaves.
   *
   * @returns the actor as decided since
   */
  show({ childrenRemoved }: Commit, actor: Actor): Actor | undefined {
    const { path } = actor.record.address;
    this.#shown.set(formatPlace(path), actor);
    const latest = this.get(path);
    if (latest !== actor) return latest;
    this.#leave(path);
    for (const n of childrenRemoved) this.#leave([...path, n]);
    if (path.length === 0 && this.#waiting.length > 0) for (const each of this.#waiting.splice(0)) this.#leave(each);
    return actor;
  }

  #leave(path: readonly number[]): void {
    const actor = this.get(path);
    if (actor === undefined || !this.#isGone(actor)) return;
    if (this.root.record.queued === undefined) this.#remove(path);
    else this.#waiting.push(path);
  }

  /** What an actor below the root runs, by the names of actor logic on the way to it. */
  machineOf(lineage: readonly string[]): RegisteredMachine | undefined {
    return lineage.reduce<RegisteredMachine | undefined>((machine, src) => {
      const child = machine?.children.get(src);
      return child?.kind === 'actor' ? child.machine : undefined;
    }, this.machine);
  }

  #set(actor: Actor): void {
    const place = formatPlace(actor.record.address.path);
    const before = this.#actors.get(place);
    this.#actors.set(place, actor);
    this.#active += Number(isActive(actor)) - Number(before !== undefined && isActive(before));
  }

  #isGone({ record, activities, children }: Actor): boolean {
    const { path } = record.address;
    const n = path.at(-1);
    if (n === undefined || !isClosed(record.status) || activities.size + children.size + (record.ledger ?? 0) > 0) return false;
    const parent = this.get(path.slice(0, -1));
    const entry = parent?.ledger.get(n);
    return parent?.children.has(n) !== true && (entry === undefined || !isOpen(entry));
  }

  #remove(path: readonly number[]): void {
    const place = formatPlace(path);
    this.#actors.delete(place);
    this.#shown.delete(place);
  }

  #snapshotIn(actors: ReadonlyMap<string, Actor>, sessionId: string): unknown {
    const path = pathOf(sessionId, this.address);
    const actor = actors.get(formatPlace(path));
    if (actor !== undefined) {
      const { snapshot } = actor.chart;
      const isStopped = snapshot.status === 'active' && isClosed(actor.record.status);
      return isStopped ? { ...snapshot, status: 'stopped' } : snapshot;
    }
    const ended = actors.get(formatPlace(path.slice(0, -1)))?.children.get(numberOf(path));
    return ended?.isEnded === true ? snapshotOfEnded(ended) : this.showLive(sessionId);
  }

  #systemIds(): ReadonlyMap<string, Identity> {
    this.#named ??= new Map([...this.#actors.values()].flatMap(namedChildren));
    return this.#named;
  }
}

/** What waits for a person needs nobody in memory. */
function isActive({ activities }: Actor): boolean {
  for (const { state } of activities.values()) if (state !== 'exhausted') return true;
  return false;
}

/** XState forgets the system id of an actor that ended. */
function namedChildren({ record: { address }, activities, children }: Actor): (readonly [string, Identity])[] {
  const living = [...activities.values(), ...[...children.values()].filter((child) => child.isEnded !== true && child.isDetached !== true)];
  return living.flatMap(({ n, childId, systemId }) => {
    if (systemId === undefined) return [];
    return [[systemId, { sessionId: formatAddress(childAddress(address, n)), id: childId }] as const];
  });
}

function snapshotOfEnded({ output, error }: ChildRecord): object {
  const read = {
    output: output === undefined ? undefined : decodeValue(output),
    error: error === undefined ? undefined : decodeValue(error),
  };
  return { status: error === undefined ? 'done' : 'error', ...read };
}
