/**
 * Callbacks and observables: they live in the process only, and begin anew with their input in the next one.
 *
 * Invariants
 * 1. One runs from the commit that wants it, or from the reading of its row, until a commit takes it away or the process closes.
 * 2. Those of a workflow that is held begin when it is released, and hear then what they were told.
 * 3. What it says is a letter to its parent; after it was stopped nothing it says is passed on.
 */
import type { Actor } from '../kernel/actor.ts';
import type { Address } from '../kernel/address.ts';
import { childAddress, formatAddress } from '../kernel/address.ts';
import type { StepEnvelope } from '../kernel/envelope.ts';
import { failedOutcome } from '../kernel/failure.ts';
import type { Json } from '../kernel/json.ts';
import type { ActivityRecord } from '../kernel/record.ts';
import { decodeValue } from '../kernel/value-decoding.ts';
import { envelopeOfNews } from '../kernel/volatile-news.ts';
import { outsideOf } from '../kernel/outside.ts';
import type { VolatileChild } from '../kernel/xstate-outside.ts';
import { outsideReferences, startVolatile } from '../kernel/xstate-outside.ts';
import type { EventObject } from '../kernel/xstate-seam.ts';

type Deliver = (address: Address, envelope: StepEnvelope) => void;

/** Something that waits for the release of a workflow. */
interface Held {
  readonly key: string;
  readonly act: () => void;
}

interface Running {
  child: VolatileChild | undefined;
  isStopped: boolean;
}

export class VolatileRunner {
  readonly #deliver: Deliver;
  readonly #running = new Map<string, Running>();
  /** By workflow id. */
  readonly #held = new Map<string, Held[]>();
  #isShutDown = false;

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
  }

  /** Nothing of this workflow begins from now on. */
  hold(workflowId: string): void {
    this.#held.set(workflowId, []);
  }

  release(workflowId: string): void {
    const held = this.#held.get(workflowId) ?? [];
    this.#held.delete(workflowId);
    for (const { act } of held) act();
  }

  start(actor: Actor, activity: ActivityRecord): void {
    const { address } = actor.record;
    const { n, src, childId, input, isWatched } = activity;
    const key = formatAddress(childAddress(address, n));
    if (this.#isHeld(address, key, () => this.start(actor, activity))) return;
    const registered = actor.machine.children.get(src);
    if (registered?.kind !== 'volatile' || this.#isShutDown || this.#running.has(key)) return;
    const running: Running = { child: undefined, isStopped: false };
    this.#running.set(key, running);
    const tell = (envelope: StepEnvelope): void => {
      if (!running.isStopped) this.#deliver(address, envelope);
    };
    try {
      const birth = { childId, input, isWatched: isWatched ?? false };
      running.child = startVolatile(registered.logic, birth, outsideOf(actor, this.#deliver), (news) =>
        tell(envelopeOfNews(address, n, news)),
      );
    } catch (error) {
      tell({ kind: 'child-failed', n, ...failedOutcome(error) });
    }
    if (running.isStopped) running.child?.stop();
  }

  /** Hands an event to one that runs; nobody else takes it. */
  tell(address: Address, event: Json, actor: Actor): void {
    if (this.#running.size + this.#held.size === 0) return;
    const key = formatAddress(address);
    if (this.#isHeld(address, key, () => this.tell(address, event, actor))) return;
    const running = this.#running.get(key);
    if (running?.child === undefined) return;
    const { references } = outsideReferences(outsideOf(actor, this.#deliver));
    running.child.send(decodeValue(event, references) as EventObject);
  }

  snapshotOf(sessionId: string): unknown {
    return this.#running.get(sessionId)?.child?.getSnapshot();
  }

  stop(address: Address, n: number): void {
    if (this.#running.size + this.#held.size === 0) return;
    const key = formatAddress(childAddress(address, n));
    const held = this.#held.get(address.workflowId);
    if (held !== undefined) {
      const others = held.filter((each) => each.key !== key);
      held.splice(0, held.length, ...others);
    }
    const running = this.#running.get(key);
    if (running === undefined) return;
    this.#running.delete(key);
    running.isStopped = true;
    running.child?.stop();
  }

  shutDown(): void {
    this.#isShutDown = true;
    for (const running of this.#running.values()) {
      running.isStopped = true;
      running.child?.stop();
    }
    this.#running.clear();
    this.#held.clear();
  }

  #isHeld({ workflowId }: Address, key: string, act: () => void): boolean {
    const held = this.#held.get(workflowId);
    held?.push({ key, act });
    return held !== undefined;
  }
}
