import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import { PerdureError } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { RetryOptions } from '../../src/kernel/retry-policy.ts';
import { changedStore } from '../support/changed-store.ts';
import { recordingLogger } from '../support/logged.ts';
import { openTestRuntime } from './local-runtime.ts';
import type { TestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

/** Each call of the activity, ended by the test. */
interface Call {
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly succeed: (output: string) => void;
  readonly fail: (error: Error) => void;
}

const unavailable = { code: 'STORE_UNAVAILABLE' };

function bench(retry: RetryOptions = {}) {
  const calls: Call[] = [];
  const work = activity<undefined, string>({
    startToCloseTimeout: '1h',
    retry: { initialInterval: '1m', jitter: 'none', ...retry },
    run: ({ attempt, signal }: ActivityScope<undefined>) =>
      new Promise<string>((succeed, fail) => void calls.push({ attempt, signal, succeed, fail })),
  });
  const machine = setup({ types: { context: {} as { count: number; got?: string } }, actors: { work } }).createMachine({
    id: 'job',
    version: '1',
    context: { count: 0 },
    initial: 'idle',
    on: { ADD: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
    states: {
      idle: { on: { GO: 'busy', NAP: 'asleep' } },
      asleep: { after: { 60_000: 'idle' } },
      busy: {
        invoke: {
          src: 'work',
          onDone: { target: 'done', actions: assign({ got: ({ event }) => event.output }) },
          onError: 'failed',
        },
        on: { LEAVE: 'idle' },
      },
      done: { type: 'final' },
      failed: { type: 'final', tags: ['failed'] },
    },
  });
  return { machine, calls };
}

type Fault = 'lost' | 'applied' | 'unreadable';

async function faulty(retry: RetryOptions = {}, places = 100) {
  const { machine, calls } = bench(retry);
  const faults: Fault[] = [];
  /** What opening is refused with, while anything is here. */
  const refusals: Error[] = [];
  const disk = { isPromising: true, opened: 0, readsToFail: 0 };
  const logger = recordingLogger();
  const onStore = (store: Store): Store =>
    changedStore(store, {
      async write(batch) {
        const fault = faults.shift();
        if (fault !== 'lost') await store.write(batch);
        if (fault !== undefined) throw new Error('no space left');
      },
      async readTree(root, closedMax) {
        if (disk.opened > 0 && disk.readsToFail > 0) {
          disk.readsToFail -= 1;
          throw new Error('bad sector');
        }
        return store.readTree(root, closedMax);
      },
    });
  const opened = await openTestRuntime({
    machines: [machine],
    maxConcurrentAttempts: places,
    onStore,
    logger,
    reopening: (open) => ({
      isPromising: () => Promise.resolve(disk.isPromising),
      async open() {
        const refusal = refusals.shift();
        if (refusal !== undefined) throw refusal;
        disk.opened += 1;
        return open();
      },
    }),
  });
  return { ...opened, machine, calls, faults, refusals, disk, logger };
}

/** Until the store is open again and everything that follows from that has happened. */
async function recover({ runtime, clock }: TestRuntime): Promise<void> {
  for (let rounds = 0; runtime.health().state === 'recovering' && rounds < 100; rounds += 1) await clock.pass(100);
  expect(runtime.health().state).toBe('open');
  await settle();
}

describe('a store that refuses a write', () => {
  test('refuses starts and sends at once, says since when, answers reads, and is opened again', async () => {
    const opened = await faulty();
    const { runtime, machine, clock, faults, disk, logger } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    const failedAtMs = clock.now();
    faults.push('lost');
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject({ ...unavailable, cause: { message: 'no space left' } });
    expect(runtime.health()).toMatchObject({ state: 'recovering', failure: unavailable, sinceAtMs: failedAtMs });
    const refused = { ...unavailable, message: expect.stringContaining('nothing of this call was taken') };
    const calls = [runtime.start(machine, { id: 'b' }), handle.send({ type: 'ADD' }), runtime.get('a')];
    await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject(refused)));
    expect(await runtime.describe('a')).toMatchObject({ context: { count: 0 } });
    expect(await runtime.history('a')).toHaveLength(1);
    expect(handle.getSnapshot().context).toEqual({ count: 0 });
    await recover(opened);
    expect(disk.opened).toBe(1);
    expect(runtime.health()).toEqual({ state: 'open', versionMissing: 0, zombieAttempts: 0 });
    await handle.send({ type: 'ADD' });
    expect(handle.getSnapshot().context).toEqual({ count: 1 });
    expect(logger.lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      'info: The runtime is open.',
      'error: The store failed: nothing is written until it is opened again.',
      'info: The store is open again.',
    ]);
  });

  test.each(['lost', 'applied'] as const)('loses nothing acknowledged; a batch that was %s is what is on disk', async (fault) => {
    const opened = await faulty();
    const { runtime, machine, faults } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    await handle.send({ type: 'ADD' }, { messageId: 'm1' });
    faults.push(fault);
    await expect(handle.send({ type: 'ADD' }, { messageId: 'm2' })).rejects.toMatchObject(unavailable);
    await recover(opened);
    const again = await handle.send({ type: 'ADD' }, { messageId: 'm2' });
    expect(again).toEqual({ sequence: 3, outcome: 'applied' });
    expect(await handle.send({ type: 'ADD' }, { messageId: 'm1' })).toEqual({ sequence: 2, outcome: 'applied' });
    expect(handle.getSnapshot().context).toEqual({ count: 2 });
    expect(await runtime.history('a')).toHaveLength(3);
  });

  test.each(['lost', 'applied'] as const)('leaves a start whose batch was %s to be repeated with the same id', async (fault) => {
    const opened = await faulty();
    const { runtime, machine, faults } = opened;
    faults.push(fault);
    await expect(runtime.start(machine, { id: 'a' })).rejects.toMatchObject(unavailable);
    await recover(opened);
    const handle = await runtime.start(machine, { id: 'a' });
    expect(handle.getSnapshot()).toMatchObject({ value: 'idle' });
    expect(await runtime.history('a')).toHaveLength(1);
  });

  test('keeps subscriptions, waits and results: they see what comes after it', async () => {
    const opened = await faulty();
    const { runtime, machine, calls, faults } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    const seen: unknown[] = [];
    handle.subscribe((snapshot) => seen.push(snapshot.context.count));
    const waiting = handle.waitFor((snapshot) => snapshot.context.count === 2);
    const result = handle.result();
    await handle.send({ type: 'ADD' });
    faults.push('lost');
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject(unavailable);
    await recover(opened);
    expect(seen).toEqual([1]);
    await handle.send({ type: 'ADD' });
    expect((await waiting).context.count).toBe(2);
    await handle.send({ type: 'GO' });
    calls[0]?.succeed('found');
    await result;
    expect(seen).toEqual([1, 2, 2, 2]);
  });

  test('shows who watches what a batch of unknown outcome came to, once', async () => {
    const opened = await faulty();
    const { runtime, machine, faults } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    const seen: unknown[] = [];
    handle.subscribe((snapshot) => seen.push(snapshot.context.count));
    const waiting = handle.waitFor((snapshot) => snapshot.context.count >= 1);
    faults.push('applied');
    const sends = [handle.send({ type: 'ADD' }), handle.send({ type: 'ADD' })].map((send) =>
      expect(send).rejects.toMatchObject(unavailable),
    );
    await Promise.all(sends);
    expect(seen).toEqual([]);
    await recover(opened);
    expect((await waiting).context.count).toBe(2);
    expect(seen).toEqual([2]);
    expect(handle.getSnapshot().context).toEqual({ count: 2 });
  });

  test('shows it also if the store fails again before it could be read', async () => {
    const opened = await faulty();
    const { runtime, machine, faults, disk } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    faults.push('applied');
    disk.readsToFail = 2;
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject(unavailable);
    await recover(opened);
    for (let rounds = 0; rounds < 3; rounds += 1) await recover(opened);
    expect(disk).toMatchObject({ opened: 3, readsToFail: 0 });
    expect(handle.getSnapshot().context).toEqual({ count: 1 });
  });

  test('shows the end of a run whose successor began in a batch of unknown outcome', async () => {
    const opened = await faulty();
    const { runtime, machine, faults } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    await handle.send({ type: 'ADD' });
    const ended = expect(handle.result()).rejects.toMatchObject({ details: { status: 'terminated' } });
    let isOver = false;
    handle.subscribe({ complete: () => (isOver = true) });
    faults.push('applied');
    await expect(runtime.start(machine, { id: 'a', onExisting: 'terminate-existing' })).rejects.toMatchObject(unavailable);
    await recover(opened);
    await ended;
    expect(isOver).toBe(true);
    expect(await runtime.describe('a')).toMatchObject({ run: 2, status: 'running', context: { count: 0 } });
    expect(handle.getSnapshot().context).toEqual({ count: 0 });
  });

  test('fires timers of before and of meanwhile', async () => {
    const opened = await faulty();
    const { runtime, machine, clock, faults, disk } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    await handle.send({ type: 'NAP' });
    disk.isPromising = false;
    faults.push('lost');
    await expect(runtime.start(machine, { id: 'b' })).rejects.toMatchObject(unavailable);
    await clock.pass(70_000);
    expect(handle.getSnapshot()).toMatchObject({ value: 'asleep' });
    disk.isPromising = true;
    await recover(opened);
    expect(handle.getSnapshot()).toMatchObject({ value: 'idle' });
  });
});

