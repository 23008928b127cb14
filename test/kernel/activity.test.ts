import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { assign, createActor, fromPromise, setup, toPromise } from 'xstate';
import type { ActivityLogic, ActivityOptions } from '../../src/kernel/activity.ts';
import { activity, implement } from '../../src/kernel/activity.ts';
import type { ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import { activityDescriptor, durable } from '../../src/kernel/activity-descriptor.ts';
import { errorNamed } from './workflows.ts';
import { thrownBy } from './thrown.ts';

describe('a declaration', () => {
  test('carries name, time-out and policy under a symbol all copies of the library share', () => {
    const logic = activity<string, string>({
      name: 'card.charge',
      startToCloseTimeout: '10s',
      retry: { maximumAttempts: 5, initialInterval: '200ms', nonRetryableErrorTypes: ['Declined'] },
    });
    expect(durable).toBe(Symbol.for('perdure.logic'));
    expect(activityDescriptor(logic)).toStrictEqual({
      kind: 'activity',
      name: 'card.charge',
      run: undefined,
      startToCloseTimeoutMs: 10_000,
      retry: {
        maximumAttempts: 5,
        initialIntervalMs: 200,
        backoffCoefficient: 2,
        maximumIntervalMs: 60_000,
        jitter: 'full',
        nonRetryableErrorTypes: ['Declined'],
      },
    });
  });

  test('carries its bounds', () => {
    const bounds = { scheduleToCloseTimeout: '2m', heartbeatTimeout: '5s', maxConcurrentAttempts: 3 } as const;
    expect(activityDescriptor(activity({ ...bounds, rateLimit: { count: 2, per: '1s' } }))).toMatchObject({
      scheduleToCloseTimeoutMs: 120_000,
      heartbeatTimeoutMs: 5_000,
      maxConcurrentAttempts: 3,
      rateLimit: { count: 2, perMs: 1_000 },
    });
  });

  test('without options is ten attempts of a minute each', () => {
    expect(activityDescriptor(activity({}))).toMatchObject({ startToCloseTimeoutMs: 60_000, retry: { maximumAttempts: 10 } });
  });

  test.each<[string, ActivityOptions<unknown, unknown>, string]>([
    ['a malformed time-out', { name: 'a', startToCloseTimeout: '10' as never }, 'activity "a": startToCloseTimeout must be a duration'],
    ['a malformed retry option', { name: 'a', retry: { maximumAttempts: 0 } }, 'activity "a": maximumAttempts must be a whole number'],
    ['a malformed option without a name', { retry: { jitter: 'x' as never } }, "activity: jitter must be 'full' or 'none'"],
    ['no options', undefined as never, 'activity: give an object of options such as { run: async ({ input }) => … }; found undefined.'],
    ['null for options', null as never, 'activity: give an object of options such as { run: async ({ input }) => … }; found null.'],
    ['its code for options', (() => 1) as never, 'activity: give an object of options such as { run: '],
    [
      'the name of its code',
      { name: 'a', run: 'load' as never },
      'activity "a": run must be a function such as async ({ input }) => …; found "load".',
    ],
    ['null for its code', { run: null as never }, 'activity: run must be a function such as async ({ input }) => …; found null.'],
    [
      'a promise for its code',
      { run: Promise.resolve() as never },
      'activity: run must be a function such as async ({ input }) => …; found an object.',
    ],
    [
      'one name where a list belongs',
      { retry: { nonRetryableErrorTypes: 'Declined' as never } },
      'nonRetryableErrorTypes must be an array of names',
    ],
    ['a name that is no text', { name: 7 as never }, 'The activity name must be a string, found number.'],
    ['null for its name', { name: null as never }, 'The activity name must be a string, found null.'],
    ['a malformed time as a whole', { scheduleToCloseTimeout: 'x' as never }, 'activity: scheduleToCloseTimeout must be a duration'],
    ['a malformed heartbeat time-out', { heartbeatTimeout: -1 }, 'activity: heartbeatTimeout must be a duration'],
    ['no attempt at once', { maxConcurrentAttempts: 0 }, 'activity: maxConcurrentAttempts must be a whole number from 1; found 0.'],
    [
      'a rate that is a number',
      { rateLimit: 5 as never },
      "rateLimit: give an object of options such as { count: 10, per: '1s' }; found 5.",
    ],
    ['a rate of none', { rateLimit: { count: 0, per: '1s' } }, 'activity: rateLimit.count must be a whole number from 1; found 0.'],
    ['a rate without time', { rateLimit: { count: 1, per: 0 } }, 'activity: rateLimit.per must be longer than 0.'],
    ['a malformed rate', { rateLimit: { count: 1, per: 'soon' as never } }, 'activity: rateLimit.per must be a duration'],
  ])('is refused at once with %s', (_, options, message) => {
    expect(thrownBy(() => activity(options))).toMatchObject({ name: 'TypeError', message: expect.stringContaining(message) });
  });

  test.each<[string, string]>([
    ['', 'is empty; give it at least one character'],
    ['語'.repeat(86), 'is longer than 255 bytes of UTF-8'],
    ['a\ud800', 'contains a lone surrogate, so it is not valid text'],
  ])('may have any name that an id may be, and not %j', (name, reason) => {
    expect(thrownBy(() => activity({ name }))).toMatchObject({ code: 'ID_INVALID', details: { reason } });
    expect(activityDescriptor(activity({ name: '語'.repeat(85) }))?.name).toBe('語'.repeat(85));
  });

  test.each([undefined, null, 'text', {}, fromPromise(async () => 1)])('is not found on other logic', (logic) => {
    expect(activityDescriptor(logic)).toBeUndefined();
  });
});

describe('an implementation', () => {
  const declared = activity<{ id: string }, number>({ name: 'load', startToCloseTimeout: '5s', retry: { maximumAttempts: 2 } });

  test('brings the code and keeps name and policy', () => {
    const run = (): number => 1;
    const logic = implement(declared, { run });
    expect(activityDescriptor(logic)).toStrictEqual({ ...activityDescriptor(declared), run });
    expect(activityDescriptor(declared)?.run).toBeUndefined();
  });

  test('may replace another one', () => {
    const second = (): number => 2;
    expect(activityDescriptor(implement(implement(declared, { run: () => 1 }), { run: second }))?.run).toBe(second);
  });

  test.each<[unknown, string]>([
    [fromPromise<number, { id: string }>(async () => 1), 'an object'],
    [undefined, 'undefined'],
    [{ run: () => 1 }, 'an object'],
    ['load', '"load"'],
  ])('of what is no declaration is refused', (other, found) => {
    expect(thrownBy(() => implement(other as typeof declared, { run: () => 1 }))).toMatchObject({
      name: 'TypeError',
      message: `implement() takes a declaration made by activity() as its first argument; found ${found}.`,
    });
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'implement: give an object of options such as { run: async ({ input }) => … }; found undefined.'],
    ['a function alone', () => 1, 'implement: give an object of options such as { run: async ({ input }) => … }; found a function.'],
    ['an object without run', {}, 'implement(): run must be a function such as async ({ input }) => …; found undefined.'],
    ['a run that is no function', { run: 'load' }, 'implement(): run must be a function such as async ({ input }) => …; found "load".'],
  ])('by %s is refused', (_, code, message) => {
    expect(thrownBy(() => implement(declared, code as never))).toMatchObject({ name: 'TypeError', message });
  });
});

