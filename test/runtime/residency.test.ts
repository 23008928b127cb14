import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { Store } from '../../src/kernel/ports.ts';
import { changedStore } from '../support/changed-store.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

const wait = activity<unknown, unknown>({ run: async () => new Promise(() => undefined), startToCloseTimeout: '1h' });
const machine = setup({ types: { context: {} as { count: number }, input: {} as { isBusy: boolean } }, actors: { wait } }).createMachine({
  id: 'resident',
  version: '1',
  context: { count: 0 },
  initial: 'choosing',
  on: { ADD: { actions: assign({ count: ({ context }) => context.count + 1 }) }, END: '.ended' },
  states: { choosing: { on: { WORK: 'busy' } }, busy: { invoke: { src: 'wait' } }, ended: { type: 'final' } },
});

/** Opens a runtime and counts who is read from disk. */
async function open() {
  const reads: string[] = [];
  const onStore = (store: Store): Store =>
    changedStore(store, {
      readLatestRun: async (id) => {
        reads.push(id);
        return store.readLatestRun(id);
      },
    });
  const { runtime } = await openTestRuntime({ machines: [machine], onStore });
  const start = async (id: string) => runtime.start(machine, { id, input: { isBusy: false } });
  const startMany = async (prefix: string, count: number): Promise<void> => {
    for (let begun = 0; begun < count; begun += 500) {
      const size = Math.min(500, count - begun);
      await Promise.all(Array.from({ length: size }, async (_, index) => start(`${prefix}-${begun + index}`)));
    }
  };
  const isResident = async (id: string): Promise<boolean> => {
    reads.length = 0;
    await runtime.send(id, { type: 'ADD' });
    return !reads.includes(id);
  };
  return { runtime, start, startMany, isResident };
}

test('a workflow stays in memory while there is room, and leaves it when it closes', async () => {
  const { runtime, start, isResident } = await open();
  await start('a');
  expect(await isResident('a')).toBe(true);
  await runtime.send('a', { type: 'END' });
  await settle();
  await expect(isResident('a')).rejects.toMatchObject({ code: 'WORKFLOW_CLOSED' });
});

test('beyond the limit the longest resident idle workflows leave memory, and come back as they were', async () => {
  const { runtime, start, startMany, isResident } = await open();
  const first = await start('first');
  await first.send({ type: 'ADD' });
  const heard: number[] = [];
  first.subscribe((snapshot) => heard.push(snapshot.context.count));
  await startMany('filler', limits.residentsMax);
  expect(await isResident(`filler-${limits.residentsMax - 1}`)).toBe(true);
  expect(await isResident('first')).toBe(false);
  // Who subscribed before it left hears of what it does after it came back.
  expect(heard).toEqual([2]);
  expect(first.getSnapshot().context).toEqual({ count: 2 });
  expect(await runtime.describe('first')).toMatchObject({ sequence: 3, context: { count: 2 } });
}, 60_000);

test('workflows whose activities run stay in memory, and keep nobody else there', async () => {
  const { runtime, startMany, isResident } = await open();
  // As many as are looked at in one go when somebody has to leave.
  const busy = Array.from({ length: 2 * limits.lettersPerTurn }, (_, index) => `busy-${index}`);
  await startMany('busy', busy.length);
  for (const id of busy) await runtime.send(id, { type: 'WORK' });
  await startMany('filler', limits.residentsMax);
  expect(await isResident('filler-0')).toBe(false);
  for (const id of busy) expect(await isResident(id)).toBe(true);
}, 60_000);