describe('an attempt that runs while the store fails', () => {
  async function running(retry: RetryOptions = {}, places = 100) {
    const opened = await faulty(retry, places);
    const handle = await opened.runtime.start(opened.machine, { id: 'a' });
    await handle.send({ type: 'GO' });
    const failStore = async (fault: Fault = 'lost'): Promise<void> => {
      opened.faults.push(fault);
      await expect(opened.runtime.start(opened.machine, { id: 'other' })).rejects.toMatchObject(unavailable);
    };
    const kinds = async (): Promise<string[]> => (await opened.runtime.history('a')).map(({ kind }) => kind);
    return { ...opened, handle, failStore, kinds };
  }

  test('goes on, is not told anything, and its outcome is recorded when it comes', async () => {
    const bed = await running({ maximumAttempts: 1 });
    await bed.failStore();
    await recover(bed);
    expect(bed.calls).toHaveLength(1);
    expect(bed.calls[0]?.signal.aborted).toBe(false);
    bed.calls[0]?.succeed('found');
    await settle();
    expect(bed.handle.getSnapshot().context).toEqual({ count: 0, got: 'found' });
    expect(await bed.kinds()).toEqual(['start', 'signal', 'attempt-completed']);
  });

  test('may end meanwhile: its outcome waits for the store, and is not acted upon before', async () => {
    const bed = await running({ maximumAttempts: 1 });
    bed.disk.isPromising = false;
    await bed.failStore();
    bed.calls[0]?.succeed('found');
    await bed.clock.pass(5_000);
    expect(bed.handle.getSnapshot()).toMatchObject({ value: 'busy' });
    bed.disk.isPromising = true;
    await recover(bed);
    expect(bed.handle.getSnapshot()).toMatchObject({ value: 'done', context: { got: 'found' } });
    expect(await bed.kinds()).toEqual(['start', 'signal', 'attempt-completed']);
  });

  test.each(['lost', 'applied'] as const)('and whose outcome is in the batch that was %s has it recorded once', async (fault) => {
    const bed = await running({ maximumAttempts: 1 });
    bed.faults.push(fault);
    bed.calls[0]?.succeed('found');
    await settle();
    expect(bed.runtime.health().state).toBe('recovering');
    expect(bed.handle.getSnapshot()).toMatchObject({ value: 'busy' });
    await recover(bed);
    expect(bed.handle.getSnapshot()).toMatchObject({ value: 'done', context: { got: 'found' } });
    expect(await bed.kinds()).toEqual(['start', 'signal', 'attempt-completed']);
    expect(bed.calls).toHaveLength(1);
  });

  test('and fails meanwhile is retried after its backoff', async () => {
    const bed = await running();
    await bed.failStore();
    bed.calls[0]?.fail(new Error('busy'));
    await recover(bed);
    expect(bed.calls).toHaveLength(1);
    await bed.clock.pass(60_000);
    expect(bed.calls.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  test('and takes too long meanwhile is timed out afterwards, and told', async () => {
    const bed = await running({ maximumAttempts: 1 });
    bed.disk.isPromising = false;
    await bed.failStore();
    await bed.clock.pass(3_600_000);
    expect(bed.handle.getSnapshot()).toMatchObject({ value: 'busy' });
    bed.disk.isPromising = true;
    await recover(bed);
    expect(bed.handle.getSnapshot()).toMatchObject({ value: 'failed' });
    expect(bed.calls[0]?.signal.reason).toBe('start-to-close-timeout');
  });

  test('is aborted if the batch of unknown outcome left its state, and its place is free again', async () => {
    const bed = await running({}, 1);
    bed.faults.push('applied');
    await expect(bed.handle.send({ type: 'LEAVE' })).rejects.toMatchObject(unavailable);
    expect(bed.calls[0]?.signal.aborted).toBe(false);
    await recover(bed);
    expect(bed.calls[0]?.signal.reason).toBe('state-left');
    await bed.handle.send({ type: 'GO' });
    await settle();
    expect(bed.calls).toHaveLength(2);
  });

  test('counts as lost if its beginning was on disk, but never performed', async () => {
    const bed = await faulty({}, 1);
    const handle = await bed.runtime.start(bed.machine, { id: 'a' });
    bed.faults.push('applied');
    await expect(handle.send({ type: 'GO' })).rejects.toMatchObject(unavailable);
    expect(bed.calls).toHaveLength(0);
    await recover(bed);
    // The place that was granted to the batch is not lost with it.
    expect(bed.calls.map(({ attempt }) => attempt)).toEqual([2]);
    expect((await bed.runtime.history('a')).map(({ kind }) => kind)).toEqual(['start', 'signal', 'attempt-lost']);
  });

  test('is told and given back when the runtime is closed after the recovery', async () => {
    const bed = await running();
    await bed.failStore();
    await recover(bed);
    const closing = bed.runtime.close({ grace: '1s' });
    await settle();
    expect(bed.calls[0]?.signal.reason).toBe('shutdown');
    bed.calls[0]?.fail(new Error('told'));
    await closing;
    const again = await openTestRuntime({ machines: [bed.machine], database: bed.database.reopen(), clock: bed.clock });
    await settle();
    expect(bed.calls.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect((await again.runtime.history('a')).map(({ kind }) => kind)).toEqual(['start', 'signal', 'attempt-released', 'attempt-due']);
  });
});

describe('opening again', () => {
  test('is tried until it succeeds, at longer and longer intervals up to two seconds, and stays readable until there is a prospect', async () => {
    const opened = await faulty();
    const { runtime, machine, clock, faults, disk, refusals } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    disk.isPromising = false;
    faults.push('lost');
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject(unavailable);
    await clock.pass(60_000);
    expect(disk.opened).toBe(0);
    expect(await runtime.describe('a')).toMatchObject({ status: 'running' });
    refusals.push(...Array.from({ length: 3 }, () => new PerdureError('STORE_UNAVAILABLE', 'disk full', { path: 'memory' })));
    disk.isPromising = true;
    await clock.pass(6_000);
    expect(runtime.health()).toMatchObject({ state: 'recovering', failure: { message: 'disk full' } });
    // Nothing is open now.
    await expect(runtime.describe('a')).rejects.toThrow();
    await clock.pass(2_000);
    expect(runtime.health().state).toBe('open');
    expect(await runtime.describe('a')).toMatchObject({ context: { count: 0 } });
  });

  test('a store that fails again at once is not opened more often than the delays allow; after a calm time they are short again', async () => {
    const opened = await faulty();
    const { runtime, machine, clock, faults, disk } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    await handle.send({ type: 'GO' });
    const failOnce = async (): Promise<void> => {
      faults.push('lost');
      await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject(unavailable);
    };
    const delays: number[] = [];
    for (let time = 0; time < 7; time += 1) {
      await failOnce();
      const before = clock.monotonic();
      while (runtime.health().state === 'recovering') await clock.pass(50);
      delays.push(clock.monotonic() - before);
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000]);
    await clock.pass(10_000);
    await failOnce();
    await clock.pass(100);
    expect(runtime.health().state).toBe('open');
    expect(disk.opened).toBe(8);
  });

  test('a store found damaged is given up: waits and subscriptions end, running attempts are told', async () => {
    const opened = await faulty();
    const { runtime, machine, calls, clock, faults, refusals } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    await handle.send({ type: 'GO' });
    const damaged = { code: 'STORE_DAMAGED' };
    const ended = expect(handle.result()).rejects.toMatchObject(damaged);
    let told: unknown;
    handle.subscribe({ error: (error) => (told = error) });
    refusals.push(new PerdureError('STORE_DAMAGED', 'damaged', { path: 'memory' }));
    faults.push('lost');
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject(unavailable);
    await clock.pass(100);
    await ended;
    expect(told).toMatchObject(damaged);
    expect(calls[0]?.signal.reason).toBe('shutdown');
    expect(runtime.health()).toMatchObject({ state: 'failed', failure: damaged });
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject({ ...unavailable, cause: damaged });
    await runtime.close({ grace: 0 });
    expect(runtime.health().state).toBe('closed');
  });

  test('ends when the runtime is closed: waits end, attempts are told, no timer is left', async () => {
    const opened = await faulty();
    const { runtime, machine, calls, clock, faults, disk } = opened;
    const handle = await runtime.start(machine, { id: 'a' });
    await handle.send({ type: 'GO' });
    const ended = expect(handle.result()).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' });
    disk.isPromising = false;
    faults.push('lost');
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject(unavailable);
    const closing = runtime.close({ grace: '1s' });
    await clock.pass(1_000);
    await closing;
    await ended;
    expect(calls[0]?.signal.reason).toBe('shutdown');
    expect(clock.pendingTimers).toBe(0);
    expect(disk.opened).toBe(0);
  });

  test('while it is under way, a closing runtime waits for it and closes what was opened', async () => {
    let letOpen = (): void => undefined;
    const mayOpen = new Promise<void>((resolve) => (letOpen = resolve));
    const { machine } = bench();
    let closes = 0;
    let fails = false;
    const { runtime, clock } = await openTestRuntime({
      machines: [machine],
      onStore: (store) =>
        changedStore(store, {
          write: (batch) => (fails ? Promise.reject(new Error('no')) : store.write(batch)),
          close: async () => {
            closes += 1;
            await store.close();
          },
        }),
      reopening: (open) => ({ isPromising: () => Promise.resolve(true), open: async () => mayOpen.then(open) }),
    });
    fails = true;
    await expect(runtime.start(machine, { id: 'a' })).rejects.toMatchObject(unavailable);
    await clock.pass(100);
    expect(closes).toBe(1);
    const closing = runtime.close({ grace: 0 });
    letOpen();
    await clock.pass(1);
    await closing;
    expect(closes).toBe(2);
  });
});
