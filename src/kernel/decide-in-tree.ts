/**
 * A step with everything that follows from it within the workflow: children start, actors send each other events, parents hear of
 * ends. All of it is one unit, to be written at once, so that nothing said between actors of one workflow is ever lost or said twice.
 *
 * 1. The order is XState's: who is idle takes its step as soon as something is said to it, who is in the middle of a step hears of
 *    it after that, in the order in which it was said.
 * 2. If a chart throws, what was decided before stands; what made it throw and all that was still to be said wait in the mailbox
 *    of the workflow, which is parked. A unit that grows too long leaves the rest there, too, and goes on from it.
 * 3. A workflow that has closed stays closed: parked is what goes on after its end.
 */
import type { Actor } from './actor.ts';
import { formatPlace, numberOf } from './address.ts';
import { stillborn } from './child-protocol.ts';
import type { Message } from './commit.ts';
import type { Beginning, Decision } from './decide.ts';
import { decide, decideFirst, decideStart } from './decide.ts';
import type { DecideContext } from './draft.ts';
import { tooMany } from './draft.ts';
import type { ActorEnvelope, StepEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import { failureOf } from './failure.ts';
import { holdInTree, parkTree, recordStep } from './held-tree.ts';
import { limits } from './limits.ts';
import { isHeld, keepMail, takeOldest } from './mailbox.ts';
import type { Step } from './step.ts';
import { Tree } from './tree.ts';

export type TreeDecision =
  | { readonly kind: 'commit'; readonly steps: readonly [Step, ...Step[]] }
  | { readonly kind: 'ignore' }
  | { readonly kind: 'refuse'; readonly error: PerdureError };

export type TreeStart =
  | { readonly kind: 'commit'; readonly tree: Tree; readonly steps: readonly [Step, ...Step[]] }
  | { readonly kind: 'refuse'; readonly error: PerdureError };

/** The first step of a workflow, with the children it begins with. */
export function decideTreeStart(beginning: Omit<Beginning, 'surroundings'>, context: DecideContext): TreeStart {
  const tree = new Tree(beginning.machine, beginning.address);
  const first = decideStart({ ...beginning, surroundings: tree.surroundings }, context);
  if (first.kind === 'refuse') return first;
  const unit = new Unit(tree, context);
  unit.follow(first);
  return { kind: 'commit', tree, steps: unit.end() };
}

/**
 * Any later step, of any actor of the workflow.
 *
 * @param mail number of the oldest row of the mailbox, if this is what it says
 */
export function decideInTree(tree: Tree, message: Message, context: DecideContext, mail?: number): TreeDecision {
  const { to, envelope } = message;
  if (envelope.kind !== 'start' && envelope.kind !== 'terminate' && mail === undefined && isHeld(tree.root.record)) {
    const held = holdInTree(tree, to, envelope, context.nowMs);
    if (held !== undefined) return held;
  }
  return new Unit(tree, context).decide(message, mail);
}

class Unit {
  readonly #tree: Tree;
  readonly #context: DecideContext;
  readonly #steps: Step[] = [];
  /** Actors in the middle of a step, with what was said to them meanwhile. */
  readonly #busy = new Map<string, ActorEnvelope[]>();
  /** Said to children whose start comes later in the same step. */
  readonly #unborn = new Map<string, ActorEnvelope[]>();
  /** Children whose start is left to another unit. */
  readonly #leftUnborn = new Set<string>();
  /** What is left to be said after the unit. */
  readonly #left: Message[] = [];
  #unitsBefore = 0;
  #poison: { readonly message: Message; readonly failure: Extract<Decision, { kind: 'poison' }>['failure'] } | undefined;

  constructor(tree: Tree, context: DecideContext) {
    this.#tree = tree;
    this.#context = context;
  }

  decide(message: Message, mail: number | undefined): TreeDecision {
    const { to, envelope, unitsBefore = 0 } = message;
    this.#unitsBefore = unitsBefore;
    const actor = this.#tree.get(to);
    const decision = envelope.kind === 'start' || actor === undefined ? undefined : this.#decideFirst(actor, envelope, mail);
    if (decision?.kind === 'poison') {
      return { kind: 'commit', steps: parkTree(this.#tree, message, decision.failure, this.#context.nowMs, mail) };
    }
    // The root takes its mail itself.
    const isTaken = to.length === 0 && decision?.kind === 'commit';
    if (mail !== undefined && !isTaken) this.#takeOldest(mail, envelope);
    if (decision?.kind === 'commit') this.follow(decision);
    else if (envelope.kind === 'start') this.#deliver(message);
    else if (mail === undefined) return decision ?? { kind: 'ignore' };
    return { kind: 'commit', steps: this.end() };
  }

  /** Takes over a step and all that follows from it. */
  follow(step: Step): void {
    const { path } = step.actor.record.address;
    const waiting: ActorEnvelope[] = [];
    this.#busy.set(formatPlace(path), waiting);
    this.#takeOver(step);
    this.#work(path, waiting);
  }

  /** What was decided, with what is left put into the mailbox. */
  end(): readonly [Step, ...Step[]] {
    const { nowMs } = this.#context;
    const unitsBefore = this.#unitsBefore + 1;
    if (this.#poison === undefined && unitsBefore > limits.unitsInRowMax) this.#endCircle();
    const left = this.#left.map((message) => ({ ...message, unitsBefore }));
    const poison = this.#poison;
    if (poison !== undefined) this.#steps.push(...parkTree(this.#tree, poison.message, poison.failure, nowMs, undefined));
    const [next] = left;
    if (next !== undefined) {
      const { root } = this.#tree;
      this.#steps.push(recordStep(this.#tree, root, keepMail(root.record, left, next.envelope, nowMs)));
    }
    // One at least: a unit begins with a step, or by taking a row of the mailbox.
    return this.#steps as readonly Step[] as readonly [Step, ...Step[]];
  }

  #endCircle(): void {
    const endless = this.#left.shift();
    if (endless === undefined) return;
    const { to, envelope } = endless;
    this.#poison = { message: { to, envelope }, failure: failureOf(endlessError()) };
  }

  #decideFirst(actor: Actor, envelope: StepEnvelope, mail: number | undefined): Decision {
    const isRoot = actor.record.address.path.length === 0;
    return decide(actor, envelope, this.#context, isRoot ? mail : undefined);
  }

  #takeOldest(mail: number, about: ActorEnvelope): void {
    const { root } = this.#tree;
    this.#steps.push(recordStep(this.#tree, root, takeOldest(root.record, mail, about, this.#context.nowMs)));
  }

  #deliver(message: Message): void {
    const { to, envelope } = message;
    const place = formatPlace(to);
    const waiting = this.#busy.get(place) ?? this.#unborn.get(place);
    // Also when it comes to nothing in this unit: what was said to it before goes first.
    if (waiting !== undefined && envelope.kind !== 'start') waiting.push(envelope);
    else if (this.#isOver) this.#leave(message);
    else this.#begin(to, envelope);
  }

  /** Whether what is still to be said has to wait for another unit. */
  get #isOver(): boolean {
    return this.#poison !== undefined || this.#steps.length >= limits.stepsPerUnitMax;
  }

  /** Leaves it for another unit; a child whose start is left hears what was said to it after that. */
  #leave(message: Message): void {
    const { to, envelope } = message;
    if (!this.#isForSomebody(message)) return;
    this.#left.push(message);
    if (envelope.kind !== 'start') return;
    const place = formatPlace(to);
    for (const said of this.#unborn.get(place) ?? []) this.#left.push({ to, envelope: said });
    this.#unborn.delete(place);
    this.#leftUnborn.add(place);
  }

  /** Messages to callbacks are the host's to deliver; those to nobody mean nothing. */
  #isForSomebody({ to, envelope }: Message): boolean {
    return envelope.kind === 'start' || this.#tree.get(to) !== undefined || this.#leftUnborn.has(formatPlace(to));
  }

  #begin(path: readonly number[], envelope: ActorEnvelope): void {
    const place = formatPlace(path);
    const waiting = [envelope, ...(this.#unborn.get(place) ?? [])];
    this.#unborn.delete(place);
    this.#busy.set(place, waiting);
    this.#work(path, waiting);
  }

  #work(path: readonly number[], waiting: ActorEnvelope[]): void {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (this.#isOver) this.#leave({ to: path, envelope: next });
      else this.#take(path, next);
    }
    this.#busy.delete(formatPlace(path));
  }

  #take(path: readonly number[], envelope: ActorEnvelope): void {
    if (envelope.kind === 'start') {
      this.#bear(path, envelope);
      return;
    }
    const actor = this.#tree.get(path);
    // Nobody there any more, or never anybody who takes steps: as in XState, nothing comes of it.
    const decision = actor && decide(actor, envelope, this.#context);
    if (decision?.kind === 'commit') this.#takeOver(decision);
    if (decision?.kind === 'poison') this.#poison = { message: { to: path, envelope }, failure: decision.failure };
  }

  #bear(path: readonly number[], { input, birth }: Extract<ActorEnvelope, { kind: 'start' }>): void {
    const { surroundings, address: root } = this.#tree;
    const machine = birth === undefined ? undefined : this.#tree.machineOf(birth.lineage);
    if (machine === undefined || birth === undefined) throw new TypeError(`The child at ${formatPlace(path)} has no actor logic.`);
    const [parent, n] = [path.slice(0, -1), numberOf(path)];
    const row = this.#tree.get(parent)?.children.get(n);
    // Stopped before its start came out of the mailbox: whatever its policy, there is nothing to go on.
    if (row?.isDetached === true) this.#deliver({ to: parent, envelope: { kind: 'child-gone', n } });
    if (row === undefined || row.isDetached === true) return;
    if (path.length > limits.childDepthMax) {
      this.#deliver(stillborn(path, tooMany('levels of children', limits.childDepthMax)));
      return;
    }
    const first = decideFirst({ machine, address: { ...root, path }, input, birth, surroundings }, this.#context);
    if (first.kind === 'commit') this.#takeOver(first);
    else this.#deliver(stillborn(path, first.error));
  }

  #takeOver(step: Step): void {
    const { commit, actor } = step;
    this.#tree.put(commit, actor);
    this.#steps.push(step);
    for (const { to, envelope } of commit.messages) if (envelope.kind === 'start') this.#unborn.set(formatPlace(to), []);
    for (const message of commit.messages) this.#deliver(message);
  }
}

function endlessError(): PerdureError {
  const max = limits.unitsInRowMax * limits.stepsPerUnitMax;
  const message = `Actors were stopped after ${max} steps: the events they send each other, or themselves, lead to the same again.`;
  return new PerdureError('LIMIT_EXCEEDED', message, { limit: 'unitsInRowMax', max });
}
