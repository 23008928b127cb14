import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import { changedStore } from '../support/changed-store.ts';
import { recordingLogger } from '../support/logged.ts';
import { errorNamed } from '../kernel/workflows.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle, until } from './manual-clock.ts';

const hourMs = 3_600_000;
const undo = { isFailing: true };

const machine = setup({
  types: { events: {} as { type: 'END' } | { type: 'FAIL' } | { type: 'OWE' } },
  actors: {
    book: activity<unknown, string>({
      name: 'book',
      run: () => 'x',
      compensate: {
        run: () => {
          if (undo.isFailing) throw errorNamed('Refused', 'no');
        },
        retry: { maximumAttempts: 1 },
      },
    }),
  },
}).createMachine({
  id: 'kept',
  version: '1',
  initial: 'open',
  states: {
    open: { on: { END: 'ended', FAIL: 'failed', OWE: 'booking' } },
    booking: { invoke: { src: 'book', onDone: 'failed' } },
    ended: { type: 'final' },
    failed: { type: 'final', tags: ['failed'] },
  },
});

async function run(runtime: Runtime, id: string, event: 'END' | 'FAIL' | 'OWE'): Promise<void> {
  const handle = await runtime.start(machine, { id, onExisting: 'allow' });
  await handle.send({ type: event });
  await settle();
}

const idsIn = async (runtime: Runtime): Promise<readonly string[]> =>
  (await runtime.list({}, { sort: 'id' })).workflows.map(({ id }) => id);

const pass = limits.retentionIntervalMaxMs;

