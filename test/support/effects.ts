/** What committed steps ask of the second host: attempts, and callbacks and observables. */
import type { Actor } from '../../src/kernel/actor.ts';
import { childAddress, formatAddress } from '../../src/kernel/address.ts';
import { formatToken } from '../../src/kernel/attempt-token.ts';
import type { Commit, Effect } from '../../src/kernel/commit.ts';
import type { Deliver } from '../../src/kernel/outside.ts';
import { codeOf } from '../../src/kernel/outside.ts';
import type { Clock } from '../../src/kernel/ports.ts';
import type { Tree } from '../../src/kernel/tree.ts';
import { Attempts } from './attempts.ts';
import { LiveChildren } from './live-children.ts';

export class Effects {
  readonly #attempts: Attempts;
  readonly #live: LiveChildren;
  readonly #deliver: Deliver;
  readonly #ask: (...told: Parameters<Deliver>) => Promise<void>;

  /**
   * @param deliver tells an actor something
   * @param ask likewise; resolves when what came of it is on disk
   */
  constructor(clock: Clock, deliver: Deliver, ask: (...told: Parameters<Deliver>) => Promise<void>) {
    this.#attempts = new Attempts(clock);
    this.#live = new LiveChildren(deliver);
    this.#deliver = deliver;
    this.#ask = ask;
  }

  perform(actor: Actor, { effects, messages }: Commit): void {
    for (const effect of effects) this.#act(actor, effect);
    // Everybody else took a step for it in the same unit.
    for (const { to, envelope } of messages) if (envelope.kind === 'message') this.#live.tell(actor, to, envelope.event);
  }

  /** Begins anew what lived in an earlier process. */
  resume(tree: Tree): void {
    this.#live.resume(tree);
  }

  /** What callbacks and observables show of themselves. */
  readonly snapshotOf = (sessionId: string): unknown => this.#live.snapshotOf(sessionId);

  async shutDown(): Promise<void> {
    this.#live.stopAll();
    await this.#attempts.shutDown();
  }

  #act(actor: Actor, effect: Effect): void {
    const { address } = actor.record;
    switch (effect.kind) {
      case 'run-attempt':
        return this.#run(actor, effect);
      case 'abort-attempt':
        return this.#attempts.abort(formatAddress(childAddress(address, effect.n)), effect.reason);
      case 'start-volatile':
        return this.#live.start(actor, effect.n);
      case 'tell-volatile':
        return this.#live.tell(actor, childAddress(address, effect.n).path, effect.event);
      case 'stop-volatile':
        return this.#live.stop(address, effect.n);
      case 'log':
    }
  }

  #run(actor: Actor, effect: Extract<Effect, { kind: 'run-attempt' }>): void {
    const { address } = actor.record;
    const { n, attempt } = effect;
    this.#attempts.run(formatAddress(childAddress(address, n)), {
      effect,
      descriptor: codeOf(actor, effect, this.#deliver),
      tell: (outcome) => this.#deliver(address, outcome),
      handOver: async () => {
        await this.#ask(address, { kind: 'attempt-handed-over', n, attempt });
        return formatToken({ address, n, attempt });
      },
    });
  }
}
