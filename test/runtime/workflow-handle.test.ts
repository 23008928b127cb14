import { afterEach, describe, expect, test, vi } from 'vitest';
import { assign, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { WorkflowFailedError } from '../../src/kernel/errors.ts';
import type { WorkflowHandle } from '../../src/runtime/workflow-handle.ts';
import { hold } from './fake-store.ts';
import { changedStore } from '../support/changed-store.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle, until } from './manual-clock.ts';

const work = activity<unknown, unknown>({
  run: () => Promise.reject(Object.assign(new Error('no stock'), { name: 'OutOfStock' })),
  retry: { maximumAttempts: 1 },
});
const counter = setup({
  types: {
    context: {} as { count: number },
    events: {} as { type: 'ADD' } | { type: 'END' } | { type: 'FAIL' } | { type: 'CRASH' } | { type: 'POISON' },
  },
  actors: { work },
  guards: { poison: () => poison() },
}).createMachine({
  id: 'counter',
  version: '1',
  context: { count: 0 },
  initial: 'open',
  on: { ADD: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
  states: {
    open: { on: { END: 'done', FAIL: 'failed', CRASH: 'crashing', POISON: { guard: 'poison', target: 'done' } } },
    crashing: { invoke: { src: 'work' } },
    done: { type: 'final' },
    failed: { type: 'final', tags: ['failed'] },
  },
  output: ({ context }) => ({ total: context.count }),
});
type Counter = typeof counter;

function poison(): never {
  throw new Error('poison');
}

async function begin() {
  const opened = await openTestRuntime({ machines: [counter] });
  const handle = await opened.runtime.start(counter, { id: 'c-1' });
  return { ...opened, handle };
}

/** Everything an observer hears, in order. */
function observing(handle: WorkflowHandle<Counter>) {
  const heard: unknown[] = [];
  const subscription = handle.subscribe({
    next: (snapshot) => heard.push(snapshot.context.count),
    error: (error) => heard.push(['error', (error as Error).name]),
    complete: () => heard.push('complete'),
  });
  return { heard, ...subscription };
}

describe('a snapshot', () => {
  test('is the last committed one', async () => {
    const { handle } = await begin();
    expect(handle.getSnapshot()).toMatchObject({ value: 'open', context: { count: 0 }, status: 'active' });
    await handle.send({ type: 'ADD' });
    expect(handle.getSnapshot().context).toEqual({ count: 1 });
  });

  test('is not shown before its commit is on disk', async () => {
    const held = hold();
    let isHolding = false;
    const { runtime } = await openTestRuntime({
      machines: [counter],
      onStore: (store) =>
        changedStore(store, { write: async (batch) => (isHolding ? held.promise.then(() => store.write(batch)) : store.write(batch)) }),
    });
    const handle = await runtime.start(counter, { id: 'c-1' });
    const { heard } = observing(handle);
    isHolding = true;
    const sent = handle.send({ type: 'ADD' });
    await settle();
    expect(handle.getSnapshot().context.count).toBe(0);
    expect(await Promise.race([sent, Promise.resolve('waiting')])).toBe('waiting');
    expect(heard).toEqual([]);
    held.release();
    await sent;
    expect(handle.getSnapshot().context.count).toBe(1);
    expect(heard).toEqual([1]);
  });

  test('is the same for all handles of a workflow', async () => {
    const { handle, runtime } = await begin();
    const other = await runtime.get<Counter>('c-1');
    await other.send({ type: 'ADD' });
    expect(handle.getSnapshot()).toBe(other.getSnapshot());
    expect(other.id).toBe('c-1');
  });

  test('has what XState’s own has: matches, hasTag and can', async () => {
    const { handle } = await begin();
    const snapshot = handle.getSnapshot();
    expect(snapshot.matches('open')).toBe(true);
    expect(snapshot.can({ type: 'END' })).toBe(true);
    await handle.send({ type: 'FAIL' });
    expect(handle.getSnapshot().hasTag('failed')).toBe(true);
  });

  test('of a workflow that closed in an earlier life is its last', async () => {
    const first = await begin();
    await first.handle.send({ type: 'ADD' });
    await first.handle.send({ type: 'END' });
    await closeTestRuntime(first);
    const { runtime } = await openTestRuntime({ machines: [counter], database: first.database.reopen() });
    const handle = await runtime.get<Counter>('c-1');
    expect(handle.getSnapshot()).toMatchObject({ status: 'done', value: 'done', context: { count: 1 }, output: { total: 1 } });
    expect(await handle.result()).toEqual({ total: 1 });
  });
});

describe('a subscription', () => {
  test('hears of every commit from now on, in order, and of the end', async () => {
    const { handle } = await begin();
    await handle.send({ type: 'ADD' });
    const { heard } = observing(handle);
    expect(heard).toEqual([]);
    await Promise.all([handle.send({ type: 'ADD' }), handle.send({ type: 'ADD' }), handle.send({ type: 'ADD' })]);
    await handle.send({ type: 'END' });
    expect(heard).toEqual([2, 3, 4, 4, 'complete']);
  });

  test('may be a function', async () => {
    const { handle } = await begin();
    const heard: number[] = [];
    handle.subscribe((snapshot) => heard.push(snapshot.context.count));
    await handle.send({ type: 'ADD' });
    await handle.send({ type: 'END' });
    expect(heard).toEqual([1, 1]);
  });

  test('hears of an error that ends the chart', async () => {
    const { handle } = await begin();
    const { heard } = observing(handle);
    await handle.send({ type: 'CRASH' });
    await until(() => heard.length === 3);
    expect(heard).toEqual([0, 0, ['error', 'OutOfStock']]);
  });

  test('that ended hears nothing more, others do', async () => {
    const { handle } = await begin();
    const [one, two] = [observing(handle), observing(handle)];
    await handle.send({ type: 'ADD' });
    one.unsubscribe();
    one.unsubscribe();
    await handle.send({ type: 'ADD' });
    expect(one.heard).toEqual([1]);
    expect(two.heard).toEqual([1, 2]);
  });

  test('may end itself while it hears', async () => {
    const { handle } = await begin();
    const heard: number[] = [];
    const subscription = handle.subscribe((snapshot) => {
      heard.push(snapshot.context.count);
      subscription.unsubscribe();
    });
    const other = observing(handle);
    await handle.send({ type: 'ADD' });
    await handle.send({ type: 'ADD' });
    expect(heard).toEqual([1]);
    expect(other.heard).toEqual([1, 2]);
  });

  test('of one observer object made twice is two', async () => {
    const { handle } = await begin();
    let calls = 0;
    const observer = { next: () => (calls += 1) };
    const first = handle.subscribe(observer);
    handle.subscribe(observer);
    await handle.send({ type: 'ADD' });
    expect(calls).toBe(2);
    first.unsubscribe();
    await handle.send({ type: 'ADD' });
    expect(calls).toBe(3);
  });

  test('to a workflow that closed already hears of the end at once', async () => {
    const { handle } = await begin();
    await handle.send({ type: 'END' });
    expect(observing(handle).heard).toEqual(['complete']);
  });

  test('made through another handle hears the same', async () => {
    const { handle, runtime } = await begin();
    const { heard } = observing(await runtime.get<Counter>('c-1'));
    await handle.send({ type: 'ADD' });
    expect(heard).toEqual([1]);
  });
});

describe('an observer that throws', () => {
  const originalQueue = globalThis.queueMicrotask;
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('disturbs nobody else, and its error is not swallowed', async () => {
    const uncaught: unknown[] = [];
    vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((callback) => {
      originalQueue(() => {
        try {
          callback();
        } catch (error) {
          uncaught.push(error);
        }
      });
    });
    const { handle } = await begin();
    const broken = new Error('broken observer');
    const throwIt = (): never => {
      throw broken;
    };
    handle.subscribe({ next: throwIt, complete: throwIt });
    const { heard } = observing(handle);
    expect(await handle.send({ type: 'ADD' })).toMatchObject({ outcome: 'applied' });
    await handle.send({ type: 'END' });
    await settle();
    expect(heard).toEqual([1, 1, 'complete']);
    expect(uncaught).toEqual([broken, broken, broken]);
    expect(await handle.result()).toEqual({ total: 1 });
  });
});

describe('waiting for a condition', () => {
  test('ends at once if it holds already', async () => {
    const { handle } = await begin();
    expect(await handle.waitFor((snapshot) => snapshot.matches('open'))).toBe(handle.getSnapshot());
  });

  test('ends with the first commit for which it holds', async () => {
    const { handle } = await begin();
    const waiting = handle.waitFor(({ context }) => context.count >= 2);
    for (let count = 0; count < 4; count += 1) await handle.send({ type: 'ADD' });
    expect((await waiting).context.count).toBe(2);
  });

  test('ends with an error when its time is over, and the workflow goes on', async () => {
    const { handle, clock } = await begin();
    const timersBefore = clock.pendingTimers;
    const waiting = handle.waitFor(({ context }) => context.count === 1, { timeout: '30s' });
    const outcome = expect(waiting).rejects.toMatchObject({
      code: 'WAIT_TIMEOUT',
      details: { id: 'c-1', timeoutMs: 30_000 },
      message: expect.stringContaining('within 30000 ms; it goes on regardless'),
    });
    await clock.pass(30_000);
    await outcome;
    expect(clock.pendingTimers).toBe(timersBefore);
    expect(await handle.send({ type: 'ADD' })).toMatchObject({ outcome: 'applied' });
  });

  test('takes its timer back when the condition holds in time', async () => {
    const { handle, clock } = await begin();
    const timersBefore = clock.pendingTimers;
    const waiting = handle.waitFor(({ context }) => context.count === 1, { timeout: '30s' });
    expect(clock.pendingTimers).toBe(timersBefore + 1);
    await handle.send({ type: 'ADD' });
    await waiting;
    expect(clock.pendingTimers).toBe(timersBefore);
  });

  test('ends with an error when the workflow closes without it', async () => {
    const { handle } = await begin();
    const waiting = handle.waitFor(({ context }) => context.count === 1);
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'WAIT_ENDED', details: { id: 'c-1', status: 'failed' } });
    await handle.send({ type: 'FAIL' });
    await outcome;
    await expect(handle.waitFor(() => false)).rejects.toMatchObject({ code: 'WAIT_ENDED' });
    expect(await handle.waitFor((snapshot) => snapshot.hasTag('failed'))).toBe(handle.getSnapshot());
  });

  test('ends with the error of a predicate that throws, now or later', async () => {
    const { handle } = await begin();
    const error = new RangeError('bad predicate');
    const throwFrom = (count: number) => (snapshot: { context: { count: number } }) => {
      if (snapshot.context.count >= count) throw error;
      return false;
    };
    await expect(handle.waitFor(throwFrom(0))).rejects.toBe(error);
    const later = expect(handle.waitFor(throwFrom(1))).rejects.toBe(error);
    await handle.send({ type: 'ADD' });
    await later;
  });

  test.each(['10', -1, NaN])('refuses the time-out %s', async (timeout) => {
    const { handle } = await begin();
    await expect(handle.waitFor(() => true, { timeout: timeout as never })).rejects.toThrow('waitFor: timeout must be a duration');
  });
});

