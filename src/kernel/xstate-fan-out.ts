/** A fan-out as actor logic, and the chart that shows how far one is. What it does is decided in `fan-out.ts`. */
import { assign, createActor, fromPromise, setup, toPromise } from 'xstate';
import type { AnyActorLogic, AnyStateMachine, InputFrom, OutputFrom, PromiseActorLogic } from 'xstate';
import { fanOutFailed } from './engine-errors.ts';
import type { FanOutOptions, FanOutPlan } from './fan-out-plan.ts';
import { isBreached, parseFanOut } from './fan-out-plan.ts';
import { failureOf } from './failure.ts';
import type { FailedItem, FanOutCounts } from './item-record.ts';
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

/** The mark is optional in the type: a required member would make `provide()` refuse replacements. */
export interface FanOutLogic<Input, Result> extends PromiseActorLogic<FanOutOutput<Result>, readonly Input[]> {
  readonly [fanOutKey]?: FanOutMark;
}

/** What hosts read off it. */
export interface FanOutMark {
  readonly child: AnyActorLogic;
  readonly plan: FanOutPlan;
}

/**
 * Many items at flat cost: an activity or a machine, run once for each input of an array, so many of them at once. To its parent it is
 * one child, however many items there are. It fails with an error named `FanOutFailed` when more items fail than are tolerated.
 *
 *     setup({ actors: { seedAll: fanOut(seed, { concurrency: 64, tolerate: { share: 0.01 } }) } })
 *
 * In a plain `createActor` items are run in the same way, in memory.
 *
 * @throws TypeError if the first argument is neither an activity nor a machine, or an option is wrong
 */
export function fanOut<Child extends AnyActorLogic>(
  child: Child,
  options: FanOutOptions,
): FanOutLogic<InputFrom<Child>, OutputFrom<Child>> {
  if (!['activity', 'machine'].includes(kindOfLogic(child))) {
    throw new TypeError(`fanOut: give it an activity or a machine as its first argument; found ${formatValue(child)}.`);
  }
  const mark: FanOutMark = { child, plan: parseFanOut(options) };
  const logic = fromPromise<FanOutOutput<OutputFrom<Child>>, readonly InputFrom<Child>[]>(
    async ({ input, signal }) => new VolatileFanOut(mark, input, signal).run() as Promise<FanOutOutput<OutputFrom<Child>>>,
  );
  return Object.assign(logic, { [fanOutKey]: mark });
}

export function fanOutIn(logic: unknown): FanOutMark | undefined {
  return (Object(logic) as { readonly [fanOutKey]?: FanOutMark })[fanOutKey];
}

/** Where nothing is durable. */
class VolatileFanOut {
  readonly #mark: FanOutMark;
  readonly #inputs: readonly unknown[];
  readonly #signal: AbortSignal;
  readonly #results = new Map<number, unknown>();
  #next = 0;
  #failed = 0;
  #firstFailed: FailedItem | null = null;
  readonly #stops = new Set<() => void>();

  constructor(mark: FanOutMark, inputs: unknown, signal: AbortSignal) {
    this.#mark = mark;
    this.#inputs = checkItems(inputs);
    this.#signal = signal;
  }

  async run(): Promise<FanOutOutput<unknown>> {
    const stop = (): void => this.#stops.forEach((each) => each());
    this.#signal.addEventListener('abort', stop);
    try {
      const lanes = Math.min(this.#mark.plan.concurrency, this.#inputs.length);
      await Promise.all(Array.from({ length: lanes }, async () => this.#lane()));
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
    return isBreached(this.#mark.plan, { failed: this.#failed, total: this.#inputs.length });
  }

  async #lane(): Promise<void> {
    while (this.#next < this.#inputs.length && !this.#isBreached && !this.#signal.aborted) {
      this.#next += 1;
      await this.#item(this.#next);
    }
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

/** How far it is. */
export interface FanOutProgress extends FanOutCounts {
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
    input: {} as { readonly total: number },
    output: {} as FanOutOutput<unknown> | null,
  },
}).createMachine({
  id: 'fan-out',
  version: '1',
  context: ({ input }) => ({ total: input.total, begun: 0, succeeded: 0, failed: 0, firstFailed: null, output: null }),
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
