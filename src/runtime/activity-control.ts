/** What can be done to pending activities from outside of their workflow: by token, from wherever a reply arrives, and by hand. */
import type { Actor } from '../kernel/actor.ts';
import { checkId } from '../kernel/address.ts';
import { attemptCompleted, attemptFailure } from '../kernel/attempt-outcome.ts';
import type { AttemptPlace } from '../kernel/attempt-token.ts';
import { parseToken } from '../kernel/attempt-token.ts';
import type { Duration } from '../kernel/duration.ts';
import { parseDuration } from '../kernel/duration.ts';
import type { Act } from '../kernel/envelope.ts';
import { failedOutcome } from '../kernel/failure.ts';
import { limits } from '../kernel/limits.ts';
import type { ActorRecord } from '../kernel/record.ts';
import type { OptionNames } from '../kernel/options.ts';
import { checkOptions } from '../kernel/options.ts';
import { activityNotFound, notAwaited } from '../kernel/refusals.ts';
import type { RetryOptions } from '../kernel/retry-policy.ts';
import { parseRetryPolicy } from '../kernel/retry-policy.ts';
import { encodePayload, encodeValue, formatValue } from '../kernel/value-encoding.ts';
import type { EnvelopeQuestion } from './envelope-letter.ts';
import type { InnerEnvelope } from './performer.ts';

/** Who does something by hand, and why; both stand in the history. */
export interface ByHandOptions {
  readonly by: string;
  readonly note: string;
}

/** The number of an activity as `describe` says it; below the root the child's `path` with the number at its end. */
export type ActivityNumber = number | readonly number[];

/** What `activities.update` changes. */
export interface ActivityUpdate extends Partial<ByHandOptions> {
  /** Options given here replace those of the declaration; the others stay. Without `retryIf`, since code cannot be written down. */
  readonly retry?: Omit<RetryOptions, 'retryIf'>;
  /** For the attempts that begin from now on, and for one that was handed over. */
  readonly startToCloseTimeout?: Duration;
}

/**
 * Pending activities, from outside of their workflow. `describe` lists those a workflow has, with their numbers. Every method resolves
 * when what it did is on disk.
 *
 * Methods with a token are for attempts that were handed over with `completeLater`. They throw `TOKEN_INVALID` for what is no token,
 * `WORKFLOW_NOT_FOUND`, `WORKFLOW_CLOSED`, `WORKFLOW_PARKED`, and `ATTEMPT_NOT_AWAITED` once the attempt is over: of two completions the
 * first counts and the second is told. A token is no secret: check who sends it.
 *
 * Methods with a workflow's id and an activity's number throw `ACTIVITY_NOT_FOUND` for an activity that is not pending, and the same
 * errors about workflows.
 */
export interface Activities {
  /**
   * The attempt is done, and this is the activity's output.
   *
   * @throws PerdureError `PAYLOAD_…` for an output that cannot be kept; the attempt goes on
   */
  complete(token: string, output?: unknown): Promise<void>;
  /** The attempt failed; what follows is as if its code had thrown this error. */
  fail(token: string, error: unknown): Promise<void>;
  /** The attempt is alive; details are given to the next attempt. Each call is a write. */
  heartbeat(token: string, details?: unknown): Promise<void>;
  /** Changes the retry policy or the time-out of this one activity. */
  update(id: string, n: ActivityNumber, update: ActivityUpdate): Promise<void>;
  /** Cuts the backoff short: the next attempt begins as soon as there is a place. Does nothing to what is not in its backoff. */
  runNow(id: string, n: ActivityNumber, options?: Partial<ByHandOptions>): Promise<void>;
  /** Ends the activity with this output; a running attempt is aborted (`settled`). */
  completeBy(id: string, n: ActivityNumber, output: unknown, options: ByHandOptions): Promise<void>;
  /** Ends the activity with this error, which reaches the chart; a running attempt is aborted (`settled`). */
  failBy(id: string, n: ActivityNumber, error: unknown, options: ByHandOptions): Promise<void>;
}

type ActByHand = WithoutNumber<
  Extract<InnerEnvelope, { readonly kind: 'activity-adjusted' | 'activity-hurried' | 'activity-completed' | 'activity-failed' }>
>;
type WithoutNumber<Envelope> = Envelope extends unknown ? Omit<Envelope, 'n'> : never;

/** Hands over what `choose` says, and waits until what came of it is on disk. */
type Ask = (id: string, question: EnvelopeQuestion) => Promise<void>;

export class ActivityControl implements Activities {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async complete(token: string, output?: unknown): Promise<void> {
    // Refused here, where the caller can do something about it; the attempt goes on.
    encodePayload(output, 'output');
    return this.#tell(token, (_, { n, attempt }) => ({ ...attemptCompleted(n, attempt, output), isFromOutside: true }) as InnerEnvelope);
  }