describe('a result', () => {
  test('is the output of a completed workflow, before and after its end', async () => {
    const { handle } = await begin();
    const early = handle.result();
    await handle.send({ type: 'ADD' });
    await handle.send({ type: 'END' });
    expect(await early).toEqual({ total: 1 });
    expect(await handle.result()).toEqual({ total: 1 });
  });

  test('of a workflow that failed is an error with its failure', async () => {
    const { handle } = await begin();
    const early = handle.result().catch((error: unknown) => error);
    await handle.send({ type: 'CRASH' });
    const error = await early;
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect(error).toMatchObject({
      name: 'WorkflowFailedError',
      code: 'WORKFLOW_FAILED',
      message: 'Workflow "c-1" ended failed: OutOfStock: no stock',
      details: { id: 'c-1', status: 'failed' },
      failure: { class: 'OutOfStock', message: 'no stock', activity: 'counter.work', attempt: 1, state: 'crashing' },
    });
    await expect(handle.result()).rejects.toMatchObject({ failure: { class: 'OutOfStock' } });
  });

  test('of a workflow that was terminated is an error with the reason', async () => {
    const { handle, runtime } = await begin();
    const early = expect(handle.result()).rejects.toMatchObject({ details: { status: 'terminated' }, failure: { class: 'Terminated' } });
    await runtime.start(counter, { id: 'c-1', onExisting: 'terminate-existing' });
    await early;
  });
});