describe('closed workflows', () => {
  test('go when their time is over, by how they ended; open ones stay', async () => {
    const { runtime, clock } = await openTestRuntime({ machines: [machine], retention: { completed: '1h', failed: '3h' } });
    await run(runtime, 'a-completed', 'END');
    await run(runtime, 'b-failed', 'FAIL');
    await runtime.start(machine, { id: 'c-open' });
    await runtime.start(machine, { id: 'd-terminated' });
    await runtime.terminate('d-terminated');
    await clock.pass(hourMs - 1);
    expect(await idsIn(runtime)).toEqual(['a-completed', 'b-failed', 'c-open', 'd-terminated']);
    await clock.pass(pass);
    expect(await idsIn(runtime)).toEqual(['b-failed', 'c-open', 'd-terminated']);
    await expect(runtime.describe('a-completed')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
    await clock.pass(2 * hourMs);
    expect(await idsIn(runtime)).toEqual(['c-open']);
    await runtime.start(machine, { id: 'a-completed' });
    expect((await runtime.describe('a-completed')).run).toBe(2);
  });

  test('go in more than one page, and what was begun anew since it ended stays', async () => {
    const { runtime, clock } = await openTestRuntime({ machines: [machine], retention: { completed: '1h' } });
    const ids = Array.from({ length: limits.listPageDefault + 5 }, (_, index) => `w-${index}`);
    for (const id of ids) await run(runtime, id, 'END');
    await clock.pass(hourMs / 2);
    await run(runtime, 'w-7', 'END');
    await runtime.start(machine, { id: 'w-8', onExisting: 'allow' });
    await clock.pass(hourMs / 2 + pass);
    await settle(300);
    expect(await idsIn(runtime)).toEqual(['w-7', 'w-8']);
  });

  test('that were begun anew while they were looked at stay', async () => {
    let isAsked = false;
    const onStore = (store: Store): Store =>
      changedStore(store, {
        countQueue: async (query) => {
          const answer = await store.countQueue(query);
          isAsked = true;
          return answer;
        },
        list: async (query) => {
          const answer = await store.list(query);
          if (query.sort === 'closed' && answer.workflows.length > 0) await again();
          return answer;
        },
      });
    let again = async (): Promise<void> => undefined;
    const { runtime, clock } = await openTestRuntime({ machines: [machine], retention: { completed: '1h' }, onStore });
    await run(runtime, 'w-1', 'END');
    again = async () => {
      again = async () => undefined;
      await runtime.start(machine, { id: 'w-1', onExisting: 'allow' });
      await (await runtime.get('w-1')).send({ type: 'END' });
    };
    await clock.pass(hourMs + pass);
    expect(isAsked).toBe(false);
    expect((await runtime.describe('w-1')).run).toBe(2);
    await clock.pass(hourMs);
    expect(isAsked).toBe(true);
    expect(await idsIn(runtime)).toEqual([]);
  });

  test('of which something waits for a person stay until that is dealt with, and hold up no others', async () => {
    undo.isFailing = true;
    const { runtime, clock } = await openTestRuntime({ machines: [machine], retention: { failed: '1h' } });
    await run(runtime, 'a-owing', 'OWE');
    await run(runtime, 'b-failed', 'FAIL');
    const { items } = await runtime.queue.list();
    expect(items).toMatchObject([{ kind: 'deferred', workflow: 'a-owing' }]);
    await clock.pass(hourMs + pass);
    expect(await idsIn(runtime)).toEqual(['a-owing']);
    undo.isFailing = false;
    await runtime.queue.retry(items[0]?.id ?? '');
    await clock.pass(limits.retentionRestartMs + pass);
    expect(await idsIn(runtime)).toEqual([]);
  });

  test('go in the next process, too', async () => {
    const first = await openTestRuntime({ machines: [machine] });
    await run(first.runtime, 'w-1', 'END');
    await closeTestRuntime(first);
    const { clock, database } = first;
    const { runtime } = await openTestRuntime({ machines: [machine], clock, database: database.reopen(), retention: { completed: '1m' } });
    await clock.pass(60_000);
    expect(await idsIn(runtime)).toEqual([]);
  });

  test('are kept without a retention', async () => {
    const { runtime, clock } = await openTestRuntime({ machines: [machine] });
    await run(runtime, 'w-1', 'END');
    await clock.pass(2 * hourMs);
    expect(await idsIn(runtime)).toEqual(['w-1']);
  });
});

test('a pass that cannot read is told of, and the next goes on', async () => {
  const logger = recordingLogger();
  let isFailing = true;
  const onStore = (store: Store): Store =>
    changedStore(store, {
      list: async (query) => {
        if (isFailing && query.sort === 'closed') throw new Error('the disk is away');
        return store.list(query);
      },
    });
  const { runtime, clock } = await openTestRuntime({ machines: [machine], retention: { completed: '1m' }, logger, onStore });
  await run(runtime, 'w-1', 'END');
  await clock.pass(120_000);
  expect(logger.lines.filter(({ level }) => level === 'warn')).not.toEqual([]);
  expect(JSON.stringify(logger.lines)).toContain('the disk is away');
  expect(await idsIn(runtime)).toEqual(['w-1']);
  isFailing = false;
  await clock.pass(10_000);
  expect(await idsIn(runtime)).toEqual([]);
});

test('the store is compacted when so much was deleted that it is worth it, and not before', async () => {
  let compacted = 0;
  const onStore = (store: Store): Store =>
    changedStore(store, {
      compact: async (isWanted) => {
        expect(isWanted()).toBe(true);
        compacted += 1;
        return store.compact(isWanted);
      },
    });
  const { runtime, clock } = await openTestRuntime({ machines: [machine], retention: { completed: '1h' }, onStore });
  for (const id of ['o-1', 'o-2', 'o-3', 'o-4', 'o-5', 'o-6', 'o-7', 'o-8']) await runtime.start(machine, { id });
  await run(runtime, 'w-1', 'END');
  await clock.pass(hourMs + pass);
  expect(await idsIn(runtime)).toHaveLength(8);
  expect(compacted).toBe(0);
  await run(runtime, 'w-2', 'END');
  await clock.pass(hourMs + pass);
  expect(compacted).toBe(1);
  await clock.pass(hourMs);
  expect(compacted).toBe(1);
});

test('they go one at a time, so that who sends meanwhile waits for one at most, and a runtime that closes deletes no more', async () => {
  let [atOnce, most, erased] = [0, 0, 0];
  let closing: Promise<void> | undefined;
  const first = await openTestRuntime({
    machines: [machine],
    retention: { completed: '1h' },
    onStore: (store: Store) =>
      changedStore(store, {
        erase: async (...given) => {
          atOnce += 1;
          most = Math.max(most, atOnce);
          erased += 1;
          if (erased === 3) closing = closeTestRuntime(first);
          const answer = await store.erase(...given);
          atOnce -= 1;
          return answer;
        },
      }),
  });
  for (let n = 1; n <= 20; n += 1) await run(first.runtime, `w-${n}`, 'END');
  await first.clock.pass(hourMs);
  first.clock.advance(pass);
  await until(() => closing !== undefined);
  await closing;
  expect({ most, erased }).toEqual({ most: 1, erased: 3 });
});
