import { describe, expect, test, vi } from 'vitest';
import { createMachine, fromPromise, fromTransition } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import { activityDescriptor } from '../../src/kernel/activity-descriptor.ts';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import { plainPromiseWarning, runnableDescriptor } from '../../src/kernel/plain-promise.ts';
import type { PromiseArguments } from '../../src/kernel/xstate-logic.ts';
import { openTestRuntime } from '../runtime/local-runtime.ts';

describe('a plain promise', () => {
  test('has no time-out, and only lost attempts are tried again, twice', () => {
    expect(runnableDescriptor(fromPromise(async () => 1))).toMatchObject({
      isPlainPromise: true,
      name: undefined,
      startToCloseTimeoutMs: Infinity,
      retry: { maximumAttempts: 3 },
    });
  });

  test('is given what XState gives it', async () => {
    const seen: PromiseArguments[] = [];
    const descriptor = runnableDescriptor(
      fromPromise<number, { item: string }>(async (given) => {
        seen.push(given as unknown as PromiseArguments);
        return 7;
      }),
    );
    const { signal } = new AbortController();
    expect(await descriptor?.run?.({ input: { item: 'a' }, signal, idempotencyKey: 'w:1::1' } as ActivityScope<unknown>)).toBe(7);
    const [given] = seen;
    expect(given).toMatchObject({ input: { item: 'a' }, self: { id: 'w:1::1' } });
    expect(given?.signal).toBe(signal);
    expect(Object.keys(given ?? {}).sort()).toEqual(['emit', 'input', 'self', 'signal', 'system']);
    const { self, emit } = given as unknown as { self: { send(event: object): void; getSnapshot(): unknown }; emit(event: object): void };
    self.send({ type: 'X' });
    emit({ type: 'X' });
    expect(self.getSnapshot()).toMatchObject({ status: 'active', input: { item: 'a' } });
  });

  test('is told from an activity, and from other logic', () => {
    const own = activity({ run: () => 1 });
    expect(runnableDescriptor(own)).toBe(activityDescriptor(own));
    expect(runnableDescriptor(fromTransition(() => 1, 0))).toBeUndefined();
    expect(runnableDescriptor(undefined)).toBeUndefined();
  });

  test('is named after machine and place, and warned of once', async () => {
    const machine = createMachine({
      id: 'shop',
      version: '2',
      initial: 'a',
      states: { a: { invoke: { src: 'load' }, on: { B: 'b' } }, b: { invoke: { src: 'load' } } },
    }).provide({ actors: { load: fromPromise(async () => 1) } });
    const activities = createRegistry([machine]).machines[0]?.activities;
    expect([...(activities?.values() ?? [])].map(({ name }) => name)).toEqual(['shop.load']);
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    await openTestRuntime({ machines: [machine], logger });
    const warning = plainPromiseWarning({ id: 'shop', version: '2', structureHash: '' }, 'load');
    expect(logger.warn.mock.calls).toEqual([[{ machine: 'shop', version: '2', src: 'load' }, warning]]);
    expect(warning).toContain('activity({ run })');
  });
});