describe('messages', () => {
  test('answer with the commit that applied them', async () => {
    const { handle } = await begin();
    expect(await handle.send({ type: 'ADD' })).toEqual({ sequence: 2, outcome: 'applied' });
    expect(await handle.send({ type: 'NOPE' } as never)).toEqual({ sequence: 3, outcome: 'unhandled' });
  });

  test('to a closed workflow are refused', async () => {
    const { handle, runtime } = await begin();
    await handle.send({ type: 'END' });
    const refusal = { code: 'WORKFLOW_CLOSED', details: { id: 'c-1', status: 'completed' } };
    await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject(refusal);
    await expect(runtime.send('c-1', { type: 'ADD' })).rejects.toMatchObject(refusal);
  });

  test('that poison a workflow are stored, as are those after them', async () => {
    const { handle } = await begin();
    expect(await handle.send({ type: 'POISON' })).toEqual({ sequence: 2, outcome: 'queued' });
    expect(await handle.send({ type: 'ADD' })).toEqual({ sequence: 3, outcome: 'queued' });
    expect(handle.getSnapshot()).toMatchObject({ value: 'open' });
  });

  test('and questions about an id that was never started are refused', async () => {
    const { runtime } = await begin();
    const refusal = { code: 'WORKFLOW_NOT_FOUND', details: { id: 'nobody' } };
    await expect(runtime.get('nobody')).rejects.toMatchObject(refusal);
    await expect(runtime.send('nobody', { type: 'ADD' })).rejects.toMatchObject(refusal);
    await expect(runtime.describe('nobody')).rejects.toMatchObject(refusal);
    await expect(runtime.history('nobody')).rejects.toMatchObject(refusal);
  });

  test('with a wrong id are refused before anything is read', async () => {
    const { runtime, handle } = await begin();
    await expect(runtime.get('')).rejects.toMatchObject({ code: 'ID_INVALID' });
    await expect(runtime.send('\ud800', { type: 'ADD' })).rejects.toMatchObject({ code: 'ID_INVALID' });
    await expect(handle.send({ type: 'ADD' }, { messageId: '' })).rejects.toMatchObject({
      code: 'ID_INVALID',
      message: expect.stringContaining('message id'),
    });
    await expect(runtime.describe(7 as never)).rejects.toBeInstanceOf(TypeError);
    expect((await runtime.describe('c-1')).sequence).toBe(1);
  });
});

