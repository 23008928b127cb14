import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { changedStore } from '../support/changed-store.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { ManualClock, settle } from './manual-clock.ts';

const calls: string[] = [];
const work = activity<{ id: string }, undefined>({
  run: ({ input, attempt }) => {
    calls.push(`${input.id}#${attempt}`);
    return Promise.reject(new Error('busy'));
  },
  retry: { initialInterval: '1h', maximumInterval: '1h', jitter: 'none' },
});
const machine = setup({ types: { input: {} as { id: string; isActive: boolean } }, actors: { work } }).createMachine({
  id: 'm',
  version: '1',
  context: ({ input }) => input,
  initial: 'choosing',
  states: {
    choosing: {
      always: [
        { guard: ({ context }) => (context as { isActive: boolean }).isActive, target: 'busy' },
        { guard: ({ context }) => (context as { id: string }).id.startsWith('closed'), target: 'done' },
        { target: 'asleep' },
      ],
    },
    asleep: { after: { 86_400_000: 'done' }, on: { WAKE: 'done' } },
    busy: { invoke: { src: 'work', input: ({ context }) => ({ id: (context as { id: string }).id }), onDone: 'done' } },
    done: { type: 'final' },
  },
});

test('opening reads the actors with pending activities, and none of those that sleep, wait or are closed', async () => {
  const [database, clock] = [await createMemoryDatabase(), new ManualClock()];
  const first = await openTestRuntime({ machines: [machine], database, clock });
  const start = (id: string, isActive: boolean) => first.runtime.start(machine, { id, input: { id, isActive } });
  for (let index = 0; index < 100; index += 1) await Promise.all([start(`asleep-${index}`, false), start(`closed-${index}`, false)]);
  await Promise.all([start('active-1', true), start('active-2', true)]);
  await settle();
  await closeTestRuntime(first);

  const read: string[] = [];
  const second = await openTestRuntime({
    machines: [machine],
    database: database.reopen(),
    clock,
    onStore: (store) =>
      changedStore(store, {
        readTree: (address) => {
          read.push(address.workflowId);
          return store.readTree(address);
        },
        scanActors: () => Promise.reject(new Error('all actors were looked through')),
      }),
  });
  await settle();
  expect(read.sort()).toEqual(['active-1', 'active-2']);
  await clock.pass(3_600_000);
  await settle();
  expect(calls.sort()).toEqual(['active-1#1', 'active-1#2', 'active-2#1', 'active-2#2']);
  expect(second.runtime.health()).toEqual({ state: 'open', versionMissing: 0, zombieAttempts: 0 });
});
