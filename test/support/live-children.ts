/** Callbacks and observables of the second host: what is live in this process, by address. */
import type { Actor } from '../../src/kernel/actor.ts';
import type { Address } from '../../src/kernel/address.ts';
import { childAddress, formatAddress } from '../../src/kernel/address.ts';
import type { Message } from '../../src/kernel/commit.ts';
import type { Deliver } from '../../src/kernel/outside.ts';
import { outsideOf } from '../../src/kernel/outside.ts';
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

  /** Begins anew what lived in an earlier process. */
  resume(actor: Actor): void {
    for (const { n, state } of actor.activities.values()) if (state === 'live') this.start(actor, n);
  }

  start(actor: Actor, n: number): void {
    const { address } = actor.record;
    const { src, childId, input, isWatched = false } = actor.activities.get(n)!;
    const registered = actor.machine.children.get(src);
    if (registered?.kind !== 'volatile') throw new TypeError(`"${src}" does not live in the process.`);
    const live: { child?: VolatileChild } = {};
    const key = formatAddress(childAddress(address, n));
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

  /** Hands over an event, if it is for one of these. */
  tell(actor: Actor, { to, envelope }: Message): void {
    const live = this.#children.get(formatAddress({ ...actor.record.address, path: to }));
    if (envelope.kind !== 'message' || live === undefined) return;
    const { references } = outsideReferences(outsideOf(actor, this.#deliver));
    live.child?.send(decodeValue(envelope.event, references) as EventObject);
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
