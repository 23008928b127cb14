import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { hold } from './fake-store.ts';
import type { Held } from './fake-store.ts';
import { recordingLogger } from '../support/logged.ts';
import { changedStore } from '../support/changed-store.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

const outcomes: ((output: string) => void)[] = [];
const work = activity<undefined, string>({
  startToCloseTimeout: '3s',
  retry: { maximumAttempts: 1 },
  run: () => new Promise((resolve) => outcomes.push(resolve)),
});
const machine = setup({ actors: { work } }).createMachine({
  id: 'job',
  version: '1',
  initial: 'idle',
  on: { TICK: {} },
  states: { idle: { on: { GO: 'busy' } }, busy: { invoke: { src: 'work', onDone: 'done', onError: 'failed' } }, done: {}, failed: {} },
});

test('while one batch takes longer than a second to sync, starts are refused, everything else waits, and no activity times out for it', async () => {
  const disk: { slow?: Held } = {};
  const logger = recordingLogger();
  const opened = await openTestRuntime({
    machines: [machine],
    logger,
    onStore: (store) =>
      changedStore(store, {
        async write(batch) {
          await disk.slow?.promise;
          await store.write(batch);
        },
      }),
  });
  const { runtime, clock } = opened;
  const handle = await runtime.start(machine, { id: 'a' });
  await handle.send({ type: 'GO' });
  const slow = hold();
  disk.slow = slow;
  const sent = handle.send({ type: 'TICK' });
  await clock.pass(1_000);
  expect(runtime.health()).toEqual({ state: 'open', versionMissing: 0, zombieAttempts: 0 });
  await clock.pass(500);
  const refusal = { code: 'STORE_SLOW', details: { path: 'memory', sinceMs: 1_500 } };
  expect(runtime.health()).toMatchObject({ state: 'degraded', failure: refusal });
  await expect(runtime.start(machine, { id: 'b' })).rejects.toMatchObject(refusal);
  // Done in time: that its record takes longer is not its fault.
  outcomes.at(-1)?.('done');
  await clock.pass(3_500);
  expect(handle.getSnapshot()).toMatchObject({ value: 'busy' });
  slow.release();
  await sent;
  await settle();
  expect(handle.getSnapshot()).toMatchObject({ value: 'done' });
  expect(runtime.health()).toEqual({ state: 'open', versionMissing: 0, zombieAttempts: 0 });
  expect(logger.lines.slice(1)).toEqual([
    { level: 'warn', data: { store: 'memory', tookMs: 5_000 }, message: 'A batch took long to reach the disk.' },
  ]);
  await runtime.start(machine, { id: 'b' });
});

test('while the disk is nearly full, starts are refused, and what is under way goes on', async () => {
  const space = { freeBytes: 10 };
  const floorBytes = 100;
  const { runtime } = await openTestRuntime({
    machines: [machine],
    space: { shortage: () => (space.freeBytes < floorBytes ? { freeBytes: space.freeBytes, floorBytes } : undefined) },
  });
  const refusal = { code: 'STORE_SPACE_LOW', details: { path: 'memory', freeBytes: 10, floorBytes: 100 } };
  await expect(runtime.start(machine, { id: 'a' })).rejects.toMatchObject(refusal);
  expect(runtime.health()).toMatchObject({ state: 'degraded', failure: refusal });
  space.freeBytes = 100;
  const handle = await runtime.start(machine, { id: 'a' });
  space.freeBytes = 10;
  await handle.send({ type: 'GO' });
  outcomes.at(-1)?.('done');
  await handle.waitFor((snapshot) => snapshot.matches('done'));
});
