/**
 * The undo ledger of an actor where nothing is durable: a plain `createActor`. It lives in memory and is unwound by `compensation` only.
 *
 * 1. An activity with an undo is in the ledger from before the code of its first attempt begins until it is undone or deferred.
 * 2. An outcome, once fixed, stays: what an abandoned attempt still comes to changes nothing.
 * 3. The place of an entry is that of its end; what is still in flight when it was waited for long enough ends then.
 * 4. One unwinding of a ledger at a time; an undo that is cut off by the end of its unwinding is left to the next.
 */
import type { UndoDescriptor } from './activity-descriptor.ts';
import { limits } from './limits.ts';
import type { AttemptGiven, AttemptPolicy } from './volatile-attempts.ts';
import { pause, runWithRetries } from './volatile-attempts.ts';

/** What an unwinding came to: activities by their names, children by the names their parent's chart has their logic under. */
export interface CompensationOutput {
  readonly undone: readonly string[];
  /** Those whose undo failed for good: people are asked. */
  readonly deferred: readonly string[];
}

/** An activity whose code is about to begin. */
export interface UndoableActivity {
  readonly name: string;
  readonly input: unknown;
  readonly idempotencyKey: string;
  readonly policy: AttemptPolicy;
  readonly undo: UndoDescriptor;
}

/** `nothing`: there was nothing to undo; `cut-off`: nobody waits for the unwinding any more. */
type UndoOutcome = 'undone' | 'deferred' | 'nothing' | 'cut-off';

interface LedgerEntry {
  readonly name: string;
  /** Undefined while it is in flight. */
  readonly place: number | undefined;
  /** Whether something may come to it after it was undone. */
  readonly isGrowing: boolean;
  /** Aborts what is in flight, and waits for it. */
  settle: () => Promise<unknown>;
  /** What is in flight now has been waited for long enough. */
  giveUp: () => void;
  undo: (left: AbortSignal) => Promise<UndoOutcome>;
}

export class VolatileLedger {
  readonly #entries = new Set<LedgerEntry>();
  #ends = 0;
  #unwinding: Promise<unknown> = Promise.resolve();

