/** The second host's attempts: user code, each to its own end. */
import type { AbortReason, ActivityDescriptor } from '../../src/kernel/activity-descriptor.ts';
import type { AttemptOutcome, RunAttempt } from '../../src/kernel/attempt-outcome.ts';
import { makeAttempt } from '../../src/kernel/attempt-outcome.ts';
import type { Json } from '../../src/kernel/json.ts';
import type { Clock } from '../../src/kernel/ports.ts';
import { AttemptWatch } from '../../src/runtime/attempt-watch.ts';

interface Running {
  readonly controller: AbortController;
  readonly watch: AttemptWatch;
  readonly ended: Promise<void>;
}

/** What to run, and whom to tell. */
interface Order {
  readonly effect: RunAttempt;
  readonly descriptor: ActivityDescriptor;
  readonly tell: (outcome: AttemptOutcome) => void;
  /** Resolves with the attempt's token once it is on disk that its outcome comes from outside. */
  readonly handOver: () => Promise<string>;
}

export class Attempts {
  readonly #clock: Clock;
  readonly #running = new Map<string, Running>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  run(key: string, { effect, descriptor, tell, handOver }: Order): void {
    const controller = new AbortController();
    const { heartbeatTimeoutMs } = descriptor;
    const closeMs = effect.startToCloseTimeoutMs ?? descriptor.startToCloseTimeoutMs;
    const { n, attempt } = effect;
    const timeouts = { closeMs, signMs: heartbeatTimeoutMs ?? Infinity, heartbeatTimeoutMs };
    const watch = new AttemptWatch(this.#clock, { n, attempt, report: tell }, timeouts);
    const host = {
      signal: controller.signal,
      heartbeat: (details: Json | undefined) => watch.beat(details),
      handOver: async () => {
        const token = await handOver();
        // From now on its time-outs are on disk.
        watch.stop();
        return token;
      },
    };
    const ended = makeAttempt(effect, descriptor, host).then((outcome) => {
      watch.stop();
      if (outcome !== undefined) tell(withDetails(outcome, watch.unrecorded));
    });
    this.#running.set(key, { controller, watch, ended });
  }

  abort(key: string, reason: AbortReason): void {
    const running = this.#running.get(key);
    running?.watch.stop();
    running?.controller.abort(reason);
  }

  /** Tells all of them, and waits until they have ended. */
  async shutDown(): Promise<void> {
    for (const { controller } of this.#running.values()) controller.abort('shutdown');
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }
}

/** The last it told of itself goes with its end. */
function withDetails(outcome: AttemptOutcome, heartbeatDetails: Json | undefined): AttemptOutcome {
  const keepsDetails = outcome.kind === 'attempt-failed' || outcome.kind === 'attempt-released';
  return keepsDetails && heartbeatDetails !== undefined ? { ...outcome, heartbeatDetails } : outcome;
}
