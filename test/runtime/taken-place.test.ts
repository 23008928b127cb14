import { expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { enqueueActions, fromCallback, sendTo, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import { child } from '../../src/kernel/child.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import { decodeActivityKey, decodeChildKey, decodeMailKey, decodeTimerKey, spaceRange } from '../../src/storage/keys.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { changedStore } from '../support/changed-store.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { ManualClock, settle } from './manual-clock.ts';

const endless = (): unknown => new Promise(() => undefined);
const work = activity<unknown, unknown>({ run: endless });
const handedOver = activity<unknown, unknown>({ run: async ({ completeLater }) => completeLater(() => undefined) });
const failing = activity<unknown, unknown>({
  run: async () => Promise.reject(new Error('busy')),
  retry: { initialInterval: '1h', maximumInterval: '1h', jitter: 'none' },
});
const live = fromCallback(() => undefined);

/** Children that go on when they are asked to cancel, with all that may be pending. */
const leaf = setup({ actors: { work } }).createMachine({
  id: 'leaf',
  invoke: { src: 'work' },
  initial: 'on',
  states: { on: { after: { 1_000_000: 'off' } }, off: {} },
  on: { 'workflow.cancel': {} },
});
const part = setup({ actors: { leaf, work, live }, actions: { say: endless } }).createMachine({
  id: 'part',
  invoke: [{ src: 'leaf' }, { src: 'work' }, { src: 'live' }],
  entry: 'say',
  on: { 'workflow.cancel': {} },
});

/** Makes `thrower` throw when it ends. */
const bomber = setup({ delays: { soon: 5 } }).createMachine({
  id: 'bomber',
  initial: 'on',
  states: {
    on: { after: { soon: 'off' } },
    off: { type: 'final', entry: sendTo(({ system }) => system.get('thrower') as never, { type: 'BOOM' } as never) },
  },
});
const leftBehind = { parentClosePolicy: 'abandon' } as const;
/** Ends soon, with actions of its own still to run, and leaves a child behind. */
const endedAbove = (src: 'leaf' | 'bomber') =>
  setup({ actors: { leaf: child(leaf, leftBehind), bomber: child(bomber, leftBehind) }, actions: { say: endless } }).createMachine({
    id: 'ended',
    initial: 'on',
    states: { on: { invoke: { src }, entry: 'say', after: { 1: 'off' } }, off: { type: 'final', entry: 'say' } },
  });
const thrower = setup({
  actions: {
    throw: enqueueActions(() => {
      throw new Error('boom');
    }),
  },
}).createMachine({ id: 'thrower', on: { BOOM: { actions: 'throw' } } });

const children = [{ src: 'part' }, { src: 'left' }, { src: 'ending' }] as const;
const machine = setup({
  types: { context: {} as { kind: string }, input: {} as { kind: string } },
  actors: {
    work,
    handedOver,
    failing,
    live,
    part,
    ended: endedAbove('leaf'),
    endedAboveBomber: endedAbove('bomber'),
    thrower,
    left: child(part, leftBehind),
    ending: child(leaf, { parentClosePolicy: 'terminate' }),
  },
  actions: { say: endless },
  guards: { is: ({ context }, kind: string) => context.kind === kind },
}).createMachine({
  id: 'job',
  version: '1',
  context: ({ input }) => input,
  on: { SAY: { actions: 'say' } },
  initial: 'choosing',
  states: {
    choosing: {
      always: ['busy', 'family', 'leaving', 'bombed', 'brood', 'unborn', 'asleep'].map((kind) => ({
        guard: { type: 'is' as const, params: kind },
        target: kind,
      })),
    },
    busy: {
      invoke: [{ src: 'work' }, { src: 'handedOver' }, { src: 'failing' }, { src: 'live' }],
      entry: 'say',
      after: { 1_000_000: 'asleep' },
    },
    family: { invoke: [...children, { src: 'ended' }] },
    leaving: { invoke: [...children, { src: 'ended' }], on: { LEAVE: 'asleep' } },
    bombed: { invoke: [...children, { src: 'thrower', systemId: 'thrower' }, { src: 'endedAboveBomber' }] },
    brood: {
      entry: enqueueActions(({ enqueue }) => {
        for (let n = 0; n < limits.stepsPerUnitMax + 5; n += 1) enqueue.spawnChild('left', { id: `c${n}` });
      }),
    },
    unborn: {
      entry: enqueueActions(({ enqueue }) => {
        enqueue.spawnChild('thrower', { id: 'thrower' });
        enqueue.sendTo('thrower', { type: 'BOOM' });
        for (const src of ['left', 'part', 'ending'] as const) enqueue.spawnChild(src, { id: src });
      }),
    },
    asleep: {},
  },
});

/** Rows of the first run, but for its records and journals. */
async function pendingRows(database: MemoryDatabase): Promise<string[]> {
  const decoders = {
    activity: (key: Uint8Array) => decodeActivityKey(key).address,
    child: (key: Uint8Array) => decodeChildKey(key).parent,
    mailbox: (key: Uint8Array) => decodeMailKey(key).address,
    timer: (key: Uint8Array) => decodeTimerKey(key).address,
  };
  const found = await Promise.all(
    Object.entries(decoders).map(async ([space, addressOf]) => {
      const keys = await database.keys(spaceRange(space as keyof typeof decoders));
      return keys.map(addressOf).flatMap(({ run, path }) => (run === 1 ? [`${space} of [${path.join()}]`] : []));
    }),
  );
  return found.flat();
}

/** Ids of the workflows that are read when a runtime is opened, and until their last timer would be due. */
async function readWhenOpened(database: MemoryDatabase, clock: ManualClock): Promise<string[]> {
  const read: string[] = [];
  await openTestRuntime({
    machines: [machine as AnyStateMachine],
    database,
    clock,
    onStore: (store) =>
      changedStore(store, {
        readLatestRun: (id) => {
          read.push(id);
          return store.readLatestRun(id);
        },
      }),
  });
  await settle();
  await clock.pass(5_000_000);
  await settle();
  return read;
}

const nothing = async (): Promise<void> => undefined;
const mail = async (runtime: Runtime): Promise<void> => {
  await runtime.pause('w');
  for (let time = 0; time < 3; time += 1) await runtime.send('w', { type: 'SAY' });
};

test.each<[string, string, (runtime: Runtime) => Promise<unknown>, readonly string[]]>([
  ['activities, timers and callbacks', 'busy', nothing, ['activity', 'timer']],
  ['a stored mailbox', 'busy', mail, ['activity', 'timer', 'mailbox']],
  ['children', 'family', nothing, ['activity', 'child', 'timer']],
  ['children and a stored mailbox', 'family', mail, ['activity', 'child', 'timer', 'mailbox']],
  ['children that were left behind', 'leaving', async (runtime) => runtime.send('w', { type: 'LEAVE' }), ['activity', 'child']],
  ['more children than one unit can begin', 'brood', nothing, ['activity', 'child']],
  ['children that have not begun, in front of which one threw', 'unborn', nothing, ['child', 'mailbox']],
  ['the end of a child in the mailbox', 'bombed', nothing, ['activity', 'child', 'mailbox']],
])('a run with %s leaves nothing that is read at each opening when another takes its place', async (_what, kind, then, spaces) => {
  const [database, clock] = [await createMemoryDatabase(), new ManualClock()];
  const first = await openTestRuntime({ machines: [machine as AnyStateMachine], database, clock, maxConcurrentAttempts: 1_000 });
  await first.runtime.start(machine, { id: 'w', input: { kind } });
  await settle();
  await clock.pass(2);
  await settle();
  await then(first.runtime);
  await clock.pass(10);
  await settle();
  const pending = await pendingRows(database);
  expect(spaces.filter((space) => !pending.some((row) => row.startsWith(space)))).toEqual([]);

  await first.runtime.start(machine, { id: 'w', input: { kind: 'asleep' }, onExisting: 'terminate-existing' });
  await settle();
  await closeTestRuntime(first);
  expect(await pendingRows(database.reopen())).toEqual([]);
  const store = await openStoreOn(database.reopen(), { location: 'memory', storeId: 'test' });
  expect(await store.readTree(rootAddress('w', 1))).toMatchObject({ root: { record: { status: 'terminated' } }, others: [] });
  expect(await readWhenOpened(database.reopen(), clock)).toEqual([]);
});
