import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

/** Attempts that never look at their signal and end when the test says so. */
function deaf() {
  const ends: ((output: string) => void)[] = [];
  const scopes: ActivityScope<unknown>[] = [];
  const work = activity<unknown, string>({
    startToCloseTimeout: '10s',
    retry: { initialInterval: '5s', jitter: 'none' },
    run: async (scope) => {
      scopes.push(scope);
      return new Promise<string>((resolve) => ends.push(resolve));
    },
  });
  const machine = setup({ actors: { work } }).createMachine({
    id: 'deaf',
    version: '1',
    initial: 'busy',
    states: { busy: { invoke: { src: 'work', onDone: 'done' }, on: { LEAVE: 'left', END: 'done' } }, left: {}, done: { type: 'final' } },
  });
  return { machine, ends, scopes };
}

describe('an attempt that ignores its signal', () => {
  test('is counted from its time-out until its code ends, and its place is free meanwhile', async () => {
    const { machine, ends, scopes } = deaf();
    const { runtime, clock } = await openTestRuntime({ machines: [machine], maxConcurrentAttempts: 1 });
    await runtime.start(machine, { id: 'w' });
    await clock.pass(9_999);
    expect(runtime.health().zombieAttempts).toBe(0);
    await clock.pass(1);
    expect(runtime.health().zombieAttempts).toBe(1);
    await clock.pass(5_000);
    expect(scopes.map(({ attempt }) => attempt)).toEqual([1, 2]);
    await clock.pass(10_000);
    expect(runtime.health().zombieAttempts).toBe(2);
    ends[0]?.('late');
    await settle();
    expect(runtime.health().zombieAttempts).toBe(1);
    ends[1]?.('later');
    await settle();
    expect(runtime.health().zombieAttempts).toBe(0);
    expect((await runtime.history('w')).map(({ outcome }) => outcome)).toEqual(['applied', 'noted', 'noted', 'noted', 'late', 'late']);
  });

  test.each([
    ['its state was left', 'LEAVE'],
    ['its workflow ended', 'END'],
  ])('is counted after %s, and its result is late', async (_, type) => {
    const { machine, ends, scopes } = deaf();
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'w' });
    await settle();
    await handle.send({ type });
    await settle();
    expect([runtime.health().zombieAttempts, scopes[0]?.signal.reason]).toEqual([1, 'state-left']);
    ends[0]?.('late');
    await settle();
    expect(runtime.health().zombieAttempts).toBe(0);
    expect((await runtime.history('w')).at(-1)).toMatchObject({ kind: 'attempt-completed', outcome: 'late' });
  });

  test('is counted after its workflow was terminated, and told so', async () => {
    const { machine, scopes } = deaf();
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'w' });
    await settle();
    await runtime.start(machine, { id: 'w', onExisting: 'terminate-existing' });
    await settle();
    expect([runtime.health().zombieAttempts, scopes[0]?.signal.reason]).toEqual([1, 'closed']);
  });

  test('is none if it ends when it is told', async () => {
    const work = activity<unknown, never>({
      run: async ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('told')))),
    });
    const machine = setup({ actors: { work } }).createMachine({
      id: 'polite',
      version: '1',
      initial: 'busy',
      states: { busy: { invoke: { src: 'work' }, on: { LEAVE: 'left' } }, left: {} },
    });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'w' });
    await settle();
    await handle.send({ type: 'LEAVE' });
    await settle();
    expect(runtime.health().zombieAttempts).toBe(0);
  });
});
