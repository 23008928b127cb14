/**
 * From decisions to disk. What is decided while one batch is being synced forms the next.
 *
 * Invariants
 * 1. One batch is in flight at most, so two writes of one actor never are.
 * 2. Units are written in the order they were submitted; a unit is never split over batches.
 * 3. `onCommitted` runs after the sync of its batch, in order; nothing else tells anybody of a commit.
 * 4. Commit numbers have no gaps.
 * 5. `work` is done alone, between two batches: what it reads no write changes meanwhile.
 * 6. After the first rejected batch nothing is written any more: every unit not confirmed is rejected.
 */
import type { Commit } from '../kernel/commit.ts';
import { messagesIn } from '../kernel/conversation.ts';
import type { Envelope } from '../kernel/envelope.ts';
import { PerdureError } from '../kernel/errors.ts';
import type { Json } from '../kernel/json.ts';
import { roughSize } from '../kernel/json.ts';
import { limits } from '../kernel/limits.ts';
import type { PreparedCommit, Store } from '../kernel/ports.ts';

/** Commits that belong in one batch, and who is waiting for them. Without commits: who waits for all units before it. */
export interface CommitUnit {
  readonly commits: readonly Commit[];
  /** Instead of commits: rows that go, taken away by the store itself. */
  readonly work?: () => Promise<void>;
  onCommitted(): void;
  onRejected(error: PerdureError): void;
}

export class CommitPipeline {
  readonly #store: Store;
  readonly #onFailed: (error: PerdureError) => void;
  #waiting: CommitUnit[] = [];
  #waitingCommits = 0;
  /** What is made ready of the commits that wait. */
  readonly #prepared: (PreparedCommit | undefined)[] = [];
  /** Of the last commit submitted. */
  #lastNumber: number;
  readonly #monotonicMs: () => number;
  readonly #onSlow: (tookMs: number) => void;
  readonly #onEmitted: (lastCommit: number) => void;
  #isInFlight = false;
  #inFlightSinceMs = 0;
  #isFlushPlanned = false;
  #failure: PerdureError | undefined;
  #nextCommit: number;
  #idleWaiters: (() => void)[] = [];

  /**
   * @param onFailed is told once, after the units were rejected, that the store takes no more writes
   * @param onSlow is told of a batch that took longer than it should
   * @param onEmitted is told the number of the last commit of a batch with emitted events, once everybody else was told of it
   */
  constructor(
    store: Store,
    onFailed: (error: PerdureError) => void,
    monotonicMs: () => number,
    onSlow: (tookMs: number) => void = () => undefined,
    onEmitted: (lastCommit: number) => void = () => undefined,
  ) {
    this.#onSlow = onSlow;
    this.#onEmitted = onEmitted;
    this.#store = store;
    this.#onFailed = onFailed;
    this.#monotonicMs = monotonicMs;
    this.#nextCommit = store.lastCommit + 1;
    this.#lastNumber = store.lastCommit;
  }

  submit(unit: CommitUnit): void {
    if (this.#failure !== undefined) {
      unit.onRejected(this.#failure);
      return;
    }
    this.#waiting.push(unit);
    for (const commit of unit.commits) this.#prepare(commit);
    this.#waitingCommits += unit.commits.length;
    // Enough to be worth a write: while it is being synced, the rest of the tick is decided.
    if (this.#waitingCommits >= limits.flushCommitsMin && !this.#isInFlight) void this.#flush();
    else this.#planFlush();
  }

  /** While the disk is busy with the batch before: it does not have to wait for this when its turn has come. */
  #prepare(commit: Commit): void {
    this.#lastNumber += 1;
    this.#prepared.push(this.#preparedAs(commit, this.#lastNumber));
  }

  /** What cannot be made ready fails when it is written, and with it the store. */
  #preparedAs(commit: Commit, number: number): PreparedCommit | undefined {
    try {
      return this.#store.prepare?.(commit, number);
    } catch {
      return undefined;
    }
  }

