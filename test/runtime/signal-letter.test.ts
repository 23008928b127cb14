import { expect, test } from 'vitest';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import { encodeMessageKey, twinKeyOf } from '../../src/storage/keys.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { flip } from '../storage/samples.ts';
import { counter } from '../support/machines.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';

const sum = counter();
const add = (amount: number) => ({ type: 'ADD' as const, amount });
const key = encodeMessageKey('harmed', 'one');

/** Two workflows that were told the same under the same message id; then the row of one is harmed. */
async function harmed(
  harm: (database: MemoryDatabase) => Promise<void>,
): Promise<{ readonly database: MemoryDatabase; readonly runtime: Runtime }> {
  const database = await createMemoryDatabase();
  const before = await openTestRuntime({ machines: [sum], database });
  for (const id of ['harmed', 'other']) {
    await before.runtime.start(sum, { id, input: { from: 0 } });
    await before.runtime.send(id, add(1), { messageId: 'one' });
  }
  await closeTestRuntime(before);
  const disk = database.reopen();
  await harm(disk);
  const { runtime } = await openTestRuntime({ machines: [sum], database: disk });
  return { database: disk, runtime };
}

const harms: readonly (readonly [string, (database: MemoryDatabase) => Promise<void>])[] = [
  ['lost', (database) => database.write([{ kind: 'delete', key }])],
  [
    'lost by a bit of its key',
    async (database) => {
      const value = (await database.get(key)) as Uint8Array;
      await database.write([
        { kind: 'delete', key },
        { kind: 'put', key: flip(key, 8 * key.length - 20), value },
      ]);
    },
  ],
  ['made unreadable', async (database) => database.write([{ kind: 'put', key, value: flip((await database.get(key)) as Uint8Array, 99) }])],
];

test.each(harms)(
  'a message whose row was %s is not applied again: its repeat is refused, its workflow parked, others go on',
  async (_, harm) => {
    const { database, runtime } = await harmed(harm);
    const repeat = async (id: string) => runtime.send(id, add(1), { messageId: 'one' });
    await expect(repeat('harmed')).rejects.toMatchObject({ code: 'RECORD_DAMAGED', details: { key: 'message "one" of "harmed"' } });
    const parked = {
      status: 'parked',
      parked: { reason: 'record-damaged' },
      context: { total: 1 },
      waitsFor: ['`unpark`, since it is parked'],
    };
    expect(await runtime.describe('harmed')).toMatchObject(parked);
    await expect(repeat('harmed')).rejects.toMatchObject({ code: 'RECORD_DAMAGED' });
    expect((await runtime.history('harmed')).map(({ kind }) => kind)).toEqual(['start', 'signal', 'park']);
    expect(await repeat('other')).toEqual({ sequence: 2, outcome: 'applied' });
    expect(await runtime.send('other', add(2), { messageId: 'two' })).toMatchObject({ outcome: 'applied' });

    const { runtime: later } = await openTestRuntime({ machines: [sum], database: database.reopen() });
    expect(await later.describe('harmed')).toMatchObject(parked);
    expect(await later.send('harmed', add(10), { messageId: 'two' })).toMatchObject({ outcome: 'queued' });
    await later.unpark('harmed');
    expect(await later.send('harmed', add(100), { messageId: 'three' })).toMatchObject({ outcome: 'applied' });
    expect(await later.describe('harmed')).toMatchObject({ status: 'running', context: { total: 111 } });
  },
);

test('a start with a signal whose row was lost begins no run and parks the one there is', async () => {
  const { runtime } = await harmed((database) => database.write([{ kind: 'delete', key }]));
  const start = { id: 'harmed', input: { from: 0 }, event: add(1), messageId: 'one', onExisting: 'terminate-existing' } as const;
  await expect(runtime.signalWithStart(sum, start)).rejects.toMatchObject({ code: 'RECORD_DAMAGED' });
  expect(await runtime.describe('harmed')).toMatchObject({ run: 1, status: 'parked', context: { total: 1 } });
});

test('a workflow that is over stays what it is when a message of it turns out to be lost', async () => {
  const { runtime } = await harmed((database) => database.write([{ kind: 'delete', key }]));
  await runtime.send('harmed', { type: 'FINISH' });
  await expect(runtime.send('harmed', add(1), { messageId: 'one' })).rejects.toMatchObject({ code: 'RECORD_DAMAGED' });
  expect(await runtime.describe('harmed')).toMatchObject({ status: 'completed' });
});

test('the loss of a twin is noticed by nobody', async () => {
  const { runtime } = await harmed((database) => database.write([{ kind: 'delete', key: twinKeyOf(key) }]));
  expect(await runtime.send('harmed', add(1), { messageId: 'one' })).toEqual({ sequence: 2, outcome: 'applied' });
  expect(await runtime.describe('harmed')).toMatchObject({ status: 'running', context: { total: 1 } });
});
