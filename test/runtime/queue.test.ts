import { describe, expect, test } from 'vitest';
import { sendTo, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { ActivityOptions } from '../../src/kernel/activity.ts';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import { StoreReader } from '../../src/runtime/reader.ts';
import type { Queue } from '../../src/runtime/queue-control.ts';
import { spaceRange } from '../../src/storage/keys.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { refusalOf } from '../support/outcomes.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

const who = { by: 'ada', note: 'why' };

/** Always fails. */
function failing(id = 'job', options: ActivityOptions<unknown, unknown> = {}) {
  const run = (): never => {
    throw new RangeError('no luck');
  };
  const work = activity<unknown, unknown>({ run, deadLetter: true, retry: { maximumAttempts: 1 }, ...options });
  return setup({ actors: { work } }).createMachine({
    id,
    version: '1',
    initial: 'busy',
    states: { busy: { invoke: { src: 'work', onDone: 'done', onError: 'failed' } }, done: { type: 'final' }, failed: {} },
  });
}

const isBroken = { now: true };

/** Its chart breaks on BREAK. */
function fragile(version = '1') {
  const check = (): boolean => {
    if (isBroken.now) throw new RangeError('broke');
    return true;
  };
  return setup({ guards: { check } }).createMachine({
    id: 'fragile',
    version,
    initial: 'whole',
    states: { whole: { on: { BREAK: { guard: 'check', target: 'broken' }, KNOCK: 'heard' } }, heard: {}, broken: {} },
  });
}

describe('the options of runtime.queue', () => {
  const wrong: readonly (readonly [string, (queue: Queue) => Promise<unknown>, string])[] = [
    ['a filter that does not exist', (queue) => queue.list({ machin: 'm' } as never), 'Did you mean machine?'],
    [
      'a kind that does not exist',
      (queue) => queue.list({ kind: 'letter' as never }),
      'kind must be one or several of deferred, dead-letter, decision',
    ],
    ['no kind at all', (queue) => queue.list({ kind: [] }), 'found none'],
    [
      'a cause that does not exist',
      (queue) => queue.count({ cause: 'x' as never }),
      'queue.count: filter: cause must be one or several of undo,',
    ],
    ['a name that is none', (queue) => queue.list({ name: '' }), 'name must be a string that is not empty'],
    ['a workflow that cannot be', (queue) => queue.list({ workflow: '\ud800' }), 'no workflow has that'],
    ['a moment that is none', (queue) => queue.list({ since: { from: Number.NaN } }), 'since.from must be a valid Date'],
    ['a page of nothing', (queue) => queue.list({}, { limit: 0 }), 'limit must be a whole number from 1 to 1000'],
    ['a cursor that is none', (queue) => queue.list({}, { cursor: 7 as never }), 'cursor must be the next of the page before'],
    ['a group that does not exist', (queue) => queue.count({}, { groupBy: 'age' as never }), 'groupBy must be one of kind,'],
    ['an item that is none', (queue) => queue.get(7 as never), 'give the id of an item'],
    ['no note', (queue) => queue.settle('x', {} as never), 'queue.settle: note must say why'],
    ['a note that says nothing', (queue) => queue.discard('x', { note: ' ' }), 'queue.discard: note must say why'],
    ['a note that is no text', (queue) => queue.writeOff('x', { note: 7 as never }), 'queue.writeOff: note must be text'],
    ['an option that does not exist', (queue) => queue.retry('x', { inputs: 1 } as never), 'Did you mean input?'],
  ];

  test.each(wrong)('are refused: %s', async (_name, ask, message) => {
    const { runtime } = await openTestRuntime({ machines: [] });
    await expect(ask(runtime.queue)).rejects.toThrow(TypeError);
    await expect(ask(runtime.queue)).rejects.toThrow(message);
  });

  test('know no item that never was, nor one of a workflow that is not there', async () => {
    const { runtime } = await openTestRuntime({ machines: [] });
    for (const id of ['', 'nonsense', 'dead-letter:activity:1:1:1::w', 'deferred:undo:1:1:1::w']) {
      expect((await refusalOf(runtime.queue.get(id), 'QUEUE_ITEM_NOT_FOUND')).details).toEqual({ item: id });
      await refusalOf(runtime.queue.retry(id), 'QUEUE_ITEM_NOT_FOUND');
    }
    await refusalOf(runtime.queue.list({}, { cursor: 'x' }), 'CURSOR_INVALID');
  });
});

describe('an item', () => {
  test('names the acts it knows when it is asked for another', async () => {
    const machines = [failing(), fragile()];
    const { runtime } = await openTestRuntime({ machines });
    await runtime.start(failing(), { id: 'a' });
    await runtime.start(fragile(), { id: 'b' });
    await runtime.send('b', { type: 'BREAK' });
    await settle();
    const { items } = await runtime.queue.list({ kind: ['decision', 'dead-letter'] });
    const [letter, event] = [items.find(({ workflow }) => workflow === 'a'), items.find(({ workflow }) => workflow === 'b')];
    const refused = await refusalOf(runtime.queue.writeOff(letter!.id, who), 'QUEUE_ACT_NOT_ALLOWED');
    expect(refused.message).toBe('An item of cause activity is not dealt with by writeOff; what it knows: retry, settle, discard.');
    expect((await refusalOf(runtime.queue.settle(event!.id, who), 'QUEUE_ACT_NOT_ALLOWED')).details).toMatchObject({
      acts: ['retry', 'discard'],
    });
    const edited = await refusalOf(runtime.queue.retry(event!.id, { input: 1 }), 'QUEUE_ACT_NOT_ALLOWED');
    expect(edited.message).toContain('discard it and send another');
  });

  test('is asked for by a reader, too, which cannot say what deals with it', async () => {
    const first = await openTestRuntime({ machines: [failing()] });
    await first.runtime.start(failing(), { id: 'a' });
    await settle();
    await closeTestRuntime(first);
    const store = await openStoreOn(first.database.reopen(), { location: 'memory', storeId: 'test' });
    const reader = new StoreReader(store, createRegistry([]), { now: () => first.clock.now() + 500 }, false);
    const [item] = (await reader.queue.list()).items;
    expect(item).toMatchObject({ workflow: 'a', name: 'job.work', failure: { class: 'RangeError' } });
    const details = await reader.queue.get(item!.id);
    expect(details).toMatchObject({ what: expect.stringContaining('after 1 attempt: RangeError: no luck'), status: 'running' });
    expect(details).not.toHaveProperty('acts');
    expect(await reader.queue.count()).toEqual({ value: 1, exact: true });
    await store.close();
  });

  test('whose row is lost is still dealt with, since the records say that it waits', async () => {
    const first = await openTestRuntime({ machines: [failing()] });
    await first.runtime.start(failing(), { id: 'a' });
    await settle();
    const [item] = (await first.runtime.queue.list()).items;
    await closeTestRuntime(first);
    const database = first.database.reopen();
    await database.write((await database.keys(spaceRange('queue'))).map((key) => ({ kind: 'delete', key })));
    const { runtime } = await openTestRuntime({ machines: [failing()], clock: first.clock, database });
    expect(await runtime.queue.get(item!.id)).toMatchObject({ isDamaged: true, acts: ['retry', 'settle', 'discard'] });
    expect(await runtime.describe('a')).toMatchObject({ queue: [{ id: item!.id, kind: 'dead-letter' }] });
    await runtime.queue.settle(item!.id, who);
    expect(await runtime.describe('a')).toMatchObject({ status: 'completed', queue: [] });
  });

  test('of a workflow whose record is damaged is shown, and says that it cannot be dealt with', async () => {
    const first = await openTestRuntime({ machines: [fragile()] });
    await first.runtime.start(fragile(), { id: 'b' });
    await first.runtime.send('b', { type: 'BREAK' });
    await closeTestRuntime(first);
    const database = first.database.reopen();
    const [record] = await database.keys(spaceRange('actor'));
    await database.write([{ kind: 'put', key: record!, value: Uint8Array.of(1) }]);
    const { runtime } = await openTestRuntime({ machines: [fragile()], clock: first.clock, database });
    const [item] = (await runtime.queue.list()).items;
    const details = await runtime.queue.get(item!.id);
    expect(details).toMatchObject({ cause: 'event', what: expect.stringContaining('threw on what it was told') });
    expect(details).not.toHaveProperty('acts');
    for (const act of [runtime.queue.retry(item!.id), runtime.queue.discard(item!.id, who)]) await refusalOf(act, 'WORKFLOW_PARKED');
  });
});

describe('without its machine', () => {
  test('an event that broke a chart is let go on, to be redone when the machine is there', async () => {
    isBroken.now = true;
    const first = await openTestRuntime({ machines: [fragile()] });
    await first.runtime.start(fragile(), { id: 'b' });
    await first.runtime.send('b', { type: 'BREAK' });
    await closeTestRuntime(first);
    const second = await openTestRuntime({ machines: [fragile('2')], clock: first.clock, database: first.database.reopen() });
    const [item] = (await second.runtime.queue.list()).items;
    await refusalOf(second.runtime.queue.retry(item!.id, { input: 1 }), 'QUEUE_ACT_NOT_ALLOWED');
    await refusalOf(second.runtime.queue.discard(item!.id, who), 'WORKFLOW_PARKED');
    await second.runtime.queue.retry(item!.id, who);
    expect((await second.runtime.queue.list()).items).toEqual([]);
    await refusalOf(second.runtime.queue.retry(item!.id), 'WORKFLOW_PARKED');
    await closeTestRuntime(second);
    isBroken.now = false;
    const third = await openTestRuntime({ machines: [fragile()], clock: first.clock, database: second.database.reopen() });
    await settle();
    expect(await third.runtime.describe('b')).toMatchObject({ status: 'running', value: 'broken' });
  });

  test('an exhausted activity waits for it', async () => {
    const first = await openTestRuntime({ machines: [failing()] });
    await first.runtime.start(failing(), { id: 'a' });
    await settle();
    const [item] = (await first.runtime.queue.list()).items;
    await closeTestRuntime(first);
    const { runtime } = await openTestRuntime({ machines: [failing('other')], clock: first.clock, database: first.database.reopen() });
    expect((await runtime.queue.list()).items).toMatchObject([{ id: item!.id }]);
    await refusalOf(runtime.queue.retry(item!.id), 'WORKFLOW_PARKED');
  });
});

describe('what made a child throw', () => {
  const child = fragile();
  const family = setup({ actors: { child } }).createMachine({
    id: 'family',
    version: '1',
    invoke: { src: 'child', id: 'kid' },
    on: { GO: { actions: [sendTo('kid', { type: 'BREAK' }), sendTo('kid', { type: 'KNOCK' })] } },
  });

  test('is about the child, and discarded it leaves what was said after it', async () => {
    isBroken.now = true;
    const { runtime } = await openTestRuntime({ machines: [family] });
    await runtime.start(family, { id: 'f' });
    await runtime.send('f', { type: 'GO' });
    const [item] = (await runtime.queue.list()).items;
    expect(item).toMatchObject({ cause: 'event', workflow: 'f', path: [1], machine: { id: 'fragile' } });
    expect(await runtime.queue.get(item!.id)).toMatchObject({ event: { type: 'BREAK' }, value: 'whole', acts: ['retry', 'discard'] });
    await runtime.queue.discard(item!.id, who);
    await settle();
    expect(await runtime.describe('f')).toMatchObject({ status: 'running', queued: 0, children: [{ value: 'heard' }], queue: [] });
    expect(await runtime.history('f')).toContainEqual(
      expect.objectContaining({ kind: 'event-discarded', event: { type: 'BREAK' }, ...who }),
    );
  });

  test('is disarmed if it was a timer of the child', async () => {
    isBroken.now = true;
    const check = (): boolean => {
      if (isBroken.now) throw new RangeError('broke');
      return true;
    };
    const clockwork = setup({ guards: { check } }).createMachine({ id: 'clockwork', after: { 1_000: { guard: 'check' } } });
    const parent = setup({ actors: { clockwork } }).createMachine({ id: 'parent', version: '1', invoke: { src: 'clockwork' } });
    const { runtime, clock } = await openTestRuntime({ machines: [parent] });
    await runtime.start(parent, { id: 'f' });
    await clock.pass(1_000);
    const [item] = (await runtime.queue.list()).items;
    expect(item).toMatchObject({ path: [1] });
    await runtime.queue.discard(item!.id, who);
    await clock.pass(60_000);
    expect(await runtime.describe('f')).toMatchObject({ status: 'running', children: [{ timers: [] }], queue: [] });
  });

  test('is dealt with once though two people discard it at the same time', async () => {
    isBroken.now = true;
    const { runtime } = await openTestRuntime({ machines: [family] });
    await runtime.start(family, { id: 'f' });
    await runtime.send('f', { type: 'GO' });
    const [item] = (await runtime.queue.list()).items;
    const acts = await Promise.allSettled([1, 2].map(async () => runtime.queue.discard(item!.id, who)));
    expect(acts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await settle();
    expect(await runtime.describe('f')).toMatchObject({ children: [{ value: 'heard' }] });
  });
});

test('an activity that waits for a person is told of, once', async () => {
  const lines: unknown[] = [];
  const note = (data: object, text: string): void => void lines.push({ ...data, text });
  const logger = { debug: () => undefined, info: () => undefined, warn: note, error: note };
  const { runtime } = await openTestRuntime({ machines: [failing()], logger });
  await runtime.start(failing(), { id: 'a' });
  await settle();
  expect(lines).toEqual([
    {
      id: 'a',
      run: 1,
      activity: 'job.work',
      attempt: 1,
      class: 'RangeError',
      text: 'An activity failed for good, and waits for a person.',
    },
  ]);
});

test('an activity lost at every crash waits for a person, too, and a place is free for others meanwhile', async () => {
  const endless = failing('job', { run: async () => new Promise(() => undefined) });
  const first = await openTestRuntime({ machines: [endless] });
  await first.runtime.start(endless, { id: 'a' });
  await settle();
  const second = await openTestRuntime({
    machines: [endless],
    clock: first.clock,
    database: first.database.reopen(),
    maxConcurrentAttempts: 1,
  });
  await settle();
  expect((await second.runtime.queue.list()).items).toMatchObject([{ failure: { class: 'AttemptLost' }, attempts: 1 }]);
  await second.runtime.start(endless, { id: 'b' });
  await settle();
  expect((await second.runtime.describe('b')).activities).toMatchObject([{ state: 'running' }]);
});

test('an activity without deadLetter fails as ever', async () => {
  const machine = failing('job', { deadLetter: false });
  const { runtime } = await openTestRuntime({ machines: [machine] });
  await runtime.start(machine, { id: 'a' });
  await settle();
  expect(await runtime.describe('a')).toMatchObject({ value: 'failed', queue: [] });
});