/** A chart that runs one activity under a plain `createActor`. */
function chartOf(logic: ActivityLogic<{ id: string }, unknown>) {
  const empty: { output?: unknown; error?: unknown } = {};
  return setup({ types: { context: empty }, actors: { logic } }).createMachine({
    id: 'plain',
    context: empty,
    initial: 'busy',
    states: {
      busy: {
        invoke: {
          src: 'logic',
          input: { id: 'a' },
          onDone: { target: 'done', actions: assign({ output: ({ event }) => event.output }) },
          onError: { target: 'failed', actions: assign({ error: ({ event }) => event.error }) },
        },
        on: { LEAVE: 'left' },
      },
      left: { type: 'final' },
      done: { type: 'final' },
      failed: { type: 'final' },
    },
    output: ({ context }) => context,
  });
}

const policy = { initialInterval: '1s', jitter: 'none' } as const;

describe('under a plain createActor an activity', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  function start(options: ActivityOptions<{ id: string }, unknown>) {
    const actor = createActor(chartOf(activity(options)));
    actor.start();
    return { actor, ended: toPromise(actor) };
  }

  test('runs with its input and returns its output', async () => {
    const scopes: ActivityScope<{ id: string }>[] = [];
    const { ended } = start({ run: (scope) => scopes.push(scope) });
    expect(await ended).toEqual({ output: 1 });
    expect(scopes).toMatchObject([{ input: { id: 'a' }, attempt: 1, idempotencyKey: expect.any(String) }]);
    expect(scopes[0]?.signal.aborted).toBe(false);
  });

  test('is tried again with the same key after its backoff, until it succeeds', async () => {
    const attempts: [number, number, string][] = [];
    const began = Date.now();
    const { ended } = start({
      retry: policy,
      run: ({ attempt, idempotencyKey }) => {
        attempts.push([attempt, Date.now() - began, idempotencyKey]);
        if (attempt < 4) throw new Error('busy');
        return 'served';
      },
    });
    await vi.runAllTimersAsync();
    expect(await ended).toEqual({ output: 'served' });
    expect(attempts.map(([attempt, atMs]) => [attempt, atMs])).toEqual([
      [1, 0],
      [2, 1_000],
      [3, 3_000],
      [4, 7_000],
    ]);
    expect(new Set(attempts.map(([, , key]) => key)).size).toBe(1);
  });

  test('has a key that no other has, in whichever system of actors', async () => {
    const keys: string[] = [];
    const logic = activity<{ id: string }, unknown>({ run: ({ idempotencyKey }) => keys.push(idempotencyKey) });
    const actors = [1, 2, 3].map(() => createActor(chartOf(logic)));
    for (const actor of actors) actor.start();
    await Promise.all(actors.map(async (actor) => toPromise(actor)));
    expect(new Set(keys).size).toBe(3);
    for (const key of keys) expect(key).toMatch(/^[\w-]{21}$/);
  });

  test('fails with its last error when no attempt is left', async () => {
    const run = vi.fn(({ attempt }: { attempt: number }) => Promise.reject(new Error(`busy ${attempt}`)));
    const { ended } = start({ retry: { ...policy, maximumAttempts: 3 }, run });
    await vi.runAllTimersAsync();
    expect(await ended).toMatchObject({ error: { message: 'busy 3' } });
    expect(run).toHaveBeenCalledTimes(3);
  });

  test('fails at once with an error that is final by its name', async () => {
    const run = vi.fn(() => Promise.reject(errorNamed('Declined')));
    const { ended } = start({ retry: { ...policy, nonRetryableErrorTypes: ['Declined'] }, run });
    expect(await ended).toMatchObject({ error: { name: 'Declined' } });
    expect(run).toHaveBeenCalledTimes(1);
  });

  test('is told and tried again when an attempt takes too long', async () => {
    const reasons: unknown[] = [];
    const { ended } = start({
      startToCloseTimeout: '5s',
      retry: { ...policy, maximumAttempts: 2 },
      run: async ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            reject(new Error('stopped'));
          });
        }),
    });
    await vi.runAllTimersAsync();
    expect(await ended).toMatchObject({ error: { name: 'StartToCloseTimeout', message: expect.stringContaining('5000 ms') } });
    expect(reasons).toEqual(['start-to-close-timeout', 'start-to-close-timeout']);
  });

  test('fails as timed out also if its code never hears of it', async () => {
    const { ended } = start({ startToCloseTimeout: '5s', retry: { maximumAttempts: 1 }, run: async () => new Promise(() => undefined) });
    await vi.runAllTimersAsync();
    expect(await ended).toMatchObject({ error: { name: 'StartToCloseTimeout' } });
  });

  test('is told when its state is left, and tried no more', async () => {
    const run = vi.fn(
      async ({ signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error(String(signal.reason))))),
    );
    const { actor, ended } = start({ retry: policy, run });
    await vi.advanceTimersByTimeAsync(1);
    actor.send({ type: 'LEAVE' });
    await vi.runAllTimersAsync();
    expect(await ended).toEqual({});
    expect(run).toHaveBeenCalledTimes(1);
    expect(run.mock.calls[0]?.[0].signal.reason).toBe('state-left');
  });

  test('leaves no timer behind when its state is left, even if its code never ends', async () => {
    const { actor, ended } = start({ startToCloseTimeout: '1h', run: async () => new Promise(() => undefined) });
    await vi.advanceTimersByTimeAsync(1);
    expect(vi.getTimerCount()).toBe(1);
    actor.send({ type: 'LEAVE' });
    expect(await ended).toEqual({});
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is tried no more when its state is left during a backoff', async () => {
    const run = vi.fn(() => Promise.reject(new Error('busy')));
    const { actor, ended } = start({ retry: policy, run });
    await vi.advanceTimersByTimeAsync(500);
    actor.send({ type: 'LEAVE' });
    await vi.runAllTimersAsync();
    expect(await ended).toEqual({});
    expect(run).toHaveBeenCalledTimes(1);
  });

  test('declared without code says so by its name, and is not tried again', async () => {
    const { ended } = start({ name: 'card.charge' });
    expect(await ended).toMatchObject({
      error: {
        code: 'IMPLEMENTATION_MISSING',
        details: { missing: ['card.charge'] },
        message: expect.stringContaining('provide it with implement()'),
      },
    });
    expect(await start({}).ended).toMatchObject({ error: { code: 'IMPLEMENTATION_MISSING', details: { missing: ['0.plain.busy'] } } });
  });

  test('may be replaced by plain logic through provide()', async () => {
    const machine = chartOf(activity({})).provide({
      actors: { logic: fromPromise<unknown, { id: string }>(async ({ input }) => input.id) },
    });
    const actor = createActor(machine);
    actor.start();
    expect(await toPromise(actor)).toEqual({ output: 'a' });
  });
});

test('without a durable host an activity without a name is named as its chart names it when it wants to be completed later', async () => {
  const logic = activity<{ id: string }, unknown>({ run: ({ completeLater }) => completeLater(() => undefined) });
  const actor = createActor(chartOf(logic)).start();
  const { error } = (await toPromise(actor)) as { readonly error?: { readonly details?: unknown } };
  expect(error).toMatchObject({ code: 'DURABLE_HOST_NEEDED', details: { activity: '0.plain.busy' } });
});
