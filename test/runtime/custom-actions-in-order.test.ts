/** Custom actions of one actor run step after step; no place, no failure and no end of the actor stops the line. */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

/** Actions that end when the test says so. */
function bench() {
  const began: number[] = [];
  const ends = new Map<number, (error?: Error) => void>();
  const machine = setup({
    types: { events: {} as { readonly type: 'ACT' | 'END'; readonly n: number } },
    actions: {
      act: (_, { n }: { readonly n: number }) => {
        began.push(n);
        // XState's type of actions knows no promise: what one returns is awaited all the same.
        return new Promise<void>((resolve, reject) => {
          ends.set(n, (error) => (error === undefined ? resolve() : reject(error)));
        }) as unknown as void;
      },
    },
  }).createMachine({
    id: 'acting',
    version: '1',
    initial: 'open',
    states: {
      open: {
        on: {
          ACT: { actions: { type: 'act', params: ({ event }) => ({ n: event.n }) } },
          END: { target: 'done', actions: { type: 'act', params: ({ event }) => ({ n: event.n }) } },
        },
      },
      done: { type: 'final' },
    },
  });
  const end = async (n: number, error?: Error): Promise<void> => {
    ends.get(n)?.(error);
    await settle();
  };
  return { machine, began, end };
}

test('those of the next step begin when a place comes free, though somebody else got the one before', async () => {
  const { machine, began, end } = bench();
  let finish = (): void => undefined;
  const work = activity({ run: () => new Promise<void>((resolve) => (finish = resolve)) });
  const other = setup({ actors: { work } }).createMachine({ id: 'other', version: '1', invoke: { src: 'work' } });
  const { runtime } = await openTestRuntime({ machines: [machine, other], maxConcurrentAttempts: 1 });
  const handle = await runtime.start(machine, { id: 'a' });
  await handle.send({ type: 'ACT', n: 1 });
  await handle.send({ type: 'ACT', n: 2 });
  await runtime.start(other, { id: 'b' });
  await settle();
  await end(1);
  expect(began).toEqual([1]);
  finish();
  await settle();
  expect(began).toEqual([1, 2]);
});

test('those of later steps are run when the actor ended in error over those of an earlier one', async () => {
  const { machine, began, end } = bench();
  const { runtime } = await openTestRuntime({ machines: [machine] });
  const handle = await runtime.start(machine, { id: 'a' });
  for (const n of [1, 2, 3]) await handle.send({ type: 'ACT', n });
  await settle();
  await runtime.activities.failBy('a', 1, new Error('will not work'), { by: 'somebody', note: 'tried' });
  await settle();
  await end(2);
  await end(3);
  expect(began).toEqual([1, 2, 3]);
  expect(await runtime.describe('a')).toMatchObject({ status: 'failed', activities: [] });
});

test('those of the last step are run, though the ones before ended while the workflow was paused in front of its end', async () => {
  const { machine, began, end } = bench();
  const { runtime } = await openTestRuntime({ machines: [machine] });
  const handle = await runtime.start(machine, { id: 'a' });
  await handle.send({ type: 'ACT', n: 1 });
  await settle();
  await runtime.pause('a');
  await handle.send({ type: 'END', n: 2 });
  await end(1);
  await runtime.resume('a');
  await settle();
  await end(2);
  expect(began).toEqual([1, 2]);
  expect(await runtime.describe('a')).toMatchObject({ status: 'completed', queued: 0, activities: [] });
});
