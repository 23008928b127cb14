import { setup } from 'xstate';
import { describe, expect, test } from 'vitest';
import { activity } from '../../src/kernel/activity.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { ManualClock, settle } from './manual-clock.ts';

const deaf = activity<unknown, unknown>({ run: () => new Promise(() => undefined) });
const machine = setup({ actors: { deaf }, guards: { poison: () => poison() } }).createMachine({
  id: 'm',
  version: '1',
  initial: 'idle',
  on: { POISON: { guard: 'poison', target: '.done' }, NAP: '.asleep', WORK: '.busy', END: '.done' },
  states: { idle: {}, asleep: { after: { 5_000: 'done' } }, busy: { invoke: { src: 'deaf' } }, done: { type: 'final' } },
});

function poison(): never {
  throw new Error('poison');
}

describe('a workflow that is parked', () => {
  test('tells those who wait for it, who would otherwise wait until somebody looks', async () => {
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'p' });
    const waits = [handle.result(), handle.waitFor((snapshot) => snapshot.matches('done'))];
    const ended = Promise.allSettled(waits);
    expect(await handle.send({ type: 'POISON' })).toMatchObject({ outcome: 'queued' });
    expect(await ended).toMatchObject([{ reason: { code: 'WORKFLOW_PARKED' } }, { reason: { code: 'WORKFLOW_PARKED' } }]);
    await expect(handle.result()).rejects.toThrow('unpark("p")');
  });
});

describe('an actor read from disk', () => {
  test('fires its timer although the row of it was lost', async () => {
    const [database, clock] = [await createMemoryDatabase(), new ManualClock()];
    const first = await openTestRuntime({ machines: [machine], database, clock });
    await (await first.runtime.start(machine, { id: 't' })).send({ type: 'NAP' });
    await closeTestRuntime(first);
    const disk = database.reopen();
    const rows = await disk.keys({ from: Uint8Array.of('t'.charCodeAt(0)), to: Uint8Array.of('t'.charCodeAt(0) + 1) });
    expect(rows).toHaveLength(1);
    await disk.write(rows.map((key) => ({ kind: 'delete' as const, key })));
    const second = await openTestRuntime({ machines: [machine], database: disk, clock });
    await second.runtime.get('t');
    await clock.pass(10_000);
    await settle();
    expect(await second.runtime.describe('t')).toMatchObject({ status: 'completed' });
  });

  test('has a snapshot that can be written as JSON, as a live one can', async () => {
    const [database, clock] = [await createMemoryDatabase(), new ManualClock()];
    const first = await openTestRuntime({ machines: [machine], database, clock });
    const handle = await first.runtime.start(machine, { id: 'j' });
    await handle.send({ type: 'WORK' });
    const childrenOf = (snapshot: unknown): unknown => (JSON.parse(JSON.stringify(snapshot)) as { children: unknown }).children;
    const live = childrenOf(handle.getSnapshot());
    expect(Object.keys(live as object)).toHaveLength(1);
    await closeTestRuntime(first);
    const second = await openTestRuntime({ machines: [machine], database: database.reopen(), clock });
    const again = (await second.runtime.get<typeof machine>('j')).getSnapshot();
    expect(childrenOf(again)).toEqual(live);
    expect(() => machine.getPersistedSnapshot(again)).not.toThrow();
  });
});

describe('observers', () => {
  test('that one of them takes away hear nothing more, not even of the same commit', async () => {
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'o' });
    const heard: string[] = [];
    handle.subscribe(() => {
      heard.push('first');
      second.unsubscribe();
    });
    const second = handle.subscribe(() => heard.push('second'));
    await handle.send({ type: 'NAP' });
    expect(heard).toEqual(['first']);
  });

  test('are told of a runtime that closes under them', async () => {
    const opened = await openTestRuntime({ machines: [machine] });
    const handle = await opened.runtime.start(machine, { id: 'o' });
    const heard: unknown[] = [];
    handle.subscribe({ error: (error) => heard.push((error as { code: string }).code) });
    await closeTestRuntime(opened);
    expect(heard).toEqual(['RUNTIME_CLOSED']);
  });

  test.each([undefined, null, 5])('that are none (%s) are refused', async (observer) => {
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'o' });
    expect(() => handle.subscribe(observer as never)).toThrow(TypeError);
  });
});

test.each<[string, unknown, unknown]>([
  ['no machine', undefined, {}],
  ['a machine’s name', 'm', {}],
  ['no options', machine, undefined],
  ['an id for options', machine, 'a'],
])('a start with %s is refused with what to give', async (_, given, options) => {
  const { runtime } = await openTestRuntime({ machines: [machine] });
  await expect(runtime.start(given as never, options as never)).rejects.toThrow(/^start: give .*; found (undefined|string|"a")\.$/);
});
