/** A fan-out as actor logic, and the chart that shows how far one is. What it does is decided in `fan-out.ts`. */
import { assign, createActor, fromPromise, setup, toPromise } from 'xstate';
import type { AnyActorLogic, AnyStateMachine, InputFrom, OutputFrom, PromiseActorLogic } from 'xstate';
import { fanOutFailed, sourceInvalid, sourceStuck } from './engine-errors.ts';
import { activityDescriptor } from './activity-descriptor.ts';
import type { FanOutOptions, FanOutPlan } from './fan-out-plan.ts';
import { isBreached, parseFanOut } from './fan-out-plan.ts';
import { failureOf } from './failure.ts';
import type { FailedItem, FanOutCounts } from './item-record.ts';
import { isEnd, isStuck } from './source-cursor.ts';
import { formatValue } from './value-encoding.ts';
import { kindOfLogic } from './xstate-logic.ts';

const fanOutKey: unique symbol = Symbol.for('perdure.fan-out') as never;

/** What a fan-out came to. */
export interface FanOutOutput<Result> {
  readonly total: number;
  readonly succeeded: number;
  /** Never more than are tolerated. */
  readonly failed: number;
  /** Outputs of those that succeeded, in the order of the items; empty where they are `paged`. */
  readonly results: readonly Result[];
  /** What `runtime.results` is asked by; absent in a plain `createActor`. */
  readonly address?: string;
}

/** What the source of a fan-out is asked: where to go on, null at first, and what the fan-out was given as its input. */
export interface SourceQuestion<Input, Cursor> {
  readonly input: Input;
  readonly cursor: Cursor | null;
}

/** What it answers: some items, up to 1 MB of them, and where to go on; without `next`, or with null, they were the last. */
export interface SourcePage<Item, Cursor> {
  readonly items: readonly Item[];
  readonly next?: Cursor | null | undefined;
}

/** The mark is optional in the type: a required member would make `provide()` refuse replacements. */
export interface FanOutLogic<Input, Result> extends PromiseActorLogic<FanOutOutput<Result>, Input> {
  readonly [fanOutKey]?: FanOutMark;
}

/** What hosts read off it. */
export interface FanOutMark {
  readonly child: AnyActorLogic;
  readonly plan: FanOutPlan;
  /** Absent where the input is the items themselves. */
  readonly source?: AnyActorLogic;
}

/**
 * Many items at flat cost: an activity or a machine, run once for each input of an array, so many of them at once. To its parent it is
 * one child, however many items there are. It fails with an error named `FanOutFailed` when more items fail than are tolerated.
 *
 *     setup({ actors: { seedAll: fanOut(seed, { concurrency: 64, tolerate: { share: 0.01 } }) } })
 *
 * Items that are too many for one array are read page by page from a `source`, an activity, whenever fewer wait than may run at once; then the
 * input is whatever the source needs. It is tried again as its policy says, and the fan-out fails as it does.
 *
 *     fanOut(seed, { concurrency: 64, source: storesOf, results: 'paged' }) // storesOf({ input, cursor }) is { items, next }
 *
 * In a plain `createActor` items are run in the same way, in memory.
 *
 * @throws TypeError if the first argument is neither an activity nor a machine, or an option is wrong
 */
export function fanOut<Child extends AnyActorLogic>(
  child: Child,
  options: FanOutOptions,
): FanOutLogic<readonly InputFrom<Child>[], OutputFrom<Child>>;
export function fanOut<Child extends AnyActorLogic, Input, Cursor>(
  child: Child,
  options: FanOutOptions & { readonly source: PromiseActorLogic<SourcePage<InputFrom<Child>, Cursor>, SourceQuestion<Input, Cursor>> },
): FanOutLogic<Input, OutputFrom<Child>>;
export function fanOut(child: AnyActorLogic, given: FanOutOptions & { readonly source?: AnyActorLogic }): AnyActorLogic {
  if (!['activity', 'machine'].includes(kindOfLogic(child))) {
    throw new TypeError(`fanOut: give it an activity or a machine as its first argument; found ${formatValue(child)}.`);
  }
  // What is no object is refused by who reads the options.
  const { source, ...others } = Object(given) as typeof given;
  const options = typeof given === 'object' ? others : given;
  if (source !== undefined && kindOfLogic(source) !== 'activity') {
    throw new TypeError(`fanOut: source must be an activity that returns { items, next }; found ${formatValue(source)}.`);
  }
  const isUndone = activityDescriptor(source)?.undo !== undefined;
  if (isUndone) throw new TypeError('fanOut: source only reads, and is not undone; leave out compensate.');
  const mark: FanOutMark = { child, plan: parseFanOut(options), ...(source === undefined ? {} : { source }) };
  const logic = fromPromise<FanOutOutput<unknown>, unknown>(async ({ input, signal }) => new VolatileFanOut(mark, input, signal).run());
  return Object.assign(logic, { [fanOutKey]: mark });
}

export function fanOutIn(logic: unknown): FanOutMark | undefined {
  return (Object(logic) as { readonly [fanOutKey]?: FanOutMark })[fanOutKey];
}

/** Where nothing is durable. */
class VolatileFanOut {
  readonly #mark: FanOutMark;
  /** Items known so far. */
  readonly #inputs: unknown[];
  #source: SourceState | null;
  #reading: Promise<void> | undefined;
  readonly #signal: AbortSignal;
  readonly #results = new Map<number, unknown>();
  #next = 0;
  /** It ends without what is under way: its source failed. */
  #isOver = false;
  #failed = 0;
  #firstFailed: FailedItem | null = null;
  readonly #stops = new Set<() => void>();