  /** Does work on the store while nothing else writes to it; resolves with its answer. */
  async alone<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let answer: () => void = () => undefined;
      const take = async (): Promise<void> => {
        const found = await work();
        answer = () => resolve(found);
      };
      this.submit({ commits: [], work: take, onCommitted: () => answer(), onRejected: reject });
    });
  }

  /** For how long the batch in flight has been; 0 if there is none. */
  get inFlightForMs(): number {
    return this.#isInFlight ? this.#monotonicMs() - this.#inFlightSinceMs : 0;
  }

  isIdle(): boolean {
    return !this.#isInFlight && this.#waiting.length === 0;
  }

  /** Resolves when nothing is waiting or in flight. */
  async idle(): Promise<void> {
    if (this.isIdle()) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** At the end of the tick, so that what one tick decides shares a batch unless it is much. */
  #planFlush(): void {
    if (this.#isInFlight || this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    queueMicrotask(() => {
      this.#isFlushPlanned = false;
      if (!this.#isInFlight) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const units = this.#takeBatch();
    const commits: Commit[] = [];
    for (const unit of units) commits.push(...unit.commits);
    const prepared = this.#prepared.splice(0, commits.length);
    this.#isInFlight = true;
    this.#inFlightSinceMs = this.#monotonicMs();
    try {
      if (units[0]?.work !== undefined) await units[0].work();
      else if (commits.length > 0) await this.#store.write({ firstCommit: this.#nextCommit, commits, definitions: [], prepared });
    } catch (error) {
      this.#fail(units, error);
      return;
    }
    this.#nextCommit += commits.length;
    const lastCommit = this.#nextCommit - 1;
    const tookMs = this.inFlightForMs;
    this.#isInFlight = false;
    if (tookMs > limits.slowSyncMs) this.#onSlow(tookMs);
    this.#beginNext();
    for (const unit of units) unit.onCommitted();
    if (commits.some(({ journal }) => journal.emitted !== undefined)) this.#onEmitted(lastCommit);
    if (this.isIdle()) this.#settleIdle();
  }

  /** Before those are told whose batch is on disk: while that is acted upon, the disk has the next one to do. */
  #beginNext(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    // Whoever has nothing to write would be told at once, ahead of the others.
    if (first.commits.length > 0) void this.#flush();
    else this.#planFlush();
  }

  #takeBatch(): CommitUnit[] {
    const beyond = this.#beyondBatch();
    const units = beyond === -1 ? this.#waiting : this.#waiting.slice(0, beyond);
    this.#waiting = beyond === -1 ? [] : this.#waiting.slice(beyond);
    this.#waitingCommits = this.#waiting.reduce((sum, unit) => sum + unit.commits.length, 0);
    return units;
  }

  /** Position of the first unit that waits for the batch after the next; -1 if none has to. */
  #beyondBatch(): number {
    let [commits, bytes] = [0, 0];
    for (const [index, unit] of this.#waiting.entries()) {
      commits += unit.commits.length;
      for (const commit of unit.commits) bytes += payloadSize(commit);
      if (index === 0) continue;
      if (unit.work !== undefined || this.#waiting[0]?.work !== undefined) return index;
      if (commits > limits.batchCommitsMax || bytes > limits.batchBytesMax) return index;
    }
    return -1;
  }

  #fail(units: readonly CommitUnit[], cause: unknown): void {
    const error = unavailable(this.#store, cause);
    this.#failure = error;
    const lost = [...units, ...this.#waiting];
    this.#waiting = [];
    this.#isInFlight = false;
    for (const unit of lost) unit.onRejected(error);
    this.#onFailed(error);
    this.#settleIdle();
  }

  #settleIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const waiter of waiters) waiter();
  }
}

/** What users put into a commit; the rest is small. The context is in the record and, where it changed, in the journal. */
function payloadSize({ record, journal, activitiesPut, mailPut }: Commit): number {
  let size = roughSize(record.chart.context) + roughSize(journal.context.set) + roughSize(payloadOf(journal.envelope));
  for (const { input } of activitiesPut) size += roughSize(input);
  for (const event of journal.emitted ?? []) size += 2 * roughSize(event);
  for (const mail of mailPut) for (const { envelope } of messagesIn(mail)) size += roughSize(payloadOf(envelope));
  return size;
}

function payloadOf(envelope: Envelope): Json {
  if ('event' in envelope) return envelope.event;
  if ('output' in envelope) return envelope.output;
  return envelope.kind === 'start' ? envelope.input : null;
}

function unavailable(store: Store, cause: unknown): PerdureError {
  const message = `The store at ${store.location} refused a write. Whether it took effect is not known: repeat with the same ids once the store is open again.`;
  return new PerdureError('STORE_UNAVAILABLE', message, { path: store.location }, { cause });
}
