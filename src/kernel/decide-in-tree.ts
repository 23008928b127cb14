/**
 * A step with everything that follows from it within the workflow: children start, actors send each other events, parents hear of
 * ends. All of it is one unit, to be written at once, so that nothing said between actors of one workflow is ever lost or said twice.
 *
 * 1. The order is XState's: who is idle takes its step as soon as something is said to it, who is in the middle of a step hears of
 *    it after that, in the order in which it was said.
 * 2. If a chart throws, what was decided before stands; what made it throw and all that was still to be said wait in the mailbox
 *    of the workflow, which is parked. A unit that grows too long leaves the rest there, too, and goes on from it. What is left is
 *    one row, in the place of the one that the unit was about: it comes before whatever waits, and no cut changes the order.
 * 3. A workflow that has closed stays closed: parked is what goes on after its end.
 */
import type { Actor } from './actor.ts';
import { insteadOfAttempt } from './attempt-protocol.ts';
import { formatPlace } from './address.ts';
import { stillborn } from './child-protocol.ts';
import type { Message } from './commit.ts';
import { Conversation, madeNew, messagesIn } from './conversation.ts';
import type { Beginning, Decision } from './decide.ts';
import { decide, decideFirst, decideStart } from './decide.ts';
import { toldOfTimer, withinDeadline } from './deadline-protocol.ts';
import type { DecideContext } from './draft.ts';
import { tooMany } from './draft.ts';
import type { ActorEnvelope, StepEnvelope } from './envelope.ts';
import { PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import { failureOf } from './failure.ts';
import { holdInTree, parkTree, recordStep } from './held-tree.ts';
import { limits } from './limits.ts';
import { isHeld, keepMail, takeOldest } from './mailbox.ts';
import type { Mail } from './mail-record.ts';
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
  const first = decideStart({ surroundings: tree.surroundings, ...beginning }, context);
  if (first.kind === 'refuse') return first;
  return { kind: 'commit', tree, steps: new Unit(tree, context).follow(first) };
}

/**
 * Any later step, of any actor of the workflow.
 *
 * @param row number of the oldest row of the mailbox, if this is what it holds
 */
export function decideInTree(tree: Tree, mail: Mail, context: DecideContext, row?: number): TreeDecision {
  const message = toldOfTimer(tree.root, mail);
  const { to, envelope } = message;
  if (envelope.kind !== 'start' && envelope.kind !== 'terminate' && row === undefined && isHeld(tree.root.record)) {
    const held = holdInTree(tree, to, envelope, context);
    if (held !== undefined) return held;
  }
  if (envelope.kind !== 'attempt-due') return new Unit(tree, context, row).decide(message);
  const told = insteadOfAttempt(tree.get(to), envelope, withinDeadline(tree.root.record, context));
  return new Unit(tree, context, row).decide({ ...message, envelope: told });
}

class Unit {
  readonly #tree: Tree;
  readonly #context: DecideContext;
  readonly #row: number | undefined;
  readonly #steps: Step[] = [];
  #conversation: Conversation | undefined;
  /** Messages that another unit left to this one. */
  #leftBefore = 0;
  #left: Mail | undefined;
  #failure: FailureRecord | undefined;

  constructor(tree: Tree, context: DecideContext, row?: number) {
    this.#tree = tree;
    this.#context = context;
    this.#row = row;
  }

