import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import type { ActivityOptions } from '../../src/kernel/activity.ts';
import { activity } from '../../src/kernel/activity.ts';
import { openTestRuntime } from './local-runtime.ts';
import type { ManualClock } from './manual-clock.ts';
import { settle } from './manual-clock.ts';

type Options = ActivityOptions<string, string>;

/** Attempts that end when the test says so, of activities with their own limits. */
class Yard {
  /** Inputs in the order in which their attempts began, with the time of it. */
  readonly began: [string, number][] = [];
  readonly #running = new Map<string, (error?: Error) => void>();
  mostAtOnce = 0;
  clock: ManualClock | undefined;

  /** A machine with one activity, `<name>.work`. */
  machine(name: string, options: Options) {
    const work = activity<string, string>({
      startToCloseTimeout: '1h',
      run: async ({ input }) => {
        this.began.push([input, this.clock?.monotonic() ?? 0]);
        await new Promise<void>((resolve, reject) => {
          this.#running.set(input, (error) => (error === undefined ? resolve() : reject(error)));
          this.mostAtOnce = Math.max(this.mostAtOnce, this.#running.size);
        });
        return input;
      },
      ...options,
    });
    return setup({ types: { context: {} as { name: string }, input: {} as { name: string } }, actors: { work } }).createMachine({
      id: name,
      version: '1',
      context: ({ input }) => input,
      initial: 'busy',
      states: {
        busy: {
          invoke: { src: 'work', input: ({ context }) => context.name, onDone: 'done', onError: 'failed' },
          on: { LEAVE: 'left' },
        },
        left: {},
        done: { type: 'final' },
        failed: { type: 'final', tags: ['failed'] },
      },
    });
  }

  get names(): string[] {
    return this.began.map(([name]) => name);
  }

  get running(): string[] {
    return [...this.#running.keys()];
  }

  async end(name: string, error?: Error): Promise<void> {
    const settleIt = this.#running.get(name);
    if (settleIt === undefined) throw new Error(`${name} does not run.`);
    this.#running.delete(name);
    settleIt(error);
    await settle();
  }
}

async function yard(kinds: Record<string, Options>, maxConcurrentAttempts = 100) {
  const work = new Yard();
  const machines = Object.entries(kinds).map(([name, options]) => work.machine(name, options));
  const opened = await openTestRuntime({ machines, maxConcurrentAttempts });
  work.clock = opened.clock;
  const start = async (kind: string, ...names: string[]): Promise<void> => {
    const machine = machines.find(({ id }) => id === kind);
    if (machine === undefined) throw new Error(`There is no ${kind}.`);
    for (const name of names) await opened.runtime.start(machine, { id: name, input: { name } });
    await settle();
  };
  return { ...opened, work, start };
}

describe('activities with a concurrency of their own', () => {
  test('run as many at once, in the order they came, and do not block others', async () => {
    const { work, start } = await yard({ narrow: { maxConcurrentAttempts: 2 }, wide: {} });
    await start('narrow', 'n1', 'n2', 'n3', 'n4');
    await start('wide', 'w1', 'w2');
    expect(work.names).toEqual(['n1', 'n2', 'w1', 'w2']);
    await work.end('w1');
    expect(work.names).toHaveLength(4);
    await work.end('n2');
    expect(work.names.slice(4)).toEqual(['n3']);
    await work.end('n1');
    expect(work.names.slice(5)).toEqual(['n4']);
  });

  test('leave a place to others that a newcomer of theirs may not have', async () => {
    const { work, start } = await yard({ narrow: { maxConcurrentAttempts: 1 }, wide: {} }, 2);
    await start('narrow', 'n1', 'n2');
    await start('wide', 'w1', 'w2');
    expect(work.names).toEqual(['n1', 'w1']);
    await work.end('n1');
    // The longest waiting of all of them may have it.
    expect(work.names.slice(2)).toEqual(['n2']);
    await work.end('w1');
    expect(work.names.slice(3)).toEqual(['w2']);
  });

  test('share it with activities of the same name, and the strictest counts', async () => {
    const { work, start } = await yard({
      one: { name: 'shared', maxConcurrentAttempts: 3 },
      two: { name: 'shared', maxConcurrentAttempts: 1 },
    });
    await start('one', 'a');
    await start('two', 'b');
    expect(work.names).toEqual(['a']);
    await work.end('a');
    expect(work.names).toEqual(['a', 'b']);
  });

  test('give their place back when they are left while waiting', async () => {
    const { work, start, runtime } = await yard({ narrow: { maxConcurrentAttempts: 1 } });
    await start('narrow', 'n1', 'n2', 'n3');
    await runtime.send('n2', { type: 'LEAVE' });
    await work.end('n1');
    expect(work.names).toEqual(['n1', 'n3']);
    await runtime.send('n3', { type: 'LEAVE' });
    await start('narrow', 'n4');
    expect(work.names).toEqual(['n1', 'n3', 'n4']);
  });

  test('are not overtaken by newcomers, however often a place comes free', async () => {
    const { work, start } = await yard({ narrow: { maxConcurrentAttempts: 1 } });
    await start('narrow', 'n0', 'n1', 'n2');
    for (let round = 0; round < 10; round += 1) {
      const ended = work.end(`n${round}`);
      await start('narrow', `n${round + 3}`);
      await ended;
    }
    expect(work.names).toEqual(Array.from({ length: 11 }, (_, index) => `n${index}`));
    expect(work.mostAtOnce).toBe(1);
  });
});

describe('activities with a rate', () => {
  test('begin a burst, then one whenever a token is due, without looking in between', async () => {
    const { work, start, clock } = await yard({ rated: { rateLimit: { count: 2, per: '1s' } }, other: {} });
    await start('rated', 'r1', 'r2', 'r3', 'r4', 'r5');
    await start('other', 'o1');
    expect(work.names).toEqual(['r1', 'r2', 'o1']);
    await clock.pass(499);
    expect(work.names).toHaveLength(3);
    await clock.pass(1);
    expect(work.names.slice(3)).toEqual(['r3']);
    await clock.pass(1_000);
    expect(work.began.slice(3)).toEqual([
      ['r3', 500],
      ['r4', 1_000],
      ['r5', 1_500],
    ]);
  });

  test('may burst again after a pause, and never by more than the count', async () => {
    const { work, start, clock } = await yard({ rated: { rateLimit: { count: 3, per: '3s' } } });
    await start('rated', 'a1', 'a2', 'a3');
    await clock.pass(60_000);
    await start('rated', 'b1', 'b2', 'b3', 'b4');
    expect(work.names.slice(3)).toEqual(['b1', 'b2', 'b3']);
    await clock.pass(1_000);
    expect(work.names.slice(6)).toEqual(['b4']);
  });

  test('keep it for retries, too, and a token is not lost with who left while waiting', async () => {
    const retry = { initialInterval: 0, jitter: 'none' } as const;
    const { work, start, clock, runtime } = await yard({ rated: { rateLimit: { count: 1, per: '10s' }, retry } });
    await start('rated', 'r1', 'r2');
    await runtime.send('r2', { type: 'LEAVE' });
    await work.end('r1', new Error('again'));
    expect(work.names).toEqual(['r1']);
    await clock.pass(9_999);
    expect(work.names).toEqual(['r1']);
    await clock.pass(1);
    expect(work.names).toEqual(['r1', 'r1']);
  });

  test('wait for a place after their token, if all are taken', async () => {
    const { work, start, clock } = await yard({ rated: { rateLimit: { count: 1, per: '1s' } }, wide: {} }, 2);
    await start('rated', 'r1', 'r2');
    await start('wide', 'w1');
    await clock.pass(5_000);
    expect(work.names).toEqual(['r1', 'w1']);
    await work.end('w1');
    expect(work.names).toEqual(['r1', 'w1', 'r2']);
  });
});

test('a thousand that fail at once come back spread over the backoff, never more at once than allowed', async () => {
  const seconds = new Map<number, number[]>();
  let [running, most] = [0, 0];
  const clockOf: { clock?: ManualClock } = {};
  const work = activity<unknown, never>({
    retry: { initialInterval: '10s', maximumInterval: '40s', maximumAttempts: 4 },
    run: async ({ attempt }) => {
      seconds.set(attempt, [...(seconds.get(attempt) ?? []), Math.floor((clockOf.clock?.monotonic() ?? 0) / 1_000)]);
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      throw new Error('down');
    },
  });
  const machine = setup({ actors: { work } }).createMachine({
    id: 'storm',
    version: '1',
    initial: 'busy',
    states: { busy: { invoke: { src: 'work', onError: 'failed' } }, failed: { type: 'final', tags: ['failed'] } },
  });
  let seed = 1;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const { runtime, clock } = await openTestRuntime({ machines: [machine], maxConcurrentAttempts: 50, random });
  clockOf.clock = clock;
  await Promise.all(Array.from({ length: 1_000 }, async (_, index) => runtime.start(machine, { id: `s${index}` })));
  while ((seconds.get(4)?.length ?? 0) < 1_000) {
    clock.advance(1_000);
    await settle(40);
  }
  expect(most).toBe(50);
  expect([1, 2, 3, 4].map((attempt) => seconds.get(attempt)?.length)).toEqual([1_000, 1_000, 1_000, 1_000]);
  expect(new Set(seconds.get(2)).size).toBeGreaterThanOrEqual(10);
  expect(await runtime.describe('s999')).toMatchObject({ status: 'failed', failure: { attempt: 4 } });
});
