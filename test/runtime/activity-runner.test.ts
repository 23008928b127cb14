import { describe, expect, test } from 'vitest';
import { activityDescriptor } from '../../src/kernel/activity-descriptor.ts';
import type { ActivityDescriptor, ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import type { ActivityOptions } from '../../src/kernel/activity.ts';
import { activity } from '../../src/kernel/activity.ts';
import type { AttemptOutcome } from '../../src/kernel/attempt-outcome.ts';
import type { Envelope } from '../../src/kernel/envelope.ts';
import { encodeValue } from '../../src/kernel/value-encoding.ts';
import { Admission } from '../../src/runtime/admission.ts';
import { ActivityRunner } from '../../src/runtime/activity-runner.ts';
import { ManualClock, settle } from './manual-clock.ts';

type Run = (scope: ActivityScope<unknown>) => unknown;
type More = ActivityOptions<unknown, unknown> & {
  readonly report?: (outcome: AttemptOutcome) => void;
  readonly handOver?: () => Promise<string>;
};

class Bench {
  readonly clock = new ManualClock();
  readonly reports: [string, Envelope][] = [];
  freed = 0;
  readonly admission: Admission;
  readonly runner: ActivityRunner;

  constructor(places = 10) {
    this.admission = new Admission(this.clock, { machines: [] }, { maxConcurrentAttempts: places });
    this.runner = new ActivityRunner(this.clock, (name) => {
      this.admission.giveBack(name);
      this.freed += 1;
    });
  }

  /** Starts an attempt on a place of its own. */
  start(
    key: string,
    run: Run,
    { attempt = 1, n = 1, input }: { attempt?: number; n?: number; input?: unknown } = {},
    more: More = {},
  ): void {
    expect(this.admission.take('work')).toBe(true);
    const { report = (outcome) => this.reports.push([key, outcome]), handOver = never, ...options } = more;
    const effect = { kind: 'run-attempt', n, src: 'work', attempt, input: encodeValue(input), idempotencyKey: `${key}:${n}` } as const;
    this.runner.run({ key, name: 'work', n, attempt, report, handOver }, effect, descriptorOf(run, options));
  }

  kinds(): [string, string][] {
    return this.reports.map(([key, { kind }]) => [key, kind]);
  }

  freePlaces(): number {
    let free = 0;
    while (this.admission.take('work')) free += 1;
    return free;
  }
}

function descriptorOf(run: Run, options: ActivityOptions<unknown, unknown>): ActivityDescriptor {
  const descriptor = activityDescriptor(activity({ startToCloseTimeout: '10s', ...options, run }));
  if (descriptor === undefined) throw new Error('An activity has a descriptor.');
  return descriptor;
}

const never = async (): Promise<never> => new Promise(() => undefined);
const untilTold = async ({ signal }: ActivityScope<unknown>): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error(`told of ${String(signal.reason)}`))));

/** Code that ends when the test says so. */
function held(): {
  readonly run: Run;
  readonly scopes: ActivityScope<unknown>[];
  resolve(value: unknown): void;
  reject(error: Error): void;
} {
  const scopes: ActivityScope<unknown>[] = [];
  let settlers: [(value: unknown) => void, (error: Error) => void] | undefined;
  const run: Run = (scope) => {
    scopes.push(scope);
    return new Promise((resolve, reject) => (settlers = [resolve, reject]));
  };
  return { run, scopes, resolve: (value) => settlers?.[0](value), reject: (error) => settlers?.[1](error) };
}