  get #talk(): Conversation {
    this.#conversation ??= new Conversation((path) => this.#tree.get(path) !== undefined);
    return this.#conversation;
  }

  /** The deadline is the root's, as it was when the step before was taken. */
  get #stepContext(): DecideContext {
    return withinDeadline(this.#tree.root.record, this.#context);
  }

  decide(mail: Mail): TreeDecision {
    const { to, envelope } = mail;
    const actor = this.#tree.get(to);
    const decision = envelope.kind === 'start' || actor === undefined ? undefined : this.#decideFirst(actor, envelope);
    if (decision?.kind === 'poison') {
      const place = { row: this.#row, isTaken: false };
      return { kind: 'commit', steps: parkTree(this.#tree, mail, place, decision.failure, this.#context) };
    }
    if (this.#row === undefined && envelope.kind !== 'start') {
      if (decision?.kind !== 'commit') return decision ?? { kind: 'ignore' };
      // Most steps say nothing to anybody else.
      if (decision.commit.messages.length === 0) return { kind: 'commit', steps: [this.#keep(decision)] };
    }
    this.#leftBefore = messagesIn(mail).length;
    this.#talk.takeUp(mail);
    // The root takes its mail itself.
    const isTaken = to.length === 0 && decision?.kind === 'commit';
    if (this.#row !== undefined && !isTaken) this.#takeOldest(this.#row, envelope);
    if (decision?.kind === 'commit') this.#takeOver(decision);
    else if (envelope.kind === 'start') this.#bear(to, envelope);
    this.#goOn();
    return { kind: 'commit', steps: this.#end() };
  }

  /** Takes over the first step of the workflow and all that follows from it. */
  follow(step: Step): readonly [Step, ...Step[]] {
    if (step.commit.messages.length === 0) return [this.#keep(step)];
    this.#talk.begin(step.actor.record.address.path);
    this.#takeOver(step);
    this.#goOn();
    return this.#end();
  }

  /** What was decided, with what is left put into the mailbox. */
  #end(): readonly [Step, ...Step[]] {
    this.#judgeLeft();
    const [left, failure, row] = [this.#left, this.#failure, this.#row];
    const context = this.#context;
    const { root } = this.#tree;
    if (left !== undefined && failure !== undefined) {
      // Whoever lets it go on begins to count anew.
      this.#steps.push(...parkTree(this.#tree, madeNew(left), { row, isTaken: true }, failure, context));
    } else if (left !== undefined) this.#steps.push(recordStep(this.#tree, root, keepMail(root.record, left, context, {}, row)));
    // One at least: a unit begins with a step, or by taking a row of the mailbox.
    return this.#steps as readonly Step[] as readonly [Step, ...Step[]];
  }

  /** Whether what is left would ever come to an end. */
  #judgeLeft(): void {
    if (this.#left === undefined || this.#failure !== undefined) return;
    const { length } = messagesIn(this.#left);
    const { unitsBefore = 0 } = this.#left;
    if (length > limits.leftOfUnitMax && length > this.#leftBefore) this.#failure = failureOf(growingError());
    else if (unitsBefore > limits.unitsInRowMax) this.#failure = failureOf(endlessError());
  }

  #decideFirst(actor: Actor, envelope: StepEnvelope): Decision {
    const isRoot = actor.record.address.path.length === 0;
    return decide(actor, envelope, this.#stepContext, isRoot ? this.#row : undefined);
  }

  #takeOldest(row: number, about: ActorEnvelope): void {
    const { root } = this.#tree;
    this.#steps.push(recordStep(this.#tree, root, takeOldest(root.record, row, about, this.#context)));
  }

  #goOn(): void {
    for (let next = this.#talk.next(); next !== undefined; next = this.#talk.next()) {
      if (this.#steps.length < limits.stepsPerUnitMax) this.#failure = this.#take(next);
      else this.#left = this.#talk.putDown(next);
      if (this.#failure !== undefined) this.#left = this.#talk.putDown(next);
      if (this.#left !== undefined) return;
    }
  }

  /** @returns why its chart threw, if it did */
  #take({ to, envelope }: Message): FailureRecord | undefined {
    if (envelope.kind === 'start') {
      this.#bear(to, envelope);
      return undefined;
    }
    const actor = this.#tree.get(to);
    // Nobody there any more: as in XState, nothing comes of it.
    const decision = actor && decide(actor, envelope, this.#stepContext);
    if (decision?.kind === 'commit') this.#takeOver(decision);
    return decision?.kind === 'poison' ? decision.failure : undefined;
  }

  #bear(path: readonly number[], { input, birth }: Extract<ActorEnvelope, { kind: 'start' }>): void {
    const { surroundings, address: root } = this.#tree;
    const machine = birth === undefined ? undefined : this.#tree.machineOf(birth.lineage);
    if (machine === undefined || birth === undefined) throw new TypeError(`The child at ${formatPlace(path)} has no actor logic.`);
    if (path.length > limits.childDepthMax) {
      this.#talk.tell(stillborn(path, tooMany('levels of children', limits.childDepthMax)));
      return;
    }
    const first = decideFirst({ machine, address: { ...root, path }, input, birth, surroundings }, this.#stepContext);
    if (first.kind === 'commit') this.#takeOver(first);
    else this.#talk.tell(stillborn(path, first.error));
  }

  #takeOver(step: Step): void {
    this.#steps.push(this.#keep(step));
    this.#talk.say(step.commit.messages);
  }

  #keep(step: Step): Step {
    this.#tree.put(step.commit, step.actor);
    return step;
  }
}

function endlessError(): PerdureError {
  const max = limits.unitsInRowMax * limits.stepsPerUnitMax;
  const message = `Actors were stopped after ${max} steps: the events they send each other, or themselves, lead to the same again.`;
  return new PerdureError('LIMIT_EXCEEDED', message, { limit: 'unitsInRowMax', max });
}

function growingError(): PerdureError {
  const max = limits.leftOfUnitMax;
  const message = `Actors were stopped with ${max} events under way: those they send each other, or themselves, lead to more and more.`;
  return new PerdureError('LIMIT_EXCEEDED', message, { limit: 'leftOfUnitMax', max });
}