  constructor(mark: FanOutMark, inputs: unknown, signal: AbortSignal) {
    this.#mark = mark;
    this.#inputs = mark.source === undefined ? [...checkItems(inputs)] : [];
    this.#source = mark.source === undefined ? null : { input: inputs, next: null };
    this.#signal = signal;
  }

  async run(): Promise<FanOutOutput<unknown>> {
    const stop = (): void => this.#stops.forEach((each) => each());
    this.#signal.addEventListener('abort', stop);
    try {
      const { concurrency } = this.#mark.plan;
      const lanes = this.#source === null ? Math.min(concurrency, this.#inputs.length) : concurrency;
      await Promise.all(Array.from({ length: lanes }, async () => this.#lane()));
    } catch (error) {
      this.#isOver = true;
      stop();
      throw error;
    } finally {
      this.#signal.removeEventListener('abort', stop);
    }
    const counts = this.#counts;
    if (this.#isBreached) throw fanOutFailed(counts, this.#firstFailed as FailedItem); // one at least has failed
    const isPaged = this.#mark.plan.results === 'paged';
    const results = isPaged ? [] : [...this.#results].sort(([a], [b]) => a - b).map(([, output]) => output);
    return { total: counts.total, succeeded: counts.succeeded, failed: counts.failed, results };
  }

  get #counts(): FanOutCounts {
    const [total, succeeded, failed] = [this.#inputs.length, this.#results.size, this.#failed];
    return { total, begun: this.#next, succeeded, failed };
  }

  get #isBreached(): boolean {
    return isBreached(this.#mark.plan, { failed: this.#failed, total: this.#inputs.length, source: this.#source });
  }

  async #lane(): Promise<void> {
    while (!this.#isBreached && !this.#isOver && !this.#signal.aborted) {
      if (this.#next < this.#inputs.length) {
        this.#next += 1;
        await this.#item(this.#next);
      } else if (this.#source === null) return;
      else await (this.#reading ??= this.#read(this.#source).finally(() => (this.#reading = undefined)));
    }
  }

  async #read({ input, next }: SourceState): Promise<void> {
    const actor = createActor(this.#mark.source as AnyActorLogic, { input: { input, cursor: next } });
    const stop = (): void => void actor.stop();
    this.#stops.add(stop);
    const page = toPromise(actor);
    actor.start();
    const found: unknown = await page.finally(() => this.#stops.delete(stop));
    const { items, next: following } = Object(found) as Partial<SourcePage<unknown, unknown>>;
    if (!Array.isArray(items)) throw sourceInvalid(found);
    for (const each of items) this.#inputs.push(each);
    if (isStuck(next, following)) throw sourceStuck(following);
    this.#source = isEnd(following) ? null : { input, next: following };
  }

  async #item(item: number): Promise<void> {
    const actor = createActor(this.#mark.child, { input: this.#inputs[item - 1] });
    const left = new Promise<void>((resolve) => {
      const stop = (): void => {
        actor.stop();
        resolve();
      };
      this.#stops.add(stop);
      const ended = toPromise(actor).then(
        (output: unknown) => void this.#results.set(item, output),
        (error: unknown) => this.#fail(item, error),
      );
      void ended.then(() => {
        this.#stops.delete(stop);
        resolve();
      });
    });
    actor.start();
    await left;
  }

  #fail(item: number, error: unknown): void {
    this.#failed += 1;
    this.#firstFailed ??= failedItem(item, error);
    if (this.#isBreached && this.#mark.plan.onBreach === 'cancel') for (const stop of [...this.#stops]) stop();
  }
}

export function failedItem(item: number, error: unknown): FailedItem {
  const { class: name, message } = failureOf(error);
  return { item, class: name, message };
}

/** @throws TypeError if it is no array */
export function checkItems(inputs: unknown): readonly unknown[] {
  if (Array.isArray(inputs)) return inputs;
  throw new TypeError(`A fan-out takes an array of inputs, one for each item; found ${formatValue(inputs)}.`);
}

/** What a source is asked next. */
export interface SourceState {
  readonly input: unknown;
  readonly next: unknown;
}

/** How far it is. */
export interface FanOutProgress extends FanOutCounts {
  /** Where further items come from; null once all are known. */
  readonly source: SourceState | null;
  readonly firstFailed: FailedItem | null;
}

export type FanOutEvent =
  | { readonly type: 'fan-out.progress'; readonly progress: FanOutProgress }
  | { readonly type: 'fan-out.over'; readonly progress: FanOutProgress; readonly output: FanOutOutput<unknown> };

export interface FanOutContext extends FanOutProgress {
  readonly output: FanOutOutput<unknown> | null;
}

const chart = setup({
  types: {
    context: {} as FanOutContext,
    events: {} as FanOutEvent,
    input: {} as Pick<FanOutProgress, 'total' | 'source'>,
    output: {} as FanOutOutput<unknown> | null,
  },
}).createMachine({
  id: 'fan-out',
  version: '1',
  context: ({ input }) => ({ ...input, begun: 0, succeeded: 0, failed: 0, firstFailed: null, output: null }),
  initial: 'running',
  states: {
    running: {
      on: {
        'fan-out.progress': { actions: assign(({ event }) => event.progress) },
        'fan-out.over': { target: 'done', actions: assign(({ event }) => ({ ...event.progress, output: event.output })) },
      },
    },
    done: { type: 'final' },
  },
  output: ({ context }) => context.output,
});

export const fanOutChart: AnyStateMachine = chart;
