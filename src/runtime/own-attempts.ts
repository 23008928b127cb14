/**
 * The attempts of this process, and the places they run on. They outlive the engine that began them: when the store failed and was
 * opened again, code that was running is still running, and what it said meanwhile is not lost.
 *
 * Invariants
 * 1. An attempt that was begun here, or is watched here after it was handed over, is known until a commit that ends it is on disk.
 * 2. What a known attempt says is kept, in its order, until it is on disk.
 * 3. Of a workflow read from disk, an attempt that is known here is not lost: it goes on, and what is kept of it is heard first of all.
 * 4. What is said reaches an engine by letter if the workflow is in its memory, by 3 if it is not: never by both.
 * 5. Places are granted to commits; those of commits that were never confirmed come back when the engine is replaced.
 */
import type { AbortReason } from '../kernel/activity-descriptor.ts';
import type { Actor } from '../kernel/actor.ts';
import type { Address } from '../kernel/address.ts';
import { activityKey } from '../kernel/address.ts';
import type { AttemptOutcome, RunAttempt } from '../kernel/attempt-outcome.ts';
import { formatToken } from '../kernel/attempt-token.ts';
import type { Commit } from '../kernel/commit.ts';
import type { Envelope, StepEnvelope } from '../kernel/envelope.ts';
import type { Deliver } from '../kernel/outside.ts';
import { activityOf, codeOf } from '../kernel/outside.ts';
import type { Clock } from '../kernel/ports.ts';
import type { Tree } from '../kernel/tree.ts';
import type { StepMessage } from '../kernel/wake.ts';
import { lostAttempts } from '../kernel/wake.ts';
import type { AttemptOrder, RecordedMoments } from './activity-runner.ts';
import { ActivityRunner } from './activity-runner.ts';
import type { Admission } from './admission.ts';
import type { AttemptTimeouts } from './attempt-watch.ts';
import { KnownAttempts } from './known-attempts.ts';

export type HandOverEnvelope = Extract<StepEnvelope, { readonly kind: 'attempt-handed-over' }>;

/** Who hears of attempts now. */
export interface AttemptListener {
  readonly isInMemory: (workflowId: string) => boolean;
  /** Posts a letter. */
  readonly deliver: Deliver;
  /** Posts a letter; resolves when what it came to is on disk, rejects if it was refused. */
  readonly ask: (address: Address, envelope: HandOverEnvelope) => Promise<void>;
  /** Reads the workflow from disk. */
  readonly wake: (workflowId: string) => void;
  readonly onPlaceFree: () => void;
}

/** An attempt of an activity of this actor. */
export interface OwnAttempt {
  readonly address: Address;
  readonly n: number;
  readonly attempt: number;
  /** Under which its place was asked for. */
  readonly name: string;
}

class Known implements OwnAttempt, AttemptOrder {
  readonly address: Address;
  readonly n: number;
  readonly attempt: number;
  readonly name: string;
  readonly key: string;
  readonly #desk: Desk;
  /** What it said that is not on disk yet. */
  unrecorded: readonly StepMessage[] = nothing;

  constructor({ address, n, attempt, name }: OwnAttempt, key: string, desk: Desk) {
    this.address = address;
    this.n = n;
    this.attempt = attempt;
    this.name = name;
    this.key = key;
    this.#desk = desk;
  }

  report(outcome: AttemptOutcome): void {
    this.#desk.report(this, outcome);
  }

  handOver(): Promise<string> {
    return this.#desk.handOver(this);
  }
}

/** Who hears of known attempts. */
interface Desk {
  readonly report: (known: Known, outcome: AttemptOutcome) => void;
  readonly handOver: (known: Known) => Promise<string>;
}

const nothing: readonly StepMessage[] = [];

