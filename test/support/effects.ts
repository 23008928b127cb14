/** What committed steps ask of the second host: attempts, and callbacks and observables. */
import type { Actor } from '../../src/kernel/actor.ts';
import { activityKey, childAddress } from '../../src/kernel/address.ts';
import { formatToken } from '../../src/kernel/attempt-token.ts';
import type { Commit, Effect } from '../../src/kernel/commit.ts';
import type { Deliver } from '../../src/kernel/outside.ts';
import { codeOf } from '../../src/kernel/outside.ts';
import type { Clock } from '../../src/kernel/ports.ts';
import type { ActivityRecord } from '../../src/kernel/record.ts';
import type { Tree } from '../../src/kernel/tree.ts';
import { Attempts } from './attempts.ts';
import { LiveChildren } from './live-children.ts';

export class Effects {
  readonly #clock: Clock;
  readonly #backoffs = new Map<string, () => void>();
  readonly #attempts: Attempts;
  readonly #live: LiveChildren;
  readonly #deliver: Deliver;
  readonly #ask: (...told: Parameters<Deliver>) => Promise<void>;

  /**
   * @param deliver tells an actor something
   * @param ask likewise; resolves when what came of it is on disk
   */
  constructor(clock: Clock, deliver: Deliver, ask: (...told: Parameters<Deliver>) => Promise<void>) {
    this.#clock = clock;
    this.#attempts = new Attempts(clock);
    this.#live = new LiveChildren(deliver);
    this.#deliver = deliver;
    this.#ask = ask;
  }

  perform(actor: Actor, { effects, messages, activitiesPut, activitiesRemoved }: Commit): void {
    for (const n of activitiesRemoved) this.#stopBackoff(actor, n);
    for (const activity of activitiesPut) this.#waitOut(actor, activity);
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
    for (const stop of this.#backoffs.values()) stop();
    this.#live.stopAll();
    await this.#attempts.shutDown();
  }

  /** In this process a backoff goes by the monotonic clock; the wall clock's alarm finds those of earlier ones. */
  #waitOut(actor: Actor, { n, state, nextAttemptAtMs = 0 }: ActivityRecord): void {
    const { address } = actor.record;
    this.#stopBackoff(actor, n);
    if (state !== 'backoff') return;
    const due = (): void => this.#deliver(address, { kind: 'attempt-due', n });
    this.#backoffs.set(activityKey(address, n), this.#clock.setTimer(nextAttemptAtMs - this.#clock.now(), due));
  }

  #stopBackoff({ record: { address } }: Actor, n: number): void {
    const key = activityKey(address, n);
    this.#backoffs.get(key)?.();
    this.#backoffs.delete(key);
  }

  #act(actor: Actor, effect: Effect): void {
    const { address } = actor.record;
    switch (effect.kind) {
      case 'run-attempt':
        return this.#run(actor, effect);
      case 'abort-attempt':
        return this.#attempts.abort(activityKey(address, effect.n), effect.reason);
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
    this.#attempts.run(activityKey(address, n), {
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
