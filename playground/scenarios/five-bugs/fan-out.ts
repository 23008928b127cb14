/** Very much to do at once, of which something fails, and a restart in the middle. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { activity, fanOut, openRuntime } from 'perdure';
import { assign, setup } from 'xstate';
import { doAll } from '../hand-rolled/coordinator.ts';
import { until } from '../onboarding-stage.ts';
import type { Stage } from '../scenario.ts';
import type { BugRow } from './row.ts';

const itemsMax = 2_000;
const atOnceMax = 16;
const bad = 20;
interface Count {
  readonly done: number;
  readonly failed: number;
}

const items = Array.from({ length: itemsMax }, (_, item) => item);

/** What a provider sees of it. */
class Provider {
  #running = 0;
  atOnce = 0;
  readonly done = new Map<number, number>();

  readonly seed = async (item: number, signal?: AbortSignal): Promise<void> => {
    this.#running += 1;
    this.atOnce = Math.max(this.atOnce, this.#running);
    try {
      await delay(5, undefined, signal === undefined ? {} : { signal });
      if (item === bad) throw new RangeError(`item ${item} cannot be done`);
      this.done.set(item, (this.done.get(item) ?? 0) + 1);
    } finally {
      this.#running -= 1;
    }
  };

  get again(): number {
    return [...this.done.values()].filter((count) => count > 1).length;
  }
}

export async function fanOutBlowUp(stage: Stage): Promise<BugRow> {
  const byHand = new Provider();
  const act = async (item: number): Promise<void> => byHand.seed(item);
  // It fails as a whole; whoever is told so starts it again.
  const failures = [await failing(doAll(items, act)), await failing(doAll(items, act))];
  await until(async () => Promise.resolve(byHand.done.size === itemsMax - 1));
  const durable = new Provider();
  const output = await onPerdure(stage, durable);
  return {
    bug: 'fan-out blow-up',
    provokedBy: `${itemsMax} items, one of which fails; then a restart`,
    handRolled: `${byHand.atOnce} calls at once; all of it fails with the one; ${byHand.again} items done again`,
    perdure: `${durable.atOnce} calls at once, ${output.done} done and ${output.failed} failed over a restart, ${durable.again} done again`,
    isThere: byHand.atOnce >= itemsMax && failures.every(Boolean) && byHand.again > 0,
    isAbsent: durable.atOnce <= atOnceMax && output.done === itemsMax - 1 && output.failed === 1 && durable.again === 0,
  };
}

async function failing(doing: Promise<void>): Promise<boolean> {
  return doing.then(
    () => false,
    () => true,
  );
}

/** One child, however many items there are. */
function machineOf({ seed }: Provider) {
  const seeding = activity<number, void>({
    name: 'seed',
    retry: { maximumAttempts: 3, initialInterval: 5, nonRetryableErrorTypes: ['RangeError'] },
    run: async ({ input, signal }) => seed(input, signal),
  });
  return setup({
    types: { context: {} as Count, output: {} as Count },
    actors: { seedAll: fanOut(seeding, { concurrency: atOnceMax, tolerate: { count: 1 }, results: 'paged' }) },
  }).createMachine({
    id: 'fan-out',
    version: '1',
    context: { done: 0, failed: 0 },
    initial: 'doing',
    states: {
      doing: {
        invoke: {
          src: 'seedAll',
          input: items,
          onDone: { target: 'over', actions: assign(({ event }) => ({ done: event.output.succeeded, failed: event.output.failed })) },
          onError: 'failed',
        },
      },
      over: { type: 'final' },
      failed: { type: 'final', tags: ['failed'] },
    },
    output: ({ context }) => context,
  });
}

async function onPerdure(stage: Stage, provider: Provider): Promise<Count> {
  const options = { path: join(stage.folder, 'fan-out-store'), machines: [machineOf(provider)] } as const;
  const first = await openRuntime(options);
  await first.start(options.machines[0], { id: 'fan-out' });
  await until(async () => Promise.resolve(provider.done.size >= itemsMax / 4));
  await first.close();
  const second = await openRuntime(options);
  stage.atEnd(async () => second.close());
  return (await (await second.get('fan-out')).result()) as Count;
}