describe('an attempt', () => {
  test('is given its input decoded, key, number and signal', async () => {
    const bench = new Bench();
    const work = held();
    bench.start('a', work.run, { attempt: 3, n: 7, input: { at: new Date(5) } });
    expect(work.scopes).toMatchObject([{ input: { at: new Date(5) }, idempotencyKey: 'a:7', attempt: 3 }]);
    expect(work.scopes[0]?.signal.aborted).toBe(false);
    work.resolve(1);
    await settle();
  });

  test.each<[string, Run, unknown]>([
    ['a value', () => 5, 5],
    ['nothing', () => undefined, undefined],
    ['a promise', async () => new Date(7), new Date(7)],
    ['a thenable', () => thenable((resolve) => resolve('then')), 'then'],
  ])('that returns %s reports its output', async (_, run, output) => {
    const bench = new Bench();
    bench.start('a', run, { n: 4, attempt: 2 });
    await settle();
    expect(bench.reports).toEqual([['a', { kind: 'attempt-completed', n: 4, attempt: 2, output: encodeValue(output) }]]);
  });

  test.each<[string, Run, string]>([
    ['throws', () => throwing(new RangeError('at once')), 'RangeError'],
    ['rejects', async () => throwing(new RangeError('later')), 'RangeError'],
    ['rejects with a word', async () => throwing('a word'), 'Error'],
    ['returns a thenable that throws', () => thenable(() => throwing(new RangeError('then'))), 'RangeError'],
    ['returns what cannot be kept', () => ({ run: () => 1 }), 'PAYLOAD_NOT_SERIALIZABLE'],
    ['returns a generator', async function* generator() {}, 'PAYLOAD_NOT_SERIALIZABLE'],
  ])('that %s reports a failure', async (_, run, failureClass) => {
    const bench = new Bench();
    bench.start('a', run);
    await settle();
    expect(bench.reports).toMatchObject([['a', { kind: 'attempt-failed', n: 1, attempt: 1, failure: { class: failureClass } }]]);
  });

  test('that resolves and then throws reports the first of it', async () => {
    const bench = new Bench();
    bench.start('a', async () => new Promise((resolve, reject) => [resolve('first'), resolve('second'), reject(new Error('third'))]));
    await settle();
    expect(bench.reports).toMatchObject([['a', { kind: 'attempt-completed', output: 'first' }]]);
  });

  test('leaves no timer behind when it ends', async () => {
    const bench = new Bench();
    bench.start('a', () => 1);
    expect(bench.clock.pendingTimers).toBe(1);
    await settle();
    expect(bench.clock.pendingTimers).toBe(0);
  });
});

function throwing(what: unknown): never {
  throw what as Error;
}

function thenable(then: (resolve: (value: unknown) => void) => void): object {
  return Object.fromEntries(new Map().set('then', then)) as object;
}

describe('an attempt that takes too long', () => {
  test('is reported at its time-out, not before, and holds its place until it is aborted', async () => {
    const bench = new Bench(1);
    bench.start('a', never);
    await bench.clock.pass(9_999);
    expect(bench.reports).toEqual([]);
    await bench.clock.pass(1);
    expect(bench.reports).toEqual([['a', { kind: 'attempt-timed-out', n: 1, attempt: 1 }]]);
    expect(bench.admission.hasPlace()).toBe(false);
    bench.runner.abort('a', 'start-to-close-timeout');
    expect(bench.admission.hasPlace()).toBe(true);
    await bench.clock.pass(60_000);
    expect(bench.reports).toHaveLength(1);
  });

  test('reports a completion that comes late, once', async () => {
    const bench = new Bench();
    const work = held();
    bench.start('a', work.run);
    await bench.clock.pass(10_000);
    bench.runner.abort('a', 'start-to-close-timeout');
    expect(work.scopes[0]?.signal.reason).toBe('start-to-close-timeout');
    work.resolve('late');
    await settle();
    expect(bench.kinds()).toEqual([
      ['a', 'attempt-timed-out'],
      ['a', 'attempt-completed'],
    ]);
  });

  test('says nothing more if being told makes it throw', async () => {
    const bench = new Bench();
    bench.start('a', untilTold);
    await bench.clock.pass(10_000);
    bench.runner.abort('a', 'start-to-close-timeout');
    await settle();
    expect(bench.kinds()).toEqual([['a', 'attempt-timed-out']]);
  });

  test('does not disturb the next attempt under its key when it ends late', async () => {
    const bench = new Bench(2);
    const [first, second] = [held(), held()];
    bench.start('a', first.run);
    await bench.clock.pass(10_000);
    bench.runner.abort('a', 'start-to-close-timeout');
    bench.start('a', second.run, { attempt: 2 });
    first.resolve('late');
    await settle();
    expect(second.scopes[0]?.signal.aborted).toBe(false);
    expect(bench.freePlaces()).toBe(1);
    await bench.clock.pass(10_000);
    expect(bench.reports.at(-1)).toEqual(['a', { kind: 'attempt-timed-out', n: 1, attempt: 2 }]);
  });
});