  async fail(token: string, error: unknown): Promise<void> {
    return this.#tell(token, (actor, { n, attempt }) => {
      const src = actor.activities.get(n)?.src ?? '';
      const policy = actor.machine.activities.get(src)?.descriptor.retry ?? parseRetryPolicy({}, 'retry');
      return { ...attemptFailure(n, attempt, error, policy), isFromOutside: true };
    });
  }

  async heartbeat(token: string, details?: unknown): Promise<void> {
    const told = details === undefined ? {} : { heartbeatDetails: encodePayload(details, 'heartbeat details') };
    return this.#tell(token, (_, { n, attempt }) => ({ kind: 'attempt-heartbeat', n, attempt, ...told, isFromOutside: true }));
  }

  async update(id: string, n: ActivityNumber, update: ActivityUpdate): Promise<void> {
    checkOptions(update, 'activities.update', updateOptions);
    const { retry, startToCloseTimeout, ...who } = update;
    if (retry === undefined && startToCloseTimeout === undefined) {
      throw new TypeError('activities.update: give { retry } or { startToCloseTimeout }, what is to be changed.');
    }
    if (retry !== undefined) parseRetryPolicy(retry, 'activities.update');
    if (retry !== undefined && 'retryIf' in retry && retry.retryIf !== undefined) {
      throw new TypeError('activities.update: retryIf is code, which cannot be written down; use nonRetryableErrorTypes.');
    }
    return this.#byHand(id, n, {
      kind: 'activity-adjusted',
      ...(retry === undefined ? {} : { retry: encodeValue(retry, 'retry') }),
      ...(startToCloseTimeout === undefined
        ? {}
        : { startToCloseTimeoutMs: parseDuration(startToCloseTimeout, 'activities.update: startToCloseTimeout') }),
      ...checkedHand(who, 'update'),
    });
  }

  async runNow(id: string, n: ActivityNumber, options: Partial<ByHandOptions> = {}): Promise<void> {
    return this.#byHand(id, n, { kind: 'activity-hurried', ...checkedHand(options, 'runNow') });
  }

  async completeBy(id: string, n: ActivityNumber, output: unknown, options: ByHandOptions): Promise<void> {
    const hand = checkedHand(options, 'completeBy', true);
    return this.#byHand(id, n, { kind: 'activity-completed', output: encodePayload(output, 'output'), ...hand });
  }

  async failBy(id: string, n: ActivityNumber, error: unknown, options: ByHandOptions): Promise<void> {
    const hand = checkedHand(options, 'failBy', true);
    return this.#byHand(id, n, { kind: 'activity-failed', ...failedOutcome(error), ...hand });
  }

  async #byHand(id: string, number: ActivityNumber, act: ActByHand): Promise<void> {
    checkId(id, 'workflow id');
    const place = typeof number === 'number' ? [number] : number;
    const n = Array.isArray(place) ? (place.at(-1) as unknown) : undefined;
    if (!Number.isInteger(n) || !place.every(Number.isInteger)) {
      const wanted = 'give the number of the activity as describe() says it, below the root as [...path, n]';
      throw new TypeError(`activities: ${wanted}; found ${formatValue(number)}.`);
    }
    const choose = (): InnerEnvelope => ({ ...act, n: n as number });
    return this.#ask(id, { path: place.slice(0, -1), choose, gone: (root) => activityNotFound(root, n as number) });
  }

  async #tell(token: string, envelopeOf: (actor: Actor, place: AttemptPlace) => InnerEnvelope): Promise<void> {
    const place = parseToken(token);
    const { workflowId, run, path } = place.address;
    const choose = (actor: Actor): InnerEnvelope | Error => {
      const isOther = actor.record.address.run !== run;
      return isOther ? notAwaited({ ...actor.record, status: 'running' }, place) : envelopeOf(actor, place);
    };
    const gone = (root: ActorRecord): Error => notAwaited(root.address.run === run ? root : { ...root, status: 'running' }, place);
    return this.#ask(workflowId, { path, choose, gone });
  }
}

const handOptions: OptionNames<ByHandOptions> = { by: true, note: true };
const updateOptions: OptionNames<ActivityUpdate> = { retry: true, startToCloseTimeout: true, ...handOptions };

function checkedHand(options: Partial<ByHandOptions>, method: string, isRequired = false): Act {
  checkOptions(options, `activities.${method}`, handOptions);
  const { by, note } = options;
  for (const [name, value] of Object.entries({ by, note })) {
    if (value === undefined && !isRequired) continue;
    if (typeof value !== 'string' || value === '' || value.length > limits.noteCharactersMax) {
      const wanted = `${name} must say who did it and why in { by, note }, up to ${limits.noteCharactersMax} characters`;
      throw new TypeError(`activities.${method}: ${wanted}; found ${formatValue(value)}.`);
    }
  }
  return { ...(by === undefined ? {} : { by }), ...(note === undefined ? {} : { note }) };
}