test('a workflow started without an id has one of its own', async () => {
  const { runtime } = await begin();
  const handles = await Promise.all([runtime.start(counter, {}), runtime.start(counter, {})]);
  expect(new Set(handles.map(({ id }) => id)).size).toBe(2);
  for (const { id } of handles) expect(id).toMatch(/^[\w-]{21}$/);
});

test('a start with a policy that does not exist is refused, and nothing is stored', async () => {
  const { runtime } = await begin();
  await expect(runtime.start(counter, { id: 'c-2', onExisting: 'allowed' as never })).rejects.toThrow('start: onExisting must be one of');
  await expect(runtime.get('c-2')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
});

test('a history is paged', async () => {
  const { handle, runtime } = await begin();
  for (let count = 0; count < 5; count += 1) await handle.send({ type: 'ADD' });
  expect((await runtime.history('c-1')).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  expect((await runtime.history('c-1', { from: 3, limit: 2 })).map(({ step }) => step)).toEqual([3, 4]);
  expect(await runtime.history('c-1', { from: 99 })).toEqual([]);
  for (const options of [{ from: 0 }, { limit: 0 }, { from: 1.5 }, { limit: NaN }]) {
    await expect(runtime.history('c-1', options)).rejects.toThrow('must be a whole number from 1');
  }
});
