import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setup } from 'xstate';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openReader, openRuntime } from '../../src/index.ts';
import type { Database, Operation } from '../../src/storage/database.ts';
import { spaceRange } from '../../src/storage/keys.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { openTestRuntime } from './local-runtime.ts';

const machine = setup({}).createMachine({
  id: 'order',
  version: '1',
  initial: 'open',
  states: { open: { on: { PAY: 'working', ADD: {} } }, working: { initial: 'kyc', states: { kyc: { on: { NEXT: 'done' } }, done: {} } } },
});

/** Keeps what is written, from when it is asked to. */
function watched(disk: MemoryDatabase): { readonly database: MemoryDatabase; readonly batches: (readonly Operation[])[] } {
  const batches: (readonly Operation[])[] = [];
  const write: Database['write'] = async (operations) => {
    batches.push(operations);
    await disk.write(operations);
  };
  return { database: { ...disk, write }, batches };
}

const spacesOf = (batch: readonly Operation[] | undefined): string =>
  (batch ?? []).map(({ key }) => String.fromCharCode(key[0] ?? 0)).join('');

describe('what a step costs', () => {
  test('is nothing for lists and counts if it changes none of them, and two counts if it changes the state', async () => {
    const { database, batches } = watched(await createMemoryDatabase());
    const { runtime } = await openTestRuntime({ machines: [machine], database });
    await runtime.start(machine, { id: 'a' });
    expect(spacesOf(batches.at(-1))).toBe('jaonnns');
    await runtime.send('a', { type: 'ADD' });
    expect(spacesOf(batches.at(-1))).toBe('jas');
    await runtime.send('a', { type: 'PAY' });
    expect(spacesOf(batches.at(-1))).toBe('janns');
    await runtime.send('a', { type: 'NEXT' });
    expect(spacesOf(batches.at(-1))).toBe('janns');
    await runtime.pause('a');
    expect(spacesOf(batches.at(-1))).toBe('janns');
  });

  test('is shared by all of a batch', async () => {
    const { database, batches } = watched(await createMemoryDatabase());
    const { runtime } = await openTestRuntime({ machines: [machine], database });
    await Promise.all(['a', 'b', 'c', 'd'].map(async (id) => runtime.start(machine, { id })));
    const counts = batches.flat().filter(({ key }) => key[0] === 'n'.charCodeAt(0));
    // The clock stands still: one second, one status, one state.
    expect(counts.length).toBeLessThanOrEqual(3 * batches.length);
    expect(await runtime.count({}, { groupBy: 'state' })).toEqual({ groups: { open: 4 }, exact: true });
  });
});

describe('rows that were lost', () => {
  async function withLostRows(): Promise<MemoryDatabase> {
    const database = await createMemoryDatabase();
    const { runtime } = await openTestRuntime({ machines: [machine], database });
    for (const id of ['a', 'b', 'c']) await runtime.start(machine, { id });
    const [key] = await database.keys(spaceRange('started'));
    await database.write([{ kind: 'delete', key: key! }]);
    const { workflows } = await runtime.list({}, { sort: 'id' });
    expect(workflows.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(await database.keys(spaceRange('started'))).toHaveLength(2);
    const all = await Promise.all([runtime.list(), runtime.list(), runtime.send('b', { type: 'PAY' })]);
    expect(all[0].workflows.map(({ id }) => id)).toEqual(['c', 'b', 'a']);
    expect(all[1].workflows).toHaveLength(3);
    return database;
  }

  test('are made anew by whoever misses them, while everything else goes on', async () => {
    const database = await withLostRows();
    expect(await database.keys(spaceRange('started'))).toHaveLength(3);
    const { runtime } = await openTestRuntime({ machines: [machine], database: database.reopen() });
    expect(await runtime.count({ state: 'working' })).toEqual({ value: 1, exact: true });
  });
});

test('a reader lists and counts what a closed store holds; who waits for no machine is no more than what it was', async () => {
  const path = await mkdtemp(join(tmpdir(), 'perdure-lists-'));
  onTestFinished(() => rm(path, { recursive: true }));
  const runtime = await openRuntime({ path, machines: [machine] });
  for (const id of ['a', 'b']) await runtime.start(machine, { id });
  await runtime.close();
  await expect(runtime.list()).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' });
  await expect(runtime.count()).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' });
  const reader = await openReader({ path });
  const first = await reader.list({ status: 'running' }, { limit: 1 });
  expect(first.workflows).toMatchObject([{ id: 'b', machine: { id: 'order', version: '1' }, value: 'open' }]);
  const second = await reader.list({ status: 'running' }, { limit: 1, cursor: first.next });
  expect(second).toMatchObject({ workflows: [{ id: 'a' }] });
  expect(await reader.count({}, { groupBy: 'status' })).toEqual({ groups: { running: 2 }, exact: true });
  expect(await reader.count({ status: 'running' })).toEqual({ value: 2, exact: true });
  await reader.close();
});
