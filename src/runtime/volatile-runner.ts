/**
 * Callbacks and observables: they live in the process only, and begin anew with their input in the next one.
 *
 * Invariants
 * 1. One runs from the commit that wants it, or from the reading of its row, until a commit takes it away or the process closes.
 * 2. What it says is a letter to its parent; after it was stopped nothing it says is passed on.
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

interface Running {
  child: VolatileChild | undefined;
  isStopped: boolean;
}

export class VolatileRunner {
  readonly #deliver: Deliver;
  readonly #running = new Map<string, Running>();
  #isShutDown = false;

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
  }

  start(actor: Actor, { n, src, childId, input, isWatched }: ActivityRecord): void {
    const { address } = actor.record;
    const key = formatAddress(childAddress(address, n));
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
    if (this.#running.size === 0) return;
    const running = this.#running.get(formatAddress(address));
    if (running?.child === undefined) return;
    const { references } = outsideReferences(outsideOf(actor, this.#deliver));
    running.child.send(decodeValue(event, references) as EventObject);
  }

  snapshotOf(sessionId: string): unknown {
    return this.#running.get(sessionId)?.child?.getSnapshot();
  }

  stop(address: Address, n: number): void {
    if (this.#running.size === 0) return;
    const key = formatAddress(childAddress(address, n));
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
  }
}
