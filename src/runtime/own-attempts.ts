/**
 * The attempts of this process. They outlive the engine that began them: when the store failed and was opened again, code that
 * was running is still running, and what it came to meanwhile is not lost.
 *
 * Invariants
 * 1. An attempt that was begun here is known until a commit that ends it is on disk.
 * 2. Of an actor read from disk, an attempt that is known here is not lost: it goes on, or its outcome is the first the actor hears.
 * 3. An outcome reaches an engine by letter if the actor is in its memory, by 2 if it is not: never by both.
 * 4. Places are granted to commits; those of commits that were never confirmed come back when the engine is replaced.
 */
import type { ActivityDescriptor } from '../kernel/activity-descriptor.ts';
import type { Actor } from '../kernel/actor.ts';
import type { Address } from '../kernel/address.ts';
import { formatAddress } from '../kernel/address.ts';
import type { AttemptOutcome, RunAttempt } from '../kernel/attempt-outcome.ts';
import type { AbortReason, Commit } from '../kernel/commit.ts';
import type { Envelope } from '../kernel/envelope.ts';
import type { Clock } from '../kernel/ports.ts';
import { lostAttempts } from '../kernel/wake.ts';
import { ActivityRunner } from './activity-runner.ts';

/** Who hears of attempts now. */
export interface AttemptListener {
  readonly isInMemory: (workflowId: string) => boolean;
  /** Posts a letter. */
  readonly deliver: (address: Address, outcome: AttemptOutcome) => void;
  /** Reads the workflow from disk. */
  readonly wake: (workflowId: string) => void;
  readonly onPlaceFree: () => void;
}

type Heard = Exclude<Envelope, { kind: 'start' }>;

interface Known {
  readonly attempt: number;
  outcome: AttemptOutcome | undefined;
}

export class OwnAttempts {
  readonly #runner: ActivityRunner;
  /** By address, then by number of the activity. */
  readonly #known = new Map<string, Map<number, Known>>();
  readonly #onRecorded: (commit: Commit) => void;
  #listener: AttemptListener | undefined;

  /** @param onRecorded hears of every commit on disk */
  constructor(clock: Clock, places: number, onRecorded: (commit: Commit) => void) {
    this.#onRecorded = onRecorded;
    this.#runner = new ActivityRunner(clock, places, () => this.#listener?.onPlaceFree());
  }

  /** From now on this engine hears of them. */
  attach(listener: AttemptListener): void {
    this.#runner.reclaimPlaces();
    this.#listener = listener;
  }

  /** Nobody hears of them for now: outcomes are kept. */
  detach(): void {
    this.#listener = undefined;
  }

  hasPlace(): boolean {
    return this.#runner.hasPlace();
  }

  admit(): boolean {
    return this.#runner.admit();
  }

  /** Grants no place until {@link release}. */
  hold(): void {
    this.#runner.hold();
  }

  release(): void {
    this.#runner.release();
  }

  run(address: Address, effect: RunAttempt, descriptor: ActivityDescriptor): void {
    const { n, attempt } = effect;
    const place = formatAddress(address);
    const known: Known = { attempt, outcome: undefined };
    const ofActor = this.#known.get(place) ?? new Map<number, Known>();
    this.#known.set(place, ofActor.set(n, known));
    this.#runner.run(keyOf(place, n), effect, descriptor, (outcome) => this.#report(address, known, outcome));
  }

  abort(address: Address, n: number, reason: AbortReason): void {
    this.#runner.abort(keyOf(formatAddress(address), n), reason);
  }

  /** Forgets the attempts that a commit on disk ended (invariant 1). */
  recorded(commit: Commit): void {
    const { record, activitiesPut, activitiesRemoved } = commit;
    this.#onRecorded(commit);
    const place = formatAddress(record.address);
    for (const n of activitiesRemoved) this.#forget(place, n);
    for (const { n, state } of activitiesPut) if (state !== 'running') this.#forget(place, n);
  }

  /** What an actor read from disk has to hear first of all about the attempts that run according to its record (invariant 2). */
  accountFor(actor: Actor): Heard[] {
    this.#dropStrays(actor);
    const known = this.#known.get(formatAddress(actor.record.address));
    return lostAttempts(actor).flatMap((lost): Heard[] => {
      if (!('attempt' in lost)) return [lost];
      const own = known?.get(lost.n);
      if (own?.attempt !== lost.attempt) return [lost];
      return own.outcome === undefined ? [] : [own.outcome];
    });
  }

  shutDown(graceMs: number): Promise<void> {
    return this.#runner.shutDown(graceMs);
  }

  /** A batch whose outcome was unknown did take effect: what it ended ends here, too. */
  #dropStrays({ record, activities }: Actor): void {
    const place = formatAddress(record.address);
    for (const [n, { attempt }] of this.#known.get(place) ?? []) {
      const row = activities.get(n);
      if (row?.state === 'running' && row.attempt === attempt) continue;
      this.#forget(place, n);
      this.#runner.abort(keyOf(place, n), row === undefined ? 'state-left' : 'timeout');
    }
  }

  #report(address: Address, known: Known, outcome: AttemptOutcome): void {
    known.outcome ??= outcome;
    const listener = this.#listener;
    if (listener === undefined) return;
    const { workflowId } = address;
    const isKept = this.#known.get(formatAddress(address))?.get(outcome.n) === known;
    if (isKept && !listener.isInMemory(workflowId)) listener.wake(workflowId);
    else listener.deliver(address, outcome);
  }

  #forget(place: string, n: number): void {
    const ofActor = this.#known.get(place);
    ofActor?.delete(n);
    if (ofActor?.size === 0) this.#known.delete(place);
  }
}

function keyOf(place: string, n: number): string {
  return `${place}:${n}`;
}
