import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import type { Activities } from '../../src/runtime/activity-control.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

function machineOf(run: (scope: ActivityScope<unknown>) => unknown, retry: object = {}) {
  const work = activity<unknown, unknown>({ run, startToCloseTimeout: '10s', heartbeatTimeout: '5s', retry });
  return setup({ actors: { work } }).createMachine({
    id: 'job',
    version: '1',
    initial: 'busy',
    states: { busy: { invoke: { src: 'work', onDone: 'done', onError: 'failed' } }, done: {}, failed: {} },
  });
}

describe('what is handed over', () => {
  test('gives its place back, goes through a shutdown untouched, and is watched on by the next process', async () => {
    const tokens: string[] = [];
    const machine = machineOf(async ({ completeLater }) => completeLater((token) => tokens.push(token)));
    const first = await openTestRuntime({ machines: [machine], maxConcurrentAttempts: 1 });
    await first.runtime.start(machine, { id: 'a' });
    await first.runtime.start(machine, { id: 'b' });
    await settle();
    expect(tokens).toEqual(['a:1::1:1', 'b:1::1:1']);
    await closeTestRuntime(first);
    expect(first.clock.pendingTimers).toBe(0);
    const second = await openTestRuntime({ machines: [machine], clock: first.clock, database: first.database.reopen() });
    await settle();
    expect((await second.runtime.describe('a')).activities).toMatchObject([{ state: 'running', attempt: 1, isCompletedLater: true }]);
    await second.clock.pass(3_999);
    expect((await second.runtime.describe('a')).activities).toMatchObject([{ state: 'running' }]);
    await second.clock.pass(1);
    expect((await second.runtime.describe('a')).activities).toMatchObject([{ lastFailure: { class: 'HeartbeatTimeout' } }]);
  });

  test('is a failure if the request for it fails', async () => {
    const machine = machineOf(async ({ completeLater }) =>
      completeLater(() => {
        throw new RangeError('nobody answers');
      }),
    );
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'a' });
    await settle();
    expect((await runtime.describe('a')).activities).toMatchObject([{ state: 'backoff', lastFailure: { class: 'RangeError' } }]);
  });

  test('is a failure also if its code does not wait for the request', async () => {
    const machine = machineOf(({ completeLater }) => void completeLater(async () => Promise.reject(new RangeError('nobody answers'))));
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'a' });
    await settle();
    expect((await runtime.describe('a')).activities).toMatchObject([{ state: 'backoff', lastFailure: { class: 'RangeError' } }]);
  });

  test('is so though its code does not wait for it, and only once', async () => {
    let asked = 0;
    const machine = machineOf(({ completeLater }) => {
      for (const _ of [1, 2]) void completeLater(() => (asked += 1));
      return 'at once';
    });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'a' });
    await settle();
    expect(asked).toBe(1);
    expect((await runtime.describe('a')).activities).toMatchObject([{ state: 'running', isCompletedLater: true }]);
  });

  test('is given back at a shutdown that comes before it is on disk', async () => {
    let handOver = (): void => undefined;
    const machine = machineOf(async ({ completeLater, signal }) => {
      await new Promise<void>((resolve) => (handOver = resolve));
      signal.throwIfAborted();
      return completeLater(() => undefined);
    });
    const { runtime, clock, database } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'a' });
    await settle();
    const closed = runtime.close({ grace: '1s' });
    await settle();
    handOver();
    await closed;
    const second = await openTestRuntime({ machines: [machine], clock, database: database.reopen() });
    await settle();
    expect((await second.runtime.describe('a')).activities).toMatchObject([{ attempt: 2, state: 'running' }]);
    expect((await second.runtime.history('a')).map(({ kind }) => kind)).toEqual(['start', 'attempt-released', 'attempt-due']);
  });

  test('is refused once the attempt is over', async () => {
    let proceed = (): void => undefined;
    const errors: unknown[] = [];
    const machine = machineOf(async ({ completeLater }) => {
      await new Promise<void>((resolve) => (proceed = resolve));
      return completeLater(() => undefined).catch((error: unknown) => errors.push(error));
    });
    const { runtime, clock } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'a' });
    await clock.pass(5_000);
    proceed();
    await settle();
    expect(errors).toMatchObject([{ code: 'ATTEMPT_NOT_AWAITED', details: { id: 'a', n: 1, attempt: 1 } }]);
    expect(runtime.health().zombieAttempts).toBe(0);
  });
});

test('an attempt that is settled by hand before its beginning is on disk is never called, and its place is free', async () => {
  const called: string[] = [];
  const machine = machineOf(({ idempotencyKey }) => void called.push(idempotencyKey));
  const { runtime } = await openTestRuntime({ machines: [machine], maxConcurrentAttempts: 1 });
  const started = runtime.start(machine, { id: 'a' });
  await runtime.activities.completeBy('a', 1, 'by hand', { by: 'ann', note: 'known' });
  await started;
  expect(await runtime.describe('a')).toMatchObject({ value: 'done' });
  await runtime.start(machine, { id: 'b' });
  await settle();
  expect(called).toEqual(['b:1::1']);
});

