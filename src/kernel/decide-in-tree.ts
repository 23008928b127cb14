/**
 * A step with everything that follows from it within the workflow: children start, actors send each other events, parents hear of
 * ends. All of it is one unit, to be written at once, so that nothing said between actors of one workflow is ever lost or said twice.
 *
 * The order is XState's: who is idle takes its step as soon as something is said to it, who is in the middle of a step hears of it
 * after that, in the order in which it was said.
 */
import type { Actor } from './actor.ts';
import { formatPlace } from './address.ts';
import { stillborn } from './child-protocol.ts';
import type { Commit, Message } from './commit.ts';
import type { Beginning, Decision } from './decide.ts';
import { decide, decideFirst, decideStart, parkForEndless } from './decide.ts';
import type { DecideContext } from './draft.ts';
import { tooMany } from './draft.ts';
import type { Envelope, StepEnvelope } from './envelope.ts';
import type { PerdureError } from './errors.ts';
import { limits } from './limits.ts';
import { Tree } from './tree.ts';

/** One decided step: what to write and the actor after it. */
export interface Step {
  readonly commit: Commit;
  readonly actor: Actor;
}

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
  return { kind: 'commit', tree, steps: new Unit(tree, context).after(first) };
}

/** Any later step, of any actor of the workflow. */
export function decideInTree(tree: Tree, { to, envelope }: Message, context: DecideContext): TreeDecision {
  const actor = tree.get(to);
  if (actor === undefined || envelope.kind === 'start') return { kind: 'ignore' };
  const first = decide(actor, envelope, context);
  return first.kind === 'commit' ? { kind: 'commit', steps: new Unit(tree, context).after(first) } : first;
}

class Unit {
  readonly #tree: Tree;
  readonly #context: DecideContext;
  readonly #steps: Step[] = [];
  /** Actors in the middle of a step, with what was said to them meanwhile. */
  readonly #busy = new Map<string, Envelope[]>();
  /** Said to children whose start comes later in the same step. */
  readonly #unborn = new Map<string, Envelope[]>();

  constructor(tree: Tree, context: DecideContext) {
    this.#tree = tree;
    this.#context = context;
  }

  after(first: Step): readonly [Step, ...Step[]] {
    const { path } = first.actor.record.address;
    this.#work(path, undefined, first);
    const [head = first, ...rest] = this.#steps;
    return [head, ...rest];
  }

  #deliver({ to, envelope }: Message): void {
    const place = formatPlace(to);
    const waiting = this.#busy.get(place) ?? this.#unborn.get(place);
    if (waiting !== undefined && envelope.kind !== 'start') waiting.push(envelope);
    else this.#work(to, envelope, undefined);
  }

  /** Takes the step for an envelope, or one taken already, and those for what is said to the actor meanwhile. */
  #work(path: readonly number[], envelope: Envelope | undefined, taken: Step | undefined): void {
    const place = formatPlace(path);
    const waiting = this.#unborn.get(place) ?? [];
    this.#unborn.delete(place);
    this.#busy.set(place, waiting);
    if (taken !== undefined) this.#follow(taken);
    for (let next = envelope; next !== undefined; next = waiting.shift()) this.#take(path, next);
    if (taken !== undefined) for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) this.#take(path, next);
    this.#busy.delete(place);
  }

  #take(path: readonly number[], envelope: Envelope): void {
    if (envelope.kind === 'start') {
      this.#begin(path, envelope);
      return;
    }
    const actor = this.#tree.get(path);
    // Nobody there any more, or never anybody who takes steps: as in XState, nothing comes of it.
    const decision = actor && this.#decide(actor, envelope);
    if (decision?.kind === 'commit') this.#follow(decision);
  }

  #decide(actor: Actor, envelope: StepEnvelope): Decision {
    const isEndless = this.#steps.length >= limits.unitStepsMax && envelope.kind === 'message';
    return isEndless ? parkForEndless(actor, envelope, this.#context) : decide(actor, envelope, this.#context);
  }

  #begin(path: readonly number[], { input, birth }: Extract<Envelope, { kind: 'start' }>): void {
    const machine = birth === undefined ? undefined : this.#tree.machineOf(birth.lineage);
    if (machine === undefined || birth === undefined) throw new TypeError(`The child at ${formatPlace(path)} has no actor logic.`);
    const { surroundings, address: root } = this.#tree;
    if (path.length > limits.childDepthMax) {
      this.#deliver(stillborn(path, tooMany('levels of children', limits.childDepthMax)));
      return;
    }
    const first = decideFirst({ machine, address: { ...root, path }, input, birth, surroundings }, this.#context);
    if (first.kind === 'commit') this.#follow(first);
    else this.#deliver(stillborn(path, first.error));
  }

  /** Takes a step over and delivers what it said. */
  #follow(step: Step): void {
    const { commit, actor } = step;
    this.#tree.put(commit, actor);
    this.#steps.push(step);
    for (const { to, envelope } of commit.messages) if (envelope.kind === 'start') this.#unborn.set(formatPlace(to), []);
    for (const message of commit.messages) this.#deliver(message);
  }
}