export class OwnAttempts {
  readonly admission: Admission;
  readonly #runner: ActivityRunner;
  readonly #known = new KnownAttempts<Known>();
  readonly #desk: Desk = {
    report: (known, outcome) => this.#report(known, outcome),
    handOver: (known) => this.#handOver(known),
  };
  /** Who said to others what is not on disk yet. */
  readonly #speakers = new WeakMap<object, Known>();
  readonly #onRecorded: (commit: Commit) => void;
  #listener: AttemptListener | undefined;
  /** Those who wait for the next listener. */
  #awaiting: { readonly resolve: (listener: AttemptListener) => void; readonly reject: (error: Error) => void }[] = [];
  #isShuttingDown = false;

  /** @param onRecorded hears of every commit on disk */
  constructor(clock: Clock, admission: Admission, onRecorded: (commit: Commit) => void) {
    this.admission = admission;
    this.#onRecorded = onRecorded;
    this.#runner = new ActivityRunner(clock, (name) => {
      admission.giveBack(name);
      this.#listener?.onPlaceFree();
    });
  }

  /** Attempts whose code goes on though nobody waits for it any more. */
  get zombies(): number {
    return this.#runner.zombies;
  }

  /** From now on this engine hears of them. */
  attach(listener: AttemptListener): void {
    this.admission.reclaim(this.#runner.placesTaken());
    this.#listener = listener;
    for (const { resolve } of this.#awaiting.splice(0)) resolve(listener);
  }

  /** Nobody hears of them until the next listener: what they say is kept. */
  detach(): void {
    this.#listener = undefined;
  }

  /** Grants places again after {@link Admission.hold}, to who waits for them first. */
  release(): void {
    this.admission.release();
    this.#listener?.onPlaceFree();
  }

  /** Gives back the place of an attempt that does not begin after all. */
  pass(name: string): void {
    this.admission.giveBack(name, true);
    this.#listener?.onPlaceFree();
  }

  /** @param name under which its place was asked for */
  run(actor: Actor, name: string, effect: RunAttempt): void {
    const { n, attempt, idempotencyKey } = effect;
    const known = this.#know({ address: actor.record.address, name, n, attempt }, idempotencyKey);
    const code = activityOf(actor, effect) ?? codeOf(actor, effect, (to, envelope) => this.#say(known, to, envelope));
    this.#runner.run(known, effect, code);
  }

  /** Watches over an attempt that was handed over, here or in an earlier life of the process. */
  attend(attended: OwnAttempt, timeouts: AttemptTimeouts, recorded: RecordedMoments): void {
    const { address, n, attempt } = attended;
    const before = this.#known.get(address, n);
    const known = before?.attempt === attempt ? before : this.#know(attended, activityKey(address, n));
    this.#runner.attend(known, timeouts, recorded);
  }

  abort(address: Address, n: number, reason: AbortReason): void {
    this.#runner.abort(activityKey(address, n), reason);
  }

  /** Forgets the attempts that a commit on disk ended, and of the others what it tells. */
  recorded(commit: Commit): void {
    const { activitiesPut, activitiesRemoved, journal } = commit;
    const { address } = commit.record;
    const { envelope } = journal;
    this.#onRecorded(commit);
    if (!this.#known.has(address.workflowId)) return;
    const speaker = this.#speakerOf(address, envelope);
    for (const n of activitiesRemoved) this.#forget(address, n);
    for (const { n, state } of activitiesPut) if (state !== 'running') this.#forget(address, n);
    if (speaker !== undefined) speaker.unrecorded = speaker.unrecorded.filter((message) => message.envelope !== envelope);
  }

  /** What a workflow read from disk has to hear first of all about the attempts that run according to its records (invariant 3). */
  accountFor(tree: Tree): readonly StepMessage[] {
    this.#dropStrays(tree);
    const isKnown = ({ to, envelope }: StepMessage): boolean =>
      'n' in envelope && this.#known.get({ ...tree.address, path: to }, envelope.n) !== undefined;
    const lost = lostAttempts(tree).filter((message) => !isKnown(message));
    return [...lost, ...this.#known.of(tree.address.workflowId).flatMap(({ unrecorded }) => unrecorded)];
  }

  /** See {@link ActivityRunner.shutDown}. */
  async shutDown(graceMs: number): Promise<void> {
    this.#isShuttingDown = true;
    const settled = this.#runner.shutDown(graceMs);
    for (const { reject } of this.#awaiting.splice(0)) reject(closing());
    await settled;
  }

  /** A batch whose outcome was unknown did take effect: what it ended ends here, too. */
  #dropStrays(tree: Tree): void {
    const { workflowId, run } = tree.address;
    for (const known of this.#known.of(workflowId)) {
      const { address, n, attempt, key } = known;
      const row = address.run === run ? tree.get(address.path)?.activities.get(n) : undefined;
      if (row?.state === 'running' && row.attempt === attempt) continue;
      this.#known.delete(known);
      this.#runner.abort(key, row === undefined ? 'state-left' : overdueReason(known));
    }
  }

  #report(known: Known, outcome: AttemptOutcome): void {
    // Only the last sign of life counts.
    if (outcome.kind === 'attempt-heartbeat') known.unrecorded = known.unrecorded.filter(({ envelope }) => envelope.kind !== outcome.kind);
    this.#say(known, known.address, outcome);
  }

  #say(known: Known, to: Address, envelope: StepEnvelope): void {
    const { workflowId } = known.address;
    const isKept = this.#known.isKnown(known);
    if (isKept) {
      known.unrecorded = [...known.unrecorded, { to: to.path, envelope }];
      if (to !== known.address) this.#speakers.set(envelope, known);
    }
    const listener = this.#listener;
    if (listener === undefined) return;
    if (isKept && !listener.isInMemory(workflowId)) listener.wake(workflowId);
    else listener.deliver(to, envelope);
  }

  /** Of outcomes the address says whose they are; of what code says to others this has to be remembered. */
  #speakerOf(address: Address, envelope: Envelope): Known | undefined {
    const speaker = this.#speakers.get(envelope);
    if (speaker !== undefined || !('n' in envelope)) return speaker;
    return this.#known.get(address, envelope.n);
  }

  /** Resolves with the token once it is on disk that the outcome comes from outside: if the store fails meanwhile, over the next one. */
  async #handOver({ address, n, attempt }: Known): Promise<string> {
    for (;;) {
      const listener = this.#listener ?? (await this.#nextListener());
      try {
        await listener.ask(address, { kind: 'attempt-handed-over', n, attempt });
        return formatToken({ address, n, attempt });
      } catch (error) {
        if (listener === this.#listener || this.#isShuttingDown) throw error;
      }
    }
  }

  async #nextListener(): Promise<AttemptListener> {
    if (this.#isShuttingDown) throw closing();
    return new Promise((resolve, reject) => this.#awaiting.push({ resolve, reject }));
  }

  #know(own: OwnAttempt, key: string): Known {
    const known = new Known(own, key, this.#desk);
    this.#known.add(known);
    return known;
  }

  #forget(address: Address, n: number): void {
    const known = this.#known.get(address, n);
    if (known !== undefined) this.#known.delete(known);
  }
}

/** The row goes on without it: it took too long, or somebody else said what it came to. */
function overdueReason({ unrecorded }: Known): AbortReason {
  const [timeout] = unrecorded.flatMap(({ envelope }) => (envelope.kind === 'attempt-timed-out' ? [envelope] : []));
  if (timeout === undefined) return 'settled';
  return timeout.timeout === 'heartbeat' ? 'heartbeat-timeout' : 'start-to-close-timeout';
}

function closing(): Error {
  return new Error('The process is closing.');
}