describe('aborting', () => {
  test.each(['state-left', 'closed', 'start-to-close-timeout'] as const)(
    'tells the code of %s, frees its place at once and hears no error of it',
    async (reason) => {
      const bench = new Bench(1);
      const work = held();
      bench.start('a', work.run);
      bench.runner.abort('a', reason);
      expect(work.scopes[0]?.signal.reason).toBe(reason);
      expect(bench.freed).toBe(1);
      expect(bench.admission.hasPlace()).toBe(true);
      work.reject(new Error('stopped'));
      await bench.clock.pass(60_000);
      expect(bench.reports).toEqual([]);
      expect(bench.freePlaces()).toBe(1);
      expect(bench.clock.pendingTimers).toBe(0);
    },
  );

  test('what does not run changes nothing', async () => {
    const bench = new Bench(1);
    bench.runner.abort('nobody', 'closed');
    bench.start('a', () => 1);
    await settle();
    bench.runner.abort('a', 'closed');
    expect(bench.freed).toBe(1);
    expect(bench.freePlaces()).toBe(1);
  });
});

describe('places', () => {
  test('are as many as given, and each comes free when its attempt ends', async () => {
    const bench = new Bench(3);
    const works = [held(), held(), held()];
    for (const [index, work] of works.entries()) bench.start(`w${index}`, work.run);
    expect(bench.admission.hasPlace()).toBe(false);
    expect(bench.admission.take('work')).toBe(false);
    works[1]?.resolve(1);
    await settle();
    expect(bench.freed).toBe(1);
    expect(bench.freePlaces()).toBe(1);
    works[0]?.reject(new Error('x'));
    works[2]?.resolve(1);
    await settle();
    expect(bench.freed).toBe(3);
    expect(bench.freePlaces()).toBe(2);
  });

  test('come free before the outcome is reported, so that what it leads to may have one', async () => {
    const bench = new Bench(1);
    const seen: boolean[] = [];
    bench.start('a', () => 1, {}, { report: () => seen.push(bench.admission.hasPlace()) });
    await settle();
    expect(seen).toEqual([true]);
  });
});

describe('a shutdown', () => {
  test('ends at once if nothing runs', async () => {
    const bench = new Bench();
    await bench.runner.shutDown(5_000);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  test('tells what runs, gives back what throws and takes what completes', async () => {
    const bench = new Bench();
    const finishing: Run = async ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));
    bench.start('throws', untilTold);
    bench.start('completes', finishing);
    await bench.runner.shutDown(5_000);
    expect(bench.reports).toEqual([
      ['throws', { kind: 'attempt-released', n: 1, attempt: 1, hasBegun: true }],
      ['completes', { kind: 'attempt-completed', n: 1, attempt: 1, output: 'shutdown' }],
    ]);
    expect(bench.freed).toBe(0);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  test('waits for the grace period, then gives back what still runs', async () => {
    const bench = new Bench();
    bench.start('deaf', never, { n: 2, attempt: 4 });
    bench.start('slow', async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => void bench.clock.setTimer(3_000, resolve)));
      return 'saved';
    });
    let isOver = false;
    const over = bench.runner.shutDown(5_000).then(() => (isOver = true));
    await bench.clock.pass(4_999);
    expect(isOver).toBe(false);
    expect(bench.kinds()).toEqual([['slow', 'attempt-completed']]);
    await bench.clock.pass(1);
    await over;
    expect(bench.reports.at(-1)).toEqual(['deaf', { kind: 'attempt-released', n: 2, attempt: 4, hasBegun: true }]);
  });

  test('ends before the grace period is over when the last attempt ends', async () => {
    const bench = new Bench();
    const work = held();
    bench.start('a', work.run);
    const over = bench.runner.shutDown(5_000);
    await settle();
    work.resolve('done');
    await over;
    expect(bench.kinds()).toEqual([['a', 'attempt-completed']]);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  test('leaves no timer behind for what never ends', async () => {
    const bench = new Bench();
    bench.start('deaf', never);
    const over = bench.runner.shutDown(1_000);
    await bench.clock.pass(1_000);
    await over;
    // The time-out of an attempt that was given back would keep the process alive, and mean nothing.
    expect(bench.clock.pendingTimers).toBe(0);
    await bench.clock.pass(60_000);
    expect(bench.kinds()).toEqual([['deaf', 'attempt-released']]);
  });
});
