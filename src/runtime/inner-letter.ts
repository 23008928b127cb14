/** What an actor's own timer, activity or attempt came to, or what its code says to another, as a letter that nobody waits on. */
import type { Address } from '../kernel/address.ts';
import { formatAddress } from '../kernel/address.ts';
import { decideInTree } from '../kernel/decide-in-tree.ts';
import type { DecideContext } from '../kernel/draft.ts';
import { isNextInLine } from '../kernel/draft.ts';
import type { ItemOutcome } from '../kernel/envelope.ts';
import { roughSize } from '../kernel/json.ts';
import { limits } from '../kernel/limits.ts';
import { isHeld } from '../kernel/mailbox.ts';
import type { Step } from '../kernel/step.ts';
import type { Tree } from '../kernel/tree.ts';
import type { InnerEnvelope, Performer } from './performer.ts';
import type { Letter, Resident } from './resident.ts';

/** The part of the supervisor that it needs. */
interface Keeper {
  context(): DecideContext;
  commit(resident: Resident, steps: readonly Step[]): void;
}

export class InnerLetter implements Letter {
  readonly #keeper: Keeper;
  readonly #performer: Performer;
  readonly #address: Address;
  readonly #envelope: InnerEnvelope;

  constructor(keeper: Keeper, performer: Performer, address: Address, envelope: InnerEnvelope) {
    this.#keeper = keeper;
    this.#performer = performer;
    this.#address = address;
    this.#envelope = envelope;
  }

  handle(resident: Resident): void {
    const { tree } = resident;
    // An earlier run's means nothing: its workflow id has been started again since.
    if (tree?.address.run === this.#address.run) this.#decide(resident, tree);
    // A place that was offered and not taken goes to the next.
    if (this.#envelope.kind === 'attempt-due') this.#performer.passOn(this.#address, this.#envelope.n);
  }

  reject(): void {
    // Nobody waits for it: what it tells is on disk, or kept where it comes from.
  }

  #decide(resident: Resident, tree: Tree): void {
    const envelope = this.#withOthers(resident, tree);
    const decision = decideInTree(tree, { to: this.#address.path, envelope }, this.#keeper.context());
    if (decision.kind === 'commit') this.#keeper.commit(resident, decision.steps);
    else if (envelope.kind === 'attempt-due') this.#reconsider(tree, envelope.n);
  }

  /** What items of a fan-out came to at about the same time is one step of it: those that are next in the mailbox are taken along. */
  #withOthers({ mailbox }: Resident, tree: Tree): InnerEnvelope {
    const first = this.#envelope;
    const isFanOut = tree.get(this.#address.path)?.machine.fanOut !== undefined;
    if (!isFanOut || !isItemOutcome(first) || isHeld(tree.root.record)) return first;
    const outcomes = [first];
    for (let size = sizeOf(first); outcomes.length < limits.itemsPerStepMax && size < limits.batchBytesMax;) {
      const [next] = mailbox;
      const outcome = next instanceof InnerLetter ? next.#outcomeFor(this.#address) : undefined;
      if (outcome === undefined) break;
      mailbox.shift();
      outcomes.push(outcome);
      size += sizeOf(outcome);
    }
    return outcomes.length === 1 ? first : { kind: 'items', outcomes };
  }

  #outcomeFor(address: Address): ItemOutcome | undefined {
    const envelope = this.#envelope;
    return isItemOutcome(envelope) && formatAddress(this.#address) === formatAddress(address) ? envelope : undefined;
  }

  /** An attempt that was due did not begin: it waits for a place, unless it is not wanted any more. */
  #reconsider(tree: Tree, n: number): void {
    const actor = tree.get(this.#address.path);
    const activity = actor?.activities.get(n);
    if (actor === undefined || activity === undefined || isHeld(tree.root.record)) return;
    const isToBegin = activity.state === 'waiting' || activity.state === 'backoff';
    if (isToBegin && isNextInLine(actor.activities, activity)) this.#performer.enlist(this.#address, activity);
  }
}

/** What an attempt came to; wake-ups are met one by one, since the places that went with them are. */
function isItemOutcome(envelope: InnerEnvelope): envelope is ItemOutcome {
  return envelope.kind.startsWith('attempt-') && envelope.kind !== 'attempt-due' && envelope.kind !== 'attempt-handed-over';
}

function sizeOf(outcome: ItemOutcome): number {
  return 'output' in outcome ? roughSize(outcome.output) : 0;
}