  /** Runs an activity whose undo is kept here. @param left fires when nobody waits for it any more */
  async run(activity: UndoableActivity, code: (given: AttemptGiven) => unknown, left: AbortSignal): Promise<unknown> {
    const entry = new ActivityEntry(activity, this.#nextPlace);
    this.#entries.add(entry);
    return entry.run(code, left);
  }

  /** Makes the ledger of a child one entry of this one, and returns what to call when the child has ended. */
  adopt(name: string, ledger: VolatileLedger): () => void {
    const entry = new ChildEntry(name, ledger, this.#nextPlace);
    this.#entries.add(entry);
    return () => entry.end();
  }

  /** @param left fires when nobody waits for the unwinding any more */
  async unwind(left: AbortSignal): Promise<CompensationOutput> {
    const isSettled = new AbortController();
    const enough = (): void => isSettled.abort();
    left.addEventListener('abort', enough, { once: true });
    await Promise.race([this.settle(), pause(limits.settleMs, isSettled.signal)]);
    enough();
    left.removeEventListener('abort', enough);
    this.giveUp();
    return this.undoAll(left);
  }

  async settle(): Promise<void> {
    await Promise.all([...this.#entries].map(async (entry) => entry.settle()));
  }

  giveUp(): void {
    for (const entry of this.#entries) entry.giveUp();
  }

  async undoAll(left: AbortSignal): Promise<CompensationOutput> {
    const turn = this.#unwinding.then(async () => this.#undoInOrder(left));
    this.#unwinding = turn;
    return turn;
  }

  readonly #nextPlace = (): number => (this.#ends += 1);

  async #undoInOrder(left: AbortSignal): Promise<CompensationOutput> {
    const output = { undone: [] as string[], deferred: [] as string[] };
    const newestFirst = [...this.#entries].filter(({ place }) => place !== undefined).sort((a, b) => Number(b.place) - Number(a.place));
    const end = cutOff(left);
    for (const entry of newestFirst) {
      if (left.aborted) break;
      const outcome = await Promise.race([this.#undo(entry, left), end]);
      if (outcome === 'undone' || outcome === 'deferred') output[outcome].push(entry.name);
    }
    return output;
  }

  async #undo(entry: LedgerEntry, left: AbortSignal): Promise<UndoOutcome> {
    const outcome = await entry.undo(left);
    if (outcome !== 'cut-off' && !entry.isGrowing) this.#entries.delete(entry);
    return outcome;
  }
}

type Outcome = { readonly outcome: 'completed'; readonly output: unknown } | { readonly outcome: 'unknown' };

class ActivityEntry implements LedgerEntry {
  readonly name: string;
  readonly isGrowing = false;
  place: number | undefined;
  readonly #activity: UndoableActivity;
  readonly #nextPlace: () => number;
  readonly #controller = new AbortController();
  /** The code of attempts, also of those that nobody waits for any more, and all attempts together. */
  readonly #running = new Set<Promise<unknown>>();
  #outcome: Outcome | undefined;
  #error: unknown;

  constructor(activity: UndoableActivity, nextPlace: () => number) {
    this.name = activity.name;
    this.#activity = activity;
    this.#nextPlace = nextPlace;
  }

  async run(code: (given: AttemptGiven) => unknown, left: AbortSignal): Promise<unknown> {
    const abandon = (): void => {
      this.#end({ outcome: 'unknown' });
      this.#controller.abort();
    };
    left.addEventListener('abort', abandon, { once: true });
    try {
      const attempt = async (given: AttemptGiven): Promise<unknown> => this.#track((async () => code(given))());
      const output = await runWithRetries(this.#activity.policy, attempt, this.#controller.signal);
      this.#end({ outcome: 'completed', output });
      return output;
    } catch (error) {
      this.#hear(error);
      this.#end({ outcome: 'unknown' });
      throw error;
    } finally {
      left.removeEventListener('abort', abandon);
    }
  }

  async settle(): Promise<unknown> {
    if (this.#outcome === undefined) this.#controller.abort('closed');
    return Promise.allSettled(this.#running);
  }

  giveUp(): void {
    this.#end({ outcome: 'unknown' });
  }

  async undo(left: AbortSignal): Promise<UndoOutcome> {
    const { input, idempotencyKey, undo } = this.#activity;
    const { run } = undo;
    if (run === undefined) return 'deferred';
    const known = { output: undefined, error: undefined, ...(this.#outcome as Outcome) }; // an entry without outcome has no place
    const error = known.outcome === 'unknown' ? this.#error : undefined;
    const once = ({ attempt, signal }: AttemptGiven): unknown =>
      run({ input, ...known, error, idempotencyKey: `${idempotencyKey}:undo`, attempt, signal });
    try {
      await runWithRetries(undo, once, left);
      return 'undone';
    } catch {
      return left.aborted ? 'cut-off' : 'deferred';
    }
  }

  async #track(running: Promise<unknown>): Promise<unknown> {
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      this.#hear(error);
      throw error;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Once it has failed, what abandoned attempts still say is not why. */
  #hear(error: unknown): void {
    if (this.#outcome === undefined || this.#error === undefined) this.#error = error;
  }

  #end(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.place = this.#nextPlace();
  }
}

class ChildEntry implements LedgerEntry {
  readonly name: string;
  place: number | undefined;
  readonly #ledger: VolatileLedger;
  readonly #nextPlace: () => number;
  isGrowing = true;

  constructor(name: string, ledger: VolatileLedger, nextPlace: () => number) {
    this.name = name;
    this.#ledger = ledger;
    this.#nextPlace = nextPlace;
  }

  end(): void {
    this.isGrowing = false;
    this.place ??= this.#nextPlace();
  }

  async settle(): Promise<unknown> {
    return this.#ledger.settle();
  }

  giveUp(): void {
    this.#ledger.giveUp();
    this.place ??= this.#nextPlace();
  }

  async undo(left: AbortSignal): Promise<UndoOutcome> {
    const { undone, deferred } = await this.#ledger.undoAll(left);
    if (left.aborted) return 'cut-off';
    return deferred.length > 0 ? 'deferred' : undone.length > 0 ? 'undone' : 'nothing';
  }
}

async function cutOff(left: AbortSignal): Promise<UndoOutcome> {
  return new Promise((resolve) => {
    left.addEventListener('abort', () => resolve('cut-off'), { once: true });
  });
}
