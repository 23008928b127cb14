import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import type { Store } from '../../src/kernel/ports.ts';
import { hold } from './fake-store.ts';
import { changedStore } from '../support/changed-store.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle, until } from './manual-clock.ts';

type Run = (scope: ActivityScope<unknown>) => unknown;

function machineWith(run: Run) {
  const work = activity<unknown, unknown>({ run, startToCloseTimeout: '1h', retry: { initialInterval: '30s', jitter: 'none' } });
  return setup({ types: { context: {} as { count: number } }, actors: { work } }).createMachine({
    id: 'job',
    version: '1',
    context: { count: 0 },
    initial: 'idle',
    on: { ADD: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
    states: { idle: { on: { GO: 'busy' } }, busy: { invoke: { src: 'work', onDone: 'done' } }, done: { type: 'final' } },
  });
}

const quiet = machineWith(() => 1);
const closed = { code: 'RUNTIME_CLOSED', message: expect.stringContaining('open it again') };

describe('closing', () => {
  test('twice, or at once, is closing once', async () => {
    let closes = 0;
    const { runtime } = await openTestRuntime({
      machines: [quiet],
      onStore: (store) => changedStore(store, { close: async () => ((closes += 1) > 0 ? store.close() : undefined) }),
    });
    await Promise.all([runtime.close(), runtime.close()]);
    await runtime.close();
    expect(closes).toBe(1);
    expect(runtime.health()).toEqual({ state: 'closed', versionMissing: 0, zombieAttempts: 0 });
  });

  test('refuses every call after it', async () => {
    const { runtime } = await openTestRuntime({ machines: [quiet] });
    const handle = await runtime.start(quiet, { id: 'a' });
    await runtime.close();
    await expect(runtime.start(quiet, { id: 'b' })).rejects.toMatchObject(closed);
    await expect(runtime.get('a')).rejects.toMatchObject(closed);
    await expect(runtime.send('a', { type: 'GO' })).rejects.toMatchObject(closed);
    await expect(runtime.describe('a')).rejects.toMatchObject(closed);
    await expect(runtime.history('a')).rejects.toMatchObject(closed);
    await expect(handle.send({ type: 'GO' })).rejects.toMatchObject(closed);
    await expect(handle.waitFor(() => true)).rejects.toMatchObject(closed);
    await expect(handle.result()).rejects.toMatchObject(closed);
    expect(() => handle.subscribe(() => undefined)).toThrow(expect.objectContaining({ code: 'RUNTIME_CLOSED' }) as Error);
    // What was committed can still be looked at.
    expect(handle.getSnapshot()).toMatchObject({ value: 'idle' });
  });

  test('ends every wait', async () => {
    const opened = await openTestRuntime({ machines: [quiet] });
    const handle = await opened.runtime.start(quiet, { id: 'a' });
    const waits = [handle.result(), handle.waitFor(() => false), handle.waitFor(() => false, { timeout: '1h' })];
    const outcomes = waits.map((wait) => expect(wait).rejects.toMatchObject(closed));
    await opened.runtime.close();
    await Promise.all(outcomes);
    expect(opened.clock.pendingTimers).toBe(0);
  });

  test('writes what was sent before it', async () => {
    const first = await openTestRuntime({ machines: [quiet] });
    const handle = await first.runtime.start(quiet, { id: 'a' });
    const sent = Array.from({ length: 50 }, async () => handle.send({ type: 'ADD' }));
    await closeTestRuntime(first);
    const outcomes = await Promise.allSettled(sent);
    const applied = outcomes.filter(({ status }) => status === 'fulfilled').length;
    const { runtime } = await openTestRuntime({ machines: [quiet], database: first.database.reopen() });
    expect((await runtime.describe('a')).context).toEqual({ count: applied });
    expect(applied).toBe(50);
  });

  test('tells running attempts, which are given back and not charged', async () => {
    const reasons: unknown[] = [];
    const attempts: number[] = [];
    const machine = machineWith(
      async ({ signal, attempt }) =>
        new Promise((_, reject) => {
          attempts.push(attempt);
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            reject(new Error('stopped'));
          });
        }),
    );
    const first = await openTestRuntime({ machines: [machine] });
    await (await first.runtime.start(machine, { id: 'a' })).send({ type: 'GO' });
    await until(() => attempts.length === 1);
    await first.runtime.close();
    expect(reasons).toEqual(['shutdown']);
    const second = await openTestRuntime({ machines: [machine], database: first.database.reopen(), clock: first.clock });
    await until(() => attempts.length === 2);
    const [described] = (await second.runtime.describe('a')).activities;
    expect(described).toMatchObject({ state: 'running', attempt: 2 });
    expect(described).not.toHaveProperty('lastFailure');
    expect((await second.runtime.history('a')).map(({ kind }) => kind)).toEqual(['start', 'signal', 'attempt-released', 'attempt-due']);
  });

  test('records an attempt that completes within the grace period', async () => {
    const machine = machineWith(async ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('saved'))));
    const first = await openTestRuntime({ machines: [machine] });
    await (await first.runtime.start(machine, { id: 'a' })).send({ type: 'GO' });
    await first.runtime.close();
    const { runtime } = await openTestRuntime({ machines: [machine], database: first.database.reopen() });
    expect(await runtime.describe('a')).toMatchObject({ status: 'completed' });
  });

  test('gives back an attempt that never ends when the grace period is over, and leaves no timer behind', async () => {
    const machine = machineWith(async () => new Promise(() => undefined));
    const first = await openTestRuntime({ machines: [machine] });
    await (await first.runtime.start(machine, { id: 'a' })).send({ type: 'GO' });
    let isClosed = false;
    const closing = first.runtime.close({ grace: '2s' }).then(() => (isClosed = true));
    await first.clock.pass(1_999);
    expect(isClosed).toBe(false);
    await first.clock.pass(1);
    await closing;
    expect(first.clock.pendingTimers).toBe(0);
  });

  test('leaves no timer behind for a retry decided while it closes', async () => {
    let fail = (): void => undefined;
    const machine = machineWith(async () => new Promise((_, reject) => (fail = () => reject(new Error('busy')))));
    const first = await openTestRuntime({ machines: [machine] });
    await (await first.runtime.start(machine, { id: 'a' })).send({ type: 'GO' });
    await settle();
    fail();
    await Promise.all([Promise.resolve(), first.runtime.close({ grace: 0 }), first.clock.pass(1)]);
    expect(first.clock.pendingTimers).toBe(0);
  });

  test('refuses a malformed grace period and stays open', async () => {
    const { runtime } = await openTestRuntime({ machines: [quiet] });
    await expect(runtime.close({ grace: 'soon' as never })).rejects.toThrow('close: grace must be a duration');
    expect(runtime.health().state).toBe('open');
  });
});