test('what is said to an actor that its workflow has stopped is refused as what nobody waits for', async () => {
  const tokens: string[] = [];
  const job = machineOf(async ({ completeLater }) => completeLater((token) => tokens.push(token)));
  const parent = setup({ actors: { job } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'working',
    states: { working: { invoke: { src: 'job' }, on: { STOP: 'calm' } }, calm: { on: { END: 'ended' } }, ended: { type: 'final' } },
  });
  const { runtime } = await openTestRuntime({ machines: [parent] });
  const handle = await runtime.start(parent, { id: 'a' });
  await settle();
  const [token = ''] = tokens;
  const refusals = async () => {
    const asked = [runtime.activities.complete(token, 1), runtime.activities.completeBy('a', [1, 1], 1, { by: 'ann', note: 'late' })];
    return (await Promise.allSettled(asked)).map((each) => (each.status === 'rejected' ? (each.reason as { code: string }).code : 'taken'));
  };
  await handle.send({ type: 'STOP' });
  expect(await refusals()).toEqual(['ATTEMPT_NOT_AWAITED', 'ACTIVITY_NOT_FOUND']);
  await handle.send({ type: 'END' });
  expect(await refusals()).toEqual(['WORKFLOW_CLOSED', 'WORKFLOW_CLOSED']);
});

describe('what is asked wrongly', () => {
  const hand = { by: 'ada', note: 'why' };

  test.each<[string, (activities: Activities) => Promise<void>, string]>([
    ['an update of nothing', async (of) => of.update('w', 1, {}), 'activities.update: give { retry } or { startToCloseTimeout }'],
    [
      'no update',
      async (of) => of.update('w', 1, undefined as never),
      'activities.update: give an object of options such as { retry, startToCloseTimeout, by, note }; found undefined.',
    ],
    [
      'a malformed policy',
      async (of) => of.update('w', 1, { retry: { maximumAttempts: 0 } }),
      'activities.update: maximumAttempts must be',
    ],
    [
      'code in a policy',
      async (of) => of.update('w', 1, { retry: { retryIf: () => true } as never }),
      'activities.update: retryIf is code',
    ],
    [
      'a malformed time-out',
      async (of) => of.update('w', 1, { startToCloseTimeout: 'soon' as never }),
      'activities.update: startToCloseTimeout must be a duration',
    ],
    ['nobody', async (of) => of.completeBy('w', 1, 'x', { note: 'why' } as never), 'activities.completeBy: by must say who did it and why'],
    ['no reason', async (of) => of.failBy('w', 1, new Error('x'), { by: 'ada', note: '' }), 'activities.failBy: note must say'],
    ['no options', async (of) => of.failBy('w', 1, new Error('x'), undefined as never), 'activities.failBy: give an object of options'],
    ['a novel', async (of) => of.runNow('w', 1, { note: 'x'.repeat(2_001) }), 'activities.runNow: note must say'],
    ['a name for a number', async (of) => of.completeBy('w', 'work' as never, 'x', hand), 'give the number of the activity'],
  ])('is refused at once: %s', async (_, act, message) => {
    const { runtime } = await openTestRuntime({ machines: [] });
    await expect(act(runtime.activities)).rejects.toMatchObject({ name: 'TypeError', message: expect.stringContaining(message) });
  });

  test('is told of a workflow that is not there, and of a runtime that is closed', async () => {
    const { runtime } = await openTestRuntime({ machines: [] });
    await expect(runtime.activities.runNow('w', 1)).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
    await expect(runtime.activities.complete('w:1::1:1')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
    await runtime.close();
    await expect(runtime.activities.complete('w:1::1:1')).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' });
  });
});

describe('an attempt of a child that is over', () => {
  const tokens: string[] = [];
  const work = activity<unknown, unknown>({ run: async ({ completeLater }) => completeLater((token) => tokens.push(token)) });
  const part = setup({ actors: { work } }).createMachine({
    id: 'part',
    initial: 'busy',
    states: { busy: { invoke: { src: 'work', onDone: 'done' } }, done: { type: 'final' } },
  });
  const machine = setup({ actors: { part } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'busy',
    states: { busy: { invoke: { src: 'part', onDone: 'content' } }, content: {} },
  });

  test('is not awaited any more, and its activity is not found: the workflow is', async () => {
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'a' });
    await settle();
    const token = tokens.at(-1) ?? '';
    await runtime.activities.complete(token, 'well');
    await expect(runtime.activities.complete(token, 'again')).rejects.toMatchObject({ code: 'ATTEMPT_NOT_AWAITED' });
    await expect(runtime.activities.runNow('a', [1, 1])).rejects.toMatchObject({ code: 'ACTIVITY_NOT_FOUND' });
  });
});

test('what is completed from outside while its workflow is paused is told so, and watched no longer', async () => {
  const signals: AbortSignal[] = [];
  const machine = machineOf(({ completeLater, signal }) => {
    signals.push(signal);
    return completeLater((token) => void (tokens = [...tokens, token]));
  });
  let tokens: readonly string[] = [];
  const { runtime, clock } = await openTestRuntime({ machines: [machine] });
  await settle();
  const idle = clock.pendingTimers;
  await runtime.start(machine, { id: 'a' });
  await settle();
  expect(clock.pendingTimers).toBeGreaterThan(idle);
  await runtime.pause('a');
  await runtime.activities.complete(tokens[0] ?? '', 'well');
  expect(signals[0]?.reason).toBe('settled');
  expect(clock.pendingTimers).toBe(idle);
});
