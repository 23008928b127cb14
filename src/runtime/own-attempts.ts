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
import type { AbortReason, ActivityDescriptor } from '../kernel/activity-descriptor.ts';
import type { Address } from '../kernel/address.ts';
import { activityKey } from '../kernel/address.ts';
import type { AttemptOutcome, RunAttempt } from '../kernel/attempt-outcome.ts';
import { formatToken } from '../kernel/attempt-token.ts';
import type { Commit } from '../kernel/commit.ts';
import type { Envelope, StepEnvelope } from '../kernel/envelope.ts';
import type { Deliver } from '../kernel/outside.ts';
import type { Clock } from '../kernel/ports.ts';
import type { Tree } from '../kernel/tree.ts';
import type { StepMessage } from '../kernel/wake.ts';
import { lostAttempts } from '../kernel/wake.ts';
import type { RecordedMoments } from './activity-runner.ts';
import { ActivityRunner } from './activity-runner.ts';
import type { Admission } from './admission.ts';
import type { AttemptTimeouts } from './attempt-watch.ts';

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

interface Known extends OwnAttempt {
  readonly key: string;
  /** What it said that is not on disk yet. */
  unrecorded: readonly StepMessage[];
}

const nothing: readonly StepMessage[] = [];

export class OwnAttempts {
  readonly admission: Admission;
  readonly #runner: ActivityRunner;
  /** By workflow id, then by the activity's key. */
  readonly #known = new Map<string, Map<string, Known>>();
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

  /** Nobody hears of them for now: what they say is kept. */
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

  /** @param codeWith the code of the attempt, given what brings its words to other actors */
  run(
    { address, name }: Pick<OwnAttempt, 'address' | 'name'>,
    effect: RunAttempt,
    codeWith: (deliver: Deliver) => ActivityDescriptor,
  ): void {
    const { n, attempt } = effect;
    const known = this.#know({ address, name, n, attempt });
    this.#runner.run({
      key: known.key,
      name,
      n,
      attempt,
      effect,
      descriptor: codeWith((to, envelope) => this.#say(known, to, envelope)),
      report: (outcome) => this.#report(known, outcome),
      handOver: () => this.#handOver(known),
    });
  }

  /** Watches over an attempt that was handed over, here or in an earlier life of the process. */
  attend(attended: OwnAttempt, timeouts: AttemptTimeouts, recorded: RecordedMoments): void {
    const { address, name, n, attempt } = attended;
    const before = this.#known.get(address.workflowId)?.get(activityKey(address, n));
    const known = before?.attempt === attempt ? before : this.#know(attended);
    const order = { key: known.key, name, n, attempt, report: (outcome: AttemptOutcome) => this.#report(known, outcome) };
    this.#runner.attend(order, timeouts, recorded);
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
    const speaker = this.#speakerOf(address, envelope);
    if (speaker !== undefined) speaker.unrecorded = speaker.unrecorded.filter((message) => message.envelope !== envelope);
    if (!this.#known.has(address.workflowId)) return;
    for (const n of activitiesRemoved) this.#forget(address.workflowId, activityKey(address, n));
    for (const { n, state } of activitiesPut) if (state !== 'running') this.#forget(address.workflowId, activityKey(address, n));
  }

  /** What a workflow read from disk has to hear first of all about the attempts that run according to its records (invariant 3). */
  accountFor(tree: Tree): readonly StepMessage[] {
    this.#dropStrays(tree);
    const known = this.#known.get(tree.address.workflowId) ?? new Map<string, Known>();
    const isKnown = ({ to, envelope }: StepMessage): boolean =>
      'n' in envelope && known.has(activityKey({ ...tree.address, path: to }, envelope.n));
    const lost = lostAttempts(tree).filter((message) => !isKnown(message));
    return [...lost, ...[...known.values()].flatMap(({ unrecorded }) => unrecorded)];
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
    for (const known of this.#known.get(workflowId)?.values() ?? []) {
      const { address, n, attempt, key } = known;
      const row = address.run === run ? tree.get(address.path)?.activities.get(n) : undefined;
      if (row?.state === 'running' && row.attempt === attempt) continue;
      this.#forget(workflowId, key);
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
    const isKept = this.#known.get(workflowId)?.get(known.key) === known;
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
    return this.#known.get(address.workflowId)?.get(activityKey(address, envelope.n));
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

  #know(own: OwnAttempt): Known {
    const { address, n, attempt, name } = own;
    const known: Known = { address, n, attempt, name, key: activityKey(address, n), unrecorded: nothing };
    const ofWorkflow = this.#known.get(address.workflowId);
    if (ofWorkflow === undefined) this.#known.set(address.workflowId, new Map([[known.key, known]]));
    else ofWorkflow.set(known.key, known);
    return known;
  }

  #forget(workflowId: string, key: string): void {
    const ofWorkflow = this.#known.get(workflowId);
    ofWorkflow?.delete(key);
    if (ofWorkflow?.size === 0) this.#known.delete(workflowId);
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
