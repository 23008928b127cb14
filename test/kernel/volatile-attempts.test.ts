import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { assign, createActor, setup, toPromise } from 'xstate';
import type { ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import type { ActivityOptions } from '../../src/kernel/activity.ts';
import { activity } from '../../src/kernel/activity.ts';
import { errorNamed } from './workflows.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

type Options = ActivityOptions<undefined, unknown>;

/** Runs one activity under a plain `createActor` and tells what it came to, and what its attempts were given. */
function started(options: Options, run: (scope: ActivityScope<undefined>) => unknown) {
  const scopes: ActivityScope<undefined>[] = [];
  const begunAtMs: number[] = [];
  const beganMs = performance.now();
  const work = activity<undefined, unknown>({
    ...options,
    retry: { initialInterval: '10s', jitter: 'none', ...options.retry },
    run: (scope) => {
      scopes.push(scope);
      begunAtMs.push(performance.now() - beganMs);
      return run(scope);
    },
  });
  const context: { end?: unknown } = {};
  const machine = setup({ types: { context }, actors: { work } }).createMachine({
    context,
    initial: 'busy',
    states: {
      busy: {
        invoke: {
          src: 'work',
          onDone: { target: 'over', actions: assign({ end: ({ event }) => event }) },
          onError: { target: 'over', actions: assign({ end: ({ event }) => event }) },
        },
      },
      over: { type: 'final' },
    },
    output: ({ context: { end } }) => end,
  });
  const actor = createActor(machine).start();
  return { scopes, begunAtMs, ended: toPromise(actor) };
}

const never = async (): Promise<never> => new Promise(() => undefined);
const fail = async (): Promise<never> => Promise.reject(new RangeError('busy'));

describe('without a durable host, too, an activity', () => {
  test('has a time as a whole, at which the attempt that runs is aborted', async () => {
    const { scopes, ended } = started({ scheduleToCloseTimeout: '25s', startToCloseTimeout: '10s', retry: { initialInterval: 0 } }, never);
    await vi.runAllTimersAsync();
    expect(await ended).toMatchObject({ error: { name: 'ScheduleToCloseTimeout', message: expect.stringContaining('25000 ms') } });
    expect(scopes.map(({ signal }) => signal.reason as unknown)).toEqual([
      'start-to-close-timeout',
      'start-to-close-timeout',
      'schedule-to-close-timeout',
    ]);
  });

  test('does not wait for a retry that would begin after that', async () => {
    const { begunAtMs, ended } = started({ scheduleToCloseTimeout: '30s' }, fail);
    await vi.runAllTimersAsync();
    expect(await ended).toMatchObject({ error: { name: 'RangeError' } });
    // The next would have begun at 30 s.
    expect(begunAtMs).toEqual([0, 10_000]);
  });

  test('is aborted and tried again when it is silent, with what it told last', async () => {
    const { scopes, begunAtMs, ended } = started({ heartbeatTimeout: '5s', retry: { maximumAttempts: 2 } }, async ({ heartbeat }) => {
      setTimeout(() => heartbeat({ at: new Date(1) }), 4_000);
      setTimeout(() => heartbeat(), 8_000);
      return never();
    });
    await vi.runAllTimersAsync();
    expect(await ended).toMatchObject({ error: { name: 'HeartbeatTimeout', message: expect.stringContaining('5000 ms') } });
    expect(begunAtMs).toEqual([0, 23_000]);
    expect(scopes.map(({ heartbeatDetails }) => heartbeatDetails)).toEqual([undefined, { at: new Date(1) }]);
    expect(scopes[0]?.signal.reason).toBe('heartbeat-timeout');
  });

  test('is not kept from ending by heartbeats that come later', async () => {
    const { scopes, ended } = started({ heartbeatTimeout: '5s' }, async () => 'done');
    expect(await ended).toMatchObject({ output: 'done' });
    scopes[0]?.heartbeat('too late');
  });

  test('fails with a heartbeat that cannot be kept', async () => {
    const { ended } = started({ retry: { maximumAttempts: 1 } }, ({ heartbeat }) => heartbeat(() => 1));
    expect(await ended).toMatchObject({ error: { code: 'PAYLOAD_NOT_SERIALIZABLE' } });
  });

  test('is told by its error when to try again', async () => {
    const { begunAtMs, ended } = started({ retry: { maximumAttempts: 2 } }, async () =>
      Promise.reject(Object.assign(new Error('busy'), { nextRetryDelay: '3s' })),
    );
    await vi.runAllTimersAsync();
    await ended;
    expect(begunAtMs).toEqual([0, 3_000]);
  });

  test('is not tried again if its policy’s own code refuses, which is not asked of time-outs', async () => {
    const retryIf = vi.fn((error: unknown) => (error as Error).name !== 'Gone');
    const { scopes, ended } = started({ startToCloseTimeout: '1s', retry: { retryIf } }, async ({ attempt }) => {
      if (attempt === 1) return never();
      throw errorNamed('Gone');
    });
    await vi.runAllTimersAsync();
    expect(await ended).toMatchObject({ error: { name: 'Gone' } });
    expect([scopes.length, retryIf.mock.calls.length]).toEqual([2, 1]);
  });

  test('hears nothing of a sign of life after its end', async () => {
    const { scopes, ended } = started({ heartbeatTimeout: '5s', startToCloseTimeout: '6s', retry: { maximumAttempts: 1 } }, never);
    await vi.runAllTimersAsync();
    expect(await ended).toMatchObject({ error: { name: 'HeartbeatTimeout' } });
    scopes[0]?.heartbeat('still here');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('cannot be completed later, and is not tried again for it', async () => {
    const { scopes, ended } = started({ name: 'approval' }, async ({ completeLater }) => completeLater(() => undefined));
    expect(await ended).toMatchObject({ error: { code: 'DURABLE_HOST_NEEDED', details: { activity: 'approval' } } });
    expect(scopes).toHaveLength(1);
  });
});
