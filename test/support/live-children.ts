/** Callbacks and observables of the second host: what is live in this process, by address. */
import type { Actor } from '../../src/kernel/actor.ts';
import type { Address } from '../../src/kernel/address.ts';
import { childAddress, formatAddress } from '../../src/kernel/address.ts';
import type { Json } from '../../src/kernel/json.ts';
import type { Deliver } from '../../src/kernel/outside.ts';
import { outsideOf } from '../../src/kernel/outside.ts';
import { isHalted } from '../../src/kernel/mailbox.ts';
import type { Tree } from '../../src/kernel/tree.ts';
import { decodeValue } from '../../src/kernel/value-decoding.ts';
import { envelopeOfNews } from '../../src/kernel/volatile-news.ts';
import type { VolatileChild, VolatileNews } from '../../src/kernel/xstate-outside.ts';
import { outsideReferences, startVolatile } from '../../src/kernel/xstate-outside.ts';
import type { EventObject } from '../../src/kernel/xstate-seam.ts';

export class LiveChildren {
  readonly #deliver: Deliver;
  readonly #children = new Map<string, { child?: VolatileChild }>();

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
  }

  /** Begins anew what lived in an earlier process, unless its workflow is not to run. */
  resume(tree: Tree): void {
    if (isHalted(tree.root.record)) return;
    for (const actor of tree.actors()) {
      for (const { n, state } of actor.activities.values()) if (state === 'live') this.start(actor, n);
    }
  }

  start(actor: Actor, n: number): void {
    const { address } = actor.record;
    const key = formatAddress(childAddress(address, n));
    if (this.#children.has(key)) return;
    const { src, childId, input, isWatched = false } = actor.activities.get(n)!;
    const registered = actor.machine.children.get(src);
    if (registered?.kind !== 'volatile') throw new TypeError(`"${src}" does not live in the process.`);
    const live: { child?: VolatileChild } = {};
    this.#children.set(key, live);
    const tell = (news: VolatileNews): void => {
      if (this.#children.get(key) === live) this.#deliver(address, envelopeOfNews(address, n, news));
    };
    try {
      live.child = startVolatile(registered.logic, { childId, input, isWatched }, outsideOf(actor, this.#deliver), tell);
    } catch (error) {
      tell({ kind: 'failed', error });
    }
  }

  /** Hands over what an actor says, if it is for one of these. */
  tell(from: Actor, to: readonly number[], event: Json): void {
    const live = this.#children.get(formatAddress({ ...from.record.address, path: to }));
    if (live === undefined) return;
    const { references } = outsideReferences(outsideOf(from, this.#deliver));
    live.child?.send(decodeValue(event, references) as EventObject);
  }

  snapshotOf(sessionId: string): unknown {
    return this.#children.get(sessionId)?.child?.getSnapshot();
  }

  stop(parent: Address, n: number): void {
    const key = formatAddress(childAddress(parent, n));
    const live = this.#children.get(key);
    this.#children.delete(key);
    live?.child?.stop();
  }

  stopAll(): void {
    const living = [...this.#children.values()];
    this.#children.clear();
    for (const { child } of living) child?.stop();
  }
}
