import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { RetryOptions } from '../../src/kernel/retry-policy.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle, until } from './manual-clock.ts';

/** Attempts that end when the test says so, and who ran when. */
class Workshop {
  /** Inputs in the order in which their attempts began. */
  readonly began: string[] = [];
  mostAtOnce = 0;
  #atOnce = 0;
  readonly #ends = new Map<string, { readonly resolve: () => void; readonly reject: (error: Error) => void }>();

  machine(retry: RetryOptions = {}) {
    const work = activity<string, string>({
      startToCloseTimeout: '1h',
      retry: { maximumAttempts: 3, initialInterval: '1m', jitter: 'none', ...retry },
      run: async ({ input, signal }) => {
        this.began.push(input);
        this.#atOnce += 1;
        this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
        try {
          await new Promise<void>((resolve, reject) => {
            this.#ends.set(input, { resolve, reject });
            signal.addEventListener('abort', () => reject(new Error('told')));
          });
        } finally {
          this.#atOnce -= 1;
          this.#ends.delete(input);
        }
        return input;
      },
    });
    return setup({
      types: { context: {} as { name: string }, input: {} as { name: string } },
      actors: { work },
      guards: { broken: () => poison() },
    }).createMachine({
      id: 'job',
      version: '1',
      context: ({ input }) => input,
      initial: 'busy',
      states: {
        busy: {
          invoke: { src: 'work', input: ({ context }) => context.name, onDone: 'done', onError: 'failed' },
          on: { LEAVE: 'left', POISON: { guard: 'broken', target: 'left' } },
        },
        left: {},
        done: { type: 'final' },
        failed: { type: 'final', tags: ['failed'] },
      },
    });
  }

  running(): string[] {
    return [...this.#ends.keys()];
  }

  async end(name: string): Promise<void> {
    this.#take(name).resolve();
    await settle();
  }

  async fail(name: string): Promise<void> {
    this.#take(name).reject(new Error(`${name} failed`));
    await settle();
  }

  #take(name: string) {
    const found = this.#ends.get(name);
    if (found === undefined) throw new Error(`${name} does not run.`);
    return found;
  }
}

function poison(): never {
  throw new Error('poison');
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `w${index}`);

async function shop(places: number, retry?: RetryOptions) {
  const workshop = new Workshop();
  const machine = workshop.machine(retry);
  const opened = await openTestRuntime({ machines: [machine], maxConcurrentAttempts: places });
  const start = async (name: string) => opened.runtime.start(machine, { id: name, input: { name } });
  const startAll = async (all: readonly string[]): Promise<void> => {
    for (const name of all) await start(name);
    await settle();
  };
  return { workshop, machine, start, startAll, ...opened };
}

describe.each([1, 2, 5])('with %d places', (places) => {
  test('all activities run, in the order they were scheduled, and never more at once', async () => {
    const { workshop, startAll, runtime } = await shop(places);
    const all = names(12);
    await startAll(all);
    expect(workshop.began).toEqual(all.slice(0, places));
    for (const name of all) {
      await until(() => workshop.running().includes(name));
      await workshop.end(name);
    }
    expect(workshop.began).toEqual(all);
    expect(workshop.mostAtOnce).toBe(places);
    for (const name of all) expect(await runtime.describe(name)).toMatchObject({ status: 'completed' });
  });

  test('started at once, none is lost either', async () => {
    const { workshop, start } = await shop(places);
    const all = names(30);
    const handles = await Promise.all(all.map(start));
    for (let ended = 0; ended < all.length; ended += 1) {
      await until(() => workshop.running().length > 0);
      await workshop.end(workshop.running()[0]!);
    }
    await Promise.all(handles.map(async (handle) => handle.result()));
    expect([...workshop.began].sort()).toEqual([...all].sort());
    expect(workshop.mostAtOnce).toBe(places);
  });
});