describe('a store that refuses a write', () => {
  /** Every write is refused while the switch is on. */
  async function failing() {
    const broken = { isOn: false };
    const onStore = (store: Store): Store =>
      changedStore(store, { write: async (batch) => (broken.isOn ? Promise.reject(new Error('disk full')) : store.write(batch)) });
    const opened = await openTestRuntime({ machines: [quiet], onStore });
    return { broken, ...opened };
  }

  test('rejects who waits for it and everybody after, and shows nothing that is not on disk', async () => {
    const { runtime, broken, database } = await failing();
    const handle = await runtime.start(quiet, { id: 'a' });
    const waits = [handle.result(), handle.waitFor(() => false)].map((wait) =>
      expect(wait).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' }),
    );
    broken.isOn = true;
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      cause: expect.objectContaining({ message: 'disk full' }),
    });
    await Promise.all(waits);
    expect(handle.getSnapshot().context).toEqual({ count: 0 });
    expect(runtime.health()).toMatchObject({ state: 'failed', failure: { code: 'STORE_UNAVAILABLE' } });
    await expect(runtime.start(quiet, { id: 'b' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await runtime.close();
    const again = await openTestRuntime({ machines: [quiet], database: database.reopen() });
    expect((await again.runtime.describe('a')).context).toEqual({ count: 0 });
  });

  test('rejects what was decided meanwhile, too', async () => {
    const held = hold();
    let isHolding = false;
    const { runtime } = await openTestRuntime({
      machines: [quiet],
      onStore: (store) => changedStore(store, { write: async (batch) => (isHolding ? held.promise : store.write(batch)) }),
    });
    const handle = await runtime.start(quiet, { id: 'a' });
    isHolding = true;
    const sent = [handle.send({ type: 'ADD' }), handle.send({ type: 'ADD' })];
    await settle();
    sent.push(handle.send({ type: 'ADD' }), runtime.start(quiet, { id: 'b' }) as never);
    const outcomes = sent.map((send) => expect(send).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' }));
    await settle();
    held.fail(new Error('no sync'));
    await Promise.all(outcomes);
  });
});

test('a store that cannot be read fails the runtime, which can still be closed', async () => {
  const unreadable = { isOn: false };
  const opened = await openTestRuntime({
    machines: [quiet],
    onStore: (store) =>
      changedStore(store, {
        readLatestRun: async (id) => (unreadable.isOn ? Promise.reject(new Error('bad sector')) : store.readLatestRun(id)),
      }),
  });
  unreadable.isOn = true;
  await expect(opened.runtime.get('a')).rejects.toThrow('bad sector');
  await expect(opened.runtime.get('a')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { message: 'bad sector' } });
  expect(opened.runtime.health()).toMatchObject({ state: 'failed', failure: expect.objectContaining({ message: 'bad sector' }) });
  await opened.runtime.close();
  expect(opened.runtime.health().state).toBe('closed');
  expect(opened.clock.pendingTimers).toBe(0);
});