describe('a place that comes free', () => {
  test('goes to the next when a failed attempt waits out its backoff, which then takes its turn', async () => {
    const { workshop, startAll, clock } = await shop(1);
    await startAll(['a', 'b']);
    await workshop.fail('a');
    expect(workshop.running()).toEqual(['b']);
    await clock.pass(60_000);
    expect(workshop.began).toEqual(['a', 'b']);
    await workshop.end('b');
    expect(workshop.began).toEqual(['a', 'b', 'a']);
  });

  test('does not cut a backoff short', async () => {
    const { workshop, startAll, clock } = await shop(1);
    await startAll(['a', 'b']);
    await workshop.fail('a');
    await workshop.end('b');
    await clock.pass(59_999);
    expect(workshop.began).toEqual(['a', 'b']);
    await clock.pass(1);
    expect(workshop.began).toEqual(['a', 'b', 'a']);
  });

  test('goes to the next when a state is left', async () => {
    const { workshop, startAll, runtime } = await shop(1);
    await startAll(['a', 'b', 'c', 'd']);
    // One that runs, and one that waits: its turn is passed on.
    await runtime.send('b', { type: 'LEAVE' });
    await runtime.send('a', { type: 'LEAVE' });
    await settle();
    expect(workshop.began).toEqual(['a', 'c']);
    await workshop.end('c');
    expect(workshop.began).toEqual(['a', 'c', 'd']);
  });

  test('is not lost on an activity whose workflow was started anew', async () => {
    const { workshop, startAll, runtime, machine } = await shop(1);
    await startAll(['a', 'b', 'c']);
    await runtime.start(machine, { id: 'b', input: { name: 'b, again' }, onExisting: 'terminate-existing' });
    await workshop.end('a');
    expect(workshop.began).toEqual(['a', 'c']);
    await workshop.end('c');
    expect(workshop.began).toEqual(['a', 'c', 'b, again']);
  });

  test('is not lost on a parked workflow', async () => {
    const { workshop, startAll, runtime } = await shop(1);
    await startAll(['a', 'b', 'c']);
    expect(await runtime.send('b', { type: 'POISON' })).toMatchObject({ outcome: 'queued' });
    await workshop.end('a');
    expect(workshop.began).toEqual(['a', 'c']);
  });

  test('is not lost when the attempt of a parked workflow takes too long', async () => {
    const { workshop, startAll, runtime, clock } = await shop(1);
    await startAll(['a', 'b']);
    expect(await runtime.send('a', { type: 'POISON' })).toMatchObject({ outcome: 'queued' });
    expect(workshop.began).toEqual(['a']);
    await clock.pass(3_600_000);
    expect(workshop.began).toEqual(['a', 'b']);
  });
});

test('a parked workflow whose attempt is due does not keep the runtime busy', async () => {
  const { workshop, startAll, runtime, clock } = await shop(1);
  await startAll(['a']);
  await workshop.fail('a');
  expect(await runtime.send('a', { type: 'POISON' })).toMatchObject({ outcome: 'queued' });
  await clock.pass(120_000);
  expect(workshop.began).toEqual(['a']);
  await startAll(['b']);
  expect(workshop.began).toEqual(['a', 'b']);
});

describe('after a restart', () => {
  test('what waited and what ran goes on, never more at once', async () => {
    const workshop = new Workshop();
    const machine = workshop.machine();
    const first = await openTestRuntime({ machines: [machine], maxConcurrentAttempts: 2 });
    const all = names(6);
    for (const name of all) await first.runtime.start(machine, { id: name, input: { name } });
    await settle();
    await closeTestRuntime(first);
    expect(workshop.began).toEqual(['w0', 'w1']);
    const second = await openTestRuntime({
      machines: [machine],
      maxConcurrentAttempts: 2,
      database: first.database.reopen(),
      clock: first.clock,
    });
    for (let ended = 0; ended < all.length; ended += 1) {
      await until(() => workshop.running().length > 0);
      await workshop.end(workshop.running()[0]!);
    }
    for (const name of all) expect(await second.runtime.describe(name)).toMatchObject({ status: 'completed' });
    // Two were given back and not charged; their second attempts are the only repeats.
    expect(workshop.began).toHaveLength(8);
    expect(workshop.mostAtOnce).toBe(2);
  });

  test('a backoff goes on where its stored time is', async () => {
    const workshop = new Workshop();
    const machine = workshop.machine();
    const first = await openTestRuntime({ machines: [machine] });
    await first.runtime.start(machine, { id: 'a', input: { name: 'a' } });
    await settle();
    await workshop.fail('a');
    await closeTestRuntime(first);
    await first.clock.pass(30_000);
    await openTestRuntime({ machines: [machine], database: first.database.reopen(), clock: first.clock });
    await first.clock.pass(28_999);
    expect(workshop.began).toEqual(['a']);
    await first.clock.pass(1);
    expect(workshop.began).toEqual(['a', 'a']);
  });
});
